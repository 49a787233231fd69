"""Figures of merit of one ranking against its truth (docs/metrics.md defines each).

A figure that the truth leaves undefined (frames of one class only) is None, never nan.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from memwatch.errors import MemwatchError
from memwatch.types import Grid

COVERED_SHARE = 0.4
"""Of an abnormal frame's true pixels: so many must be covered, by UCSD's criterion."""

Values = NDArray[np.float64]
Labels = NDArray[np.bool_]


def auc(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Area under the ROC curve of scores (N,) against labels (N,), true where abnormal; ties count half.

    Raises:
        MemwatchError: lengths differ or a score is not a finite number. The same holds for `eer` and `ap`.
    """
    values, truth = paired(scores, labels)
    return _share(roc_auc_score(truth, values)) if has_both(truth) else None


def eer(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Equal error rate: where false positives and false negatives are equally frequent, in 0…1.

    The ROC curve is straight between its points, so the rate is interpolated where no threshold meets it.
    """
    values, truth = paired(scores, labels)
    if not has_both(truth):
        return None
    false_positive, true_positive, _ = roc_curve(truth, values)
    # From −1 to 1, strictly rising: every threshold passes at least one more frame.
    surplus = false_positive - (1 - true_positive)
    return float(np.interp(0.0, surplus, false_positive))


def ap(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Average precision with abnormal as positive; a random ranking reaches the share of positives."""
    values, truth = paired(scores, labels)
    return _share(average_precision_score(truth, values)) if has_both(truth) else None


def positives(labels: ArrayLike) -> float | None:
    """Share of abnormal frames, without which `ap` can't be judged; None of no frames."""
    truth = np.asarray(labels, dtype=bool)
    return float(truth.mean()) if truth.size else None


class PixelAuc:
    """ROC area over every pixel of every frame added, in constant memory.

    Sorting all pixels of a data set (170 million for Ped2) is out of reach. They are counted in bins made of
    a float32's sign, exponent and upper 11 bits of fraction: values within 0.05 % of each other count as
    tied, at any scale and without knowing the range beforehand. Only tied pixels of different classes can be
    wrong, each pair by a half; `uncertainty` sums that up.
    """

    _DROPPED = 12
    """Lower bits of the fraction that a bin ignores."""
    _ZERO = 1 << (31 - _DROPPED)
    """Bin of the value 0."""

    def __init__(self) -> None:
        self._all = np.zeros(2 * self._ZERO, dtype=np.int64)
        self._abnormal = np.zeros(2 * self._ZERO, dtype=np.int64)

    def add(self, grid: Grid, mask: NDArray[np.bool_]) -> None:
        """Count one frame: its map, float32 (gh, gw), and its truth, bool (H, W).

        The map is stretched bilinearly to the truth's size, cell centres staying in place, as for the marked
        picture.

        Raises:
            MemwatchError: the map holds a value that is not finite.
        """
        bins = self._bins(stretched(grid, mask))
        np.add.at(self._all, bins.ravel(), 1)
        if mask.any():
            np.add.at(self._abnormal, bins[mask], 1)

    def merge(self, other: PixelAuc) -> None:
        """Count the frames that `other` has counted too."""
        self._all += other._all
        self._abnormal += other._abnormal

    def value(self) -> float | None:
        """The area so far; None while all pixels are of one class."""
        abnormal = self._abnormal.astype(np.float64)
        normal = self._all - abnormal
        pairs = abnormal.sum() * normal.sum()
        if not pairs:
            return None
        below = np.cumsum(normal) - normal
        return _share((abnormal * (below + normal / 2)).sum() / pairs)

    def uncertainty(self) -> float | None:
        """How far `value` can be from the exact area at most; truly equal values count here too."""
        abnormal = self._abnormal.astype(np.float64)
        normal = self._all - abnormal
        pairs = abnormal.sum() * normal.sum()
        return float((abnormal * normal).sum() / 2 / pairs) if pairs else None

    def _bins(self, values: Grid) -> NDArray[np.int32]:
        # IEEE floats sort as integers once the negative ones are mirrored; + 0.0 makes −0 and 0 one value.
        bits = (values + np.float32(0)).view(np.int32)
        if values.min() < 0:
            bits = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
        return np.asarray((bits >> self._DROPPED) + self._ZERO, dtype=np.int32)


def covering_score(grid: Grid, mask: NDArray[np.bool_]) -> float:
    """The highest threshold at which a frame counts as detected by UCSD's pixel-level criterion (Mahadevan et al.,
    CVPR 2010): 40 % of its true pixels are covered or, in a frame without any, a single pixel is over.

    grid, mask: as for `PixelAuc.add`. Ranked by it, frames give the criterion's ROC curve.
    """
    pixels = stretched(grid, mask)
    if not mask.any():
        return float(pixels.max())
    inside = pixels[mask]
    needed = math.ceil(COVERED_SHARE * inside.size)
    return float(np.partition(inside, inside.size - needed)[inside.size - needed])


def stretched(grid: Grid, mask: NDArray[np.bool_]) -> Grid:
    """A map (gh, gw) at its truth's size (H, W), bilinear, with cell centres staying in place.

    Raises:
        MemwatchError: the map holds a value that is not finite.
    """
    if not np.isfinite(grid).all():
        raise _not_finite(int(np.count_nonzero(~np.isfinite(grid))), grid.size)
    size = (mask.shape[1], mask.shape[0])
    return np.asarray(cv2.resize(np.asarray(grid, np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)


def paired(scores: ArrayLike, labels: ArrayLike) -> tuple[Values, Labels]:
    """Scores (N,) as float64 and labels (N,) as bool, checked against each other."""
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    if values.ndim != 1 or values.shape != truth.shape:
        raise MemwatchError(
            f"{values.size} scores stand against {truth.size} labels", "Score every frame of the clip once"
        )
    if not np.isfinite(values).all():
        raise _not_finite(int(np.count_nonzero(~np.isfinite(values))), values.size)
    return values, truth


def has_both(labels: Labels) -> bool:
    """Whether there are normal and abnormal frames, without which there is no ROC curve."""
    return bool(labels.any() and not labels.all())


def _share(value: float) -> float:
    """`value` in 0…1: sums of many small steps end an ulp outside."""
    return min(max(float(value), 0.0), 1.0)


def _not_finite(count: int, size: int) -> MemwatchError:
    return MemwatchError(
        f"{count} of {size} scores are not finite numbers",
        "The model is damaged or untrained: train it again",
    )
