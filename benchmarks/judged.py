"""A baseline's maps, calibrated and judged by the detector's own rules.

One tail for all places makes them -log10 probabilities; the events that they make on normal footage set a threshold for
the same number of false alarms a day as a detector's. Then their regions, alarms and delays stand beside the
detector's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scenes import LabelledClip
from memwatch.config import EventConfig, RegionConfig
from memwatch.scoring import FALSE_ALARMS_PER_DAY, EventRate, peaks
from memwatch.scoring.calibration import TAIL_SHARE, Tail
from memwatch.scoring.detection import DetectionCurve, ladder
from memwatch.scoring.segments import Outcome
from memwatch.scoring.true_regions import region_reader
from memwatch.tasks.alarms import Trace, event_levels
from memwatch.tasks.evaluate_map import STEPS, MapReading
from memwatch.types import Grid, Observation, Score


@dataclass(frozen=True, slots=True)
class Mapped:
    """A method's maps of one clip."""

    at: list[int]
    """Frames, rising."""
    seconds: list[float]
    maps: list[Grid]


@dataclass(frozen=True, slots=True)
class Rule:
    """What normal footage says of a method's maps."""

    tail: Tail
    threshold: float

    @classmethod
    def fit(cls, normal: Sequence[Mapped], *, per_day: float = FALSE_ALARMS_PER_DAY) -> Rule:
        """From normal clips that the method has not learned from."""
        tail = Tail.fit(np.stack([grid for clip in normal for grid in clip.maps]), TAIL_SHARE)
        found = [_trace(number, clip, tail) for number, clip in enumerate(normal)]
        rate = EventRate.fit(event_levels(found, EventConfig()), sum(trace.length for trace in found))
        return cls(tail, rate.level(per_day))


def judge(rule: Rule, found: Sequence[Mapped], clips: Sequence[LabelledClip]) -> dict[str, Any]:
    """RBDC, TBDC, boxes, segments and delays of a method's maps on labelled clips, named as in `evaluate`'s report."""
    curve, alarms = DetectionCurve(ladder(rule.threshold, STEPS)), Outcome()
    for one, clip in zip(found, clips, strict=True):
        reading = _read(rule, one, clip)
        curve.merge(reading.curve)
        # Frames of a recording lie evenly, those before the first map too.
        seconds = np.interp(np.arange(clip.frames), one.at, one.seconds)
        alarms.merge(reading.outcome(clip.labels, seconds))
    return {
        "rbdc": curve.rbdc(),
        "tbdc": curve.tbdc(),
        "mean_iou": curve.mean_iou(rule.threshold),
        "segments_found": alarms.segments_found,
        "median_delay_s": alarms.median_delay_s,
        "false_alarms": alarms.false,
        "threshold": rule.threshold,
    }


def _read(rule: Rule, one: Mapped, clip: LabelledClip) -> MapReading:
    """One clip's maps held against its truth; a frame without a map carries the last one, the clip's head the first."""
    regions = region_reader(clip.masks, clip.boxes)
    levels = ladder(rule.threshold, STEPS)
    reading = MapReading(levels, threshold=rule.threshold, located=regions is not None, sizes=RegionConfig())
    waiting = list(zip(one.at, one.seconds, one.maps, strict=True))[::-1]
    for index in range(clip.frames):
        if index == 0 or (waiting and waiting[-1][0] == index):
            at, seconds, grid = waiting.pop()
            observation = _observation(clip, at, seconds, rule.threshold)
            reading.read(observation, rule.tail(grid), alone=True, gap=False)
        mask = clip.masks(index) if clip.masks else None
        reading.count(index, mask, regions(index) if regions else None)
    return reading


def _trace(number: int, clip: Mapped, tail: Tail) -> Trace:
    values: NDArray[np.float32] = peaks(tail(np.stack(clip.maps)))
    return Trace(
        clip=str(number),
        recordings=np.full(len(values), number, np.int64),
        seconds=np.asarray(clip.seconds, np.float64),
        values=values.astype(np.float64),
    )


def _observation(clip: LabelledClip, at: int, seconds: float, threshold: float) -> Observation:
    score = Score(value=0.0, threshold=threshold, anomalous=False)
    return Observation(clip.name, at, seconds, seconds, clip.size, score, ())


def last_share(clips: Iterable[Mapped], share: float) -> list[Mapped]:
    """The last part of every clip: what training kept apart."""
    kept = []
    for clip in clips:
        first = int(len(clip.at) * (1 - share))
        if clip.at[first:]:
            kept.append(Mapped(clip.at[first:], clip.seconds[first:], clip.maps[first:]))
    return kept
