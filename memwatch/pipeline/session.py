"""The one path: a source's frames through the detector to events and sinks. Every verb walks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memwatch.events import EventBuilder
from memwatch.pipeline.detector import Detector
from memwatch.sinks import Sink
from memwatch.types import Clip, Event, Frame, Observation, Tally
from memwatch.video import ClipWindow, Source

BATCH = 8
"""Clips of a recording that go through the network at once."""


class Interrupted(KeyboardInterrupt):
    """The session was stopped by the user; everything seen until then has been told to the sinks."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally


Waiting = list[tuple[Frame, Clip | None]]


def run_session(
    source: Source,
    detector: Detector,
    *,
    sinks: Sequence[Sink] = (),
    events: EventBuilder | None = None,
    watch: Callable[[Tally], bool] | None = None,
) -> Tally:
    """Run `source` to its end and say what happened to its frames.

    Recordings go through in batches, live sources frame by frame; the numbers are the same. `watch` is told after each
    batch and ends the session by answering False. Events still open at the end are closed.
    """
    tally = Tally()
    window = ClipWindow(detector.runtime.config)
    batch = 1 if source.live else BATCH
    waiting: Waiting = []
    reason = "source_end"
    interrupt: KeyboardInterrupt | None = None
    try:
        for frame in source:
            tally.read += 1
            tally.seconds = frame.seconds
            if frame.gap:
                _flush(waiting, detector, sinks, events, tally)
                detector.forget_waiting()
                _tell(sinks, events.finish("gap") if events else [], tally)
            waiting.append((frame, window.push(frame)))
            if len(waiting) < batch:
                continue
            _flush(waiting, detector, sinks, events, tally)
            tally.broken = source.broken
            if watch and not watch(tally):
                reason = "shutdown"
                break
    except KeyboardInterrupt as stop:  # what was seen is finished before the process ends
        interrupt, reason = stop, "shutdown"
    _flush(waiting, detector, sinks, events, tally)
    if watch:
        watch(tally)
    _tell(sinks, events.finish(reason) if events else [], tally)
    tally.broken, tally.partial, tally.problems = source.broken, source.partial, list(source.problems)
    tally.learned = detector.learned
    if interrupt is not None:
        raise Interrupted(tally) from interrupt
    return tally


def _flush(
    waiting: Waiting,
    detector: Detector,
    sinks: Sequence[Sink],
    events: EventBuilder | None,
    tally: Tally,
) -> None:
    clips = [clip for _, clip in waiting if clip is not None]
    observations = iter(detector.step(clips) if clips else ())
    for frame, clip in waiting:
        observation: Observation | None = next(observations) if clip is not None else None
        for sink in sinks:
            sink.on_frame(frame, observation)
        if observation is None:
            tally.filled += 1
            continue
        tally.scored += 1
        tally.over += observation.score.anomalous
        if events:
            _tell(sinks, events.push(observation), tally)
    waiting.clear()


def _tell(sinks: Sequence[Sink], events: Sequence[Event], tally: Tally) -> None:
    for event in events:
        tally.events += event.phase == "opened"
        for sink in sinks:
            sink.on_event(event)
