"""What people called normal as a map, worked by hand on 8 × 8 cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from memwatch.live.taught import tolerance

SHAPE = (8, 8)


def normal(*boxes: tuple[float, tuple[float, float, float, float]], threshold: float = 2.0) -> dict[str, Any]:
    """The line of an event that was labelled normal: boxes of (score, x y w h)."""
    return {
        "threshold": {"score": threshold},
        "boxes": [{"score": score, "xywh": list(xywh)} for score, xywh in boxes],
    }


def factors(*records: dict[str, Any], shape: tuple[int, int] = SHAPE) -> np.ndarray[Any, Any]:
    found = tolerance(records, shape)
    assert found is not None
    assert found.dtype == np.float32
    return found


def test_nobody_said_anything() -> None:
    assert tolerance([], SHAPE) is None
    assert tolerance([normal()], SHAPE) is None


def test_a_box_counts_at_its_cells_and_those_beside_them() -> None:
    """It fills rows 2 and 3, columns 4 and 5. Twice the threshold: 0.8 · 2 / 4."""
    expected = np.ones(SHAPE, np.float32)
    expected[1:5, 3:7] = 0.4
    np.testing.assert_allclose(factors(normal((4.0, (0.5, 0.25, 0.25, 0.25)))), expected)


def test_a_cell_counts_of_which_a_box_takes_a_corner() -> None:
    """From 0.45 to 0.55: columns 3 and 4 and those beside them; the same of rows 0 and 1."""
    expected = np.ones(SHAPE, np.float32)
    expected[0:3, 2:6] = 0.4
    np.testing.assert_allclose(factors(normal((4.0, (0.45, 0.1, 0.1, 0.05)))), expected)


def test_a_box_without_area_counts_at_one_cell() -> None:
    expected = np.ones(SHAPE, np.float32)
    expected[3:6, 3:6] = 0.4
    np.testing.assert_allclose(factors(normal((4.0, (0.5, 0.5, 0.0, 0.0)))), expected)


def test_a_box_in_the_last_corner_stays_in_the_map() -> None:
    expected = np.ones((4, 8), np.float32)
    expected[2:, 6:] = 0.4
    np.testing.assert_allclose(factors(normal((4.0, (0.9, 0.9, 0.1, 0.1))), shape=(4, 8)), expected)


@pytest.mark.parametrize(
    ("score", "threshold", "factor"),
    [(2.0, 2.0, 0.8), (4.0, 2.0, 0.4), (1.8, 2.0, 0.8889), (8.0, 2.0, 0.2), (100.0, 2.0, 0.2), (4.0, 3.0, 0.6)],
)
def test_an_event_like_it_would_reach_four_fifths_of_the_threshold(
    score: float, threshold: float, factor: float
) -> None:
    found = factors(normal((score, (0, 0, 1, 1)), threshold=threshold))
    assert found.min() == found.max() == pytest.approx(factor, abs=1e-4)


def test_what_was_far_below_the_threshold_needs_nothing() -> None:
    assert tolerance([normal((1.5, (0, 0, 1, 1)))], SHAPE) is None


def test_records_without_a_score_or_a_threshold_say_nothing() -> None:
    record = normal((0.0, (0, 0, 1, 1)))
    record["boxes"][0]["score"] = None
    assert tolerance([record, normal((4.0, (0, 0, 1, 1)), threshold=0.0)], SHAPE) is None


def test_the_oddest_counts_where_boxes_lie_over_each_other() -> None:
    first, second = normal((4.0, (0.0, 0.0, 0.5, 1.0))), normal((2.0, (0.0, 0.0, 1.0, 1.0)))
    expected = np.full(SHAPE, 0.8, np.float32)
    expected[:, :5] = 0.4
    for records in ((first, second), (second, first)):
        np.testing.assert_allclose(factors(*records), expected)


def test_taking_a_label_back_undoes_it() -> None:
    first, second = normal((4.0, (0.0, 0.0, 0.5, 1.0))), normal((2.0, (0.0, 0.0, 1.0, 1.0)))
    np.testing.assert_array_equal(factors(second), np.full(SHAPE, np.float32(0.8)))
    assert factors(first)[0, 7] == 1
