"""The scene's memory from footage: every frame is judged by a memory that never saw its stretch."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.tasks import scenes
from memwatch.tasks.footage import Footage, Recording
from memwatch.tasks.scenes import FOLDS, FootageScene, learn_scene
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


def novelty(found: FootageScene, number: int, index: int) -> float:
    """At the block's cell, of one frame, by the memory of the others."""
    return float(found.memories[found.fold[number]].novelty(found.state(number, index))[CELL])


@pytest.mark.parametrize("count", [1, FOLDS - 1])
def test_too_few_stretches_cannot_vouch_for_one_another(count: int) -> None:
    found = learn_scene(clips(count))
    assert found.stretches is None
    assert found.rest(0, 49, clips(1).recordings[0].frames[49]).shape == (2, HEIGHT // 2, WIDTH // 2)


def test_stretches_that_never_settle_do_not_count() -> None:
    """The running mean says something after two seconds."""
    short = footage(*(recording(f"clip-{i}", seconds=1.5, moving=False) for i in range(8)))
    found = learn_scene(short)
    assert found.stretches is None
    assert len(found.recordings) == 0


def test_what_differs_from_the_scene_behind_is_seen_where_it_lies() -> None:
    """In the frame at once; in the mean of the last second once it has stood for a while."""
    shown = clips(5)
    put(shown.recordings[3], 255, first=20)
    found = learn_scene(shown)
    half = tuple(slice(side.start // 2, side.stop // 2) for side in BLOCK)
    now, stood = found.rest(3, 20, shown.recordings[3].frames[20])
    assert now[half].mean() > 0.5
    assert 0 <= stood[half].mean() < 0.3
    now, stood = found.rest(3, 49, shown.recordings[3].frames[49])
    assert min(now[half].mean(), stood[half].mean()) > 0.5
    assert np.abs(now).mean() < 0.1
    part = found.behind(3, 49, half) - found.behind(3, 49)[:, half[0], half[1]]
    assert np.abs(part).max() < 1e-6


def test_each_stretch_gives_its_largest_novelty() -> None:
    shown = clips(5)
    put(shown.recordings[2], 255, first=30)  # taken up bit by bit until the end
    found = learn_scene(shown)
    assert found.stretches is not None
    assert found.stretches.shape == (5, HEIGHT // 8, WIDTH // 8)
    largest = found.stretches[:, CELL[0], CELL[1]]
    assert largest.argmax() == 2
    assert np.delete(largest, 2).max() < 0.01
    assert novelty(found, 2, 49) > novelty(found, 2, 35) > novelty(found, 2, 30)
    assert largest[2] == pytest.approx(novelty(found, 2, 47), rel=1e-5)  # the last of every eighth frame


def test_the_memory_itself_has_seen_everything() -> None:
    shown = clips(5)
    put(shown.recordings[3], 255)
    found = learn_scene(shown)
    state = shown.recordings[3].frames[0].reshape(1, HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(2, 4)) / 255
    assert found.memory.novelty(state.astype(np.float32)).max() < 1e-4
    assert novelty(found, 3, 45) > 0.01


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

        def weights(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
            return self.novelty(state)

    kept: list[Spy] = []
    judged: list[int] = []
    monkeypatch.setattr(scenes, "SceneMemory", Spy)
    learn_scene(shown)
    assert set(judged) == set(range(6))
    assert [seen[id(memory)] for memory in kept][-1] == set(range(6))


def test_whole_clips_are_left_out_together() -> None:
    """Two stretches of a clip show the same strange thing; neither may excuse the other."""
    names = [f"clip-{i}" for i in range(5) for _ in range(2)]
    shown = footage(*(recording(name, seconds=5, moving=False, start=5.0 * (i % 2)) for i, name in enumerate(names)))
    for stretch in shown.recordings[6:8]:
        put(stretch, 255)
    found = learn_scene(shown)
    assert min(novelty(found, 6, 45), novelty(found, 7, 45)) > 0.01
    assert novelty(found, 0, 45) < 0.01


def test_short_clips_between_long_ones_leave_no_fold_alone() -> None:
    """Every fourth clip settles; dealt out over all clips they would share one fold, and nobody could vouch."""
    shown = footage(
        *(recording(f"clip-{i}", seconds=1.5 if i % FOLDS else 5, moving=False) for i in range(3 * FOLDS + 1))
    )
    found = learn_scene(shown)
    assert found.stretches is not None
    assert len(found.stretches) == len(found.recordings) == 4


def test_a_scene_has_settled_after_two_seconds_of_a_clip() -> None:
    found = learn_scene(clips(2))
    for told in found.settled:
        assert told == [index >= 2 * FPS for index in range(len(told))]
