"""Light alone: shadows and lamps on a scene with a texture, and things that are put there."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from memwatch.scoring.shade import (
    EDGE,
    GRAIN,
    LEAST,
    SILENT,
    SURE,
    _between_lights,
    _light_of_most,
    agreement,
    only_light,
)

HEIGHT, WIDTH = 80, 120
"""Of the scene: cells are 4 × 4 of its pixels."""

Pixels = NDArray[np.float32]


def floor(seed: int = 0, contrast: float = 0.05) -> Pixels:
    """A tiled floor with some grain, (3, H, W)."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.5)
    tiles = ((np.arange(HEIGHT) // 11)[:, None] + (np.arange(WIDTH) // 13)[None]) % 2
    gray = 0.5 + contrast * (grain / grain.std() + 0.5 * tiles)
    tint = np.array([0.95, 1.0, 1.05], np.float32)[:, None, None]
    return np.clip(gray[None] * tint, 0, 1).astype(np.float32)


def seen(picture: Pixels, seed: int = 9) -> Pixels:
    """With the noise that the mean of a second keeps."""
    return picture + np.random.default_rng(seed).normal(0, 0.002, picture.shape).astype(np.float32)


def shadow(left: float, depth: float = 0.4, soft: float = 1.0) -> Pixels:
    """(H, W): what is left of the light, less to the left of `left`."""
    x = np.arange(WIDTH, dtype=np.float32)[None] + 0.3 * np.arange(HEIGHT, dtype=np.float32)[:, None]
    return (1 - depth / 2 * (1 - np.tanh((x - left) / soft / 2))).astype(np.float32)


def with_thing(picture: Pixels, colour: tuple[float, float, float], rows: slice, columns: slice) -> Pixels:
    changed = picture.copy()
    changed[:, rows, columns] = np.array(colour, np.float32)[:, None, None]
    return changed


def test_a_scene_that_has_not_changed_is_sure() -> None:
    assert only_light(floor(), seen(floor())).min() == 1
    assert only_light(floor(), seen(floor())).shape == (HEIGHT // 4, WIDTH // 4)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 1.7), st.floats(-0.1, 0.1))
def test_light_all_over_is_light_alone(gain: float, offset: float) -> None:
    """Whatever it multiplies by and adds; the scene's memory does not know its own overall brightness."""
    known = floor() - floor().mean(axis=(1, 2), keepdims=True)
    assert only_light(known, seen(np.float32(gain) * floor() + np.float32(offset))).min() >= EDGE


@pytest.mark.parametrize("soft", [0.3, 1.0, 6.0])
def test_a_shadow_is_light_alone_and_so_is_its_edge(soft: float) -> None:
    """Hard and soft; the edge is as good as half sure everywhere."""
    share = only_light(floor(), seen(floor() * shadow(60, soft=soft)))
    assert share.min() >= EDGE == 0.5
    assert (share > 0.9).mean() > 0.5


def test_without_looking_between_two_lights_an_edge_is_not_known() -> None:
    assert agreement(floor(), seen(floor() * shadow(60))).min() < LEAST


@pytest.mark.parametrize("colour", [(0.1, 0.1, 0.1), (0.9, 0.9, 0.9), (0.5, 0.3, 0.6)])
def test_a_plain_thing_is_not_light(colour: tuple[float, float, float]) -> None:
    """It has no texture of its own: its outline says so, all through it, and two cells away all is sure again."""
    share = only_light(floor(), seen(with_thing(floor(), colour, slice(32, 48), slice(48, 72))))
    assert share[8:12, 12:18].max() == 0
    assert share[:, :8].min() == share[:, 23:].min() == 1


def test_around_a_small_thing_nothing_is_sure() -> None:
    """A box hardly larger than a cell, whose neighbours' share would reach it where shares are blended."""
    share = only_light(floor(), seen(with_thing(floor(), (0.75, 0.55, 0.35), slice(40, 46), slice(60, 66))))
    assert share[9:13, 14:18].max() == 0


def test_a_thing_with_a_texture_is_not_light() -> None:
    changed = floor()
    changed[:, 32:48, 48:72] = floor(5)[:, 32:48, 48:72] * 0.8
    share = only_light(floor(), seen(changed))
    assert share[8:12, 12:18].max() < EDGE
    assert np.median(share[8:12, 12:18]) == 0


def test_a_thing_in_a_shadow_is_still_a_thing() -> None:
    lit = floor() * shadow(70)
    share = only_light(floor(), seen(with_thing(lit, (0.7, 0.3, 0.2), slice(32, 48), slice(16, 36))))
    assert share[8:12, 4:9].max() == 0


def test_the_light_of_most_places_is_that_of_no_shadow() -> None:
    """Half of the light and 0.2 more, but for three places of ten that lie in a shadow; a plain picture has a level."""
    before = np.random.default_rng(1).uniform(-0.4, 0.4, 1000).astype(np.float32)
    after = 0.5 * before + 0.2
    after[:300] *= 0.4
    slope, level = _light_of_most(before, after)
    assert (slope, level) == (pytest.approx(0.5, abs=0.01), pytest.approx(0.2, abs=0.005))
    plain = np.zeros(10, np.float32)
    assert _light_of_most(plain, plain + np.float32(0.3)) == (1, pytest.approx(0.3))


def test_a_thing_as_bright_as_a_shadow_is_no_edge_where_none_is_near() -> None:
    """All its brightness lies between those of a shadow and of the floor, but the shadow ends thirty pixels away."""
    lit = floor(contrast=0.01) * shadow(66)
    share = only_light(floor(contrast=0.01), seen(with_thing(lit, (0.4, 0.42, 0.44), slice(32, 48), slice(84, 104))))
    assert share[9:11, 22:25].max() == 0


def test_a_plain_thing_before_a_plain_wall_is_not_light() -> None:
    wall = np.full((3, HEIGHT, WIDTH), 0.6, np.float32)
    share = only_light(wall, seen(with_thing(wall, (0.3, 0.3, 0.3), slice(32, 48), slice(48, 72))))
    assert share[8:12, 12:18].max() == 0


def test_where_nothing_is_to_be_seen_nothing_is_sure() -> None:
    wall = np.full((3, HEIGHT, WIDTH), 0.6, np.float32)
    assert only_light(wall, wall * 0.7).max() == 0


def test_agreement_by_hand() -> None:
    """Slopes of 0.1 a pixel at a right angle, and at 60°. Each counts as 0.1 / (0.1 + 0.004) of a whole; all three
    windows see the same, so each is (s cos + SILENT before) / (s + SILENT) with s the square of that."""
    y, x = np.mgrid[:40, :40].astype(np.float32)
    strength = (0.1 / (0.1 + GRAIN)) ** 2
    for degrees in (0, 60, 90, 180):
        cosine = math.cos(math.radians(degrees))
        other = 0.1 * (math.cos(math.radians(degrees)) * x + math.sin(math.radians(degrees)) * y)
        agreed = 0.0
        for _ in range(3):
            agreed = (strength * cosine + SILENT * agreed) / (strength + SILENT)
        found = agreement((0.1 * x)[None], other.astype(np.float32)[None])
        assert found[20, 20] == pytest.approx(agreed, abs=1e-4)


def between(value: float, *, width: int = 30) -> bool:
    """Whether the middle of a strip of a plain picture, 0.5 before and `value` now, is an edge between the light to its
    left, unchanged, and that to its right, where `width` columns have become 0.3."""
    known = np.full((1, 40, 80), 0.5, np.float32)
    now, share = known.copy(), np.zeros((40, 80), np.float32)
    now[:, :, 40:] = value
    now[:, :, 47 : 47 + width] = 0.3
    share[:, :40], share[:, 47 : 47 + width] = 1, 1
    return bool(_between_lights(known, now, share)[20, 43])


@pytest.mark.parametrize(("value", "edge"), [(0.53, False), (0.515, True), (0.4, True), (0.285, True), (0.27, False)])
def test_an_edge_is_between_both_lights_or_faintly_beside_by_hand(value: float, *, edge: bool) -> None:
    """From 0.3 to 0.5, and FAINT, of 0.02, beyond."""
    assert between(value) == edge


@pytest.mark.parametrize(("width", "edge"), [(4, False), (5, True)])
def test_a_side_of_an_edge_is_sure_as_far_as_the_rim_by_hand(width: int, *, edge: bool) -> None:
    """Of four sure columns none has five by five sure pixels around it."""
    assert between(0.4, width=width) == edge


def test_sure_is_what_agrees_enough() -> None:
    assert 0 < LEAST < SURE < 1
