"""The one path: a source's frames through the detector to events and sinks. Every verb walks it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from memwatch.errors import SourceError
from memwatch.pipeline.detector import Detector
from memwatch.sinks import Sink
from memwatch.types import Clip, Event, Frame, Observation, StateEvent, Tally
from memwatch.video import ClipWindow

BATCH = 8
"""Clips of a recording that go through the network at once."""


class Stream(Protocol):
    """What a session runs on: any `video.Source`, or a camera that also says what becomes of it."""

    @property
    def live(self) -> bool: ...
    @property
    def broken(self) -> int: ...
    @property
    def partial(self) -> bool: ...
    @property
    def problems(self) -> list[str]: ...

    def __iter__(self) -> Iterator[Frame | StateEvent]: ...


class Events(Protocol):
    """Observations to events: an EventBuilder, or what stands before one."""

    def push(self, observation: Observation) -> list[Event]: ...
    def finish(self, reason: str) -> list[Event]: ...


class Interrupted(KeyboardInterrupt):
    """The session was stopped by the user; everything seen until then has been told to the sinks."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally


def run_session(
    source: Stream,
    detector: Detector,
    *,
    sinks: Sequence[Sink] = (),
    events: Events | None = None,
    watch: Callable[[Tally], bool] | None = None,
    rate: float | None = None,
) -> Tally:
    """Run `source` to its end and say what happened to its frames.

    Recordings go through in batches, live sources frame by frame; the numbers are the same. `watch` is told after each
    batch and ends the session by answering False. A break in the stream closes events, and so does its end. No more
    than `rate` frames a second of the stream are scored, if given.
    Raises Interrupted, once everything is told, when the user stops it.
    """
    tally = Tally()
    window = ClipWindow(detector.runtime.config)
    path = _Path(detector, sinks, events, tally)
    batch = 1 if source.live else BATCH
    pace = Pace(rate)
    holding = False
    reason = "source_end"
    interrupt: KeyboardInterrupt | None = None
    try:
        for item in source:
            if isinstance(item, StateEvent):
                path.flush()
                path.tell_state(item)
                if item.scene:
                    holding = item.scene == "hold"
                    detector.change_scene(item.scene)
                    window.reset()
                continue
            frame = item
            tally.read += 1
            tally.seconds = frame.seconds
            clip = None if holding else window.push(frame)
            if frame.gap if holding else window.broke:
                path.flush()
                detector.at_gap()
                path.end_events("gap")
            if clip is not None and not pace.wants(frame.seconds):
                clip = None
                tally.skipped += 1
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
    except Exception:  # an error of ours: those who were told of an event must hear of its end
        path.end_events("error")
        raise
    except KeyboardInterrupt as stop:  # what was seen is finished before the process ends
        interrupt, reason = stop, "shutdown"
    path.flush()
    if watch and not watch(tally):
        reason = "shutdown"
    path.end_events(reason)
    tally.broken, tally.partial, tally.problems = source.broken, source.partial, list(source.problems)
    tally.learned = detector.learner.taken
    if interrupt is not None:
        raise Interrupted(tally) from interrupt
    return tally


class Pace:
    """Which frames of a stream are due, at `rate` a second; all of them without one."""

    def __init__(self, rate: float | None) -> None:
        self._step = 1 / rate if rate else 0.0
        self._due = 0.0

    def wants(self, seconds: float) -> bool:
        """Whether the frame at `seconds` is due: the next one is a step after when this one was, so that the mean rate
        is kept whatever the camera's own is."""
        if seconds < self._due - self._step / 100:
            return False
        self._due = max(self._due + self._step, seconds)
        return True


class _Path:
    """The frames of one session between the window and the sinks: each is scored and told once, whenever the user
    interrupts."""

    def __init__(self, detector: Detector, sinks: Sequence[Sink], events: Events | None, tally: Tally) -> None:
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

    def tell_state(self, state: StateEvent) -> None:
        if state.ends:
            self.end_events(state.ends)
        for sink in self.sinks:
            sink.on_state(state)

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
