"""A cue's maps along time: what stays adds up, what flickers does not, and a frame knows nothing of later ones."""

from __future__ import annotations

import numpy as np
import pytest

from memwatch.scoring import HALF_LIFE_S, Persistence, where_now
from memwatch.types import Grid

TENTH = HALF_LIFE_S


def spot(value: float, row: int = 2, column: int = 3) -> Grid:
    grid = np.full((5, 7), 1.0, np.float32)
    grid[row, column] = value
    return grid


def run(maps: list[Grid], step: float = TENTH, half_life: float = HALF_LIFE_S) -> list[Grid]:
    lasting = Persistence(half_life)
    return [lasting.push({"moves": grid}, 5.0 + i * step)["moves"] for i, grid in enumerate(maps)]


def test_half_of_now_and_half_of_before_by_hand() -> None:
    first, second, third = run([spot(8), spot(6), spot(6)])
    assert first[2, 3] == 8
    assert second[2, 3] == pytest.approx(3 + 4)
    assert third[2, 3] == pytest.approx(3 + 3.5)
    assert second[4, 6] == 1  # nothing near ever was higher


def test_what_was_near_raises_by_half_at_most() -> None:
    _, second = run([spot(8), spot(6, column=4)])
    assert second[2, 4] == pytest.approx(3 + 4)  # a cell further than before
    assert second[2, 3] == pytest.approx(1.5)  # 0.5 + 4 without the bound: it is gone from there
    _, far = run([spot(8), spot(6, column=6)])
    assert far[2, 6] == pytest.approx(3 + 0.5)  # three cells in one frame is another thing


def test_a_moment_is_worth_what_its_time_is() -> None:
    for step, kept in ((TENTH / 2, 0.5**0.5), (2 * TENTH, 0.25), (100.0, 0.0)):
        _, second = run([spot(8), spot(6)], step)
        assert second[2, 3] == pytest.approx(6 + kept * 2)


def test_nothing_is_known_of_before_a_break_or_a_step_back() -> None:
    lasting = Persistence(HALF_LIFE_S)
    lasting.push({"moves": spot(8)}, 5.0)
    lasting.forget()
    np.testing.assert_array_equal(lasting.push({"moves": spot(6)}, 5.1)["moves"], spot(6))
    np.testing.assert_array_equal(lasting.push({"moves": spot(4)}, 1.0)["moves"], spot(4))


def test_without_a_half_life_frames_stand_by_themselves() -> None:
    maps = [spot(8), spot(2)]
    for found, wanted in zip(run(maps, half_life=0.0), maps, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_what_flickers_ends_lower_than_what_stays() -> None:
    flickering = run([spot(8 if i % 3 == 0 else 1) for i in range(12)])
    staying = run([spot(8) for _ in range(12)])
    assert max(grid[2, 3] for grid in flickering[1:]) < 5 < staying[-1][2, 3]


def test_a_fast_camera_s_things_pass_no_faster() -> None:
    """Three cells in five frames of a camera with fifty a second are another thing."""
    maps = [spot(8), *[spot(1)] * 4, spot(6, column=6)]
    *_, last = run(maps, TENTH / 5)
    assert last[2, 6] < 6
    slow = run([spot(8), spot(6, column=4)], TENTH)[-1]
    assert slow[2, 4] > 6


def test_it_is_drawn_where_it_is_now_by_hand() -> None:
    """A thing that was at the third cell and is at the fourth: there the map keeps its height, behind it what is left
    is the share that the frame by itself has of what was kept along time."""
    map = np.array([[1.0, 2.0, 9.0, 12.0, 1.0]], np.float32)
    moment = np.array([[1.0, 2.0, 2.0, 8.0, 1.0]], np.float32)
    along = np.array([[1.0, 2.0, 3.0, 6.0, 0.5]], np.float32)
    np.testing.assert_allclose(where_now(map, moment, along), [[1, 2, 6, 12, 1]])


def test_where_the_loudest_is_gone_the_score_passes_to_the_loudest_now_and_no_other_cell_rises() -> None:
    """12 times two thirds is 8; the 9 is the loudest now and has the score. By 12 / 9 the first would be 10.67
    and so would the 8 beside it, which it never was."""
    map = np.array([[12.0, 9.0, 8.0]], np.float32)
    moment, along = np.array([[4.0, 5.0, 5.0]], np.float32), np.array([[6.0, 5.0, 5.0]], np.float32)
    np.testing.assert_allclose(where_now(map, moment, along), [[8 * 12 / 9, 12, 8]], rtol=1e-6)


def test_the_largest_value_stays_to_the_last_bit() -> None:
    """What was loudest a moment before is no longer, and yet the frame is as odd as its score says."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        map, moment, along = rng.gamma(2, 3, (3, 6, 8)).astype(np.float32)
        drawn = where_now(map, moment, along)
        assert drawn.max() == map.max()
        assert drawn.dtype == np.float32
        assert (drawn >= 0).all()
        assert (drawn > map).sum() <= 1


def test_a_map_of_nothing_stays_one() -> None:
    none = np.zeros((2, 3), np.float32)
    np.testing.assert_array_equal(where_now(none, none, none), none)
    np.testing.assert_array_equal(where_now(none + 2, none + 1, none), none + 2)
