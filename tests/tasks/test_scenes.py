"""The scene's memory from footage: held-out novelty in the targets' order, measured by memories that never saw it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.tasks import scenes
from memwatch.tasks.footage import Footage, Recording
from memwatch.tasks.scenes import FOLDS, learn_scene
from tests.tasks.walks import FPS, HEIGHT, WIDTH, recording

BLOCK = (slice(16, 32), slice(48, 64))
"""Two cells by two, where nothing walks."""
CELL = (2, 6)


def footage(*recordings: Recording) -> Footage:
    return Footage(list(recordings), list(dict.fromkeys(r.name for r in recordings)))


def clips(count: int) -> Footage:
    return footage(*(recording(f"clip-{i}", seconds=5, moving=False) for i in range(count)))


def put(shown: Recording, level: int, *, first: int = 0) -> None:
    """Something bright stands there from frame `first` on."""
    for frame in shown.frames[first:]:
        frame[:, BLOCK[0], BLOCK[1]] = level


@pytest.mark.parametrize("count", [1, FOLDS - 1])
def test_too_few_stretches_cannot_vouch_for_one_another(count: int) -> None:
    assert learn_scene(clips(count), []) is None


def test_stretches_that_never_settle_do_not_count() -> None:
    """The running mean says something after two seconds."""
    short = footage(*(recording(f"clip-{i}", seconds=1.5, moving=False) for i in range(8)))
    assert learn_scene(short, []) is None


def test_novelty_stands_in_the_order_of_the_targets() -> None:
    shown = clips(5)
    put(shown.recordings[3], 255)
    targets = [(3, 45), (0, 30), (3, 40), (1, 5), (2, 49)]
    found = learn_scene(shown, targets)
    assert found is not None
    assert len(found.held_out) == len(targets)
    assert all(grid.shape == (HEIGHT // 8, WIDTH // 8) for grid in found.held_out)
    odd = [grid[CELL] > 0.01 for grid in found.held_out]
    assert odd == [True, False, True, False, False]
    again = learn_scene(shown, targets[::-1])
    assert again is not None
    np.testing.assert_array_equal(again.held_out, found.held_out[::-1])


def test_a_frame_before_the_running_mean_settles_says_nothing() -> None:
    shown = clips(5)
    put(shown.recordings[3], 255)
    found = learn_scene(shown, [(3, 2 * FPS - 1), (3, 2 * FPS)])
    assert found is not None
    assert found.held_out[0].max() == 0
    assert found.held_out[1].max() > 0.01


def test_each_stretch_gives_its_largest_novelty() -> None:
    shown = clips(5)
    put(shown.recordings[2], 255, first=30)  # taken up bit by bit until the end
    found = learn_scene(shown, [(2, index) for index in range(20, 50)])
    assert found is not None
    assert found.stretches.shape == (5, HEIGHT // 8, WIDTH // 8)
    largest = found.stretches[:, CELL[0], CELL[1]]
    assert largest.argmax() == 2
    assert np.delete(largest, 2).max() < 0.01
    rising = [float(grid[CELL]) for grid in found.held_out]
    assert rising[-1] > rising[15] > rising[5]
    assert largest[2] == pytest.approx(rising[47 - 20], rel=1e-5)  # the last of every eighth frame


def test_the_memory_itself_has_seen_everything() -> None:
    shown = clips(5)
    put(shown.recordings[3], 255)
    found = learn_scene(shown, [(3, 45)])
    assert found is not None
    state = shown.recordings[3].frames[0].reshape(1, HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(2, 4)) / 255
    assert found.memory.novelty(state.astype(np.float32)).max() < 1e-4
    assert found.held_out[0].max() > 0.01


@pytest.mark.parametrize("names", [[f"clip-{i}" for i in range(6)], ["one"] * 6, ["one"] * 3 + ["two"] * 3])
def test_no_memory_judges_a_stretch_that_it_has_seen(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stretch bears its number as its brightness at one place, so that a state tells where it came from."""
    shown = footage(*(recording(name, seconds=5, moving=False, start=100.0 * i) for i, name in enumerate(names)))
    for number, stretch in enumerate(shown.recordings):
        put(stretch, 40 * number)
    seen: dict[int, set[int]] = {}

    def number_of(state: NDArray[np.float32]) -> int:
        return round(float(state[0, 10, 26]) * 255 / 40)

    class Spy:
        def __init__(self, states: NDArray[np.float32]) -> None:
            seen[id(self)] = {number_of(state) for state in states}
            kept.append(self)

        @classmethod
        def fit(cls, states: NDArray[np.float32]) -> Spy:
            return cls(states)

        def novelty(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
            number = number_of(state)
            judged.append(number)
            assert number not in seen[id(self)]
            return np.zeros((1, 1), np.float32)

    kept: list[Spy] = []
    judged: list[int] = []
    monkeypatch.setattr(scenes, "SceneMemory", Spy)
    found = learn_scene(shown, [(number, 45) for number in range(6)])
    assert found is not None
    assert set(judged) == set(range(6))
    assert [seen[id(memory)] for memory in kept][-1] == set(range(6))


def test_whole_clips_are_left_out_together() -> None:
    """Two stretches of a clip show the same strange thing; neither may excuse the other."""
    names = [f"clip-{i}" for i in range(5) for _ in range(2)]
    shown = footage(*(recording(name, seconds=5, moving=False, start=5.0 * (i % 2)) for i, name in enumerate(names)))
    for stretch in shown.recordings[6:8]:
        put(stretch, 255)
    found = learn_scene(shown, [(6, 45), (7, 45), (0, 45)])
    assert found is not None
    assert min(found.held_out[0][CELL], found.held_out[1][CELL]) > 0.01
    assert found.held_out[2][CELL] < 0.01


def test_short_clips_between_long_ones_leave_no_fold_alone() -> None:
    """Every fourth clip settles; dealt out over all clips they would share one fold, and nobody could vouch."""
    shown = footage(
        *(recording(f"clip-{i}", seconds=1.5 if i % FOLDS else 5, moving=False) for i in range(3 * FOLDS + 1))
    )
    found = learn_scene(shown, [(0, 30), (1, 10)])
    assert found is not None
    assert len(found.stretches) == 4
    assert not found.held_out[1].any()
