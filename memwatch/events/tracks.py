"""Regions over time: the same thing keeps the same number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from memwatch.types import Region

GAP_S = 0.5
"""A thing that is not seen for longer gets a new number when it comes back."""
WAIT_S = 3.0
"""The same for what stands still, which does not leave in a moment, and for what is hidden by another's region."""
NEAREST = -0.4
"""Least generalised overlap of a region with where its track is expected: two boxes of a size and 2.3 widths apart."""
COVERED = 0.6
"""Share of a box under a region from which on the region hides it."""
STILL = ("scene", "stays")
"""Cues that see what stands."""
STEADY_S = 0.3
"""Time constant of a track's velocity."""
EPSILON_S = 1e-6

Boxes = NDArray[np.float64]
"""(N, 4): x1, y1, x2, y2."""


@dataclass(slots=True)
class _Track:
    id: int
    first: float
    """Seconds at which it was first seen."""
    seen: float
    """Seconds at which it was last seen, itself or hidden by another …"""
    alone: float
    """… and by itself."""
    box: NDArray[np.float64]
    """At the last frame, seen or expected."""
    still: bool
    """Whether a slow cue has seen it: that says only what stays."""
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    """Pixels a second, of x and y."""
    sightings: int = 1

    def move(self, step: float) -> None:
        """Where it is expected `step` seconds later, at its velocity and of its size."""
        self.box = self.box + np.tile(self.velocity, 2) * step

    def see(self, box: NDArray[np.float64], seconds: float, step: float) -> None:
        """Take the box it was found with, `step` seconds after the last frame."""
        self.sightings += 1
        if self.still or not step:
            self.velocity = np.zeros(2)
        else:
            # A region's edges jump by whole cells: one step says little, but at first there is nothing else.
            share = max(1 - np.exp(-step / STEADY_S), 1 / self.sightings)
            self.velocity = self.velocity + share * (_centre(box) - _centre(self.box)) / step
        self.box, self.seen, self.alone = box, seconds, seconds

    def stay_within(self, region: NDArray[np.float64], seconds: float) -> None:
        """Hidden by a region: wherever it is expected, it has not left that, and it keeps its own size."""
        inward = np.maximum(region[:2] - self.box[:2], 0) - np.maximum(self.box[2:] - region[2:], 0)
        self.box, self.seen = self.box + np.tile(inward, 2), seconds

    def awaited(self, before: float, seconds: float) -> bool:
        """Whether it may go on in the frame at `seconds`, the one before which was at `before`."""
        patience = WAIT_S if self.still else GAP_S
        near = seconds - self.seen <= patience + EPSILON_S or self.seen >= before
        return near and (seconds - self.alone <= WAIT_S + EPSILON_S or self.alone >= before)


class Tracker:
    """Numbers the regions of one stream, frame by frame; it knows nothing of later frames.

    Each track is expected where its velocity takes it (as in SORT, Bewley et al. 2016, with a smoothed difference for
    its Kalman filter) and gets the region that overlaps it best: the assignment with the largest sum of generalised
    overlaps (Rezatofighi et al. 2019), which are also told apart where boxes do not touch. Where one region covers
    several tracks, one of them has it and the others go on below it, so that things that cross keep their numbers.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._last = 0.0
        self._count = 0

    def forget(self) -> None:
        """At a break in the stream: nothing goes on. Numbers are not used again."""
        self._tracks.clear()

    def link(self, regions: Sequence[Region], seconds: float) -> tuple[Region, ...]:
        """The regions of the frame at `seconds`, in their order, with their tracks' numbers and ages.

        Every frame of the stream has to come by, also those without regions: a source with a frame a second has
        gaps in time, but none in what was looked at.
        """
        if seconds < self._last:
            self.forget()
        step, before, self._last = seconds - self._last, self._last, seconds
        if not regions and not self._tracks:  # nearly every frame
            return ()
        self._tracks = [track for track in self._tracks if track.awaited(before, seconds)]
        for track in self._tracks:
            track.move(step)
        boxes = np.array([region.box for region in regions], np.float64).reshape(-1, 4)
        expected = np.array([track.box for track in self._tracks], np.float64).reshape(-1, 4)
        partner = _assigned(overlap(expected, boxes))
        hidden = covered(expected, boxes) >= COVERED
        # What has been there for a moment only is a splinter, not something that waits below another.
        hidden[[i for i, t in enumerate(self._tracks) if i in partner.values() or t.alone - t.first < GAP_S]] = False
        linked = []
        for number, region in enumerate(regions):
            below = [self._tracks[i] for i in np.flatnonzero(hidden[:, number])]
            known = self._tracks[partner[number]] if number in partner else None
            track = self._seen(known, region, below, step)
            linked.append(replace(region, track=track.id, age=seconds - track.first))
        return tuple(linked)

    def _seen(self, track: _Track | None, region: Region, below: Sequence[_Track], step: float) -> _Track:
        """The track with its region, a new one where it has none; what else lies below is hidden, not gone."""
        seconds, box, still = self._last, np.array(region.box, np.float64), region.cue in STILL
        for other in below:
            other.stay_within(box, seconds)
        if track is None:
            self._count += 1
            track = _Track(self._count, seconds, seconds, seconds, box, still)
            self._tracks.append(track)
        elif below:
            track.stay_within(box, seconds)  # the region is the shape of all of them
            track.alone = seconds
        else:
            track.still = still
            track.see(box, seconds, step)
        return track


def _assigned(overlaps: NDArray[np.float64]) -> dict[int, int]:
    """Region to track, by number, from overlaps (tracks, regions); those too far apart stay alone."""
    # A forbidden pair costs more than any other could gain, so that it never displaces an allowed one.
    tracks, regions = linear_sum_assignment(np.where(overlaps >= NEAREST, overlaps, -1e3), maximize=True)
    pairs = zip(regions.tolist(), tracks.tolist(), strict=True)
    return {region: track for region, track in pairs if overlaps[track, region] >= NEAREST}


def overlap(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Generalised intersection over union of (N, 4) and (M, 4) boxes: (N, M), 1 for the same box, under 0 for boxes
    further apart than they are large, -1 at infinity (Rezatofighi et al., CVPR 2019, eq. 2)."""
    shared = _shared(a, b)
    union = _area(a)[:, None] + _area(b)[None] - shared
    hull = np.maximum(a[:, None, 2:], b[None, :, 2:]) - np.minimum(a[:, None, :2], b[None, :, :2])
    around = hull.prod(axis=-1)
    return np.asarray(shared / union - (around - union) / around, np.float64)


def covered(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Share of each of (N, 4) boxes that lies in each of (M, 4): (N, M)."""
    return np.asarray(_shared(a, b) / _area(a)[:, None], np.float64)


def _shared(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    return np.asarray(np.maximum(sides, 0).prod(axis=-1), np.float64)


def _area(boxes: Boxes) -> NDArray[np.float64]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=-1), np.float64)


def _centre(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((box[:2] + box[2:]) / 2, np.float64)
