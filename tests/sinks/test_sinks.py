"""What holds for every sink: whole files or none, the first error named, nothing left behind."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from memwatch.errors import MemwatchError
from memwatch.sinks import EventFile, EventLines, Marked, ScoreRows, Sink, Timeline

from .stream import play

Make = Callable[[Path], Sink]

FILES: list[tuple[str, Make, list[str]]] = [
    ("csv", lambda folder: ScoreRows(folder), ["regions.csv", "scores.csv"]),
    ("ndjson", lambda folder: ScoreRows(folder, format="ndjson"), ["scores.ndjson"]),
    ("marked", lambda folder: Marked(folder / "marked.mp4", 10.0), ["marked.mp4"]),
    ("timeline", lambda folder: Timeline(folder / "timeline.png"), ["timeline.png"]),
    ("events", lambda folder: EventFile(folder / "events.ndjson", model={"id": "m"}), ["events.ndjson"]),
]
WHOLE = [entry for entry in FILES if entry[0] != "events"]


def names(entries: list[tuple[str, Make, list[str]]]) -> list[str]:
    return [name for name, _, _ in entries]


@pytest.mark.parametrize(("name", "make", "files"), FILES, ids=names(FILES))
def test_closing_leaves_its_files_and_nothing_else(
    tmp_path: Path, name: str, make: Make, files: list[str]
) -> None:
    folder = tmp_path / "made" / "here"
    with make(folder) as sink:
        play("????...55555......", [sink])
    assert sorted(os.listdir(folder)) == files
    assert all((folder / file).stat().st_size for file in files)


@pytest.mark.parametrize(("name", "make", "files"), WHOLE, ids=names(WHOLE))
def test_an_exception_leaves_nothing(tmp_path: Path, name: str, make: Make, files: list[str]) -> None:
    def interrupted() -> None:
        with make(tmp_path) as sink:
            play("????...555", [sink])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("name", "make", "files"), WHOLE, ids=names(WHOLE))
def test_an_earlier_result_stays_until_the_new_one_is_whole(
    tmp_path: Path, name: str, make: Make, files: list[str]
) -> None:
    for file in files:
        (tmp_path / file).write_bytes(b"earlier")
    sink = make(tmp_path)
    play("????...555", [sink])
    sink.abort()
    assert [(tmp_path / file).read_bytes() for file in files] == [b"earlier"] * len(files)


@pytest.mark.parametrize(("name", "make", "files"), FILES, ids=names(FILES))
def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, name: str, make: Make, files: list[str]
) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")

    def run() -> None:
        with make(tmp_path / "taken") as sink:
            play("????...555", [sink])

    with pytest.raises(MemwatchError, match="taken") as caught:
        run()
    assert caught.value.remedy
    assert os.listdir(tmp_path) == ["taken"]


@pytest.mark.parametrize(("name", "make", "files"), FILES, ids=names(FILES))
@pytest.mark.parametrize("text", ["", "????", "?x?.", "...", "????9"])
def test_short_sources(tmp_path: Path, name: str, make: Make, files: list[str], text: str) -> None:
    with make(tmp_path) as sink:
        play(text, [sink])
    assert not list(tmp_path.glob("*.part"))


def test_a_sink_does_nothing_by_default() -> None:
    with Sink() as sink:
        play("????...55555......", [sink])


def test_event_lines_leave_the_stream_open() -> None:
    stream = io.StringIO()
    with EventLines(stream, model={"id": "m"}) as sink:
        play("????...55555......", [sink])
    assert not stream.closed
    assert stream.getvalue().count("\n") == 2
