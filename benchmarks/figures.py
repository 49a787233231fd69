"""From scores and truth to what a row of the page says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.scenes import LabelledClip
from memwatch.scoring import DAY, protocols
from memwatch.scoring.metrics import PixelAuc, Values, auc
from memwatch.scoring.segments import poisson_bounds
from memwatch.types import Grid

FALSE_SHARE = 0.01
"""A kind's frames count as found above the score that this share of the normal test frames reaches."""


@dataclass(frozen=True, slots=True)
class Series:
    """One clip's scores, as a method gave them."""

    at: list[int]
    """Frames, rising."""
    values: list[float]
    maps: list[Grid] | None = None


def figures(series: Sequence[Series], clips: Sequence[LabelledClip]) -> dict[str, Any]:
    """Both protocols, the pixels where the method has maps, and every kind of anomaly by itself."""
    scores = filled(series, clips)
    labels = [clip.labels for clip in clips]
    return {
        "causal": protocols.causal(scores, labels).to_dict(),
        "paper": protocols.paper_of(scores, labels).to_dict(),
        "paper_smoothed": protocols.paper_of(scores, labels, smoothing=protocols.SMOOTHING_FRAMES).to_dict(),
        "pixel_auc": pixel_auc(series, clips),
        "kinds": kind_figures(scores, clips),
    }


def filled(series: Sequence[Series], clips: Sequence[LabelledClip]) -> list[Values]:
    """A score for every frame of every clip."""
    return [
        protocols.fill_head(one.values, clip.frames, at=one.at, clip=clip.name).values
        for one, clip in zip(series, clips, strict=True)
    ]


def kind_figures(
    scores: Sequence[ArrayLike], clips: Sequence[LabelledClip], *, threshold: float | None = None
) -> dict[str, dict[str, float | int | None]]:
    """Each kind's frames against the normal frames of all clips.

    `auc`: that ranking's area. `found`: the share of the kind's frames above the score that FALSE_SHARE of the normal
    ones reach. `over`: above `threshold`, where one is given.
    """
    values = [np.asarray(some, dtype=np.float64) for some in scores]
    normal = np.concatenate([v[~clip.labels] for v, clip in zip(values, clips, strict=True)])
    level = float(np.quantile(normal, 1 - FALSE_SHARE, method="higher")) if len(normal) else None
    told: dict[str, dict[str, float | int | None]] = {}
    for kind in dict.fromkeys(kind for clip in clips for kind in clip.kinds):
        own = np.concatenate([v[clip.kinds[kind]] for v, clip in zip(values, clips, strict=True) if kind in clip.kinds])
        told[kind] = {
            "frames": len(own),
            "auc": auc(np.concatenate([normal, own]), np.arange(len(normal) + len(own)) >= len(normal)),
            "found": float((own > level).mean()) if level is not None and len(own) else None,
        }
        if threshold is not None:
            told[kind]["over"] = float((own > threshold).mean()) if len(own) else None
    return told


def pixel_auc(series: Sequence[Series], clips: Sequence[LabelledClip]) -> float | None:
    """Over all pixels of all frames; None without maps or masks."""
    pixels = PixelAuc()
    for one, clip in zip(series, clips, strict=True):
        if one.maps is None or clip.masks is None:
            return None
        newest = np.maximum(np.searchsorted(one.at, np.arange(clip.frames), side="right") - 1, 0)
        for index in range(clip.frames):
            pixels.add(one.maps[newest[index]], clip.masks(index))
    return pixels.value()


def per_day(count: int, seconds: float) -> dict[str, float | int]:
    """A count of alarms in `seconds` of footage as a daily rate with its exact 95 % Poisson bounds."""
    low, high = poisson_bounds(count)
    scale = DAY / seconds
    return {"events": count, "seconds": seconds, "per_day": count * scale, "low": low * scale, "high": high * scale}
