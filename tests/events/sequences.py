"""Observations written as strings: one character a frame, `#` over the threshold, `.` not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.types import Event, Observation, Region, Score

WALL = 1_772_399_051.0
"""2026-03-01T21:04:11Z."""


def observation(index: int, seconds: float, value: float, *, threshold: float = 2.0) -> Observation:
    """One frame of a 200 × 100 picture; a frame over the threshold has one region, of something that is too fast."""
    over = value >= threshold
    score = Score(error=0.01, psnr=30.0, distance=0.1, value=value, threshold=threshold, anomalous=over)
    region = Region(box=(20, 10, 60, 50), area=1600, peak=value, cue="motion", ratio=2.4, track=1)
    return Observation("yard", index, WALL + seconds, seconds, (200, 100), score, (region,) if over else ())


def read(text: str, fps: float = 10.0) -> Iterator[Observation]:
    """`#` scores 3, a digit d scores d (threshold 2), `.` scores 0; a space only helps the eye."""
    for index, mark in enumerate(text.replace(" ", "")):
        value = {"#": 3.0, ".": 0.0}.get(mark)
        yield observation(index, index / fps, float(mark) if value is None else value)


def numbered() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"e{next(numbers)}"


def events(text: str, config: EventConfig, *, fps: float = 10.0, gaps: tuple[int, ...] = ()) -> list[Event]:
    """All that a builder tells of the sequence, source_end included."""
    builder = EventBuilder("yard", config, numbered())
    told = []
    for seen in read(text, fps):
        told += builder.push(seen, gap=seen.index in gaps)
    return told + builder.finish("source_end")


def spans(told: list[Event]) -> list[tuple[int, int, str | None]]:
    """(first frame, last frame, end reason) of each closed event."""
    return [(e.start.index, e.last.index, e.end_reason) for e in told if e.phase == "closed"]
