"""Event lines: whole objects, at once, in a stream and in a file that survives."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from memwatch.errors import MemwatchError
from memwatch.sinks import EventFile, EventLines

from .stream import play

MODEL = {"id": "walkway"}
TWO = "????55555......55555......"


class Recorder:
    """A text stream that notes when it is flushed."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def write(self, text: str) -> int:
        self.calls.append(text)
        return len(text)

    def flush(self) -> None:
        self.calls.append("flush")


def test_one_whole_line_then_a_flush() -> None:
    recorder: Any = Recorder()
    play(TWO, [EventLines(recorder, model=MODEL)])
    assert recorder.calls[1::2] == ["flush"] * 4
    records = [json.loads(line) for line in recorder.calls[::2]]
    assert all(line.endswith("}\n") and line.count("\n") == 1 for line in recorder.calls[::2])
    assert [(r["seq"], r["type"], r["id"]) for r in records] == [
        (1, "start", "a"),
        (2, "end", "a"),
        (3, "start", "b"),
        (4, "end", "b"),
    ]
    assert records[0]["model"] == MODEL


def test_the_file_can_be_followed_and_survives_an_abort(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    sink = EventFile(path, model=MODEL)
    play(TWO[:13], [sink])
    assert [json.loads(line)["type"] for line in path.read_text().splitlines()] == ["start", "end"]
    sink.abort()
    assert len(path.read_text().splitlines()) == 2


def test_a_disk_that_fills_up_keeps_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    sink = EventFile(path, model=MODEL)
    whole = sink._file

    class Full:
        """Takes the first line and ten bytes of the second."""

        lines = 0

        def write(self, data: memoryview) -> int:
            if len(data) < 10 or self.lines == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.lines += 1
            return whole.write(data if self.lines == 1 else data[:10])

        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

    disk: Any = Full()
    sink._file = disk
    with pytest.raises(MemwatchError, match=r"events\.ndjson.*No space left"):
        play(TWO, [sink])
    sink.abort()
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [1]
