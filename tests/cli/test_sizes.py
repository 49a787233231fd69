"""Sizes that count, and the words for what is seen: from the command line to the files."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command, Trained
from tests.scene import film, video

ODD = range(50, 62)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds in colour with something odd in the sixth."""
    return video(tmp_path_factory.mktemp("sizes") / "walk.mp4", film(75, seed=11, odd=ODD))


def summary(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "walk" / "summary.json").read_text())
    return found


def regions(out: Path) -> list[dict[str, str]]:
    with (out / "walk" / "regions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_sizes_decide_what_is_over_and_what_resume_has_done(
    command: Command, colour_model: Trained, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = ["score", clip, "--model", colour_model.path, "--out", out, "--resume"]
    assert command(*line).code == 0
    everything, whole = summary(out), regions(out)
    assert everything["over"] > 0
    sizes = {int(row["width"]) * int(row["height"]) for row in whole}
    assert all(int(row["track"]) >= 1 and row["cue"] for row in whole)

    assert command(*line, "--min-size", "100", "--max-size", "100").code == 2
    assert command(*line, "--min-size", "99").code == 0
    assert (summary(out)["over"], summary(out)["events"], regions(out)) == (0, 0, [])

    assert json.loads(command(*line).out)["skipped"] == 0  # what was done was done with other sizes
    assert regions(out) == whole
    assert json.loads(command(*line).out)["skipped"] == 1
    assert len(sizes) > 1


@pytest.mark.parametrize("verb", ["score", "watch", "evaluate"])
def test_sizes_that_nothing_can_have_are_told_in_one_line(
    command: Command, colour_model: Trained, clip: Path, tmp_path: Path, verb: str
) -> None:
    out = ["--out", tmp_path / "out"] if verb == "score" else []
    done = command(verb, clip, "--model", colour_model.path, *out, "--min-size", "5", "--max-size", "2")
    assert done.code == 2
    assert "regions of 5.00% to 2.00% of the picture: no size lies between" in done.complaint()
    assert not (tmp_path / "out").exists()


def test_watch_says_in_words_what_it_sees(command: Command, colour_model: Trained, clip: Path) -> None:
    done = command("watch", clip, "--model", colour_model.path)
    events = [json.loads(line) for line in done.out.splitlines()]
    opened = [event for event in events if event["type"] == "start"]
    assert opened
    said = [line for line in done.err.splitlines() if line.startswith("walk 0:")]
    assert len(said) == len(opened)
    for line, event in zip(said, opened, strict=True):
        assert re.fullmatch(r"walk \d:\d\d\.\d: .{10,60} \(score \d+\.\d\)", line)
        assert event["reason"]["text"] in line
        assert all(box["track"] >= 1 for box in event["boxes"])


def test_watch_leaves_out_what_is_too_large(command: Command, colour_model: Trained, clip: Path) -> None:
    done = command("watch", clip, "--model", colour_model.path, "--max-size", "0.01")
    assert (done.code, done.out) == (0, "")
