"""Regions: hand-drawn maps whose boxes can be said beforehand, and properties over random ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memwatch.config import RegionConfig
from memwatch.errors import UsageError
from memwatch.events import of_size, regions
from memwatch.types import Grid, Region

SIZE = (240, 160)


def grid(**cells: float) -> Grid:
    """A 16 × 24 map of zeros (cells of 10 × 10 px in SIZE) with cells r<row>c<column> set."""
    map = np.zeros((16, 24), np.float32)
    for name, value in cells.items():
        row, column = name[1:].split("c")
        map[int(row), int(column)] = value
    return map


def test_nothing_over_the_level_is_no_region() -> None:
    assert regions(grid(r3c3=1.9), 2.0, SIZE) == ()


def test_a_lone_weak_cell_still_gives_its_own_cell() -> None:
    (only,) = regions(grid(r3c5=2.01), 2.0, SIZE)
    assert only.box == (50, 30, 60, 40)
    assert only.area == 100
    assert only.peak == pytest.approx(2.01)


def test_a_block_of_cells_gives_a_box_around_it() -> None:
    map = grid()
    map[6:10, 8:12] = 4.0
    (only,) = regions(map, 2.0, SIZE)
    # Interpolated to half its height, the block ends where its cells do, give or take a working pixel.
    np.testing.assert_allclose(only.box, (80, 60, 120, 100), atol=4)
    assert only.peak == pytest.approx(4.0)
    assert only.area == pytest.approx(1600, rel=0.15)


def test_a_higher_level_gives_a_tighter_box() -> None:
    map = grid(r8c8=2.2, r8c9=3.3, r8c10=3.3, r8c11=2.2)
    (wide,), (tight,) = regions(map, 1.0, SIZE), regions(map, 2.6, SIZE)
    assert tight.box[0] > wide.box[0]
    assert tight.box[2] < wide.box[2]


def test_diagonal_neighbours_are_one_region() -> None:
    map = np.zeros((4, 4), np.float32)
    map[1, 1] = map[2, 2] = 5.0
    # A picture of one working pixel a cell leaves connectivity alone to decide.
    assert len(regions(map, 4.0, (4, 4))) == 1


def test_strongest_first() -> None:
    map = grid(r1c1=2.02)
    map[4:7, 4:7] = 3.0
    map[10:13, 15:18] = 5.0
    found = regions(map, 2.0, SIZE)
    assert [round(region.peak) for region in found] == [5, 3, 2]


def test_neighbours_are_told_apart_by_what_lies_between_their_peaks() -> None:
    """All of it is over the outline: a loud thing, and one a little odd beside it."""
    map = grid()
    map[4:10, 4:16] = 4.0
    map[5:9, 5:8] = 20.0
    map[5:9, 12:15] = 9.0
    loud, beside = regions(map, 6.0, SIZE)
    np.testing.assert_allclose(loud.box, (50, 50, 80, 90), atol=4)
    np.testing.assert_allclose(beside.box, (120, 50, 150, 90), atol=6)


def test_boxes_that_overlap_a_lot_are_merged() -> None:
    map = grid()
    map[2:13, 2] = map[2, 2:13] = map[2:13, 12] = 5.0  # an arch …
    map[6:9, 6:9] = 6.0  # … and something under it
    (only,) = regions(map, 2.0, SIZE)
    assert only.peak == pytest.approx(6.0)
    assert only.box[0] < 30
    assert only.box[2] > 120


def test_at_most_twenty() -> None:
    map = np.zeros((40, 40), np.float32)
    map[::4, ::4] = 10.0
    assert len(regions(map, 2.0, (400, 400))) == 20


def test_a_map_without_a_finite_maximum_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        regions(grid(r1c1=float("nan")), 2.0, SIZE)


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (RegionConfig(), [100, 1000, 5000]),
        (RegionConfig(min_area=0.05), [1000, 5000]),
        (RegionConfig(min_area=0.05, max_area=0.05 + 1e-6), [1000]),  # both ends included
        (RegionConfig(max_area=0.01), [100]),
        (RegionConfig(min_area=0.3), []),
    ],
)
def test_sizes_are_shares_of_the_picture_that_boxes_take(config: RegionConfig, kept: list[int]) -> None:
    boxes = [(0, 0, 10, 10), (50, 50, 60, 150), (0, 0, 100, 50)]
    found = tuple(Region(box=box, area=1, peak=3.0) for box in boxes)
    assert [(r.box[2] - r.box[0]) * (r.box[3] - r.box[1]) for r in of_size(found, config, (200, 100))] == kept


@pytest.mark.parametrize("sizes", [(0.2, 0.1), (0.1, 0.1), (-0.1, 1.0), (0.0, 1.1), (float("nan"), 1.0)])
def test_sizes_that_nothing_can_have_are_refused(sizes: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="no size lies between"):
        RegionConfig(*sizes)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    level=st.floats(0.1, 4.0),
)
def test_regions_lie_in_the_picture_and_hold_the_peak(
    seed: int, shape: tuple[int, int], size: tuple[int, int], level: float
) -> None:
    map = np.random.default_rng(seed).exponential(1.0, shape).astype(np.float32)
    found = regions(map, level, size)
    assert bool(found) == (float(map.max()) >= level)
    assert [region.peak for region in found] == sorted((region.peak for region in found), reverse=True)
    for region in found:
        x1, y1, x2, y2 = region.box
        assert 0 <= x1 < x2 <= size[0]
        assert 0 <= y1 < y2 <= size[1]
        assert region.peak >= np.float32(level)
        assert region.area >= 1
    if found:
        assert found[0].peak == float(map.max())


def test_what_reaches_a_high_level_is_drawn_to_its_outline() -> None:
    """Over OUTLINE and a good part of its peak, though under the level; what never reaches the level is no region."""
    map = grid(r12c20=5.9)
    map[4:8, 5:9] = 5.0
    map[5, 6] = 7.0
    map[4:8, 9:12] = 3.0
    (only,) = regions(map, 6.0, SIZE)
    np.testing.assert_allclose(only.box, (50, 40, 90, 80), atol=7)
    assert only.peak == pytest.approx(7.0)


def test_many_peaks_of_one_thing_leave_room_for_another() -> None:
    map = np.random.default_rng(0).uniform(8.0, 9.0, (32, 48)).astype(np.float32)
    map[:, 40:] = 0
    map[10, 45] = 8.0
    found = regions(map, 6.0, (480, 320))
    assert len(found) == 2
    assert found[1].box == (450, 100, 460, 110)
