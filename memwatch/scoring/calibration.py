"""What is usual at each place, learned from held-out normal footage, and how rare anything beyond it is.

Every cell of the error map is divided by what is usual at its place; the ratios of all cells share one tail, empirical
as far as the footage reaches and a generalised Pareto distribution beyond (Pickands 1975). A map value of 3 means:
normal places looked at least this odd once in a thousand times. No value of the footage being scored is needed, so the
score is causal, and one threshold serves all clips.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import genpareto

from memwatch.errors import MemwatchError, UsageError
from memwatch.types import Grid

USUAL_QUANTILE = 0.99
"""Of a cell's errors on normal footage: its usual upper size."""
TAIL_SHARE = 0.002
"""Share of all cells that the Pareto tail is fitted to."""
TABLE = 200
GATE_QUANTILE = 0.95
"""Normal frames with a larger regularity error than this share of held-out ones teach the memory nothing."""
THRESHOLD_SHARE = 0.001
"""Share of normal frames that may lie over the threshold."""
MIN_FRAMES = 20
"""Held-out frames without which no calibration is made."""


@dataclass(frozen=True, slots=True)
class Tail:
    """P(X >= x) for a positive quantity: a table, then a generalised Pareto distribution beyond `start`."""

    values: NDArray[np.float32]
    """(TABLE,), rising: quantiles of the normal values."""
    rarity: NDArray[np.float32]
    """(TABLE,), rising: -log10 of the share of normal values that is at least as large."""
    start: float
    share: float
    """Share of values beyond `start`."""
    shape: float
    scale: float

    @classmethod
    def fit(cls, sample: NDArray[np.floating[Any]], share: float) -> Tail:
        """From normal values, any shape; `share` of them shape the Pareto part."""
        ordered = np.sort(sample, axis=None).astype(np.float64)
        count = len(ordered)
        share = min(0.5, max(share, 20 / count))
        start = float(np.quantile(ordered, 1 - share))
        beyond = ordered[ordered > start] - start
        # Fewer than a handful of excesses (or all equal) say nothing of a shape: take an exponential tail.
        scale = float(beyond.mean()) if len(beyond) else 0.0
        scale = max(scale, 1e-3 * start, 1e-9)
        shape = 0.0
        if len(beyond) >= 20 and beyond.std() > 0:
            fitted_shape, _, fitted_scale = genpareto.fit(beyond, floc=0)
            # A bounded tail (shape < 0) would call everything beyond its end equally, infinitely rare; a very
            # heavy one comes from a few outliers of a short recording.
            shape = float(np.clip(fitted_shape, 0.0, 0.5))
            scale = float(fitted_scale) if shape == fitted_shape else scale * (1 - shape)
        rarity = np.linspace(0, -np.log10(share), TABLE)
        values = np.quantile(ordered, 1 - 10.0**-rarity)
        return cls(values.astype(np.float32), rarity.astype(np.float32), start, share, shape, scale)

    def __call__(self, value: NDArray[np.floating[Any]] | float) -> NDArray[np.float32]:
        """-log10 P(X >= value), rising without end."""
        x = np.asarray(value, dtype=np.float64)
        table = np.interp(x, self.values, self.rarity)
        excess = np.maximum(x - self.start, 0) / self.scale
        if self.shape > 1e-6:
            pareto = np.log1p(self.shape * excess) / self.shape / np.log(10)
        else:
            pareto = excess / np.log(10)
        return np.where(x > self.start, -np.log10(self.share) + pareto, table).astype(np.float32)

    def value_at(self, share: float) -> float:
        """The value that `share` of normal ones reach; beyond the table by the Pareto part."""
        if share >= self.share:
            return float(np.interp(-np.log10(share), self.rarity, self.values))
        ratio = self.share / share
        if self.shape > 1e-6:
            return self.start + self.scale / self.shape * (ratio**self.shape - 1)
        return self.start + self.scale * float(np.log(ratio))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What held-out normal footage says: usual errors per place, their tail, the gate and the threshold."""

    usual: Grid
    tail: Tail
    gate: float
    """γ: the memory learns only from frames whose regularity error is at most this."""
    threshold: float
    """Score over which a frame is anomalous."""
    frames: int
    seconds: float

    @classmethod
    def fit(
        cls,
        maps: NDArray[np.float32],
        regularity: NDArray[np.float64],
        *,
        seconds: float,
    ) -> Calibration:
        """From windowed errors (N, gh, gw) and regularity errors (N,) of held-out normal frames."""
        frames = len(maps)
        if frames < MIN_FRAMES:
            raise MemwatchError(
                f"only {frames} held-out normal frames to calibrate on, {MIN_FRAMES} are needed",
                "give more normal footage",
            )
        usual = usual_error(maps)
        tail = Tail.fit(maps / usual, TAIL_SHARE)
        peaks = tail((maps / usual).reshape(frames, -1).max(axis=1))
        return cls(
            usual,
            tail,
            gate=float(np.quantile(regularity, GATE_QUANTILE)),
            threshold=Tail.fit(peaks, 0.05).value_at(THRESHOLD_SHARE),
            frames=frames,
            seconds=seconds,
        )

    def map(self, errors: Grid) -> Grid:
        """Windowed errors (gh, gw) to -log10 tail probability (gh, gw)."""
        return self.tail(errors / self.usual)

    def to_record(self) -> dict[str, Any]:
        """Numbers and arrays for the model file."""
        record = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tail"}
        return record | {f"tail_{name}": value for name, value in asdict(self.tail).items()}

    @classmethod
    def from_record(cls, record: dict[str, Any], where: str) -> Calibration:
        """Back from `to_record`; UsageError when something is missing or not finite."""
        try:
            finite = all(np.isfinite(value).all() for value in record.values())
            tail = Tail(**{name: record.pop(f"tail_{name}") for name in (f.name for f in fields(Tail))})
            calibration = cls(tail=tail, **record)
        except (KeyError, TypeError):
            raise UsageError(f"{where}: its calibration is damaged", "train the model anew") from None
        if not finite or calibration.usual.ndim != 2 or calibration.usual.min() <= 0:
            raise UsageError(f"{where}: its calibration is damaged", "train the model anew")
        return calibration


def usual_error(maps: NDArray[np.float32]) -> Grid:
    """Upper size of the error at each place (gh, gw): its own high quantile, smoothed over neighbours, mixed with the
    whole picture's, so that a cell that saw little borrows from where more happened."""
    own = np.quantile(maps, USUAL_QUANTILE, axis=0).astype(np.float32)
    smooth = cv2.GaussianBlur(own, (0, 0), 2.0)
    everywhere = float(np.quantile(maps, USUAL_QUANTILE))
    return np.asarray((smooth + 0.5 * everywhere) / 1.5 + 1e-8, dtype=np.float32)
