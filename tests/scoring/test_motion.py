"""Speed, against figures that are moved by known distances."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.scoring.motion import speed

HEIGHT, WIDTH = 48, 96
"""Cells are 8 × 8 here, and so is the window."""
TOP, LEFT, TALL, WIDE = 12, 39, 24, 10
"""The figure fills the column of cells at 40 … 47."""


def texture(seed: int, height: int, width: int, contrast: float) -> NDArray[np.float32]:
    """Soft structure, as footage has at the network's size."""
    rough = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(rough, (0, 0), 1.2)
    return np.asarray(soft / soft.std() * contrast, dtype=np.float32)


def scene(moved: tuple[int, int] = (0, 0), channels: int = 1) -> NDArray[np.float32]:
    """Still ground, and before it a figure that has moved by (dx, dy) pixels; in [-1, 1]."""
    image = texture(0, HEIGHT, WIDTH, 0.1)
    x, y = LEFT + moved[0], TOP + moved[1]
    image[y : y + TALL, x : x + WIDE] = 0.4 + texture(1, TALL, WIDE, 0.25)
    return np.clip(np.repeat(image[None], channels, axis=0), -1, 1)


def at_the_figure(found: NDArray[np.float32]) -> float:
    return float(found[2:4, LEFT // 8 + 1].mean())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("moved", [(3, 0), (-3, 0), (0, 3)])
def test_a_figure_ten_pixels_wide_moves_as_fast_as_it_does(moved: tuple[int, int], channels: int) -> None:
    found = speed(scene(channels=channels), scene(moved, channels))
    assert found.shape == (HEIGHT // 8, WIDTH // 8)
    assert at_the_figure(found) == pytest.approx(3, rel=0.3)


def test_nothing_moves_elsewhere() -> None:
    found = speed(scene(), scene((3, 0)))
    assert max(found[:, :3].max(), found[:, 8:].max()) < 0.2


def test_twice_as_far_is_faster() -> None:
    slow, fast = (at_the_figure(speed(scene(), scene((dx, 0)))) for dx in (2, 4))
    assert fast > 1.5 * slow


def test_the_same_picture_twice_stands_still() -> None:
    assert speed(scene(), scene()).max() == pytest.approx(0, abs=0.01)


def test_one_pair_s_speed_does_not_depend_on_the_pair_before() -> None:
    first = speed(scene(), scene((3, 0)))
    speed(scene((0, 3)), scene((-3, 0)))
    np.testing.assert_array_equal(speed(scene(), scene((3, 0))), first)
