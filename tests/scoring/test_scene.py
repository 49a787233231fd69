"""Slow novelty, on states small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.scoring import RunningScene, SceneLesson, SceneMemory, SceneReader
from memwatch.scoring.scene import COMPONENTS, DRIFT, LARGEST, RATE

HEIGHT, WIDTH = 24, 32
"""Of a state: the network's picture is twice as large, and each of its cells is 4 × 4 here."""
CELLS = (6, 8)

State = NDArray[np.float32]


def noise(seed: int, scale: float = 0.1) -> State:
    return np.random.default_rng(seed).normal(0.5, scale, (1, HEIGHT, WIDTH)).astype(np.float32)


def states() -> NDArray[np.float32]:
    """A door that opens by degrees, while the light comes and goes: two directions."""
    door, light = noise(1), np.linspace(0, 1, WIDTH, dtype=np.float32)[None, None] * np.ones((1, HEIGHT, 1), np.float32)
    rng = np.random.default_rng(2)
    return np.stack([noise(0) + np.float32(a) * door + np.float32(b) * light for a, b in rng.uniform(0, 1, (40, 2))])


def blob(row: int, column: int, size: float) -> State:
    """`size` brighter in one cell."""
    state = np.zeros((1, HEIGHT, WIDTH), np.float32)
    state[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = size
    return state


def picture(level: float) -> NDArray[np.float32]:
    """All of one level in 0…1, as the network sees it."""
    return np.full((1, 2 * HEIGHT, 2 * WIDTH), 2 * level - 1, np.float32)


def level(state: State) -> float:
    assert np.ptp(state) < 1e-6
    return float(state.mean())


# The memory


def test_two_directions_are_two_components() -> None:
    memory = SceneMemory.fit(states())
    assert memory.components.shape == (2, 1, HEIGHT, WIDTH)
    rows = memory.components.reshape(2, -1)
    np.testing.assert_allclose(rows @ rows.T, np.eye(2), atol=1e-4)


def test_what_was_seen_and_what_lies_between_and_beyond_is_not_new() -> None:
    seen = states()
    memory = SceneMemory.fit(seen)
    for state in (seen[0], (seen[1] + seen[2]) / 2, seen[3] + 2 * (seen[4] - seen[3])):
        assert memory.novelty(state).shape == CELLS
        np.testing.assert_allclose(memory.novelty(state), 0, atol=1e-8)


def test_brightness_alone_is_never_new() -> None:
    memory = SceneMemory.fit(states())
    strange = states()[0] + blob(2, 3, 0.4)
    np.testing.assert_allclose(memory.novelty(states()[0] + np.float32(0.3)), 0, atol=1e-8)
    np.testing.assert_allclose(memory.novelty(strange + np.float32(0.3)), memory.novelty(strange), atol=1e-6)


@pytest.mark.parametrize("place", [(2, 3), (0, 0), (5, 7)])
def test_something_new_is_new_where_it_is(place: tuple[int, int]) -> None:
    memory = SceneMemory.fit(states())
    novelty = memory.novelty(states()[5] + blob(*place, 0.4))
    assert np.unravel_index(int(novelty.argmax()), CELLS) == place
    assert novelty[place] == pytest.approx(0.16, rel=0.2)  # at the border the known light explains a part
    novelty[place] = 0
    assert novelty.max() < 0.01


def test_the_size_of_novelty_by_hand() -> None:
    """One cell of 48 is brighter by 0.4; without the state's mean that leaves 0.4 · 47/48 there, -0.4/48 elsewhere."""
    still = noise(0)
    memory = SceneMemory.fit(still[None])
    novelty = memory.novelty(still + blob(2, 3, 0.4))
    assert novelty[2, 3] == pytest.approx((0.4 * 47 / 48) ** 2, rel=1e-4)
    assert novelty[5, 0] == pytest.approx((0.4 / 48) ** 2, rel=1e-3)


@pytest.mark.parametrize("count", [1, 7])
def test_a_scene_that_never_changed_has_no_components(count: int) -> None:
    memory = SceneMemory.fit(np.stack([np.full((1, HEIGHT, WIDTH), 0.25, np.float32)] * count))
    assert memory.components.shape == (0, 1, HEIGHT, WIDTH)
    np.testing.assert_array_equal(memory.novelty(np.full((1, HEIGHT, WIDTH), 0.75, np.float32)), 0)
    assert memory.novelty(blob(1, 1, 0.4)).max() > 0.1


def test_a_memory_stays_small() -> None:
    assert len(SceneMemory.fit(np.stack([noise(seed) for seed in range(30)])).components) == COMPONENTS


# The running mean


def test_early_on_it_is_the_plain_mean() -> None:
    running = RunningScene()
    levels = [0.0, 1.0, 0.5, 0.1]
    for index, now in enumerate(levels):
        mean = running.push(picture(now), 0.25 * index)
        assert level(mean) == pytest.approx(np.mean(levels[: index + 1]), abs=1e-6)


@pytest.mark.parametrize("step", [0.05, 0.1, 0.25])
def test_a_change_is_taken_up_with_a_time_constant_of_a_second(step: float) -> None:
    """1 - 1/e of it is there after one second and 1 - 1/e² after two, at any frame rate."""
    running = RunningScene()
    count = round(10 / step)
    for index in range(count):
        running.push(picture(0.2), index * step)
    after = [level(running.push(picture(0.8), (count + i) * step)) for i in range(round(2 / step))]
    assert after[round(1 / step) - 1] == pytest.approx(0.2 + 0.6 * (1 - np.exp(-1)), abs=1e-4)
    assert after[-1] == pytest.approx(0.2 + 0.6 * (1 - np.exp(-2)), abs=1e-4)


def test_it_settles_after_two_seconds_and_anew_after_a_break() -> None:
    running = RunningScene()
    assert not running.settled
    for index in range(8):
        running.push(picture(0.5), 0.25 * index)
        assert not running.settled
    running.push(picture(0.5), 2.0)
    assert running.settled
    running.push(picture(0.5), 4.9)
    assert running.settled
    assert level(running.push(picture(0.9), 8.0)) == pytest.approx(0.9)
    assert not running.settled
    assert level(running.push(picture(0.1), 7.0)) == pytest.approx(0.1)  # time went back


def test_the_same_moment_twice_changes_nothing() -> None:
    running = RunningScene()
    running.push(picture(0.2), 1.0)
    assert level(running.push(picture(0.9), 1.0)) == pytest.approx(0.2)


def test_states_are_half_the_picture_in_0_to_1() -> None:
    checks = np.indices((2 * HEIGHT, 2 * WIDTH)).sum(axis=0)[None] % 2 * 2.0 - 1
    state = RunningScene().push(checks.astype(np.float32), 0.0)
    assert state.shape == (1, HEIGHT, WIDTH)
    np.testing.assert_allclose(state, 0.5)


# Following what calm frames show


def still(level: float = 0.5) -> SceneMemory:
    """A scene of one brightness that never changed. (Not centred, which nothing here asks.)"""
    return SceneMemory(np.full((1, HEIGHT, WIDTH), level, np.float32), np.zeros((0, 1, HEIGHT, WIDTH), np.float32))


def lesson(rest: float, calm: float) -> SceneLesson:
    return SceneLesson(np.full((1, HEIGHT, WIDTH), rest, np.float32), np.full(CELLS, calm, np.float32))


@pytest.mark.parametrize(
    ("rest", "calm", "rate", "by"),
    [
        (0.02, 1.0, None, RATE * 0.02),
        (0.02, 0.5, None, RATE * 0.005),
        (-0.03, 1.0, 0.5, -0.015),
        (-0.03, 0.5, 0.4, -0.003),
        (0.3, 1.0, 0.5, 0.5 * LARGEST),
        (-0.3, 0.5, 0.4, -0.1 * LARGEST),
    ],
)
def test_a_lesson_moves_the_mean_by_a_share_of_what_is_new(
    rest: float, calm: float, rate: float | None, by: float
) -> None:
    """The rate, times the square of how calm the place is: half as calm teaches a quarter. And of so much at most."""
    memory = still()
    taught = memory.taught(lesson(rest, calm), memory, rate)
    assert level(taught.mean) == pytest.approx(0.5 + by, abs=1e-6)
    assert taught.mean.dtype == np.float32
    assert taught.components is memory.components
    assert level(memory.mean) == 0.5  # the given one is a value


def test_a_place_that_looks_odd_teaches_nothing_and_its_neighbours_do() -> None:
    told = lesson(0.04, 1.0)
    told.calm[2, 3] = 0
    mean = still().taught(told, still(), 0.5).mean[0]
    # Calm is blended from centre to centre: an eighth of a cell off, both ways, 1 - (7/8)² of the others' arrives.
    np.testing.assert_allclose(mean[9:11, 13:15], 0.5 + 0.02 * (1 - (7 / 8) ** 2), atol=1e-6)
    np.testing.assert_allclose(mean[9:11, :8], 0.52, atol=1e-6)
    assert level(still().taught(lesson(0.04, 0.0), still(), 1.0).mean) == 0.5


@pytest.mark.parametrize("rest", [0.8, -0.8])
def test_no_number_of_lessons_takes_the_mean_too_far_from_the_trained_one(rest: float) -> None:
    memory = anchor = still()
    for _ in range(300):
        memory = memory.taught(lesson(rest, 1.0), anchor)
    assert level(memory.mean) == pytest.approx(0.5 + np.sign(rest) * DRIFT, abs=1e-6)


def test_channels_learn_each_their_own_and_all_from_one_map_of_calm() -> None:
    memory = SceneMemory(np.zeros((3, HEIGHT, WIDTH), np.float32), np.zeros((0, 3, HEIGHT, WIDTH), np.float32))
    rest = np.stack([np.full((HEIGHT, WIDTH), by, np.float32) for by in (0.01, 0.0, -0.02)])
    mean = memory.taught(SceneLesson(rest, np.ones(CELLS, np.float32)), memory, 0.5).mean
    np.testing.assert_allclose(mean.mean(axis=(1, 2)), [0.005, 0.0, -0.01], atol=1e-6)


def test_drift_by_hand() -> None:
    """One cell brighter by 0.3, another darker by 0.2; the root of the mean square is the change itself."""
    anchor = still()
    moved = SceneMemory(anchor.mean + blob(2, 3, 0.3) + blob(4, 6, -0.2), anchor.components)
    drift = moved.drift(anchor)
    assert drift.shape == CELLS
    assert (drift[2, 3], drift[4, 6]) == (pytest.approx(0.3, abs=1e-6), pytest.approx(0.2, abs=1e-6))
    assert drift[0, 0] == 0
    np.testing.assert_array_equal(anchor.drift(anchor), 0)


def test_a_frame_teaches_nothing_before_the_mean_has_settled() -> None:
    reader, memory = SceneReader(), still()
    calm = np.ones(CELLS, np.float32)
    views = [memory.view(reader.read(picture(0.5), 0.25 * index), novelty=False) for index in range(9)]
    assert [view.lesson(calm, memory, memory) is None for view in views] == [True] * 8 + [False]


def test_a_lesson_says_how_the_last_second_differs_from_the_scene_behind() -> None:
    """Brighter by 0.3 all over is the light, which the scene behind follows; a cell brighter by 0.4 more is new."""
    reader, memory, calm = SceneReader(), still(0.0), np.ones(CELLS, np.float32)
    shown = np.repeat(np.repeat(0.3 + blob(2, 3, 0.4), 2, axis=1), 2, axis=2) * 2 - 1
    views = [memory.view(reader.read(shown, 0.25 * index), novelty=False) for index in range(9)]
    told = views[-1].lesson(calm, memory, memory)
    assert told is not None
    assert told.calm is calm
    np.testing.assert_allclose(told.rest, blob(2, 3, 0.4) - 0.4 / 48, atol=1e-6)
    assert told.light is None


def test_with_a_place_too_odd_to_teach_a_lesson_asks_for_the_light() -> None:
    """And the scene behind is that which the other places see: one cell's 0.4 pulls at nothing."""
    reader, memory = SceneReader(), still(0.0)
    calm = np.ones(CELLS, np.float32)
    calm[2, 3] = 0
    shown = np.repeat(np.repeat(0.3 + blob(2, 3, 0.4), 2, axis=1), 2, axis=2) * 2 - 1
    views = [memory.view(reader.read(shown, 0.25 * index), novelty=False) for index in range(9)]
    told = views[-1].lesson(calm, memory, memory)
    assert told is not None
    assert told.light is not None
    assert told.light[2, 3] == 0
    assert told.rest[0, 10, 14] == pytest.approx(0.4, abs=0.01)
    assert np.abs(told.rest[0, :, 24:]).max() < 5e-3


# What only the light has changed


def test_what_is_sure_to_be_light_teaches_where_nothing_is_calm() -> None:
    """Half as sure half as much; how calm a place is and how sure, whichever is more."""
    sure, memory = np.full(CELLS, 0.5, np.float32), still()
    odd = replace(lesson(0.02, 0.0), light=sure)
    assert level(memory.taught(odd, memory, 0.5).mean) == pytest.approx(0.505, abs=1e-6)
    calm = replace(lesson(0.02, 1.0), light=sure)
    assert level(memory.taught(calm, memory, 0.5).mean) == pytest.approx(0.51, abs=1e-6)
    doubted = calm.of_light
    assert doubted is not None
    assert level(memory.taught(doubted, memory, 0.5).mean) == pytest.approx(0.505, abs=1e-6)
    assert lesson(0.02, 1.0).of_light is None


def test_the_scene_behind_some_places_is_not_pulled_at_by_the_others() -> None:
    """A door half open, and something dark before a quarter of the picture: the whole sees another door."""
    memory = SceneMemory.fit(states())
    state = states()[7]
    hidden = state.copy()
    hidden[:, :12, :16] = 0
    share = np.ones(CELLS, np.float32)
    share[:4, :5] = 0  # blended from centre to centre
    np.testing.assert_allclose(memory.behind_places(hidden, share), state, atol=0.02)
    assert np.abs(memory.behind(*memory.weights(hidden)) - state).max() > 0.1


def test_where_all_places_count_the_scene_behind_is_the_usual_one() -> None:
    memory, state = SceneMemory.fit(states()), states()[7]
    usual = memory.behind(*memory.weights(state))
    np.testing.assert_allclose(memory.behind_places(state, np.ones(CELLS, np.float32)), usual, atol=0.01)


def test_how_little_the_middle_weighs_by_hand() -> None:
    """A component of unit length over all pixels, of which one in four is asked: a tenth of brightness that it is
    responsible for is found as G / (G + UNSEEN) of it, where G is a quarter."""
    sign = np.where(np.arange(WIDTH) < WIDTH // 2, 1, -1).astype(np.float32)
    component = np.broadcast_to(sign / np.sqrt(HEIGHT * WIDTH), (1, 1, HEIGHT, WIDTH)).astype(np.float32)
    memory = SceneMemory(np.zeros((1, HEIGHT, WIDTH), np.float32), component)
    state = (0.5 + 0.1 * np.broadcast_to(sign, (1, HEIGHT, WIDTH))).astype(np.float32)
    found = memory.behind_places(state, np.ones(CELLS, np.float32))
    np.testing.assert_allclose(found - 0.5, 0.25 / 0.26 * (state - 0.5), rtol=0, atol=1e-5)


def test_where_none_counts_it_is_the_middle_one_in_the_light_of_the_whole() -> None:
    memory, state = SceneMemory.fit(states()), states()[7]
    behind = memory.behind_places(state, np.zeros(CELLS, np.float32))
    np.testing.assert_allclose(behind, memory.mean + state.mean(), atol=1e-5)


def test_an_earlier_scene_keeps_what_is_kept() -> None:
    kept = np.zeros(CELLS, np.float32)
    kept[:, 4:] = 1
    before, lately = still(0.5), still(0.7)
    mean = before.without(lately, kept).mean[0]
    np.testing.assert_allclose(mean[:, :13], 0.5)
    np.testing.assert_allclose(mean[:, 20:], 0.7)
    assert before.without(lately, None) is before
