"""Scoring recordings: a folder of results a clip, damage counted and survived, nothing done twice."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import av
import pytest

from memwatch.errors import MemwatchError, UsageError
from memwatch.tasks.progress import Silent
from memwatch.tasks.score import ScoreReport, nearly_all, score
from tests.conftest import Trained
from tests.scene import HEIGHT, WIDTH, damage_tiff, film, folder, ucsd, video
from tests.tasks.listeners import CtrlC, Recorder

COUNT, ODD = 60, range(40, 50)
"""The first seconds of a clip stand out by themselves to a model that has seen half a minute in all."""


def run(model: Trained, out: Path, *sources: Path, **options: Any) -> ScoreReport:
    return score([str(source) for source in sources], model=model.path, out=out, **({"progress": Silent()} | options))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two gray test clips in UCSD's layout; something odd in the first."""
    return ucsd(tmp_path_factory.mktemp("set"), [(COUNT, ODD), (20, ())])


def left(folder: Path) -> set[str]:
    """What a clip's results are, but for the pictures, which need an event."""
    return {path.name for path in folder.iterdir()} - {"pictures"}


def test_a_data_set_becomes_a_folder_of_results_for_each_clip(
    gray_model: Trained, dataset: Path, tmp_path: Path
) -> None:
    report = run(gray_model, tmp_path / "out", dataset / "Test")
    assert report.exit_code == 0
    assert [clip["clip"] for clip in report.clips] == ["Test001", "Test002"]
    for name, count in (("Test001", COUNT), ("Test002", 20)):
        results = tmp_path / "out" / name
        assert left(results) == {"scores.csv", "regions.csv", "events.ndjson", "run.json", "summary.json"}
        scores = rows(results / "scores.csv")
        assert list(scores[0]) == ["frame", "seconds", "raw", "score", "state"]
        assert [int(row["frame"]) for row in scores] == list(range(count))
        assert [row["state"] for row in scores] == ["filled"] * 4 + ["scored"] * (count - 4)
        assert all(float(row["raw"]) >= 0 and float(row["score"]) >= 0 for row in scores)
        assert json.loads((results / "summary.json").read_text())["model_id"] == gray_model.id


def test_what_is_odd_is_marked_where_and_when_it_is(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    run(gray_model, tmp_path / "out", dataset / "Test" / "Test001")
    results = tmp_path / "out" / "Test001"
    value = {int(row["frame"]): float(row["score"]) for row in rows(results / "scores.csv")}
    assert min(value[i] for i in ODD) > max(value[i] for i in range(25, ODD[0]))
    regions = rows(results / "regions.csv")
    assert {int(row["frame"]) for row in regions} >= set(ODD)
    for row in regions:
        x, y, width, height = (int(row[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x < x + width <= WIDTH
        assert 0 <= y < y + height <= HEIGHT
    at_peak = [row for row in regions if int(row["frame"]) == ODD[3]]
    assert any(
        int(row["x"]) <= 52 <= int(row["x"]) + int(row["width"])
        and int(row["y"]) <= 36 <= int(row["y"]) + int(row["height"])
        for row in at_peak
    )
    events = [json.loads(line) for line in (results / "events.ndjson").read_text().splitlines()]
    assert events[-1]["state"] == "closed"
    assert min(abs(event["start"]["frame"] - ODD[0]) for event in events) <= 1


def test_broken_frames_are_skipped_counted_and_keep_their_number(
    gray_model: Trained, dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "Test001"
    shutil.copytree(dataset / "Test" / "Test001", clip)
    damage_tiff(clip / "012.tif")
    (clip / "060.tif").write_bytes(b"")
    capfd.readouterr()
    report = run(gray_model, tmp_path / "out", clip)
    assert report.exit_code == 3
    assert report.clips[0]["broken"] == 2
    assert report.clips[0]["problems"][0].startswith("012.tif")
    scores = rows(tmp_path / "out" / "Test001" / "scores.csv")
    assert [int(row["frame"]) for row in scores] == list(range(COUNT))
    assert [row["frame"] for row in scores if row["state"] == "broken"] == ["11", "59"]
    assert capfd.readouterr() == ("", "")


def test_a_broken_clip_does_not_stop_the_rest(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    story = tmp_path / "story.mp4"
    story.write_text("once upon a time")
    listener = Recorder()
    sources = (story, dataset / "Test" / "Test002")
    report = run(gray_model, tmp_path / "out", *sources, progress=listener)
    assert report.exit_code == 3
    assert [clip["clip"] for clip in report.clips] == ["Test002"]
    assert report.failed[0].startswith(f"story: {story}: is not a video")
    assert listener.notes == report.failed
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["Test002"]
    assert any("failed" in row[0] for row in report.rows())


def test_not_one_clip_is_a_failure_that_names_the_first(gray_model: Trained, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text("once upon a time")
    with pytest.raises(MemwatchError, match=r"not one of 2 clips.*") as caught:
        run(gray_model, tmp_path / "out", tmp_path / "in")
    assert caught.value.code == 1
    assert "a.mp4: is not a video" in caught.value.line()
    assert list((tmp_path / "out").iterdir()) == []


def test_resume_skips_what_is_complete_and_no_more(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(gray_model, out, dataset / "Test", progress=CtrlC("scoring", COUNT + 5))
    assert (out / "Test001" / "summary.json").exists()
    assert not (out / "Test002" / "summary.json").exists()
    assert not list(out.rglob("*.part"))
    before = (out / "Test001" / "scores.csv").stat().st_mtime_ns
    report = run(gray_model, out, dataset / "Test", resume=True)
    assert (report.skipped, [clip["clip"] for clip in report.clips]) == (1, ["Test002"])
    assert (out / "Test001" / "scores.csv").stat().st_mtime_ns == before
    assert run(gray_model, out, dataset / "Test", resume=True).skipped == 2


def test_what_another_model_scored_is_scored_anew(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    run(gray_model, tmp_path / "out", dataset / "Test" / "Test002")
    summary = tmp_path / "out" / "Test002" / "summary.json"
    summary.write_text(summary.read_text().replace(gray_model.id, "0" * 12))
    assert run(gray_model, tmp_path / "out", dataset / "Test" / "Test002", resume=True).skipped == 0


@pytest.mark.parametrize(
    ("options", "results"),
    [
        ({"fmt": "ndjson"}, {"scores.ndjson", "events.ndjson"}),
        ({"annotate": True}, {"scores.csv", "regions.csv", "events.ndjson", "marked.mp4"}),
        ({"learn": False}, {"scores.csv", "regions.csv", "events.ndjson"}),
        ({"fps": 5.0}, {"scores.csv", "regions.csv", "events.ndjson"}),
    ],
    ids=str,
)
def test_what_was_scored_with_other_options_is_scored_anew(
    gray_model: Trained, dataset: Path, tmp_path: Path, options: dict[str, Any], results: set[str]
) -> None:
    """Both ways, and nothing of the other way stays behind."""
    out, clip = tmp_path / "out", dataset / "Test" / "Test002"
    run(gray_model, out, clip)
    assert run(gray_model, out, clip, resume=True, **options).skipped == 0
    assert left(out / "Test002") == results | {"run.json", "summary.json"}
    assert run(gray_model, out, clip, resume=True, **options).skipped == 1
    assert run(gray_model, out, clip, resume=True).skipped == 0
    assert left(out / "Test002") == {"scores.csv", "regions.csv", "events.ndjson", "run.json", "summary.json"}


def test_a_clip_that_fails_beside_its_results_is_not_removed(
    gray_model: Trained, dataset: Path, tmp_path: Path
) -> None:
    """With --out where the footage is, a clip's folder of results is its own folder of frames."""
    for name in ("Test001", "Test002"):
        shutil.copytree(dataset / "Test" / name, tmp_path / name)
    for frame in (tmp_path / "Test001").iterdir():
        frame.write_bytes(b"")
    before = sorted((tmp_path / "Test001").iterdir())
    report = run(gray_model, tmp_path, tmp_path / "Test001", tmp_path / "Test002", resume=True)
    assert len(report.failed) == 1
    assert sorted((tmp_path / "Test001").iterdir()) == before


def test_ndjson_says_the_same_as_csv(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    clip = dataset / "Test" / "Test001"
    run(gray_model, tmp_path / "csv", clip)
    run(gray_model, tmp_path / "ndjson", clip, fmt="ndjson")
    lines = [json.loads(line) for line in (tmp_path / "ndjson/Test001/scores.ndjson").read_text().splitlines()]
    table = rows(tmp_path / "csv/Test001/scores.csv")
    assert [(line["frame"], line["state"], line["score"]) for line in lines] == [
        (int(row["frame"]), row["state"], float(row["score"])) for row in table
    ]
    assert sum(len(line["regions"]) for line in lines) == len(rows(tmp_path / "csv/Test001/regions.csv"))


def test_annotate_leaves_a_clip_that_browsers_play(colour_model: Trained, tmp_path: Path) -> None:
    clip = video(tmp_path / "walk.mp4", film(20, seed=5))
    run(colour_model, tmp_path / "out", clip, annotate=True)
    with av.open(str(tmp_path / "out" / "walk" / "marked.mp4")) as marked:
        stream = marked.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert sum(1 for _ in marked.decode(stream)) == 20
        assert stream.codec_context.height > stream.codec_context.width * HEIGHT / WIDTH  # the band with the score


def test_clips_of_one_name_do_not_overwrite_each_other(colour_model: Trained, tmp_path: Path) -> None:
    clips = [video(tmp_path / day / "cam.mp4", film(12, seed=seed)) for seed, day in enumerate(("mon", "tue"))]
    run(colour_model, tmp_path / "out", *clips)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cam", "cam-2"]


def test_the_rate_of_a_folder_of_frames_is_the_users(colour_model: Trained, tmp_path: Path) -> None:
    frames = folder(tmp_path / "walk", film(12))
    run(colour_model, tmp_path / "out", frames, fps=5)
    assert rows(tmp_path / "out" / "walk" / "scores.csv")[10]["seconds"] == "2.000"


def test_a_clip_starts_from_the_memory_as_trained(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    """Its scores do not depend on what was scored before it."""
    run(gray_model, tmp_path / "both", dataset / "Test")
    run(gray_model, tmp_path / "alone", dataset / "Test" / "Test002")
    scores = [(tmp_path / name / "Test002" / "scores.csv").read_bytes() for name in ("both", "alone")]
    assert scores[0] == scores[1]


def _file(path: Path) -> Path:
    path.write_text("mine")
    return path


def _filled(path: Path) -> Path:
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    return path


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (_file, UsageError, "out: is a file"),
        (_filled, UsageError, "out: the folder exists and is not empty"),
        (lambda path: _file(path) / "under", MemwatchError, "under: cannot be made"),
    ],
)
def test_results_go_to_a_folder_of_their_own(
    gray_model: Trained, dataset: Path, tmp_path: Path, make: Any, kind: type[MemwatchError], says: str
) -> None:
    out = make(tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(kind, match=says):
        run(gray_model, out, dataset / "Test")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("annotate", [False, True])
def test_a_full_disk_ends_all_and_leaves_nothing_of_the_clip(
    colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, annotate: bool
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    clips = [video(tmp_path / f"{name}.mp4", film(12)) for name in "ab"]
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MemwatchError, match=r"out/a/.*: cannot be written \(No space left on device\)") as caught:
        run(colour_model, tmp_path / "out", *clips, annotate=annotate)
    assert caught.value.code == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_footage_of_another_camera_is_asked_about() -> None:
    """Nearly all of fifty frames and more; of fewer it may be one event."""
    assert "is it the camera" in nearly_all(180, 199)
    assert not nearly_all(179, 199)
    assert not nearly_all(40, 40)
