"""One map of a clip, all cues' or a single cue's, against the clip's truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memwatch.config import EventConfig, RegionConfig
from memwatch.events import EventBuilder, of_size, regions
from memwatch.scoring.detection import DetectionCurve, iou
from memwatch.scoring.metrics import Labels, PixelAuc, Values
from memwatch.scoring.segments import Alarm, Outcome, judge
from memwatch.scoring.true_regions import TrueRegion
from memwatch.types import Box, Event, Grid, Observation

STEPS, CUE_STEPS = 4, 2
"""Thresholds an octave for the curves of the map and of each cue alone."""


@dataclass(slots=True)
class MapFigures:
    """What one map gives on one clip."""

    values: Values
    """(frames,), its highest value in each frame."""
    curve: DetectionCurve
    pixels: PixelAuc
    alarms: Outcome


class MapReading:
    """One map's part of a clip: its newest value and boxes, and what they have come to.

    levels: thresholds of its curve, of which `threshold` raises alarms; `located` says whether the truth knows where
    things are, without which no other threshold is of interest.
    """

    def __init__(self, levels: Sequence[float], *, threshold: float, located: bool, sizes: RegionConfig) -> None:
        self.values: list[float] = []
        self.curve = DetectionCurve(levels)
        self.pixels = PixelAuc()
        self._alarm_level = self.curve.levels.index(threshold)
        self._located = located
        self._sizes = sizes
        self._builder = EventBuilder("", EventConfig(), ids=lambda: "")
        self._alarms: list[Alarm] = []
        self._told = 0
        self._touching: set[int] = set()
        self._grid: Grid | None = None
        self._first: int | None = None
        self._boxes: list[list[Box]] = []
        self._fresh = -1
        """The frame that the newest map is of; others only carry it."""

    def read(self, observation: Observation, grid: Grid, *, alone: bool, gap: bool) -> None:
        """Take the next map; `alone` is a cue whose events nobody else makes."""
        self.values.append(float(grid.max()))
        self._grid, self._fresh = grid, observation.index
        self._first = observation.index if self._first is None else self._first
        wanted = [self._located or at == self._alarm_level for at in range(len(self.curve.levels))]
        self._boxes = [
            self._cut(grid, level, observation.size) if needed else []
            for level, needed in zip(self.curve.levels, wanted, strict=True)
        ]
        if alone:
            over = bool(self._boxes[self._alarm_level])
            score = replace(observation.score, value=self.values[-1], anomalous=over)
            bare = replace(observation, score=score, regions=(), map=None, cues={})  # all that is waited for is when
            self.take(self._builder.push(bare, gap=gap))

    def count(self, index: int, mask: NDArray[np.bool_] | None, found: tuple[TrueRegion, ...] | None) -> None:
        """Hold the newest map against one frame's truth: its mask and its true regions, None where unknown."""
        assert self._grid is not None
        if mask is not None:
            self.pixels.add(self._grid, mask)
        if found is not None:
            self.curve.add(found, self._boxes)
        over = self._boxes[self._alarm_level]
        if index == self._fresh and over and (found is None or _share_a_pixel(found, over)):
            self._touching.add(index)

    def take(self, events: Sequence[Event]) -> None:
        """Note alarms from the events that are told."""
        for event in events:
            if event.phase == "opened":
                self._told = event.last.index
            elif event.phase == "closed":
                self._alarms.append(Alarm(event.start.index, event.last.index, self._told))

    def outcome(self, labels: Labels, seconds: Values) -> Outcome:
        """The clip's alarms against its truth."""
        self.take(self._builder.finish("source_end"))
        touching = np.zeros(len(labels), dtype=bool)
        touching[list(self._touching)] = True
        return judge(self._alarms, touching & labels, labels=labels, seconds=seconds, scored=self._first or 0)

    def _cut(self, grid: Grid, level: float, size: tuple[int, int]) -> list[Box]:
        return [region.box for region in of_size(regions(grid, level, size), self._sizes, size)]


def _share_a_pixel(found: Sequence[TrueRegion], boxes: Sequence[Box]) -> bool:
    return bool((iou([region.box for region in found], boxes) > 0).any())
