"""Events as NDJSON: one object a line, flushed line by line, so that a reader never waits for half of one."""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from pathlib import Path
from typing import Any, TextIO

from memwatch.events import event_record, state_record
from memwatch.files import write_error
from memwatch.sinks.base import Sink
from memwatch.sinks.worker import Worker, told
from memwatch.types import Event, StateEvent

WAITING = 10_000
"""Lines that wait for a reader."""


class Lines:
    """Numbered lines to one stream, from however many cameras' threads; the stream stays its owner's to close."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._seq = 0

    def event(self, event: Event, model: dict[str, Any]) -> None:
        with self._lock:
            self._seq += 1
            self._stream.write(_line(event_record(event, seq=self._seq, model=model)))
            self._stream.flush()

    def state(self, state: StateEvent) -> None:
        with self._lock:
            self._seq += 1
            self._stream.write(_line(state_record(state) | {"seq": self._seq}))
            self._stream.flush()


class QueuedLines(Lines):
    """The same from a thread of its own: a reader that stops reading holds up no camera. What finds the queue full is
    lost, which the numbers show, and counted."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.broken: BrokenPipeError | None = None
        """Set once nobody reads any more."""
        self.errors: deque[str] = deque(maxlen=10)
        """What else went wrong, in words, until somebody takes it."""
        self._worker = Worker("lines", most=WAITING, failed=self._lost)

    @property
    def dropped(self) -> int:
        return self._worker.dropped

    def event(self, event: Event, model: dict[str, Any]) -> None:
        self._worker.put(lambda: super(QueuedLines, self).event(event, model))

    def state(self, state: StateEvent) -> None:
        self._worker.put(lambda: super(QueuedLines, self).state(state))

    def close(self) -> None:
        """Write what waits, if that is quick."""
        self._worker.close(2.0)

    def _lost(self, error: Exception) -> None:
        if isinstance(error, BrokenPipeError):
            self.broken = error
        else:
            self.errors.append(told(error))


class EventLines(Sink):
    """Writes each event and state to `lines` as it is told (docs/events.md).

    model: what names the model in every event, at least {"id": ...}. A reader that has gone raises
    BrokenPipeError: a watch whose alarms nobody hears has failed.
    """

    def __init__(self, lines: Lines | TextIO, *, model: dict[str, Any]) -> None:
        self._lines = lines if isinstance(lines, Lines) else Lines(lines)
        self._model = model

    def on_event(self, event: Event) -> None:
        self._lines.event(event, self._model)

    def on_state(self, state: StateEvent) -> None:
        self._lines.state(state)


class EventFile(Sink):
    """The same lines in a file that may be followed while it grows.

    It is in place from the start and every line in it is whole: after a crash, an abort or a full disk it
    holds the events that were told until then. Raises MemwatchError naming the file that can't be written.
    """

    def __init__(self, path: Path, *, model: dict[str, Any]) -> None:
        self.path = path
        self._model = model
        self._seq = 0
        self._length = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise write_error(path, error) from None

    def on_event(self, event: Event) -> None:
        self._seq += 1
        line = _line(event_record(event, seq=self._seq, model=self._model)).encode()
        try:
            # Without a buffer a nearly full disk takes a part of the line and says so only at the next write.
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.truncate(self._length)
            raise write_error(self.path, error) from None
        self._length += len(line)

    def close(self) -> None:
        if not self._file.closed:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise write_error(self.path, error) from None
            finally:
                self._file.close()

    def abort(self) -> None:
        """Leave the lines there are; a file without any says nothing and goes."""
        if not self._file.closed:
            self._file.close()
            if not self._length:
                self.path.unlink(missing_ok=True)


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
