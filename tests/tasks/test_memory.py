"""`memwatch memory`: what a camera's state says, and what becomes of it, by function and by command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from memwatch.errors import UsageError
from memwatch.model import Model, load_model, save_model
from memwatch.pipeline.detector import Detector
from memwatch.pipeline.knowledge import Refusals
from memwatch.pipeline.state_file import CameraState, load_state, save_state, to_arrays
from memwatch.tasks import memory
from memwatch.tasks.memory_report import LEAST_USED, MemoryReport
from memwatch.tasks.session import load
from tests import tiny
from tests.conftest import Command

ITEMS = 12


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With pictures of its items, as training leaves them."""
    made = tiny.model(cues=("prediction", "motion"), rate=0.2, items=ITEMS, head_scene=True, head_place=4)
    made.exemplars = np.random.default_rng(0).integers(0, 255, (ITEMS, 1, 32, 32), np.uint8)
    path = tmp_path_factory.mktemp("memory") / "yard.safetensors"
    save_model(made, path)
    return path


@pytest.fixture(scope="module")
def taught(model: Path) -> CameraState:
    loaded = load(model)
    detector = loaded.detector(learn=True)
    detector.step(tiny.clips(tiny.frames(60), loaded.model.config))
    arrays = to_arrays(detector.learner.knowledge, loaded.runtime)
    return CameraState(loaded.model.id, "mnad", "yard", 1e9, 1e9 + 60, 17, Refusals(1, 2, 3), 4, False, arrays)


@pytest.fixture
def kept(taught: CameraState, tmp_path: Path) -> Path:
    path = tmp_path / "yard.state"
    save_state(path, taught)
    return path


def rows(report: MemoryReport) -> dict[str, str]:
    return dict(report.rows())


# Show


def test_show_tells_what_the_file_says(kept: Path, taught: CameraState) -> None:
    report = memory.show(kept)
    told = rows(report)
    assert told["model"] == f"{taught.model}, memory mnad"
    assert told["age"] == "since 2001-09-09T01:46:40.000Z, saved 2001-09-09T01:47:40.000Z"
    assert told["lessons"] == "17 learned"
    assert told["refused"] == "1 over the threshold, 2 too irregular, 3 too near to an anomaly"
    assert told["undone"].startswith("4 lessons")
    assert "items" not in told  # that takes the model
    record = report.to_dict()
    assert record["schema"] == "memwatch.memory/1"
    assert record["refused"] == {"anomalous": 1, "irregular": 2, "quarantined": 3}
    assert (record["frozen"], record["items_used"]) == (False, report.used)
    assert sum(record["use"]) == pytest.approx(1, abs=1e-3)
    assert "drift" not in record


def test_used_is_nearest_to_a_tenth_of_an_even_share(kept: Path, taught: CameraState) -> None:
    """Of four items a tenth of an even share is 0.025."""
    use = np.array([0.9, 0.0749, 0.025, 0.0001], np.float32)
    assert LEAST_USED / 4 == 0.025
    report = MemoryReport(kept, replace(taught, arrays={"use": use}), None)
    assert report.used == 3
    assert rows(report)["use"] == "3 of 4 items; the most used for 90%"
    early = MemoryReport(kept, replace(taught, arrays={"use": use / 50}), None)  # a lesson or two
    assert early.used == 3
    np.testing.assert_allclose(early.use, use, rtol=1e-3)
    untaught = MemoryReport(kept, replace(taught, arrays={"use": np.zeros(4, np.float32)}), None)
    assert untaught.used is None
    assert "use" not in rows(untaught)
    assert MemoryReport(kept, replace(taught, arrays={}), None).used is None


def test_with_the_model_it_says_how_far_it_moved(kept: Path, model: Path, taught: CameraState) -> None:
    report = memory.show(kept, model=model)
    trained = load(model)
    assert report.drift is not None
    moved = np.linalg.norm(taught.arrays["memory.items"] - trained.model.state["items"].numpy(), axis=1)
    np.testing.assert_allclose(report.drift.items, moved, atol=1e-5)
    assert report.drift.items.max() > 0
    assert report.drift.scene is not None
    assert report.drift.scene_most is not None
    assert 0 < report.drift.scene <= report.drift.scene_most
    assert {"items", "scene"} <= set(rows(report))
    assert len(report.to_dict()["drift"]["items"]) == ITEMS


def test_a_scene_that_brightened_evenly_in_one_place_by_hand(kept: Path, model: Path, taught: CameraState) -> None:
    """All of the scene brighter by 0.1: so far it moved, on the whole and at most."""
    trained = load(model).calibration.scene
    assert trained is not None
    save_state(kept, replace(taught, arrays=taught.arrays | {"scene.mean": trained.mean + np.float32(0.1)}))
    drift = memory.show(kept, model=model).drift
    assert drift is not None
    assert (drift.scene, drift.scene_most) == (pytest.approx(0.1, abs=1e-5), pytest.approx(0.1, abs=1e-5))
    assert rows(memory.show(kept, model=model))["scene"] == "changed by 10.0% of full brightness, 10.0% at most"


def test_another_model_is_refused(kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_model(tiny.model(1), other)
    with pytest.raises(UsageError, match="of another model"):
        memory.show(kept, model=other)


# Reset, freeze, thaw


def test_reset_forgets_what_was_learned_and_stays_frozen(kept: Path, model: Path, taught: CameraState) -> None:
    memory.freeze(kept)
    told = rows(memory.reset(kept))
    assert told["memory"] == "as trained"
    assert told["age"].endswith(", frozen")
    back = load_state(kept)
    assert (back.taken, back.undone, back.refused, back.arrays) == (0, 0, Refusals(), {})
    assert (back.model, back.memory, back.camera) == (taught.model, "mnad", "yard")
    assert back.begun == back.saved > taught.saved
    shown = memory.show(kept, model=model)  # which knows how far: nowhere
    assert shown.drift is not None
    assert shown.drift.items.max() == 0
    assert shown.drift.scene == 0


def test_freeze_and_thaw_change_nothing_else(kept: Path, taught: CameraState) -> None:
    for act, frozen in ((memory.freeze, True), (memory.freeze, True), (memory.thaw, False)):
        assert act(kept).state.frozen == frozen
        back = load_state(kept)
        assert back.frozen == frozen
        assert replace(back, frozen=False, arrays={}) == replace(taught, arrays={})
        assert all(np.array_equal(back.arrays[name], value) for name, value in taught.arrays.items())


@pytest.mark.parametrize("act", [memory.show, memory.reset, memory.freeze, memory.thaw])
def test_what_is_no_state_is_left_as_it_is(act: Any, tmp_path: Path) -> None:
    path = tmp_path / "yard.state"
    with pytest.raises(UsageError, match="no such state file"):
        act(path)
    path.write_text("once upon a time")
    with pytest.raises(UsageError, match="not a state file"):
        act(path)
    assert path.read_text() == "once upon a time"
    assert list(tmp_path.iterdir()) == [path]


# The picture


def width_and_height(path: Path) -> tuple[int, int]:
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.std() > 5
    return picture.shape[1], picture.shape[0]


def test_the_picture_shows_every_item(kept: Path, model: Path, tmp_path: Path) -> None:
    """Twelve items are two rows of at most ten."""
    path = tmp_path / "out" / "yard.png"
    assert rows(memory.show(kept, model=model, picture=path))["picture"] == str(path)
    width, height = width_and_height(path)
    assert 1000 < width < 2000
    assert 300 < height < 1000


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("items", [1, 50])
def test_a_picture_of_one_item_or_of_many_gray_or_in_colour(tmp_path: Path, channels: int, items: int) -> None:
    made = tiny.model(channels=channels, items=items)
    made.exemplars = np.random.default_rng(0).integers(0, 255, (items, channels, 32, 32), np.uint8)
    save_model(made, tmp_path / "m.safetensors")
    save_state(tmp_path / "s", CameraState(made.id, "mnad", "yard", 1e9, 1e9))  # one that was reset has a picture too
    memory.show(tmp_path / "s", model=tmp_path / "m.safetensors", picture=tmp_path / "p.png")
    width, height = width_and_height(tmp_path / "p.png")
    assert 1000 < width < 2000
    assert (height > 800) == (items == 50)


def test_without_pictures_of_its_items_a_model_is_refused(kept: Path, model: Path, tmp_path: Path) -> None:
    bare: Model = load_model(model)
    bare.exemplars = None
    save_model(bare, tmp_path / "bare.safetensors")
    with pytest.raises(UsageError, match="holds no pictures of items") as caught:
        memory.show(kept, model=tmp_path / "bare.safetensors", picture=tmp_path / "p.png")
    assert "\n" not in caught.value.line()
    assert not (tmp_path / "p.png").exists()


# The command


def test_the_command_shows_resets_freezes_and_thaws(kept: Path, model: Path, command: Command, tmp_path: Path) -> None:
    for action, frozen, lessons in (("show", False, 17), ("freeze", True, 17), ("reset", True, 0), ("thaw", False, 0)):
        done = command("memory", action, "--state", kept, "--format", "json")
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["frozen"], told["lessons"]) == (frozen, lessons), action
    line = ["memory", "show", "--state", kept, "--model", model, "--picture", tmp_path / "p.png"]
    done = command(*line, "--format", "table")
    assert done.code == 0, done.err
    assert "as trained" in done.out
    assert width_and_height(tmp_path / "p.png")[0] > 1000


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("memory freeze --state KEPT --model MODEL", "freeze takes the state alone"),
        ("memory reset --state KEPT --picture p.png", "reset takes the state alone"),
        ("memory show --state KEPT --picture p.png", "name the model too"),
        ("memory show --state MODEL", "not a state file"),
        ("memory show --state KEPT --model KEPT", "not a memwatch model"),
        ("memory thaw --state nowhere.state", "no such state file"),
        ("memory show", "Missing option '--state'"),
        ("memory melt --state KEPT", "'show', 'reset', 'freeze', 'thaw'"),
    ],
)
def test_a_line_that_cannot_be_ends_in_2_and_one_line(
    kept: Path, model: Path, command: Command, tmp_path: Path, line: str, says: str
) -> None:
    before = kept.read_bytes()
    named = {"KEPT": kept, "MODEL": model, "p.png": tmp_path / "p.png", "nowhere.state": tmp_path / "nowhere.state"}
    done = command(*(named.get(word, word) for word in line.split()))
    assert done.code == 2
    assert says in done.complaint()
    assert done.out == ""
    assert kept.read_bytes() == before
    assert list(tmp_path.iterdir()) == [kept]


def test_a_memory_without_state_has_nothing_to_tell(tmp_path: Path, command: Command) -> None:
    made = tiny.model(memory="none", head_width=0)
    save_model(made, tmp_path / "m.safetensors")
    detector = Detector(load(tmp_path / "m.safetensors").runtime, load(tmp_path / "m.safetensors").calibration)
    arrays = to_arrays(detector.learner.knowledge, detector.runtime)
    assert arrays == {}
    save_state(tmp_path / "s", CameraState(made.id, "none", "yard", 1e9, 1e9, arrays=arrays))
    done = command("memory", "show", "--state", tmp_path / "s", "--model", tmp_path / "m.safetensors")
    assert done.code == 0, done.err
