"""What every sink answers to."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from memwatch.types import Event, Frame, Observation, StateEvent


class Sink:
    """Where a session's frames and events go. All methods do nothing here; a sink overrides what it needs.

    The order of calls: `on_frame` once a frame, in the source's order, then `on_event` for what it caused;
    at the end `close` (everything is finished and put in place) or `abort` (nothing half-written stays).
    As a context manager it closes, or aborts when an exception (Ctrl-C too) leaves the block.
    """

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        """Take a frame; `observation` is None where it could not be scored (the clip is still filling)."""

    def on_event(self, event: Event) -> None:
        """Take an event that was opened, updated or closed."""

    def on_state(self, state: StateEvent) -> None:
        """Take what became of the camera; an event that it ends is told before it."""

    def close(self) -> None:
        """Finish. Raises MemwatchError naming the file that could not be written."""

    def abort(self) -> None:
        """Leave nothing half-written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()
