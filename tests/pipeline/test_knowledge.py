"""What teaches a detector, how much at most, and what becomes of the frames that don't."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memwatch.model import Model
from memwatch.pipeline.detector import ODD, Detector, _calm
from memwatch.pipeline.knowledge import QUARANTINE_S, USE_SHARE, Knowledge, Learner, Lesson, Refusals, Updates
from memwatch.runtime import open_runtime
from memwatch.scoring import Calibration, SceneLesson, SceneMemory, SceneView
from memwatch.scoring.scene import RATE
from memwatch.types import Clip, Grid
from tests import tiny
from tests.pipeline import scripted
from tests.pipeline.scripted import learner

GATE = 0.0005


def offered(one: Learner, text: str, *, fps: float = 10.0) -> list[bool]:
    """Offer a frame a letter, as the detector does, learning before each what its time has come for."""
    answers = []
    for clip in scripted.clips(text, fps=fps):
        ((known, count),) = one.foresee([clip])
        one.learn(known, count)
        over = text[clip.frame.index - 1] == "#"
        regularity = 2 * GATE if text[clip.frame.index - 1] == "~" else 0.0
        lesson = Lesson(clip.frame.seconds, clip.frame.index, None)
        answers.append(one.offer(lesson, regularity=regularity, over=over, anomalous=over))
    return answers


def learned(one: Learner) -> tuple[int, ...]:
    found: tuple[int, ...] = one.knowledge.memory["learned"]
    return found


# When it learns


def test_always_learns_from_anything_by_the_next_frame() -> None:
    one = learner(Updates.always)
    assert offered(one, "..#~#.", fps=1) == [True] * 6
    assert learned(one) == (1, 2, 3, 4, 5)
    assert one.taken == 5
    assert one.undone == 0
    assert one.refused == Refusals()


def test_always_scores_each_frame_with_all_before_it() -> None:
    runtime = scripted.Script()
    detector = scripted.detector(runtime, updates=Updates.always)
    detector.step(scripted.clips(".#~."))
    assert runtime.scored_with == {1: (), 2: (1,), 3: (1, 2), 4: (1, 2, 3)}


def test_frozen_learns_nothing_and_counts_nothing() -> None:
    one = learner(Updates.frozen)
    assert offered(one, "..#~.", fps=1) == [False] * 5
    assert one.knowledge.memory is scripted.START
    assert (one.taken, one.undone, one.refused) == (0, 0, Refusals())


def test_gated_learns_after_the_quarantine() -> None:
    one = learner()
    assert offered(one, ".....", fps=1) == [True] * 5
    assert learned(one) == (1, 2, 3)


def test_a_camera_that_was_frozen_and_thawed_goes_back_to_nothing_before() -> None:
    one = learner()
    offered(one, "......", fps=1)
    known, taken = one.knowledge, one.taken
    one.follow(Updates.frozen)
    one.follow(Updates.gated)
    one.offer(Lesson(6.0, 7, None), regularity=0.0, over=True, anomalous=True)
    assert one.knowledge is known
    assert (one.taken, one.undone) == (taken, 0)
    assert taken > 0


# How much at most


@pytest.mark.parametrize("updates", [Updates.gated, Updates.always])
@pytest.mark.parametrize(("fps", "apart"), [(10.0, 2), (25.0, 5), (5.0, 1), (2.0, 1), (8.0, 2)])
def test_one_lesson_for_each_step_of_a_clip(updates: Updates, fps: float, apart: int) -> None:
    """0.2 s: every second frame of ten a second, every fifth of 25, each of five. Those between may teach, but would
    say the same again."""
    one = learner(updates, step_s=0.2)
    answers = offered(one, "." * 100, fps=fps)
    assert all(answers)
    steps = {b - a for a, b in zip(learned(one), learned(one)[1:], strict=False)}
    assert steps == {apart}
    assert one.taken == len(learned(one))


def test_time_that_goes_back_begins_anew() -> None:
    one = learner(Updates.always, step_s=0.2)
    for number, seconds in enumerate((5.0, 5.1, 1.0, 1.1, 1.2)):
        one.offer(Lesson(seconds, number, None), regularity=0.0, over=False, anomalous=False)
    assert [lesson.query for lesson in one._waiting] == [0, 2, 4]


# What is refused


def test_refusals_are_counted_by_kind() -> None:
    """At 1 frame/s frames 4 and 5 wait when 6 turns out odd, and 8 and 9 when the stream breaks."""
    one = learner()
    assert offered(one, "~..~.##..", fps=1) == [False, True, True, False, True, False, False, True, True]
    assert one.refused == Refusals(anomalous=2, irregular=2, quarantined=1)
    one.forget()
    assert one.refused == Refusals(anomalous=2, irregular=2, quarantined=3)
    one.forget()
    assert one.refused.quarantined == 3


def test_what_is_over_the_threshold_is_not_counted_as_irregular_too() -> None:
    one = learner()
    one.offer(Lesson(0.0, 0, None), regularity=1.0, over=True, anomalous=False)
    assert one.refused == Refusals(anomalous=1)


@given(st.text(alphabet="...~#", max_size=60), st.sampled_from([1.0, 4.0, 10.0]))
def test_every_frame_is_learned_undone_waiting_or_refused(text: str, fps: float) -> None:
    one = learner()
    offered(one, text, fps=fps)
    refused = one.refused.anomalous + one.refused.irregular + one.refused.quarantined
    assert one.taken + one.undone + len(one._waiting) + refused == len(text)
    assert one.taken == len(learned(one))


# At once


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=12),
    st.sampled_from(list(Updates)),
)
def test_so_many_at_once_that_none_could_teach_another(times: Sequence[float], updates: Updates) -> None:
    """Never none, or the detector would stand still."""
    (clip,) = scripted.clips(".")
    clips = [replace(clip, frame=replace(clip.frame, seconds=at)) for at in times]
    some = learner(updates).at_once(clips)
    assert len(some) >= 1
    assert list(some) == clips[: len(some)]
    match updates:
        case Updates.frozen:
            assert len(some) == len(clips)
        case Updates.always:
            assert len(some) == 1
        case Updates.gated:
            assert all(0 <= at - times[0] < QUARANTINE_S for at in times[: len(some)])


def test_one_at_a_time_where_each_teaches_the_next() -> None:
    runtime = scripted.Script()
    scripted.detector(runtime, updates=Updates.always).step(scripted.clips("." * 7))
    assert runtime.batches == [1] * 7


# What only the light has changed


def lit(*, share: float = 1.0, rest: float = 0.04, calm: float = 0.0) -> SceneLesson:
    shape = (tiny.HEIGHT // 8, tiny.WIDTH // 8)
    brighter = np.full((1, tiny.HEIGHT // 2, tiny.WIDTH // 2), rest, np.float32)
    return SceneLesson(brighter, np.full(shape, calm, np.float32), np.full(shape, share, np.float32))


def watching() -> Learner:
    """A learner that knows a scene of one brightness."""
    nothing = np.zeros((1, tiny.HEIGHT // 2, tiny.WIDTH // 2), np.float32)
    scene = SceneMemory(nothing, np.zeros((0, *nothing.shape), np.float32))
    runtime, calibration = scripted.Script(), replace(scripted.calibration(), scene=scene)
    return Learner(runtime, calibration, Knowledge.as_trained(runtime, calibration))


def told(one: Learner, seconds: float, scene: SceneLesson | None, *, over: bool, regularity: float = 0.0) -> bool:
    frame = scripted.clips(".")[0].frame
    clip = replace(scripted.clips(".")[0], frame=replace(frame, seconds=seconds))
    ((known, count),) = one.foresee([clip])
    one.learn(known, count)
    return one.offer(Lesson(seconds, int(seconds), scene), regularity=regularity, over=over, anomalous=over)


def level(one: Learner) -> float:
    assert one.knowledge.scene is not None
    return float(one.knowledge.scene.mean.mean())


@pytest.mark.parametrize("how", [{"over": True}, {"over": False, "regularity": 2 * GATE}])
def test_light_teaches_the_scene_from_frames_that_teach_nothing_else(how: dict[str, Any]) -> None:
    """Also after the quarantine alone; the network's memory learns nothing of them."""
    one = watching()
    answers = [told(one, float(at), lit(), **how) for at in range(5)]
    assert answers == [False] * 5
    assert learned(one) == ()
    assert one.taken == 3
    assert level(one) == pytest.approx(3 * RATE * 0.04)


def test_what_is_not_light_teaches_nothing_then() -> None:
    one = watching()
    for at in range(5):
        told(one, float(at), lit(share=0.0, calm=1.0), over=True)
    assert level(one) == 0


def test_when_something_is_odd_what_waits_keeps_its_light_alone() -> None:
    """Frames 0 and 1 are calm and wait, frame 1.5 is odd; they teach half as much, at their time, and no items."""
    one = watching()
    told(one, 0.0, lit(share=0.5, calm=1.0), over=False)
    told(one, 1.0, lit(share=0.5, calm=1.0), over=False)
    assert one.takes_back == 0
    told(one, 1.5, None, over=True)
    assert one.takes_back == 1
    assert one.refused.quarantined == 2
    told(one, 3.0, None, over=True)
    assert one.takes_back == 1
    assert learned(one) == ()
    assert level(one) == pytest.approx(2 * 0.5 * RATE * 0.04)


def test_what_is_undone_is_not_what_the_light_has_changed() -> None:
    """Lessons of 0 to 27 s; at 30 s the left half differs by light alone, so that all that it learned stays, and the
    right half goes back to the snapshot of ten seconds before the last calm frame."""
    one = watching()
    for at in range(30):
        told(one, float(at), lit(calm=1.0, share=0.0), over=False)
    before = level(one)
    some = lit()
    assert some.light is not None
    some.light[:, some.light.shape[1] // 2 :] = 0
    told(one, 30.0, some, over=True)
    assert one.knowledge.scene is not None
    mean = one.knowledge.scene.mean[0]
    assert one.undone > 0
    assert mean[:, 0].mean() == pytest.approx(before + RATE * 0.04, rel=0.05)
    assert mean[:, -1].mean() < 0.7 * before


def test_what_light_taught_in_a_long_alarm_is_not_lost_with_the_next() -> None:
    """Two minutes over the threshold, a calm frame, and an alarm again at places that are no longer sure: ten seconds
    are taken back."""
    one = watching()
    for at in range(120):
        told(one, float(at), lit(), over=True)
    before = level(one)
    told(one, 120.0, lit(calm=1.0), over=False)
    told(one, 121.0, lit(share=0.0), over=True)
    assert level(one) > 0.85 * before


def test_what_waits_for_its_light_alone_is_refused_once() -> None:
    one = watching()
    for at in range(2):
        told(one, float(at), lit(), over=True)
    one.forget()
    assert one.refused == Refusals(anomalous=2)


def test_a_lesson_of_no_light_is_none() -> None:
    one = watching()
    for at in range(6):
        told(one, float(at), lit(share=0.0), over=True)
    assert (one.taken, len(one._waiting)) == (0, 0)


def test_nothing_is_taken_back_twice() -> None:
    """An anomaly that goes on lets the batches that follow be."""
    one = watching()
    for at in range(10):
        told(one, at / 2, lit(calm=1.0), over=False)
    for at in range(10):
        told(one, 5 + at / 2, lit(), over=True)
    assert one.takes_back == 2  # the quarantine, and the last ten seconds


# With a scene and items


@pytest.fixture(scope="module")
def made() -> Model:
    return tiny.model(cues=("prediction", "motion"), rate=0.2, head_scene=True, head_place=4)


def detecting(made: Model, updates: Updates = Updates.gated) -> Detector:
    assert made.calibration is not None
    return Detector(open_runtime(made), Calibration.from_record(made.calibration, "tiny"), updates=updates)


def test_the_odder_a_place_the_less_it_teaches() -> None:
    grid = np.array([[0.0, 1.0, 2.5], [4.0, 5.0, 9.0]], np.float32)
    np.testing.assert_allclose(_calm(grid), np.array([[1, 0.8, 0.5], [0.2, 0, 0]], np.float32), atol=1e-6)


def test_a_lesson_s_calm_falls_where_the_map_rises(made: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of frames by themselves, whose map is what they come to; along time it is drawn where it is odd now."""
    detector, offers = detecting(made), []
    alone = replace(detector.calibration, half_life=0.0)
    detector.calibration = alone
    offer = Learner.offer

    def listening(self: Learner, lesson: Lesson, **how: float) -> bool:
        offers.append(lesson)
        return offer(self, lesson, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "offer", listening)
    seen = detector.step(tiny.clips(tiny.frames(60, odd=range(50, 55)), made.config))
    told = [(o, lesson.scene) for o, lesson in zip(seen, offers, strict=True) if lesson.scene]
    assert 0 < len(told) < len(seen)  # the running mean settles first
    for observation, scene in told:
        grid = observation.map
        assert grid is not None
        np.testing.assert_allclose(scene.calm, np.clip(1 - grid / ODD, 0, 1), atol=1e-6)
        order = np.argsort(grid.ravel())
        assert (np.diff(scene.calm.ravel()[order]) <= 0).all()
    odd = next(scene for o, scene in told if o.index == 52)
    assert odd.calm.min() == 0
    assert odd.calm.max() > 0


def test_light_is_asked_of_the_scene_that_training_left(made: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the present one, which carries the marks of what it half followed: that is what is taught."""
    detector, asked = detecting(made), []
    lesson_of = SceneView.lesson

    def listening(self: SceneView, calm: Grid, known: SceneMemory, anchor: SceneMemory) -> SceneLesson | None:
        asked.append((known, anchor))
        return lesson_of(self, calm, known, anchor)

    monkeypatch.setattr(SceneView, "lesson", listening)
    detector.step(clips(made))
    assert all(anchor is detector.calibration.scene for _, anchor in asked)
    assert asked[-1][0] is detector.learner.knowledge.scene
    assert asked[-1][0] is not asked[-1][1]


def clips(made: Model, count: int = 60) -> list[Clip]:
    return tiny.clips(tiny.frames(count), made.config)


def test_lessons_move_the_scene_the_items_and_their_use(made: Model) -> None:
    detector = detecting(made)
    before = detector.learner.knowledge
    detector.step(clips(made))
    after = detector.learner.knowledge
    assert detector.learner.taken > 0
    assert before.scene is not None
    assert after.scene is not None
    assert after.scene.drift(before.scene).max() > 0
    assert detector.runtime.drift(after.memory).max() > 0
    assert before.use is not None
    assert after.use is not None
    assert not before.use.any()
    assert after.use.sum() == pytest.approx(1 - (1 - USE_SHARE) ** detector.learner.taken, abs=1e-5)


def test_use_by_hand(made: Model) -> None:
    """One lesson weighs a hundredth of the places that an item is nearest to; before it nothing was nearest to any."""
    detector = detecting(made, Updates.always)
    first, second = clips(made)[:2]
    (prediction,) = detector.runtime.predict([replace(first, scene=np.zeros((2, 24, 32), np.float32))], [made.state])
    nearest = detector.runtime.similarity(prediction.query, made.state).argmax(axis=0)
    detector.step([first, second])
    use = detector.learner.knowledge.use
    assert detector.learner.taken == 1
    for item in range(5):
        assert use is not None
        assert use[item] == pytest.approx(USE_SHARE * float((nearest == item).mean()), abs=1e-6)


def test_knowledge_is_a_value(made: Model) -> None:
    detector = detecting(made)
    before = detector.learner.knowledge
    items = {name: value.clone() for name, value in before.memory.items()}
    assert before.scene is not None
    mean = before.scene.mean.copy()
    detector.step(clips(made))
    assert all(bool((before.memory[name] == value).all()) for name, value in items.items())
    np.testing.assert_array_equal(before.scene.mean, mean)


def test_without_memory_and_scene_there_is_nothing_to_learn() -> None:
    bare = tiny.model(memory="none", head_width=0)
    detector = detecting(bare)
    assert not detector.learner.learns
    seen = detector.step(clips(bare))
    assert not any(o.score.learned for o in seen)
    assert detector.learner.knowledge.use is None
