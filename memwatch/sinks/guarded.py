"""A sink that may fail: what it raises is told once and counted, and the session goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from memwatch.sinks.base import Sink
from memwatch.sinks.worker import told
from memwatch.types import Event, Frame, Observation, StateEvent


class Guarded(Sink):
    """Passes all on to `inner`. failed: is given the one line of the first error after each success."""

    def __init__(self, inner: Sink, failed: Callable[[str], None]) -> None:
        self.inner = inner
        self.errors = 0
        self._failed = failed
        self._failing = False

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        self._try(lambda: self.inner.on_frame(frame, observation))

    def on_event(self, event: Event) -> None:
        self._try(lambda: self.inner.on_event(event))

    def on_state(self, state: StateEvent) -> None:
        self._try(lambda: self.inner.on_state(state))

    def close(self) -> None:
        self._try(self.inner.close)

    def abort(self) -> None:
        with suppress(Exception):
            self.inner.abort()

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except BrokenPipeError:  # nobody hears the events any more, so the watch has failed
            raise
        except Exception as error:
            self.errors += 1
            if not self._failing:
                self._failing = True
                self._failed(told(error))
        else:
            self._failing = False
