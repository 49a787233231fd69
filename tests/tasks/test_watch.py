"""Watching: events as they happen, the files of `--out`, the frozen memory, and how it is stopped."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memwatch.errors import EXIT_DONE, SourceError, UsageError
from memwatch.pipeline import Interrupted
from memwatch.pipeline.state_file import load_state
from memwatch.tasks import watch as watching
from memwatch.tasks.progress import Silent
from memwatch.tasks.score import score
from memwatch.tasks.watch import WatchReport, watch
from memwatch.types import Frame
from tests.conftest import ROOT, Trained
from tests.scene import Picture, film, video
from tests.tasks.listeners import CtrlC, Recorder, asked_to_be_thrifty

COUNT, ODD = 75, range(50, 62)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds in colour with something odd in the sixth."""
    return video(tmp_path_factory.mktemp("watch") / "walk.mp4", film(COUNT, seed=11, odd=ODD))


def run(model: Trained, source: Path | str, **options: Any) -> tuple[WatchReport, list[dict[str, Any]]]:
    stream = io.StringIO()
    report = watch(str(source), model=model.path, stream=stream, **({"progress": Silent()} | options))
    return report, [json.loads(line) for line in stream.getvalue().splitlines()]


def scores(path: Path) -> list[tuple[str, str, str]]:
    with path.open(newline="") as file:
        return [(row["frame"], row["raw"], row["score"]) for row in csv.DictReader(file)]


def test_an_event_opens_where_it_begins_and_closes(colour_model: Trained, clip: Path) -> None:
    report, events = run(colour_model, clip)
    assert report.exit_code == EXIT_DONE
    assert report.tally.read == COUNT
    assert report.tally.events == len({event["id"] for event in events}) >= 1
    first = next(event for event in events if event["start"]["frame"] >= ODD[0] - 1)
    assert first["schema"] == "memwatch.event/1"
    assert (first["type"], first["state"], first["camera"]) == ("start", "open", "walk")
    assert first["model"]["id"] == colour_model.id
    assert first["start"]["frame"] <= ODD[0] + 1
    last = {event["id"]: event for event in events}
    assert all(event["state"] == "closed" and event["end_reason"] for event in last.values())
    assert ODD[0] - 1 <= last[first["id"]]["peak"]["frame"] <= ODD[-1] + 2
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_out_holds_the_clip_the_scores_the_events_and_the_timeline(
    colour_model: Trained, clip: Path, tmp_path: Path
) -> None:
    report, events = run(colour_model, clip, out=tmp_path / "out")
    files = {"marked.mp4", "scores.csv", "regions.csv", "events.ndjson", "timeline.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files | {"run.json", "pictures"}
    assert set(report.files) == {tmp_path / "out" / name for name in files}
    assert [json.loads(line)["id"] for line in (tmp_path / "out/events.ndjson").read_text().splitlines()] == [
        event["id"] for event in events
    ]


def test_watch_and_score_walk_one_path(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    run(colour_model, clip, out=tmp_path / "watched")
    score([str(clip)], model=colour_model.path, out=tmp_path / "scored", progress=Silent())
    assert scores(tmp_path / "watched" / "scores.csv") == scores(tmp_path / "scored" / "walk" / "scores.csv")


@pytest.mark.parametrize("files", [False, True])
def test_only_score_files_want_every_frame_predicted(
    colour_model: Trained, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, files: bool
) -> None:
    asked = asked_to_be_thrifty(monkeypatch)
    run(colour_model, clip, out=tmp_path / "run" if files else None)
    assert asked == [not files]


def test_a_frozen_memory_learns_nothing(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    kept = tmp_path / "walk.state"
    run(colour_model, clip, out=tmp_path / "learning", rate=1.0, state=kept)
    frozen, _ = run(colour_model, clip, out=tmp_path / "frozen", learn=False)
    learned = load_state(kept)
    assert learned.taken + learned.undone > 0  # what was learned before the odd frames is undone by them
    assert frozen.tally.learned == 0
    assert scores(tmp_path / "frozen/scores.csv") != scores(tmp_path / "learning/scores.csv")


def test_duration_ends_it(colour_model: Trained, clip: Path) -> None:
    report, _ = run(colour_model, clip, duration=2.0)
    assert 2.0 <= report.tally.seconds < 3.0
    assert report.tally.read < COUNT


def test_an_event_cut_off_by_the_duration_is_closed(colour_model: Trained, clip: Path) -> None:
    _, events = run(colour_model, clip, duration=ODD[8] / 10)
    assert (events[-1]["state"], events[-1]["end_reason"]) == ("closed", "shutdown")


def test_a_clip_too_short_to_score_leaves_nothing(colour_model: Trained, tmp_path: Path) -> None:
    short = video(tmp_path / "short.mp4", film(4))
    with pytest.raises(SourceError, match=r"short: too short to score, 4 readable frames") as caught:
        run(colour_model, short, out=tmp_path / "out")
    assert "5 in a row" in caught.value.remedy
    assert list((tmp_path / "out").iterdir()) == []


def test_the_shortest_clip_that_can_be_scored(colour_model: Trained, tmp_path: Path) -> None:
    report, _ = run(colour_model, video(tmp_path / "five.mp4", film(5)))
    assert (report.tally.scored, report.tally.filled) == (1, 4)


def test_ctrl_c_finishes_events_and_files(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    stream = io.StringIO()
    out = tmp_path / "out"
    with pytest.raises(Interrupted) as caught:
        watch(str(clip), model=colour_model.path, out=out, stream=stream, progress=CtrlC("watching", ODD[8]))
    assert caught.value.tally.read < COUNT
    event = json.loads(stream.getvalue().splitlines()[-1])
    assert (event["state"], event["end_reason"]) == ("closed", "shutdown")
    assert {path.name for path in out.iterdir()} == {
        "marked.mp4", "scores.csv", "regions.csv", "events.ndjson", "timeline.png", "run.json", "pictures"
    }  # fmt: skip
    assert len(scores(out / "scores.csv")) == caught.value.tally.read


class Camera:
    """A live source that always delivers."""

    name, live, fps, length, size = "cam", True, 10.0, None, None
    broken, partial, problems = 0, False, ()

    def __init__(self, frames: list[Picture]) -> None:
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        for index, image in enumerate(self._frames):
            yield Frame(self.name, index, 1e9 + index / 10, index / 10, image)

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *error: object) -> None: ...


@pytest.mark.parametrize(("colour", "notes"), [(True, 1), (False, 0)])
def test_a_camera_in_the_wrong_colour_is_told_once_and_watched(
    gray_model: Trained, monkeypatch: pytest.MonkeyPatch, colour: bool, notes: int
) -> None:
    """At night a camera may turn to infrared: that must not end its watch."""
    monkeypatch.setattr(watching, "open_source", lambda *_, **__: Camera(film(20, colour=colour)))
    listener = Recorder()
    report, _ = run(gray_model, "usb:0", progress=listener)
    assert report.tally.scored == 16
    assert len(listener.notes) == notes
    assert all("cam: is in colour, the model was trained on gray footage" in note for note in listener.notes)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_closes_events_and_finishes_files(
    colour_model: Trained, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """From outside, on the real process: the first line on stdout tells that it is watching."""
    long = video(tmp_path / "long.mp4", film(1500, odd=range(20, 1500)))
    out = tmp_path / "out"
    line = ["-m", "memwatch", "watch", str(long), "--model", str(colour_model.path), "--out", str(out)]
    watching = subprocess.Popen(
        [sys.executable, *line],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert watching.stdout is not None
    first = watching.stdout.readline()
    watching.send_signal(number)
    rest, said = watching.communicate(timeout=30)
    assert watching.returncode == code, said
    assert "Traceback" not in said
    events = [json.loads(line) for line in (first + rest).splitlines()]
    assert (events[-1]["state"], events[-1]["end_reason"]) == ("closed", "shutdown")
    assert {"marked.mp4", "scores.csv", "timeline.png"} <= {path.name for path in out.iterdir()}
    assert not list(out.glob("*.part"))
    assert len(scores(out / "scores.csv")) < 1500


def test_without_a_model_nothing_is_watched(clip: Path) -> None:
    with pytest.raises(UsageError, match="no model"):
        watch(str(clip), model=None, stream=io.StringIO(), progress=Silent())
