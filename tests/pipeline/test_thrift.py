"""What is not worked out because nothing asks for it: predictions and lessons of frames that teach nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from memwatch.model import Model
from memwatch.pipeline import Detector
from memwatch.pipeline.knowledge import Lesson, Updates
from memwatch.runtime import open_runtime
from memwatch.scoring import Calibration
from memwatch.types import ANSWERS, Answer, Clip, Observation, Prediction, State
from tests import tiny
from tests.pipeline.scripted import learner


class Counted:
    """A runtime that counts the clips it predicts, and those it only answers for."""

    def __init__(self, model: Model) -> None:
        self._runtime = open_runtime(model)
        self.predicted: list[int] = []
        self.answered: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def predict(self, clips: Sequence[Clip], states: Sequence[State]) -> list[Prediction]:
        self.predicted += [clip.frame.index for clip in clips]
        return self._runtime.predict(clips, states)

    def answer(self, clips: Sequence[Clip]) -> Sequence[Answer]:
        self.answered += [clip.frame.index for clip in clips]
        return self._runtime.answer(clips)


@pytest.fixture(scope="module")
def made() -> Model:
    return tiny.model(cues=(*ANSWERS, "motion"), rate=0.2, head_scene=True, head_place=4)


def watched(
    made: Model, *, size: int = 1, updates: Updates = Updates.gated, thrifty: bool = True
) -> tuple[Detector, Counted, list[Observation]]:
    """A hundred frames with something odd in the middle, in batches of a size."""
    runtime = Counted(made)
    assert made.calibration is not None
    calibration = Calibration.from_record(made.calibration, "tiny")
    detector = Detector(runtime, calibration, updates=updates, thrifty=thrifty)
    clips = tiny.clips(tiny.frames(110, odd=range(55, 60)), made.config)
    return detector, runtime, [o for at in range(0, len(clips), size) for o in detector.step(clips[at : at + size])]


@pytest.mark.parametrize("size", [1, 8])
def test_a_thrifty_detector_scores_and_learns_the_same(made: Model, size: int) -> None:
    lavish, _, every = watched(made, thrifty=False)
    thrifty, runtime, some = watched(made, size=size)
    for one, other in zip(every, some, strict=True):
        assert one.score.value == pytest.approx(other.score.value, abs=1e-3)
        assert one.score.anomalous == other.score.anomalous
        assert [(r.box, r.cue, r.track) for r in one.regions] == [(r.box, r.cue, r.track) for r in other.regions]
    assert any(o.score.anomalous for o in some)
    assert thrifty.learner.taken == lavish.learner.taken > 0
    assert thrifty.learner.undone == lavish.learner.undone
    assert thrifty.learner.refused == lavish.learner.refused
    for name, value in lavish.learner.knowledge.memory.items():
        np.testing.assert_allclose(thrifty.learner.knowledge.memory[name], value, atol=1e-4)
    scenes = [one.learner.knowledge.scene for one in (thrifty, lavish)]
    assert scenes[0] is not None
    assert scenes[1] is not None
    np.testing.assert_allclose(scenes[0].mean, scenes[1].mean, atol=1e-5)
    assert (len(runtime.answered) > 40) == (size == 1)  # in a batch there is always one that may teach


def test_frames_too_near_to_teach_are_not_predicted(made: Model) -> None:
    """Ten frames a second, of which every second one may teach."""
    _, runtime, seen = watched(made)
    assert made.config.step_s == pytest.approx(0.2)
    calm = [o.index for o in seen if o.index < 50]
    assert [index for index in runtime.predicted if index < 50] == calm[::2]
    for observation in seen:
        there = observation.index in set(runtime.predicted)
        score = observation.score
        assert [n is not None for n in (score.error, score.psnr, score.distance)] == [there] * 3
        assert there or not score.learned


def test_where_every_frame_is_too_irregular_to_teach_every_second_one_is_asked(made: Model) -> None:
    strict = replace(made, calibration=cast(dict[str, Any], made.calibration) | {"gate": 0.0})
    detectors = [watched(strict, thrifty=thrifty)[:2] for thrifty in (True, False)]
    runtime = detectors[0][1]
    assert [index for index in runtime.predicted if index < 50] == list(range(runtime.predicted[0], 50, 2))
    told = [detector.learner.refused for detector, _ in detectors]
    assert told[0] == told[1]
    assert 30 < told[0].irregular < 60


def test_who_learns_nothing_predicts_nothing(made: Model) -> None:
    _, runtime, seen = watched(made, updates=Updates.frozen)
    assert not runtime.predicted
    assert len(runtime.answered) == len(seen)


def test_in_any_batch_the_same_frames_are_predicted(made: Model) -> None:
    errors = [[o.score.error is None for o in watched(made, size=size)[2]] for size in (1, 3, 8)]
    assert errors[0] == errors[1] == errors[2]


def test_a_score_made_of_predictions_has_them_all() -> None:
    made = tiny.model(cues=("prediction", "motion"), rate=0.2, head_scene=True, head_place=4)
    _, runtime, seen = watched(made)
    assert not runtime.answered
    assert len(runtime.predicted) == len(seen)


def test_only_a_thrifty_one_saves(made: Model) -> None:
    _, runtime, _ = watched(made, thrifty=False)
    assert not runtime.answered


def test_a_lesson_is_wanted_that_would_wait_or_say_what_is_not_to_be_undone() -> None:
    one = learner(step_s=0.2)
    assert one.wants(0.0, anomalous=False)
    one.offer(Lesson(0.1, 1, None), regularity=0.0, over=False, anomalous=False)
    assert [one.wants(seconds, anomalous=False) for seconds in (0.2, 0.29, 0.3)] == [False, False, True]
    assert one.wants(0.2, anomalous=True)
    one.offer(Lesson(0.2, None, None), regularity=None, over=True, anomalous=True)
    assert not one.wants(0.25, anomalous=True), "the alarm has begun before"
    assert not learner(Updates.frozen, step_s=0.2).wants(0.0, anomalous=True)


def test_what_was_not_predicted_teaches_nothing_and_is_no_irregular_frame() -> None:
    one = learner(step_s=0.2)
    assert not one.offer(Lesson(0.0, None, None), regularity=None, over=False, anomalous=False)
    assert one.due(0.0)
    assert (one.refused.irregular, one.refused.anomalous) == (0, 0)
