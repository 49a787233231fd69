"""Score files: every frame has its row, and says how it came by its score."""

from __future__ import annotations

import csv
import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from memwatch.errors import MemwatchError
from memwatch.sinks import RowFormat, ScoreRows
from memwatch.types import Region

from .stream import frame, observe, play


def table(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def states(folder: Path) -> str:
    """The states' first letters, in order."""
    rows = table(folder / "scores.csv")[1:]
    assert [int(row[0]) for row in rows] == list(range(len(rows)))
    return "".join(row[4][0] for row in rows)


def test_rows_by_hand(tmp_path: Path) -> None:
    with ScoreRows(tmp_path) as sink:
        play("??.x3", [sink])
    assert (tmp_path / "scores.csv").read_text().splitlines() == [
        "frame,seconds,raw,score,state",
        "0,0.000,0.005,0.5,filled",
        "1,0.100,0.005,0.5,filled",
        "2,0.200,0.005,0.5,scored",
        "3,,,,broken",
        "4,0.400,0.03,3,scored",
    ]
    assert (tmp_path / "regions.csv").read_text().splitlines() == [
        "frame,x,y,width,height,score,track,cue,ratio",
        "4,4,10,12,12,3,7,motion,2.4",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("????....", "ffffssss", id="the head"),
        pytest.param("x?x?..", "bfbfss", id="broken in the head"),
        pytest.param("..xx..", "ssbbss", id="broken in the middle"),
        pytest.param("..x??..", "ssbffss", id="the clip fills again after a break"),
        pytest.param("..??", "ssff", id="the end is never scored"),
        pytest.param("??x?", "uubu", id="nothing is ever scored"),
    ],
)
def test_states(tmp_path: Path, text: str, expected: str) -> None:
    with ScoreRows(tmp_path) as sink:
        play(text, [sink])
    assert states(tmp_path) == expected


def test_frames_after_the_last_score_carry_it(tmp_path: Path) -> None:
    with ScoreRows(tmp_path) as sink:
        play(".1?", [sink])
    assert table(tmp_path / "scores.csv")[-1] == ["2", "0.200", "0.01", "1", "filled"]


@pytest.mark.parametrize(("text", "expected"), [("..", "ssbbb"), ("??", "uubbb")])
def test_broken_frames_at_the_end_are_padded(tmp_path: Path, text: str, expected: str) -> None:
    with ScoreRows(tmp_path) as sink:
        play(text, [sink])
        sink.pad(5)
    assert states(tmp_path) == expected


def test_ndjson_says_the_same(tmp_path: Path) -> None:
    with ScoreRows(tmp_path, format="ndjson") as sink:
        play("?x.3", [sink])
    rows = [json.loads(line) for line in (tmp_path / "scores.ndjson").read_text().splitlines()]
    assert rows == [
        {"frame": 0, "seconds": 0.0, "raw": 0.005, "score": 0.5, "state": "filled", "regions": []},
        {"frame": 1, "seconds": None, "raw": None, "score": None, "state": "broken", "regions": []},
        {"frame": 2, "seconds": 0.2, "raw": 0.005, "score": 0.5, "state": "scored", "regions": []},
        {"frame": 3, "seconds": 0.3, "raw": 0.03, "score": 3.0, "state": "scored",
         "regions": [{"x": 3, "y": 10, "width": 12, "height": 12, "score": 3.0,
                      "track": 7, "cue": "motion", "ratio": 2.4}]},
    ]  # fmt: skip


def test_what_is_not_finite_is_left_empty(tmp_path: Path) -> None:
    for format in ("csv", "ndjson"):
        with ScoreRows(tmp_path, format=format) as sink:
            sink.on_frame(frame(0), observe(frame(0), float("nan")))
    assert table(tmp_path / "scores.csv")[1] == ["0", "0.000", "", "", "scored"]
    assert json.loads((tmp_path / "scores.ndjson").read_text())["score"] is None


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: RowFormat
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    sink = ScoreRows(tmp_path, format=format)
    play("....", [sink])
    with pytest.raises(MemwatchError, match="No space left") as caught:
        sink.close()
    assert str(tmp_path) in caught.value.line()
    assert os.listdir(tmp_path) == []


def test_a_region_that_names_no_cue_leaves_its_columns_empty(tmp_path: Path) -> None:
    seen = observe(frame(0), 3.0)
    bare = replace(seen, regions=(Region(box=(1, 2, 4, 6), area=12, peak=3.0),))
    for format in ("csv", "ndjson"):
        with ScoreRows(tmp_path, format=format) as sink:
            sink.on_frame(frame(0), bare)
    assert table(tmp_path / "regions.csv")[1] == ["0", "1", "2", "3", "4", "3", "", "", ""]
    (region,) = json.loads((tmp_path / "scores.ndjson").read_text())["regions"]
    assert (region["track"], region["cue"], region["ratio"]) == (None, None, None)
