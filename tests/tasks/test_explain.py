"""Explaining: the same score as `score` gives, what goes into the picture, and the frames that can't be explained."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from memwatch.config import RegionConfig
from memwatch.errors import MemwatchError, UsageError
from memwatch.model import load_model, save_model
from memwatch.tasks.explain import Witness, explain
from memwatch.tasks.explanation import Explanation
from memwatch.tasks.memory import show
from memwatch.tasks.progress import Silent
from memwatch.tasks.score import score
from memwatch.types import Clip, Frame, Prediction
from tests.conftest import Trained
from tests.scene import film, folder, video

COUNT, ODD = 40, range(28, 36)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("explain") / "walk.mp4", film(COUNT, seed=11, odd=ODD))


def run(model: Trained, source: Path, frame: int, out: Path, **options: Any) -> Explanation:
    return explain(str(source), frame=frame, model=model.path, out=out, progress=Silent(), **options)


def test_it_explains_the_score_that_score_gives(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    done = run(colour_model, clip, 30, tmp_path / "why.png")
    score([str(clip)], model=colour_model.path, out=tmp_path / "scored", progress=Silent())
    with (tmp_path / "scored/walk/scores.csv").open(newline="") as file:
        row = list(csv.DictReader(file))[30]
    told = done.to_dict()
    assert told["frame"] == int(row["frame"])
    assert told["score"] == pytest.approx(float(row["score"]), abs=1e-4)
    assert told["anomalous"] == (told["score"] > told["threshold"])
    assert set(told["cues"]) == set(done.observation.cues)


def test_the_budget_and_the_sizes_are_those_of_a_watch(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    plain = run(colour_model, clip, 30, tmp_path / "a.png").to_dict()
    other = run(colour_model, clip, 30, tmp_path / "b.png", per_day=1000.0, sizes=RegionConfig(min_area=0.9)).to_dict()
    assert other["threshold"] < plain["threshold"]
    assert (bool(plain["boxes"]), other["boxes"], other["anomalous"]) == (True, [], False)


def test_the_picture_shows_the_frame(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "why.png"
    assert run(colour_model, clip, 30, out).path == out
    picture = cv2.imread(str(out))
    assert picture.shape[1] > 1500
    assert 30 < picture.std() < 120
    assert [path.name for path in out.parent.iterdir()] == ["why.png"]


def test_a_folder_of_frames_and_a_frozen_memory(gray_model: Trained, tmp_path: Path) -> None:
    frames = folder(tmp_path / "frames", film(20, colour=False))
    done = run(gray_model, frames, 19, tmp_path / "why.png", fps=10.0, learn=False)
    assert done.observation.index == 19
    assert not done.observation.score.learned


def test_without_out_it_is_named_after_source_and_frame(
    colour_model: Trained, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = explain(str(clip), frame=6, model=colour_model.path, progress=Silent())
    assert done.path == Path("walk-frame-6.png")
    assert (tmp_path / "walk-frame-6.png").is_file()


@pytest.mark.parametrize(
    ("name", "says"), [("walk.mp4", r"a picture's name ends in \.png"), ("notes.png", "exists and is no PNG picture")]
)
def test_a_picture_is_not_written_over_something_else(
    colour_model: Trained, tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / name).write_bytes(b"somebody's")
    with pytest.raises(UsageError, match=says):
        explain(str(tmp_path / "walk.mp4"), frame=6, model=colour_model.path, out=tmp_path / name, progress=Silent())
    with pytest.raises(UsageError, match=says):
        show(tmp_path / "yard.state", model=colour_model.path, picture=tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"somebody's"


def test_a_frame_far_beyond_the_end_is_refused_before_the_footage_is_watched(
    colour_model: Trained, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memwatch.tasks.explain.run_session", None)
    with pytest.raises(UsageError, match=r"walk: has no frame 9999, its header counts 40"):
        explain(str(clip), frame=9999, model=colour_model.path, progress=Silent())


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (0, r"walk: frame 0 has no score, too few frames come before it\. name frame 4 or a later one"),
        (3, r"frame 3 has no score"),
        (40, r"walk: has no frame 40, its last is 39\. frames count from 0"),
        (9999, r"has no frame 9999"),
    ],
)
def test_frames_that_cannot_be_explained(
    colour_model: Trained, clip: Path, tmp_path: Path, frame: int, says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        run(colour_model, clip, frame, tmp_path / "why.png")
    assert re.search(says, caught.value.line()), caught.value.line()
    assert list(tmp_path.iterdir()) == []


def test_a_frame_that_does_not_decode(gray_model: Trained, tmp_path: Path) -> None:
    frames = folder(tmp_path / "frames", film(20, colour=False))
    (frames / "011.png").write_bytes(b"")
    with pytest.raises(MemwatchError, match="frame 10 could not be decoded"):
        run(gray_model, frames, 10, tmp_path / "why.png")


def test_a_camera_is_refused(colour_model: Trained, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rtsp://.*@cam/1: is a camera") as caught:
        explain("rtsp://u:secret@cam/1", frame=5, model=colour_model.path, out=tmp_path / "x.png", progress=Silent())
    assert "secret" not in caught.value.line()


def test_a_model_without_calibration(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    bare = load_model(colour_model.path)
    bare.calibration = None
    save_model(bare, tmp_path / "bare.safetensors")
    with pytest.raises(UsageError, match=r"bare\.safetensors: .*no calibration"):
        explain(str(clip), frame=9, model=tmp_path / "bare.safetensors", out=tmp_path / "x.png", progress=Silent())
    assert not (tmp_path / "x.png").exists()


class _Runtime:
    """Its memory has three items; the left half of every picture is item 2, the rest item 0."""

    config = None

    def predict(self, clips: list[Clip], states: list[Any]) -> list[Prediction]:
        far = np.zeros((2, 4), np.float32)
        return [Prediction(frame=c.target, distance=far, oddity=None, query=c.frame.index) for c in clips]

    def similarity(self, query: int, state: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
        alike = np.zeros((3, 2, 4), np.float32)
        alike[2, :, :2], alike[0, :, 2:] = 0.9, 0.5
        alike[2, 1, 0] += 0.01 * query
        return alike


def test_items_are_told_by_their_share_and_shown_by_what_is_most_like_them() -> None:
    witness = Witness(_Runtime(), 1)  # type: ignore[arg-type]
    blank = np.empty((0, 0, 3), np.uint8)
    for index in range(3):
        picture = np.full((1, 16, 32), index / 4, np.float32)
        clip = Clip(picture, picture, Frame("x", index, 0.0, index / 10, blank))
        witness.predict([clip], [None])
    items = witness.items()
    assert [(item.number, item.share) for item in items] == [(2, 0.5), (0, 0.5), (1, 0.0)]
    assert items[0].similarity == pytest.approx(0.91)
    assert items[0].patch is not None
    assert float(items[0].patch.mean()) == 0.25, "the best so far is in frame 1; frame 2 comes after the one asked for"
    assert items[2].patch is None
    assert witness.clip is not None
    assert witness.clip.frame.index == 1
