"""A state file that somebody else writes to while its camera is watched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memwatch.pipeline import Detector, Updates
from memwatch.pipeline.knowledge import Lesson
from memwatch.pipeline.state_file import NotAStateError, load_state
from memwatch.tasks import memory
from memwatch.tasks.camera_state import StateKeeper
from memwatch.tasks.progress import Silent
from memwatch.tasks.session import Loaded, load
from tests import tiny
from tests.conftest import Trained


@pytest.fixture
def loaded(colour_model: Trained) -> Loaded:
    return load(colour_model.path)


def watched(loaded: Loaded, path: Path, *, learns: bool = True) -> tuple[StateKeeper, Detector]:
    """A keeper and its detector, which has learned three lessons of a brighter scene."""
    keeper = StateKeeper(path, loaded, "yard", Silent(), learns=learns)
    detector = loaded.detector(learn=keeper.learns, knowledge=keeper.knowledge)
    learner = detector.learner
    assert learner.knowledge.scene is not None
    brighter = replace(learner.knowledge.scene, mean=learner.knowledge.scene.mean + np.float32(0.01))
    learner.knowledge, learner.taken = replace(learner.knowledge, scene=brighter), 3
    keeper.save(detector)
    return keeper, detector


def test_a_camera_that_is_frozen_meanwhile_learns_no_more_until_it_is_thawed(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "s"
    keeper, detector = watched(loaded, path)
    for act, updates in ((memory.freeze, Updates.frozen), (memory.thaw, Updates.gated)):
        act(path)
        keeper.save(detector)
        assert detector.learner.updates == updates
        kept = load_state(path)
        assert (kept.frozen, kept.taken) == (updates == Updates.frozen, 3)


def test_what_waits_when_a_camera_is_frozen_is_not_learned(loaded: Loaded, tmp_path: Path) -> None:
    keeper, detector = watched(loaded, tmp_path / "s")
    clip = tiny.clips(tiny.frames(20), loaded.model.config)[-1]
    detector.learner.offer(Lesson(clip.frame.seconds - 60, None, None), regularity=0.0, over=False, anomalous=False)
    assert [count for _, count in detector.learner.foresee([clip])] == [1]
    memory.freeze(tmp_path / "s")
    keeper.save(detector)
    assert detector.learner.foresee([clip]) == [(detector.learner.knowledge, 0)]


def test_a_camera_that_is_reset_meanwhile_goes_on_as_trained(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "s"
    keeper, detector = watched(loaded, path)
    memory.reset(path)
    keeper.save(detector)
    kept, scene = load_state(path), loaded.calibration.scene
    assert scene is not None
    assert detector.learner.knowledge.scene == scene
    assert (kept.taken, kept.arrays["scene.mean"].tolist()) == (0, scene.mean.tolist())
    detector.learner.taken = 2
    keeper.save(detector)
    assert load_state(path).taken == 2


def test_thawing_lets_no_camera_learn_that_is_not_to(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "s"
    keeper, detector = watched(loaded, path, learns=False)
    memory.freeze(path)
    memory.thaw(path)
    keeper.save(detector)
    assert detector.learner.updates == Updates.frozen


def test_what_was_damaged_meanwhile_is_written_anew(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "s"
    keeper, detector = watched(loaded, path)
    path.write_bytes(path.read_bytes()[:60])
    keeper.save(detector)
    assert load_state(path).taken == 3


def test_somebodys_file_that_took_its_place_meanwhile_is_told_and_stays(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "s"
    keeper, detector = watched(loaded, path)
    path.write_bytes(b"no state")
    with pytest.raises(NotAStateError, match="not a state file"):
        keeper.save(detector)
    assert path.read_bytes() == b"no state"
