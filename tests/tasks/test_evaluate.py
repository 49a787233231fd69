"""Evaluating: the figures a labelled data set gives, and the line where truth and footage don't fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from memwatch.config import RegionConfig
from memwatch.errors import MemwatchError, UsageError
from memwatch.pipeline import Detector, run_session
from memwatch.pipeline.knowledge import Learner
from memwatch.tasks import evaluate as evaluating
from memwatch.tasks.evaluate import EvaluateReport, evaluate
from memwatch.tasks.progress import Silent
from memwatch.types import Tally
from memwatch.video import open_source
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
    assert found["segments"] == 2
    for name in ("rbdc", "tbdc", "regions_found", "tracks_found", "segments_found"):
        assert 0 <= found[name] <= 1
    assert found["pixel_level"].keys() == {"auc", "eer"}
    # 80 of the 100 frames are normal, at ten a second.
    assert found["normal_hours"] == pytest.approx(8 / 3600, abs=1e-5)
    low, high = found["false_alarms_per_day_bounds"]
    assert low <= found["false_alarms_per_day"] <= high
    assert found["cues"].keys() >= {"prediction", "motion"}
    for cue in found["cues"].values():
        assert cue.keys() >= {"auc", "pixel_auc", "rbdc", "tbdc", "segments_found", "median_delay_s"}
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
    assert (report.combined.rbdc or 0) > 0.5


def test_the_table_groups_frames_places_alarms_and_cues(report: EvaluateReport) -> None:
    names = [name for name, _ in report.rows()]
    assert names[:2] == ["data", "causal"]
    assert names.index("pixels") < names.index("regions, tracks") < names.index("false alarms")
    assert names.index("false alarms") < names.index("cue prediction") < names.index("speed")
    text = dict(report.rows())
    assert "2 segments found" in next(text[name] for name in names if name.startswith("alarms at"))
    assert "95 % sure" in text["false alarms"]
    cue = report.cues["prediction"].alarms
    assert cue.false_alarms_per_day is not None
    assert text["cue prediction"].endswith(f"false {cue.false_alarms_per_day:,.0f} a day")
    assert (cue.median_delay_s is None) == (" after " not in text["cue prediction"])


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
        return bytes(detector.learner.knowledge.memory["items"].numpy().tobytes())

    monkeypatch.setattr(evaluating, "run_session", session)
    # The odd frames would undo all that these seconds taught.
    monkeypatch.setattr(Learner, "_undo", lambda self, now: None)
    assert run(gray_model, dataset, **options).memory == memory
    assert (ends[0] != starts[0]) is options.get("learn", True)
    assert starts[1] == (ends[0] if carried else starts[0])


def test_frame_labels_alone_give_no_pixel_figure(colour_model: Trained, tmp_path: Path) -> None:
    video(tmp_path / "walk.mp4", film(COUNT, seed=11, odd=ODD))
    labels(tmp_path / "labels.csv", COUNT, ODD)
    found = run(colour_model, tmp_path / "walk.mp4")
    assert found.pixel_auc is None
    assert (found.clips, found.frames) == (1, COUNT)
    assert (found.combined.rbdc, found.combined.tbdc, found.combined.mean_iou) == (None, None, None)
    assert len(found.combined.alarms.delays) == 1
    assert not any(name.startswith(("pixels", "regions")) for name, _ in found.rows())


def test_footage_that_is_all_normal_has_false_alarms_and_nothing_else(colour_model: Trained, tmp_path: Path) -> None:
    video(tmp_path / "walk.mp4", film(COUNT, seed=11))
    labels(tmp_path / "labels.csv", COUNT)
    found = run(colour_model, tmp_path / "walk.mp4").to_dict()
    assert (found["causal"]["auc"], found["rbdc"], found["segments"], found["segments_found"]) == (None, None, 0, None)
    assert found["normal_hours"] == pytest.approx(COUNT / 10 / 3600, abs=1e-5)
    assert found["false_alarms_per_day"] is not None


def test_clips_with_and_without_masks_stand_together(gray_model: Trained, dataset: Path, tmp_path: Path) -> None:
    """As in UCSD Ped1: all clips have frame labels, some have masks."""
    copy = tmp_path / "set"
    shutil.copytree(dataset, copy)
    shutil.rmtree(copy / "Test" / "Test001_gt")
    spans = f"gt_frame = [{ODD[0] + 1}:{ODD[-1] + 1}];\n"
    (copy / "Test" / "UCSDped.m").write_text(f"TestVideoFile{{end+1}}.{spans}" * 2)
    found = run(gray_model, copy)
    assert (found.clips, len(found.combined.alarms.delays)) == (2, 2)
    assert found.combined.rbdc is not None
    assert found.pixel_auc is not None


@pytest.mark.parametrize("stated", [None, COUNT - 3, COUNT + 3])
def test_a_header_that_misstates_the_length_changes_nothing(
    gray_model: Trained, dataset: Path, report: EvaluateReport, monkeypatch: pytest.MonkeyPatch, stated: int | None
) -> None:
    def misstated(*args: Any, **options: Any) -> Any:
        source = open_source(*args, **options)
        monkeypatch.setattr(source, "length", stated)
        return source

    monkeypatch.setattr(evaluating, "open_source", misstated)
    found = run(gray_model, dataset)
    assert found.causal == report.causal
    assert found.combined == report.combined
    assert found.problems == []


def test_sizes_leave_out_regions(gray_model: Trained, dataset: Path, report: EvaluateReport) -> None:
    found = run(gray_model, dataset, sizes=RegionConfig(min_area=0.999))
    assert found.causal == report.causal, "the score is the map's, whatever its regions' size"
    assert (found.combined.rbdc, found.combined.alarms.alarms) == (0.0, 0)


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
    assert found.combined.alarms.normal_s == pytest.approx(8.0), "its time is counted too"
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
