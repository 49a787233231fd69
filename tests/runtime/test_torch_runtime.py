"""The torch runtime: the trained network's numbers, whatever the batch, each stream with its own memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from memwatch.model import Model
from memwatch.runtime import Runtime, open_runtime
from memwatch.types import State
from tests import tiny

CLOSE: dict[str, Any] = {"atol": 1e-5, "rtol": 1e-4}


@pytest.fixture(scope="module")
def made() -> Model:
    return tiny.model()


@pytest.fixture(scope="module")
def runtime(made: Model) -> Runtime:
    return open_runtime(made)


def other_state(state: State) -> State:
    return {name: value.flip(dims=(1,)) for name, value in state.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"channels": 3, "stem": 1},
        {"memory": "none", "head_width": 0},
        {"update": "published"},
        {"recall": "alone", "temperature": 0.1, "centred": True},
        {"memory": "blockwise"},
        {"memory": "grid"},
        {"memory": "students", "options": {"width": 4}},
        {"memory": "memae", "task": "reconstruct"},
    ],
    ids=str,
)
def test_folded_batch_norms_give_the_evaluated_network(changes: dict[str, object]) -> None:
    settings = tiny.config(**changes)
    net = tiny.network(settings, seed=4)
    runtime = open_runtime(Model(net, net.memory.new_state()))
    clips = [tiny.noise_clip(settings, seed) for seed in range(3)]
    state = runtime.new_state()
    with torch.no_grad():
        inputs = torch.from_numpy(np.stack([clip.inputs for clip in clips]))
        targets = torch.from_numpy(np.stack([clip.target for clip in clips]))
        frames, read, features = net(torch.cat((inputs, targets), dim=1), state)
        odd = net.head(torch.cat((inputs, targets), dim=1)) if net.head else None
    for i, prediction in enumerate(runtime.predict(clips, [state] * 3)):
        np.testing.assert_allclose(prediction.frame, frames[i], **CLOSE)
        np.testing.assert_allclose(prediction.distance, read.distance[i], **CLOSE)
        np.testing.assert_allclose(prediction.query[0], features.query[i], **CLOSE)
        assert (prediction.oddity is None) == (odd is None)
        if odd is not None and prediction.oddity is not None:
            np.testing.assert_allclose(prediction.oddity, odd[i], **CLOSE)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_cameras_on_threads_of_their_own_get_the_same_numbers(threads: int) -> None:
    """The head answers beside the predictor, on threads that cameras share; whoever asks has all of his afterwards."""
    settings = tiny.config(head_scene=True, head_place=3)
    net = tiny.network(settings, seed=4)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        runtime = open_runtime(Model(net, net.memory.new_state()))
        rest = np.zeros((2 * settings.channels, settings.height // 2, settings.width // 2), np.float32)
        clips = [replace(tiny.noise_clip(settings, seed), scene=rest) for seed in range(12)]
        state = runtime.new_state()
        alone = [runtime.predict([clip], [state])[0].oddity for clip in clips]
        with ThreadPoolExecutor(6) as cameras:
            found = list(cameras.map(lambda clip: runtime.predict([clip], [state])[0].oddity, clips))
            said = list(cameras.map(lambda clip: runtime.answer([clip])[0].oddity, clips))
            left = list(cameras.map(lambda _: torch.get_num_threads(), range(6)))
        assert {torch.get_num_threads(), *left} == {threads}
    finally:
        torch.set_num_threads(before)
    for one, *others in zip(alone, found, said, strict=True):
        assert one is not None
        for other in others:
            np.testing.assert_allclose(one, other, **CLOSE)


def test_the_model_s_own_network_is_left_as_it_was(made: Model) -> None:
    before = made.id
    open_runtime(made)
    assert made.id == before


def test_eight_clips_at_once_are_eight_alone(made: Model, runtime: Runtime) -> None:
    clips = [tiny.noise_clip(made.config, seed) for seed in range(8)]
    state = runtime.new_state()
    for clip, together in zip(clips, runtime.predict(clips, [state] * 8), strict=True):
        (alone,) = runtime.predict([clip], [state])
        np.testing.assert_allclose(together.frame, alone.frame, **CLOSE)
        np.testing.assert_allclose(together.distance, alone.distance, **CLOSE)
        np.testing.assert_allclose(together.query, alone.query, **CLOSE)
        assert together.oddity is not None
        assert alone.oddity is not None
        np.testing.assert_allclose(together.oddity, alone.oddity, **CLOSE)


def test_an_answer_is_that_of_the_prediction() -> None:
    settings = tiny.config(head_scene=True, head_place=3)
    net = tiny.network(settings, seed=4)
    runtime = open_runtime(Model(net, net.memory.new_state()))
    rest = np.ones((2 * settings.channels, settings.height // 2, settings.width // 2), np.float32)
    clips = [replace(tiny.noise_clip(settings, seed), scene=rest) for seed in range(3)]
    for said, predicted in zip(runtime.answer(clips), runtime.predict(clips, [runtime.new_state()] * 3), strict=True):
        assert said.oddity is not None
        np.testing.assert_allclose(said.oddity, predicted.oddity, **CLOSE)
    untold = [tiny.noise_clip(settings, 1)]
    assert runtime.answer(untold)[0].oddity is None


def test_each_clip_is_read_with_the_state_beside_it(made: Model, runtime: Runtime) -> None:
    clip = tiny.noise_clip(made.config, 1)
    one = runtime.new_state()
    other = other_state(one)
    mixed = runtime.predict([clip] * 4, [one, other, other, one])
    alone = [runtime.predict([clip], [state])[0] for state in (one, other)]
    assert not np.allclose(alone[0].distance, alone[1].distance)
    assert not np.allclose(alone[0].frame, alone[1].frame)
    for prediction, wanted in zip(mixed, (alone[0], alone[1], alone[1], alone[0]), strict=True):
        np.testing.assert_allclose(prediction.distance, wanted.distance, **CLOSE)
        np.testing.assert_allclose(prediction.frame, wanted.frame, **CLOSE)


def test_predicting_and_learning_change_no_state(made: Model, runtime: Runtime) -> None:
    state = runtime.new_state()
    before = state["items"].clone()
    (prediction,) = runtime.predict([tiny.noise_clip(made.config, 1)], [state])
    taught = runtime.learn(prediction.query, state)
    assert torch.equal(state["items"], before)
    assert torch.equal(runtime.new_state()["items"], before)
    assert not torch.equal(taught["items"], before)


def test_learning_is_the_memory_s_own_and_takes_a_rate(made: Model, runtime: Runtime) -> None:
    state = runtime.new_state()
    (prediction,) = runtime.predict([tiny.noise_clip(made.config, 1)], [state])
    for rate in (None, 0.5):
        taught = runtime.learn(prediction.query, state, rate)
        wanted = made.net.memory.bounded(made.net.memory.write(prediction.query, state, rate), state)
        torch.testing.assert_close(taught["items"], wanted["items"])


def test_however_long_it_learns_no_item_leaves_its_neighbourhood(made: Model, runtime: Runtime) -> None:
    state = start = runtime.new_state()
    for seed in range(30):
        (prediction,) = runtime.predict([tiny.noise_clip(made.config, seed)], [state])
        state = runtime.learn(prediction.query, state, 0.5)
    moved = made.net.memory.drift(state, start)
    assert float(moved.max()) == pytest.approx(made.config.drift, abs=1e-5)


def test_what_is_answered_has_the_promised_shapes(made: Model, runtime: Runtime) -> None:
    (prediction,) = runtime.predict([tiny.noise_clip(made.config, 1)], [runtime.new_state()])
    assert prediction.frame.shape == (1, tiny.HEIGHT, tiny.WIDTH)
    assert prediction.distance.shape == (tiny.HEIGHT // 16, tiny.WIDTH // 16)
    assert prediction.oddity is not None
    assert prediction.oddity.shape == (1, tiny.HEIGHT // 8, tiny.WIDTH // 8)
    assert prediction.frame.dtype == prediction.distance.dtype == prediction.oddity.dtype == np.float32
