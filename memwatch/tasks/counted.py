"""Normal footage watched from end to end, however long, to count the events that it makes.

What a calibration keeps in memory is half an hour; a threshold in false alarms a day rests on hours. A pass of the
detector keeps two numbers a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from memwatch.pipeline import Detector, Updates, run_session
from memwatch.runtime import Runtime
from memwatch.scoring import LASTS, SLOW, Calibration, Persistence, join
from memwatch.sinks import Sink
from memwatch.tasks.alarms import Trace, event_levels
from memwatch.tasks.calibrate import EVENTS, event_rates
from memwatch.tasks.progress import Progress
from memwatch.tasks.suspects import Suspect, can_tell, suspects_of
from memwatch.types import Frame, Observation, Tally
from memwatch.video import open_source


@dataclass(frozen=True, slots=True)
class Counted:
    """A calibration whose threshold rests on all of some footage."""

    calibration: Calibration
    frames: int
    seconds: float
    suspects: tuple[Suspect, ...]
    """What of the footage looks like no normal footage."""
    judged: bool
    """Whether there was enough of it to tell."""


def count_events(
    runtime: Runtime, calibration: Calibration, clips: Sequence[Path], *, fps: float | None, progress: Progress
) -> Counted:
    """`calibration` with the rates of events, and the threshold for its budget, that all of `clips` come to, the memory
    kept as trained."""
    found: list[Trace] = []
    progress.start("watching", None)
    for clip in clips:
        kept = _Traces(clip.name, calibration)
        seen = 0

        def watch(tally: Tally) -> bool:
            nonlocal seen
            progress.step(tally.read - seen)
            seen = tally.read
            return True

        detector = Detector(runtime, calibration, updates=Updates.frozen)
        with open_source(str(clip), fps=fps) as source:
            run_session(source, detector, sinks=(kept,), watch=watch)
        found += kept.traces()
    progress.done()
    seconds = sum(trace.length for trace in found)
    moments = event_levels(found, EVENTS)
    rates = event_rates(found, moments)
    known = {name: rates.get(name, rate) for name, rate in calibration.rates.items()}
    frames = sum(len(trace.values) for trace in found)
    fitted = replace(calibration, rates=known, frames=frames, seconds=seconds)
    suspects = tuple(suspects_of(found, moments, EVENTS))
    return Counted(fitted.at(calibration.per_day or 1.0), frames, seconds, suspects, can_tell(moments))


class _Traces(Sink):
    """What every frame of a clip comes to, for the moment and over the last half second."""

    def __init__(self, clip: str, calibration: Calibration) -> None:
        self._clip = clip
        self._calibration = calibration
        self._pieces: list[list[tuple[float, float, float]]] = []
        self._lasting = Persistence(calibration.lasts)

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation is None or frame.gap or not self._pieces:
            self._lasting.forget()
            self._pieces.append([])
        if observation is None:
            return
        moment = {name: grid for name, grid in observation.cues.items() if name not in SLOW}
        grid = join(moment, self._calibration.trust)
        lasted = self._lasting.push({LASTS: grid}, observation.seconds)[LASTS]
        self._pieces[-1].append((observation.seconds, float(grid.max()), float(lasted.max())))

    def traces(self) -> list[Trace]:
        found = []
        for piece in self._pieces:
            if piece:
                seconds, values, lasting = np.array(piece).T
                found.append(Trace(self._clip, np.zeros(len(piece), np.int64), seconds, values, lasting))
        return found
