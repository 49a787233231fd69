"""The whole picture changes: the network is shown what it knows, or the scene is begun anew and the old one kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.model import Model
from memwatch.pipeline import Detector, Updates
from memwatch.pipeline.detector import ADOPTS_S
from memwatch.runtime import open_runtime
from memwatch.scoring import Calibration, SceneMemory, reduced
from memwatch.types import Clip, Frame, Prediction, State
from tests import tiny

BEFORE = 40
"""Frames in the known light, at ten a second."""
Change = Callable[[NDArray[Any]], NDArray[Any]]


class Spied:
    """A runtime that keeps what it was shown."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self.shown: list[Clip] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def predict(self, clips: Sequence[Clip], states: Sequence[State]) -> list[Prediction]:
        self.shown += clips
        found: list[Prediction] = self._runtime.predict(clips, states)
        return found


@pytest.fixture(scope="module")
def made() -> Model:
    return tiny.model(cues=("prediction", "motion", "scene"))


def dimmed(image: NDArray[Any]) -> NDArray[Any]:
    return image * 0.5 + 10


def turned(image: NDArray[Any]) -> NDArray[Any]:
    return np.roll(image, (17, 23), axis=(0, 1))


def elsewhere(image: NDArray[Any]) -> NDArray[Any]:
    """Another place, of strong contrast."""
    blocks = np.random.default_rng(2).integers(0, 256, (6, 8, 1)).repeat(8, 0).repeat(8, 1)
    return np.broadcast_to(blocks, image.shape) * 0.9 + image * 0.1


def same(image: NDArray[Any]) -> NDArray[Any]:
    return image


class Watch:
    """One detector, and what its network saw; frames are altered by `change`."""

    def __init__(self, made: Model, updates: Updates = Updates.frozen) -> None:
        assert made.calibration is not None
        self._made = made
        self.runtime = Spied(open_runtime(made))
        self.detector = Detector(self.runtime, Calibration.from_record(made.calibration, "tiny"), updates=updates)
        self._next = 0

    def frames(self, count: int, odd: Sequence[int] = ()) -> list[Frame]:
        start, self._next = self._next, self._next + count
        return tiny.frames(count, start=start, odd=odd)

    def play(self, frames: Sequence[Frame], change: Change = same, *, batch: int = 1) -> list[Clip]:
        """The clips that the network saw."""
        altered = [replace(f, image=np.clip(change(f.image), 0, 255).astype(np.uint8)) for f in frames]
        clips = tiny.clips(altered, self._made.config)
        for i in range(0, len(clips), batch):
            self.detector.step(clips[i : i + batch])
        shown, self.runtime.shown = self.runtime.shown, []
        return shown

    def original(self, frames: Sequence[Frame]) -> list[Clip]:
        return tiny.clips(frames, self._made.config)

    @property
    def scene(self) -> SceneMemory:
        scene = self.detector.learner.knowledge.scene
        assert scene is not None
        return scene


@pytest.fixture
def watch(made: Model) -> Watch:
    """One that has seen the scene for four seconds."""
    one = Watch(made)
    one.play(one.frames(BEFORE))
    return one


def apart(clips: Sequence[Clip], others: Sequence[Clip]) -> float:
    """Mean difference of their pictures, of a brightness of 1."""
    pairs = zip(clips, others, strict=True)
    both = [(np.concatenate((a.inputs, a.target)), np.concatenate((b.inputs, b.target))) for a, b in pairs]
    return float(np.mean([np.abs(a - b).mean() for a, b in both])) / 2


def ground(change: Change = same) -> NDArray[np.float32]:
    """The scene without its walker and noise, as a memory knows it: without its mean."""
    pictures = [replace(f, image=change(f.image).astype(np.uint8)) for f in tiny.frames(56, seed=9)]
    small = [reduced(clip.target) for clip in tiny.clips(pictures, tiny.config())]
    middle = np.median(small, axis=0)
    return np.asarray(middle - middle.mean(), np.float32)


def test_in_another_light_the_network_is_shown_what_it_knows(watch: Watch) -> None:
    watch.detector.change_scene("hold")
    watch.detector.change_scene("relight")
    before = watch.scene
    frames = watch.frames(20)
    shown, known = watch.play(frames, dimmed), watch.original(frames)
    assert apart(shown, known) < 0.02
    assert watch.scene is before


@pytest.mark.parametrize("how", ["", "hold", "go on"])
def test_without_a_word_of_another_light_pictures_are_as_they_came(watch: Watch, how: str) -> None:
    if how:
        watch.detector.change_scene(how)
    frames = watch.frames(20)
    shown = watch.play(frames, dimmed)
    assert apart(shown, watch.original(frames)) > 0.1


def test_a_picture_in_the_known_light_is_left_as_it_is(watch: Watch) -> None:
    watch.detector.change_scene("relight")
    frames = watch.frames(20)
    assert apart(watch.play(frames), watch.original(frames)) == 0


def test_when_the_light_is_as_before_nothing_is_undone_any_more(watch: Watch) -> None:
    watch.detector.change_scene("relight")
    watch.play(watch.frames(20), dimmed)
    watch.detector.change_scene("relight")
    frames = watch.frames(20)
    assert apart(watch.play(frames), watch.original(frames)) == 0


def test_an_intruder_in_another_light_stays_an_intruder(watch: Watch) -> None:
    """A white square of 8 × 8 pixels stands there from the moment at which the light is switched."""

    def visited(image: NDArray[Any]) -> NDArray[Any]:
        there = image.copy()
        there[4:12, 40:48] = 250
        return dimmed(there)

    watch.detector.change_scene("relight")
    frames = watch.frames(20)
    shown, calm = watch.play(frames, visited), watch.original(frames)
    rest = np.abs(shown[0].target - calm[0].target)[0] / 2
    assert rest[5:11, 41:47].mean() > 0.4
    rest[2:14, 38:50] = 0
    assert rest.mean() < 0.02


def test_batches_are_brought_back_as_one_by_one(made: Model) -> None:
    seen = []
    for batch in (1, 8):
        watch = Watch(made)
        watch.play(watch.frames(BEFORE), batch=batch)
        watch.detector.change_scene("relight")
        seen.append(watch.play(watch.frames(30), dimmed, batch=batch))
    assert apart(*seen) < 1e-6


def test_another_view_is_learned_as_it_is_without_who_passes(watch: Watch) -> None:
    watch.detector.change_scene("anew")
    watch.play(watch.frames(round(ADOPTS_S * 10) + 10), turned)
    np.testing.assert_allclose(watch.scene.mean, ground(turned), atol=0.03)
    assert len(watch.scene.components) == 0
    assert watch.detector.calibration.scene is watch.detector.learner.calibration.scene is watch.scene


def test_a_view_is_taken_as_it_is_for_six_seconds_and_no_longer(watch: Watch) -> None:
    watch.detector.change_scene("anew")
    watch.play(watch.frames(30), turned)
    early = watch.scene
    watch.play(watch.frames(40), turned)
    settled = watch.scene
    watch.play(watch.frames(40), same)
    assert settled is not early
    assert watch.scene is settled


def test_a_light_that_leaves_another_view_behind_is_none(watch: Watch) -> None:
    watch.detector.change_scene("relight")
    frames = watch.frames(round(ADOPTS_S * 10) + 10)
    shown = watch.play(frames, elsewhere)
    np.testing.assert_allclose(watch.scene.mean, ground(elsewhere), atol=0.03)
    altered = [replace(frame, image=elsewhere(frame.image).astype(np.uint8)) for frame in frames]
    assert apart(shown, watch.original(altered)) == 0


def test_back_at_the_old_view_the_old_scene_is_known_again(watch: Watch) -> None:
    old, anchor = watch.scene, watch.detector.calibration.scene
    for _ in range(2):
        watch.detector.change_scene("anew")
        watch.play(watch.frames(70), turned)
        assert watch.scene is not old
        watch.detector.change_scene("anew")
        frames = watch.frames(20)
        shown = watch.play(frames)
        assert watch.scene is old
        assert watch.detector.calibration.scene is anchor
        assert apart(shown, watch.original(frames)) == 0


def test_a_change_forgets_what_waits_to_be_learned(made: Model) -> None:
    """Nothing of the last two seconds has been proven normal."""
    watch = Watch(made, Updates.gated)
    watch.play(watch.frames(BEFORE))
    refused, taken = watch.detector.learner.refused.quarantined, watch.detector.learner.taken
    watch.detector.change_scene("hold")
    assert watch.detector.learner.refused.quarantined > refused
    watch.detector.change_scene("relight")
    watch.play(watch.frames(15), dimmed)
    assert watch.detector.learner.taken == taken


def test_a_detector_that_knows_no_scene_goes_on_as_it_was() -> None:
    watch = Watch(tiny.model(cues=("prediction", "motion")))
    watch.play(watch.frames(BEFORE))
    for how in ("hold", "relight", "anew", "go on"):
        watch.detector.change_scene(how)
        frames = watch.frames(10)
        shown = watch.play(frames, dimmed)
        assert len(shown) > 0
        assert apart(shown, watch.original(frames)) > 0.1


def test_a_change_at_the_very_beginning_changes_nothing(made: Model) -> None:
    """Nothing is known of the light before a second has been seen."""
    watch = Watch(made)
    watch.detector.change_scene("relight")
    frames = watch.frames(10)
    shown = watch.play(frames, dimmed)
    altered = [replace(frame, image=dimmed(frame.image).astype(np.uint8)) for frame in frames]
    assert apart(shown, watch.original(altered)) == 0
