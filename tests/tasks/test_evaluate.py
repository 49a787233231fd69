"""Evaluating: the figures a labelled data set gives, and the line where truth and footage don't fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from memwatch.errors import MemwatchError, UsageError
from memwatch.pipeline import Detector, run_session
from memwatch.tasks import evaluate as evaluating
from memwatch.tasks.evaluate import EvaluateReport, evaluate
from memwatch.tasks.progress import Silent
from memwatch.types import Tally
from tests.conftest import Trained
from tests.scene import damage_tiff, film, labels, ucsd, video
from tests.tasks.listeners import Recorder

COUNT, ODD = 50, range(36, 46)


def run(model: Trained, dataset: Path, **options: Any) -> EvaluateReport:
    return evaluate(str(dataset), model=model.path, **({"progress": Silent()} | options))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two test clips in UCSD's layout, something odd in each."""
    return ucsd(tmp_path_factory.mktemp("set"), [(COUNT, ODD), (COUNT, ODD)])


@pytest.fixture(scope="module")
def report(gray_model: Trained, dataset: Path) -> EvaluateReport:
    return run(gray_model, dataset)


def test_the_object_holds_what_is_promised(report: EvaluateReport, gray_model: Trained, dataset: Path) -> None:
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["schema"] == "memwatch.evaluate/1"
    assert found["model"] == str(gray_model.path)
    assert found["dataset"] == dataset.name
    assert (found["frames"], found["clips"], found["filled"], found["broken"]) == (2 * COUNT, 2, 2 * 4, 0)
    for protocol in ("causal", "paper"):
        assert found[protocol].keys() >= {"auc", "macro_auc", "eer", "ap"}
        assert all(0 <= found[protocol][name] <= 1 for name in ("auc", "macro_auc", "eer", "ap"))
    assert 0 <= found["pixel_auc"] <= 1
    assert found["seconds"] > 0
    assert found["frames_per_second"] == pytest.approx(found["frames"] / found["seconds"], rel=0.01)
    assert [clip["clip"] for clip in found["per_clip"]] == ["Test001", "Test002"]
    assert [clip["frames"] for clip in found["per_clip"]] == [COUNT, COUNT]
    assert report.exit_code == 0


def test_what_is_plainly_odd_is_told_from_what_is_not(report: EvaluateReport) -> None:
    """Prediction error knows the flicker; the first seconds of a clip may still stand out."""
    assert report.paper.auc > 0.9
    assert report.causal.auc > 0.5
    assert report.pixel_auc is not None
    assert report.pixel_auc > 0.5


def test_the_part_and_the_whole_are_the_same_data_set(
    report: EvaluateReport, gray_model: Trained, dataset: Path
) -> None:
    again = run(gray_model, dataset / "Test")
    assert again.causal == report.causal
    assert again.paper == report.paper
    assert again.pixel_auc == report.pixel_auc


@pytest.mark.parametrize(
    ("options", "memory", "carried"),
    [
        ({}, "gated", False),
        ({"carry_memory": True}, "gated, carried from clip to clip", True),
        ({"learn": False}, "frozen", False),
    ],
)
def test_every_clip_starts_with_the_memory_as_trained_unless_it_is_carried(
    gray_model: Trained,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bool],
    memory: str,
    carried: bool,
) -> None:
    starts, ends = [], []

    def session(source: Any, detector: Detector, **others: Any) -> Tally:
        starts.append(items(detector))
        tally = run_session(source, detector, **others)
        ends.append(items(detector))
        return tally

    def items(detector: Detector) -> bytes:
        return bytes(detector.state["items"].numpy().tobytes())

    monkeypatch.setattr(evaluating, "run_session", session)
    assert run(gray_model, dataset, **options).memory == memory
    assert (ends[0] != starts[0]) is options.get("learn", True)
    assert starts[1] == (ends[0] if carried else starts[0])


def test_frame_labels_alone_give_no_pixel_figure(colour_model: Trained, tmp_path: Path) -> None:
    video(tmp_path / "walk.mp4", film(COUNT, seed=11, odd=ODD))
    labels(tmp_path / "labels.csv", COUNT, ODD)
    found = run(colour_model, tmp_path / "walk.mp4")
    assert found.pixel_auc is None
    assert (found.clips, found.frames) == (1, COUNT)


def test_footage_without_truth_is_wrong_usage(colour_model: Trained, tmp_path: Path) -> None:
    clip = video(tmp_path / "walk.mp4", film(10))
    with pytest.raises(UsageError, match=r"walk\.mp4: no truth found") as caught:
        run(colour_model, clip)
    assert "memwatch score" in caught.value.remedy


def test_truth_of_another_length_names_the_clip_and_the_difference(colour_model: Trained, tmp_path: Path) -> None:
    clip = video(tmp_path / "walk.mp4", film(20))
    labels(tmp_path / "labels.csv", 23)
    with pytest.raises(MemwatchError, match=r"walk has 20 frames.*23.*3") as caught:
        run(colour_model, clip)
    assert caught.value.code == 1


def test_one_clip_that_does_not_fit_is_left_out_and_told(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "set"
    shutil.copytree(dataset, copy)
    (copy / "Test" / "Test001_gt" / "050.bmp").unlink()
    listener = Recorder()
    found = run(gray_model, copy, progress=listener)
    assert found.exit_code == 3
    assert [name for name, _, _ in found.per_clip] == ["Test002"]
    assert found.problems[0].startswith("Test001: ")
    assert "50" in found.problems[0]
    assert "49" in found.problems[0]
    assert found.frames == COUNT


def test_broken_frames_take_the_score_before_them_and_are_counted(
    gray_model: Trained, dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "set"
    shutil.copytree(dataset, copy)
    damage_tiff(copy / "Test" / "Test001" / "020.tif")
    capfd.readouterr()
    found = run(gray_model, copy)
    assert (found.broken, found.frames, found.exit_code) == (1, 2 * COUNT, 3)
    assert "020.tif" in found.problems[0]
    assert capfd.readouterr() == ("", "")


def test_when_no_clip_fits_the_first_reason_is_given(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "set"
    shutil.copytree(dataset, copy)
    for name in ("Test001", "Test002"):
        (copy / "Test" / f"{name}_gt" / "050.bmp").unlink()
    with pytest.raises(MemwatchError, match="not one clip could be evaluated") as caught:
        run(gray_model, copy)
    assert "Test001" in caught.value.remedy
    assert caught.value.code == 1
