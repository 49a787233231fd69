"""Events as NDJSON: one object a line, flushed line by line, so that a reader never waits for half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO

from memwatch.events import event_record
from memwatch.files import write_error
from memwatch.sinks.base import Sink
from memwatch.types import Event


class EventLines(Sink):
    """Writes each event to `stream` as it is told (docs/events.md); the stream stays its owner's to close.

    model: what names the model in every line, at least {"id": ...}. A reader that has gone raises
    BrokenPipeError: a watch whose alarms nobody hears has failed.
    """

    def __init__(self, stream: TextIO, *, model: dict[str, Any]) -> None:
        self._stream = stream
        self._model = model
        self._seq = 0

    def on_event(self, event: Event) -> None:
        self._seq += 1
        self._stream.write(_line(event, self._seq, self._model))
        self._stream.flush()


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
        line = _line(event, self._seq, self._model).encode()
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


def _line(event: Event, seq: int, model: dict[str, Any]) -> str:
    record = event_record(event, seq=seq, model=model)
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
