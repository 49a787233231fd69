"""From each clip's scores to figures, by the two protocols: causal, and the one that papers use.

Causal: one ranking of all frames as they were scored. Paper: every clip is first stretched to 0…1 by its own
extremes, which a camera can't know. docs/metrics.md defines both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from memwatch.errors import MemwatchError
from memwatch.scoring import metrics
from memwatch.scoring.metrics import Values

HEAD_LIMIT = 10
"""Most frames at a clip's head that may be filled; more is a detector that starts too late."""
PREDICTION_WEIGHT = 0.6
"""MNAD's λ for its prediction task: weight of PSNR against the distance to the memory."""
SMOOTHING_FRAMES = 10.0
"""Standard deviation of the paper protocol's smoothed variant."""
_FLAT = 1e-9
"""A clip whose range is this small against its largest value is constant but for rounding."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a protocol reports of one data set. None where the truth leaves a figure undefined."""

    auc: float | None
    """Micro: all frames of all clips in one ranking."""
    macro_auc: float | None
    """Mean of the clips' own AUC, over those that hold both kinds of frames."""
    eer: float | None
    ap: float | None
    positives: float | None
    """Share of abnormal frames."""
    macro_clips: int
    """How many clips `macro_auc` is the mean of."""

    def to_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


class Filled(NamedTuple):
    """A score for every frame, and how many of them are borrowed."""

    values: Values
    """(frames,)"""
    head: int
    """Frames before the first score; they carry it."""
    held: int
    """Later frames without a score (they did not decode); they carry the last one before them."""


def fill_head(values: ArrayLike, frames: int, *, at: ArrayLike | None = None, clip: str = "clip") -> Filled:
    """Give every frame of a clip a score.

    Args:
        values: scores (n,), in the frames' order.
        frames: how many frames the truth counts.
        at: each score's frame, from 0, strictly rising; by default the last n frames.
        clip: its name, for errors.

    Raises:
        MemwatchError: no score, more scores than frames, or a head longer than `HEAD_LIMIT`.
    """
    scores = np.asarray(values, dtype=np.float64)
    count = len(scores)
    index = np.arange(frames - count, frames) if at is None else np.asarray(at, dtype=np.intp)
    if not 0 < count <= frames:
        raise MemwatchError(
            f"{clip}: {count} scores for {frames} frames", "Is the clip shorter than the model's window?"
        )
    if len(index) != count or index[0] < 0 or index[-1] >= frames or (np.diff(index) <= 0).any():
        raise MemwatchError(f"{clip}: scores do not belong to {frames} frames in order", "Score the clip again")
    head = int(index[0])
    if head > HEAD_LIMIT:
        raise MemwatchError(
            f"{clip}: its first {head} frames have no score, at most {HEAD_LIMIT} may be filled",
            "Mend the clip's first frames or use a model with a shorter window",
        )
    newest = np.searchsorted(index, np.arange(frames), side="right") - 1
    return Filled(scores[np.maximum(newest, 0)], head, frames - head - count)


def causal(scores: Sequence[ArrayLike], labels: Sequence[ArrayLike]) -> Figures:
    """Figures of each clip's scores (N_i,) against its labels (N_i,), by one threshold for all clips.

    Raises:
        MemwatchError: a clip's scores and labels differ in number, or a score is not finite.
    """
    if len(scores) != len(labels):
        raise MemwatchError(f"{len(scores)} clips have scores, {len(labels)} labels", "Score every clip once")
    pairs = [metrics.paired(values, truth) for values, truth in zip(scores, labels, strict=True)]
    own = [metrics.auc(values, truth) for values, truth in pairs]
    defined = [value for value in own if value is not None]
    values = np.concatenate([pair[0] for pair in pairs]) if pairs else np.empty(0)
    truth = np.concatenate([pair[1] for pair in pairs]) if pairs else np.empty(0, dtype=bool)
    return Figures(
        auc=metrics.auc(values, truth),
        macro_auc=float(np.mean(defined)) if defined else None,
        eer=metrics.eer(values, truth),
        ap=metrics.ap(values, truth),
        positives=metrics.positives(truth),
        macro_clips=len(defined),
    )


def paper(
    psnr: Sequence[ArrayLike],
    distance: Sequence[ArrayLike],
    labels: Sequence[ArrayLike],
    *,
    weight: float = PREDICTION_WEIGHT,
) -> Figures:
    """MNAD's published score (`mnad_anomaly`) of each clip, then ranked as in `causal`."""
    return causal([mnad_anomaly(p, d, weight=weight) for p, d in zip(psnr, distance, strict=True)], labels)


def paper_of(scores: Sequence[ArrayLike], labels: Sequence[ArrayLike], *, smoothing: float = 0.0) -> Figures:
    """The paper protocol for any score: each clip smoothed, then stretched by its own extremes, then ranked.

    `smoothing` is the standard deviation, in frames, of a symmetric Gaussian: 0 for none, `SMOOTHING_FRAMES`
    for the usual variant. Without smoothing the macro AUC is the causal one: stretching keeps a clip's order.
    """
    return causal([stretch(smooth(values, smoothing)) for values in scores], labels)


def mnad_anomaly(psnr: ArrayLike, distance: ArrayLike, *, weight: float = PREDICTION_WEIGHT) -> Values:
    """One clip's anomaly (N,) in 0…1 from its PSNR (N,) in dB and its distance to the memory (N,).

    1 − (λ·P̂ + (1 − λ)·(1 − D̂)), both stretched over the clip (Park, Noh, Ham, CVPR 2020, abnormality
    score; the turning around of D is as in their code).
    """
    normality = weight * stretch(psnr) + (1 - weight) * (1 - stretch(distance))
    return np.asarray(1 - normality, dtype=np.float64)


def stretch(values: ArrayLike) -> Values:
    """Min-max over one clip, (N,) to 0…1; a constant clip says nothing and becomes 0.5 throughout."""
    array = np.asarray(values, dtype=np.float64)
    if not array.size:
        return array
    low, high = array.min(), array.max()
    if high - low <= _FLAT * max(abs(low), abs(high)):
        return np.full_like(array, 0.5)
    return np.asarray((array - low) / (high - low), dtype=np.float64)


def smooth(values: ArrayLike, frames: float) -> Values:
    """A clip (N,) under a symmetric Gaussian of `frames` standard deviation, mirrored at its ends."""
    array = np.asarray(values, dtype=np.float64)
    if frames <= 0 or not array.size:
        return array
    return np.asarray(gaussian_filter1d(array, frames, mode="reflect"), dtype=np.float64)
