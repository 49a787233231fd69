"""Region- and track-based detection: are the boxes where the anomalies are, and at the price of how many false ones?

The criteria of Ramachandra and Jones (Street Scene, WACV 2020), with the rules that published figures follow
(docs/metrics.md). A map gives other boxes at every threshold, so the curve's points are thresholds: each is worked
out from the boxes of the map cut there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.true_regions import TrueRegion
from memwatch.types import Box

MIN_IOU = 0.1
"""β: a true region is found by a box that shares at least so much of what both cover."""
MIN_TRACK_SHARE = 0.1
"""α: a track is found when at least so many of its regions are."""
MOST_FALSE = 1.0
"""False regions a frame at which the curves end."""
LOWEST, OCTAVES = 2.0, 5
"""The thresholds tried, in the map's units: from 2, over which a hundredth of all normal places lie, so that hardly a
frame stays without a false region, five doublings up."""


class Point(NamedTuple):
    """What one threshold finds."""

    regions: float
    """RBDR: share of the true regions."""
    tracks: float
    """TBDR: share of the tracks."""
    false_regions: float
    """False regions a frame."""


def ladder(threshold: float, steps: int) -> tuple[float, ...]:
    """Thresholds from the highest down, `steps` an octave and the model's own among them.

    They are constants: the area under the curve must not depend on where one model's threshold happens to be.
    """
    fixed = {LOWEST * 2.0 ** (k / steps) for k in range(OCTAVES * steps + 1)}
    return tuple(sorted(fixed | {threshold}, reverse=True))


class DetectionCurve:
    """Counts found and false regions at a number of thresholds, frame by frame, in memory that does not grow with the
    number of frames.

    levels: thresholds from the highest down.
    """

    def __init__(self, levels: Sequence[float]) -> None:
        self.levels = tuple(levels)
        count = len(self.levels)
        self.frames = 0
        self.true_regions = 0
        self._found = np.zeros(count, np.int64)
        self._false = np.zeros(count, np.int64)
        self._overlap = np.zeros(count)
        self._tracks: dict[int, _Track] = {}
        self._ended: list[_Track] = []

    def add(self, truth: Sequence[TrueRegion], found: Sequence[Sequence[Box]]) -> None:
        """Count one frame: its true regions and the boxes at each level.

        A true region is found once, by however many boxes; a box is false when it finds none.
        """
        self.frames += 1
        self.true_regions += len(truth)
        tracks = [self._tracks.setdefault(region.track, _Track(len(self.levels))) for region in truth]
        for track in tracks:
            track.regions += 1
        for level, boxes in enumerate(found):
            if not boxes:
                continue
            if not truth:
                self._false[level] += len(boxes)
                continue
            overlap = iou([region.box for region in truth], boxes)
            hit = overlap >= MIN_IOU
            self._false[level] += int((~hit.any(axis=0)).sum())
            for number in np.flatnonzero(hit.any(axis=1)):
                self._found[level] += 1
                self._overlap[level] += overlap[number].max()
                tracks[number].found[level] += 1

    def merge(self, clip: DetectionCurve) -> None:
        """Take over another clip's counts; its tracks are other tracks."""
        self.frames += clip.frames
        self.true_regions += clip.true_regions
        self._found += clip._found
        self._false += clip._false
        self._overlap += clip._overlap
        self._ended += [*clip._ended, *clip._tracks.values()]

    def points(self) -> list[Point]:
        """One point a level; empty without a true region, for nothing could be found."""
        tracks = [*self._ended, *self._tracks.values()]
        if not self.true_regions:
            return []
        found = np.array([track.found / track.regions >= MIN_TRACK_SHARE for track in tracks]).mean(axis=0)
        shares = self._found / self.true_regions, found, self._false / self.frames
        return [Point(float(r), float(t), float(f)) for r, t, f in zip(*shares, strict=True)]

    def rbdc(self) -> float | None:
        """Area under the share of regions found over false regions a frame, up to 1; None without true regions."""
        points = self.points()
        return area_up_to(MOST_FALSE, [p.false_regions for p in points], [p.regions for p in points])

    def tbdc(self) -> float | None:
        """The same for tracks."""
        points = self.points()
        return area_up_to(MOST_FALSE, [p.false_regions for p in points], [p.tracks for p in points])

    def mean_iou(self, level: float) -> float | None:
        """Mean IoU, over the true regions found at `level`, with the box that covers each best; None if none is."""
        at = self.levels.index(level)
        return float(self._overlap[at] / self._found[at]) if self._found[at] else None


class _Track:
    """How often a track was there, and how often it was found at each level."""

    def __init__(self, levels: int) -> None:
        self.regions = 0
        self.found = np.zeros(levels, np.int64)


def area_up_to(limit: float, x: Sequence[float], y: Sequence[float]) -> float | None:
    """Area under points (x, y) from 0 to `limit`, as a share of `limit`; None without a point.

    The curve starts at (0, 0) and is straight between its points. One that finds less than a point to its left is
    raised to it: nobody would choose that threshold. A curve that ends before `limit` goes on level; one that passes it
    is cut there.
    """
    if not x:
        return None
    order = np.lexsort((y, x))
    across = np.concatenate(([0.0], np.asarray(x, np.float64)[order]))
    up = np.maximum.accumulate(np.concatenate(([0.0], np.asarray(y, np.float64)[order])))
    inside = across <= limit
    last = float(np.interp(limit, across, up)) if not inside.all() else float(up[-1])
    return float(np.trapezoid([*up[inside], last], [*across[inside], limit]) / limit)


def iou(a: Sequence[Box], b: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of every box of `a` with every one of `b`, (len(a), len(b)); boxes are half-open."""
    first, second = np.asarray(a, np.float64).reshape(-1, 1, 4), np.asarray(b, np.float64).reshape(1, -1, 4)
    low, high = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    shared = np.maximum(high - low, 0).prod(axis=-1)
    size_a, size_b = ((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (first, second))
    return np.asarray(shared / np.maximum(size_a + size_b - shared, 1e-12), np.float64)
