"""A short made-up source for the sinks: frames, observations and the events that follow from them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.sinks import Sink
from memwatch.types import Frame, Observation, Region, Score

WALL = 1_772_399_051.0
FPS = 10.0
THRESHOLD = 2.0


def frame(index: int, size: tuple[int, int] = (64, 48)) -> Frame:
    """A dark picture with a bright square that walks to the right."""
    image = np.full((size[1], size[0], 3), 60, np.uint8)
    left = index % (size[0] - 12)
    image[10:22, left : left + 12] = 220
    return Frame("yard", index, WALL + index / FPS, index / FPS, image)


def observe(of: Frame, value: float) -> Observation:
    over = value > THRESHOLD
    score = Score(
        error=value / 100, psnr=30.0, distance=0.1, value=value, threshold=THRESHOLD, anomalous=over
    )
    left = of.index % (of.image.shape[1] - 12)
    region = Region(box=(left, 10, left + 12, 22), area=144, peak=value, cue="motion", ratio=2.4, track=7)
    size = (of.image.shape[1], of.image.shape[0])
    return Observation(of.source, of.index, of.time, of.seconds, size, score, (region,) if over else ())


def play(text: str, sinks: Iterable[Sink], *, size: tuple[int, int] = (64, 48)) -> None:
    """`?` not scored, `x` broken, `.` scores 0.5, a digit itself; the events are ended, the sinks are not."""
    sinks = list(sinks)
    builder = EventBuilder("yard", EventConfig(end_gap_s=0.5), ids=iter("abcdefgh").__next__)
    for index, mark in enumerate(text):
        if mark == "x":
            continue
        seen = frame(index, size)
        observation = None if mark == "?" else observe(seen, 0.5 if mark == "." else float(mark))
        for sink in sinks:
            sink.on_frame(seen, observation)
        for event in builder.push(observation) if observation else []:
            for sink in sinks:
                sink.on_event(event)
    for event in builder.finish("source_end"):
        for sink in sinks:
            sink.on_event(event)
