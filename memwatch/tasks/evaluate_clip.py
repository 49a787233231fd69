"""One clip against its truth, while it is being scored: nothing is kept of a frame but numbers and boxes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from memwatch.config import RegionConfig
from memwatch.errors import MemwatchError
from memwatch.scoring import protocols
from memwatch.scoring.detection import ladder
from memwatch.scoring.metrics import Labels, Values, covering_score
from memwatch.scoring.segments import times
from memwatch.scoring.true_regions import region_reader
from memwatch.sinks import Sink
from memwatch.tasks.evaluate_map import CUE_STEPS, STEPS, MapFigures, MapReading
from memwatch.types import Event, Frame, Grid, Observation
from memwatch.video import Truth


@dataclass(slots=True)
class ClipFigures:
    """What one clip gives, all its frames counted."""

    labels: Labels
    filled: int
    """Frames at its head that carry the first score."""
    combined: MapFigures
    cues: dict[str, MapFigures]
    psnr: Values
    distance: Values
    covering: list[float]
    """Each frame's score by UCSD's pixel-level criterion; empty without masks."""
    covered: list[bool]
    """Whether the frame has a true pixel."""


class ClipMeasure(Sink):
    """Takes a clip's observations and measures them against its truth.

    load: reads the truth of a clip whose pictures are of a size (width, height). A frame without a score carries the
    last one before it, at the clip's head the first: so do its map and its boxes.
    """

    def __init__(
        self, load: Callable[[tuple[int, int]], Truth], *, threshold: float, sizes: RegionConfig, cues: Collection[str]
    ) -> None:
        self._load = load
        self._threshold = threshold
        self._sizes = sizes
        self._cues = tuple(cues)
        self._truth: Truth | None = None
        self._counted = 0
        self._indices: list[int] = []
        self._seconds: list[float] = []
        self._scored: list[int] = []
        self._psnr: list[float] = []
        self._distance: list[float] = []
        self._covering: list[float] = []
        self._covered: list[bool] = []
        self._map: Grid | None = None
        self._readings: dict[str, MapReading] = {}

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if self._truth is None:
            self._begin((frame.image.shape[1], frame.image.shape[0]))
        self._indices.append(frame.index)
        self._seconds.append(frame.seconds)
        if observation is None:
            return
        if self._scored:
            self._count_to(observation.index)
        self._read(observation, gap=frame.gap)
        self._count_to(observation.index + 1)

    def on_event(self, event: Event) -> None:
        self._readings[""].take([event])

    def figures(self, frames: int, truth: Truth, *, clip: str) -> ClipFigures:
        """Everything measured, of a clip that turned out to have `frames` frames, by its whole truth.

        Raises MemwatchError where a frame more than may be filled has no score.
        """
        self._count_to(frames)
        if not self._scored:
            raise MemwatchError(f"{clip}: too short to score ({frames} frames)", "leave it out")
        seconds = times(frames, self._indices, self._seconds)

        def filled(values: Sequence[float]) -> protocols.Filled:
            return protocols.fill_head(values, frames, at=self._scored, clip=clip)

        def of(reading: MapReading) -> MapFigures:
            outcome = reading.outcome(truth.labels, seconds)
            return MapFigures(filled(reading.values).values, reading.curve, reading.pixels, outcome)

        combined, *cues = self._readings.values()
        return ClipFigures(
            labels=truth.labels,
            filled=filled(combined.values).head,
            combined=of(combined),
            cues={name: of(reading) for name, reading in zip(self._cues, cues, strict=True)},
            psnr=filled(self._psnr).values,
            distance=filled(self._distance).values,
            covering=self._covering,
            covered=self._covered,
        )

    def _begin(self, size: tuple[int, int]) -> None:
        self._truth = truth = self._load(size)
        self._true_regions = region_reader(truth.masks, truth.boxes)
        located = self._true_regions is not None
        for name in ("", *self._cues):
            levels = ladder(self._threshold, CUE_STEPS if name else STEPS)
            self._readings[name] = MapReading(levels, threshold=self._threshold, located=located, sizes=self._sizes)

    def _read(self, observation: Observation, *, gap: bool) -> None:
        self._scored.append(observation.index)
        score = observation.score
        assert score.psnr is not None, "evaluation predicts every frame"
        assert score.distance is not None
        self._psnr.append(score.psnr)
        self._distance.append(score.distance)
        self._map = observation.map
        for name, reading in self._readings.items():
            grid = observation.cues[name] if name else observation.map
            assert grid is not None
            reading.read(observation, grid, alone=bool(name), gap=gap)

    def _count_to(self, end: int) -> None:
        """Hold the newest map against the truth of all frames before `end` that have not been counted."""
        truth = self._truth
        if truth is None or self._map is None:
            return
        # More frames than the truth has regions for are an error, which is told at the end with their number.
        for index in range(self._counted, min(end, len(truth.labels)) if self._true_regions else end):
            mask = truth.masks(index) if truth.masks else None
            found = self._true_regions(index) if self._true_regions else None
            if found is not None and not found and truth.labels[index]:
                found = None  # abnormal, and nobody has drawn where
            for reading in self._readings.values():
                reading.count(index, mask, found)
            if mask is not None:
                self._covering.append(covering_score(self._map, mask))
                self._covered.append(bool(mask.any()))
            self._counted = index + 1
