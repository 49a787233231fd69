"""Plain footage: which clips are found, and the truth that people write themselves, whole and broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memwatch.errors import MemwatchError, UsageError
from memwatch.video.datasets import find_clips

from .trees import drawn, frames, marked, names, numbered, touch, truth_of


def test_a_file_with_its_truth_beside_it(tmp_path: Path) -> None:
    touch(tmp_path / "walk.mp4")
    drawn(tmp_path / "walk.json")
    data = find_clips(tmp_path / "walk.mp4", part="test")
    assert (data.layout, data.name, data.clips[0].name) == ("plain", "walk", "walk")
    truth = truth_of(data.clips[0], 6)
    assert marked(truth) == [2, 3, 4]
    assert truth.masks is not None
    assert truth.masks(2).sum() == 6 * 6
    assert truth.masks(2)[3, 4]
    assert not truth.masks(2)[9, 10], "boxes are half-open"
    assert truth.masks(3).sum() == 2 * 4, "cut at the picture's edge"
    assert not truth.masks(4).any()


def test_boxes_know_their_anomaly_and_end_at_the_picture(tmp_path: Path) -> None:
    touch(tmp_path / "walk.mp4")
    first = {"first": 1, "last": 2, "boxes": [[2, 4, 3, 10, 9], [2, 30, 20, 40, 30], [2, 32, 3, 40, 9]]}
    drawn(tmp_path / "walk.json", anomalies=[first, {"first": 2, "last": 2, "boxes": [[2, 0, 0, 1, 1]]}])
    truth = truth_of(find_clips(tmp_path / "walk.mp4", part="test").clips[0], 6)
    assert truth.boxes is not None
    assert truth.boxes(1) == ()
    assert truth.boxes(2) == ((0, (4, 3, 10, 9)), (0, (30, 20, 32, 24)), (1, (0, 0, 1, 1)))


def test_a_folder_of_clips(tmp_path: Path) -> None:
    touch(tmp_path / "walk2.mp4", tmp_path / "walk10.mp4", tmp_path / "._walk2.mp4", tmp_path / "notes.txt")
    frames(tmp_path / "yard", ["2.jpg", "10.jpg"])
    frames(tmp_path / "yard_gt", ["2.bmp"])
    (tmp_path / "empty").mkdir()
    drawn(tmp_path / "walk10.json", clip="walk10.mp4")
    assert names(tmp_path) == ["walk2", "walk10", "yard"]
    assert names(tmp_path, "test") == ["walk10"]
    assert names(tmp_path, "train") == ["walk2", "yard"]
    (tmp_path / "walk10.json").unlink()
    assert names(tmp_path, "test") == names(tmp_path, "train") == ["walk2", "walk10", "yard"]


def test_clips_of_one_stem_keep_their_suffix(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4", tmp_path / "a.avi", tmp_path / "b.mp4")
    assert names(tmp_path) == ["a.avi", "a.mp4", "b"]


def test_a_folder_of_frames_is_one_clip(tmp_path: Path) -> None:
    folder = tmp_path / "yard.1"
    frames(folder, numbered(3, ".png"))
    (folder / "labels.csv").write_text("frame,label\n0,0\n2,1\n1,1\n")
    data = find_clips(folder, part="test")
    assert [clip.name for clip in data.clips] == ["yard.1"]
    assert data.clips[0].path == folder
    truth = truth_of(data.clips[0], 3)
    assert marked(truth) == [1, 2]
    assert truth.masks is None


def test_truth_in_one_file_for_the_folder(tmp_path: Path) -> None:
    touch(tmp_path / "walk.mp4")
    drawn(tmp_path / "truth.json", clip="")
    assert marked(truth_of(find_clips(tmp_path).clips[0], 6)) == [2, 3, 4]
    touch(tmp_path / "other.mp4")
    other, _ = find_clips(tmp_path).clips
    with pytest.raises(MemwatchError, match="is the truth of '', not of clip other"):
        truth_of(other, 6)
    (tmp_path / "truth.json").unlink()
    (tmp_path / "labels.csv").write_text("clip,frame,label\nwalk,0,1\nother,0,0\nother,1,1\n")
    other, walk = find_clips(tmp_path).clips
    assert marked(truth_of(other, 2)) == [1]
    assert marked(truth_of(walk, 1)) == [0]
    (tmp_path / "labels.csv").write_text("frame,label\n0,1\n")
    with pytest.raises(MemwatchError, match="its columns are frame, label"):
        truth_of(walk, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "other/1"}, "its schema is not memwatch.truth/1"),
        ({"frames": 7}, r"Clip walk has 6 frames, but its truth .* has 7 \(\+1\)"),
        ({"width": 64}, "drawn on pictures of 64×24, the clip's are 32×24"),
        ({"anomalies": [{"first": 5, "last": 6}]}, "an anomaly runs from 5 to 6 of 6 frames"),
        ({"anomalies": [{"first": 1, "last": 2, "boxes": [[3, 0, 0, 1, 1]]}]}, "outside its anomaly's"),
        ({"anomalies": [{"first": 1, "last": 2, "boxes": [[1, 4, 0, 4, 1]]}]}, "is empty"),
        ({"anomalies": [7]}, "cannot be read as truth"),
        ({"anomalies": None}, "'anomalies' is missing"),
        ({"width": "wide"}, "cannot be read as truth"),
    ],
)
def test_bad_truth_files(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    touch(tmp_path / "walk.mp4")
    drawn(tmp_path / "walk.json", **changes)
    with pytest.raises(MemwatchError, match=message) as caught:
        truth_of(find_clips(tmp_path).clips[0], 6)
    assert caught.value.remedy


def test_an_empty_truth_is_called_empty(tmp_path: Path) -> None:
    touch(tmp_path / "walk.mp4")
    (tmp_path / "walk.json").write_text("\n")
    with pytest.raises(MemwatchError, match=r"walk.json: cannot be read as truth: it is empty"):
        truth_of(find_clips(tmp_path).clips[0], 6)


def test_truth_without_anomalies_is_a_normal_clip(tmp_path: Path) -> None:
    touch(tmp_path / "walk.mp4")
    drawn(tmp_path / "walk.json", anomalies=[])
    assert marked(truth_of(find_clips(tmp_path).clips[0], 6)) == []


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "\xff"])
def test_json_that_is_no_truth(tmp_path: Path, text: str) -> None:
    touch(tmp_path / "walk.mp4")
    (tmp_path / "walk.json").write_text(text, encoding="latin-1")
    with pytest.raises(MemwatchError, match=r"walk.json: cannot be read as truth"):
        truth_of(find_clips(tmp_path).clips[0], 6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("frame,label\n", "it is empty"),
        ("frame,score\n0,1\n", "its columns are frame, score"),
        ("frame,label\n1,1\n2,1\n", "once each"),
        ("frame,label\n0,1\n0,1\n", "once each"),
        ("frame,label\n0,2\n1,0\n", "label 0 or 1"),
        ("frame,label\n0,yes\n", "cannot be read as truth"),
        ("frame,label\n0,1\n", r"has 2 frames, but its truth .* has 1 \(-1\)"),
    ],
)
def test_bad_label_rows(tmp_path: Path, text: str, message: str) -> None:
    touch(tmp_path / "walk.mp4")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(MemwatchError, match=message):
        truth_of(find_clips(tmp_path).clips[0], 2)


@pytest.mark.parametrize("name", ["nowhere", "empty", "hidden"])
def test_paths_without_clips(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    touch(tmp_path / "hidden" / "._a.mp4", tmp_path / "hidden" / "Thumbs.db")
    with pytest.raises(UsageError, match=name) as caught:
        find_clips(tmp_path / name)
    assert caught.value.code == 2
    assert caught.value.remedy
