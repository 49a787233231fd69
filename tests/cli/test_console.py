"""Colour, tables and progress follow where they are written to."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from memwatch import console
from memwatch.tasks.progress import Progress, Silent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Report:
    def rows(self) -> list[tuple[str, str]]:
        return [("auc [frame]", "0.97"), ("frames", "2010")]

    def to_dict(self) -> dict[str, Any]:
        return {"auc": 0.97, "eer": float("nan"), "clips": [{"psnr": float("inf")}]}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize(
    ("env", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, False),
    ],
)
def test_who_decides_on_colour(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], terminal: bool, colour: bool
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    assert console.coloured(stream) is colour
    console.print_table(Report().rows(), stream)
    assert ("\x1b[" in stream.getvalue()) is colour
    assert "auc [frame]" in stream.getvalue()


def test_a_report_is_one_line_of_json_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    console.show(Report())
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"auc": 0.97, "eer": None, "clips": [{"psnr": None}]}


def test_a_report_is_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    console.show(Report())
    assert [line.split() for line in stream.getvalue().splitlines()] == [
        ["auc", "[frame]", "0.97"],
        ["frames", "2010"],
    ]


def test_a_nested_mapping_becomes_dotted_rows() -> None:
    card = {"name": "yard", "train": {"steps": 10, "size": [240, 360]}, "memory": None}
    assert console.rows_of(card) == [
        ("name", "yard"),
        ("train.steps", "10"),
        ("train.size", "240, 360"),
        ("memory", ""),
    ]


def work(listener: Progress) -> None:
    listener.start("clip [01]", 30)
    listener.step(10, loss=0.123456)
    listener.note("a [note]")
    listener.step(20, loss=0.1)
    listener.done()
    listener.done()


class Time:
    """A monotonic clock that a test turns."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr("memwatch.console.time", clock)
    return clock


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str], clock: Time) -> None:
    listener = console.progress()
    listener.start("clip [01]", 40)
    for clock.now in (2.0, 4.0, 12.0, 14.0):
        listener.step(10, loss=clock.now / 100)
    listener.note("a [note]")
    listener.done()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "clip [01]: 30/40 frames, 2.0 frames/s, 5.0s left, loss 0.12",
        "a [note]",
        "clip [01]: 40 frames in 14s, 2.5 frames/s, loss 0.14",
    ]


def test_a_resumed_run_does_not_look_faster_than_it_is(capsys: pytest.CaptureFixture[str], clock: Time) -> None:
    listener = console.progress()
    listener.start("training", 2000, unit="steps")
    listener.step(1000)
    clock.now = 10.0
    listener.step(50)
    assert capsys.readouterr().err == "training: 1050/2000 steps, 5.0 steps/s, 3m10s left\n"


def test_work_that_fills_a_given_time_counts_seconds(capsys: pytest.CaptureFixture[str], clock: Time) -> None:
    listener = console.progress()
    listener.start("training", 60, unit="s")
    for clock.now in (0.5, 10.5):
        listener.step(clock.now - 0.5, loss=0.5)
    assert capsys.readouterr().err == "training: 10/60 s, 50s left, loss 0.5\n"


def test_a_bar_on_a_terminal_that_leaves_stdout_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    err, out = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "stdout", out)
    listener = console.progress()
    assert isinstance(listener, console.Bar)
    listener.start("clip [01]", 2)
    listener.step()
    print("data")
    listener.done()
    assert out.getvalue() == "data\n"
    assert "clip [01]" in err.getvalue()
    assert isinstance(console.progress(bar=False), console.PlainLines)


def test_silence_is_a_listener(capsys: pytest.CaptureFixture[str]) -> None:
    work(Silent())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0s"), (9.99, "10s"), (95, "1m35s"), (3599.6, "60m00s"), (7500, "2h05m")]
)
def test_durations(seconds: float, words: str) -> None:
    assert console.duration(seconds) == words.replace("60m00s", "1h00m")
