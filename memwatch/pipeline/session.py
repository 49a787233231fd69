"""The one path: a source's frames through the detector to events and sinks. Every verb walks it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from memwatch.errors import SourceError
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
    batch and ends the session by answering False. A break in the stream closes events, and so does its end.
    Raises Interrupted, once everything is told, when the user stops it.
    """
    tally = Tally()
    window = ClipWindow(detector.runtime.config)
    path = _Path(detector, sinks, events, tally)
    batch = 1 if source.live else BATCH
    reason = "source_end"
    interrupt: KeyboardInterrupt | None = None
    try:
        for frame in source:
            tally.read += 1
            tally.seconds = frame.seconds
            clip = window.push(frame)
            if window.broke:
                path.flush()
                detector.at_gap()
                path.end_events("gap")
            path.unscored.append((frame, clip))
            if len(path.unscored) < batch:
                continue
            path.flush()
            tally.broken = source.broken
            if watch and not watch(tally):
                reason = "shutdown"
                break
    except SourceError:  # the sinks will undo their files, but an event that was told must not stay open
        path.flush()
        path.end_events("source_end")
        raise
    except KeyboardInterrupt as stop:  # what was seen is finished before the process ends
        interrupt, reason = stop, "shutdown"
    path.flush()
    if watch:
        watch(tally)
    path.end_events(reason)
    tally.broken, tally.partial, tally.problems = source.broken, source.partial, list(source.problems)
    tally.learned = detector.learner.taken
    if interrupt is not None:
        raise Interrupted(tally) from interrupt
    return tally


class _Path:
    """The frames of one session between the window and the sinks: each is scored and told once, whenever the user
    interrupts."""

    def __init__(self, detector: Detector, sinks: Sequence[Sink], events: EventBuilder | None, tally: Tally) -> None:
        self.detector = detector
        self.sinks = sinks
        self.events = events
        self.tally = tally
        self.unscored: list[tuple[Frame, Clip | None]] = []
        self._untold: deque[tuple[Frame, Observation | None]] = deque()

    def flush(self) -> None:
        """Score and tell all frames that wait."""
        taken, self.unscored = self.unscored, []
        clips = [clip for _, clip in taken if clip is not None]
        try:
            observations = iter(self.detector.step(clips) if clips else ())
        except KeyboardInterrupt:
            # The detector has already learned from some of these clips, so they go on without a score.
            self._untold += ((frame, None) for frame, _ in taken)
            raise
        self._untold += ((frame, next(observations) if clip is not None else None) for frame, clip in taken)
        while self._untold:
            self._tell_frame(*self._untold.popleft())

    def end_events(self, reason: str) -> None:
        if self.events:
            self._tell(self.events.finish(reason))

    def _tell_frame(self, frame: Frame, observation: Observation | None) -> None:
        for sink in self.sinks:
            sink.on_frame(frame, observation)
        if observation is None:
            self.tally.filled += 1
            return
        self.tally.scored += 1
        self.tally.over += observation.score.anomalous
        if self.events:
            self._tell(self.events.push(observation))

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self.tally.events += event.phase == "opened"
            for sink in self.sinks:
                sink.on_event(event)
