"""What a run leaves for its report: pictures of events, and what it was."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from memwatch.sinks.event_pictures import RECENT, EventPictures, picture_paths
from memwatch.sinks.heat import heat
from memwatch.sinks.run_file import RunFile
from tests.sinks.stream import THRESHOLD, WALL, frame, play
from tests.tasks.runs import make_run


def test_the_picture_is_the_frame_at_the_events_peak(tmp_path: Path) -> None:
    with EventPictures(tmp_path / "pictures") as sink:
        play("......5559555......", [sink])
    picture, hot = picture_paths(tmp_path / "pictures", "a")
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == [picture.name]
    assert not hot.exists(), "these observations have no map"
    difference = np.abs(cv2.imread(str(picture)).astype(float) - frame(9).image)
    others = [np.abs(cv2.imread(str(picture)).astype(float) - frame(i).image).mean() for i in (6, 8, 10, 12)]
    assert difference.mean() < min(others) / 4


def test_a_peak_long_before_the_end_of_the_event_is_kept(tmp_path: Path) -> None:
    with EventPictures(tmp_path) as sink:
        play("95" + "5" * 3 * RECENT, [sink])
    difference = np.abs(cv2.imread(str(picture_paths(tmp_path, "a")[0])).astype(float) - frame(0).image)
    assert difference.mean() < 3


def test_a_calm_source_leaves_no_folder(tmp_path: Path) -> None:
    with EventPictures(tmp_path / "pictures") as sink:
        play("....3....", [sink])
    assert list(tmp_path.iterdir()) == []


def test_wide_pictures_are_made_small(tmp_path: Path) -> None:
    with EventPictures(tmp_path) as sink:
        play("..99999..", [sink], size=(960, 540))
    assert cv2.imread(str(picture_paths(tmp_path, "a")[0])).shape == (270, 480, 3)


def test_heat_is_clear_where_it_is_ordinary_and_bright_over_the_threshold() -> None:
    image = np.full((40, 80, 3), 100, np.uint8)
    grid = np.zeros((4, 8), np.float32)
    grid[:, 4:] = 2 * THRESHOLD
    shown = heat(image, grid, THRESHOLD)
    assert shown[20, 5] == pytest.approx([55, 55, 55], abs=1)
    assert shown[20, 75].max() > 150
    assert shown.shape == image.shape
    assert (image == 100).all()


def test_what_a_run_was(tmp_path: Path) -> None:
    with RunFile(tmp_path / "run.json", about={"verb": "watch"}) as sink:
        play("??..99.", [sink])
    told = json.loads((tmp_path / "run.json").read_text())
    assert told == {
        "schema": "memwatch.run/1", "name": "yard", "size": [64, 48], "first": "2026-03-01T21:04:11.000Z",
        "last": "2026-03-01T21:04:11.600Z", "frames": 7, "threshold": THRESHOLD, "verb": "watch",
    }  # fmt: skip
    assert WALL % 1 == 0


def test_an_aborted_run_does_not_say_that_it_is_one(tmp_path: Path) -> None:
    with pytest.raises(KeyError), RunFile(tmp_path / "run.json", about={}):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_made_run_has_all_of_it(tmp_path: Path) -> None:
    """The runs that other tests read are like real ones."""
    folder = make_run(tmp_path, "?..99999..x..")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["events.ndjson", "pictures", "regions.csv", "run.json", "scores.csv"]
    assert sorted(path.suffix for path in (folder / "pictures").iterdir()) == [".jpg", ".jpg"]
