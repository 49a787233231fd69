"""Surfaces made from noise."""

from __future__ import annotations

import cv2
import numpy as np

from samples.shapes import Colour, Plane
from samples.space import Array


def cloud(rng: np.random.Generator, *, count: int = 512, falloff: float = 1.0) -> Plane:
    """A tile (count, count) of noise with spectrum 1/f^falloff, mean 0, deviation 1, seamless at its borders."""
    spectrum = np.fft.rfft2(rng.standard_normal((count, count)))
    f = np.hypot(np.fft.fftfreq(count)[:, None], np.fft.rfftfreq(count)[None, :])
    f[0, 0] = np.inf
    tile = np.fft.irfft2(spectrum / f**falloff, (count, count))
    return np.asarray((tile - tile.mean()) / tile.std(), np.float32)


def spread(tile: Plane, x: Array, y: Array, metres: float) -> Plane:
    """A tile laid over the world so that it repeats every `metres`; x and y any shape, metres."""
    scale = tile.shape[0] / metres
    u = np.nan_to_num(x * scale, posinf=0.0, neginf=0.0) % tile.shape[0]
    v = np.nan_to_num(y * scale, posinf=0.0, neginf=0.0) % tile.shape[0]
    return np.asarray(cv2.remap(tile, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_WRAP))


def tint(colour: Colour, value: Plane) -> Plane:
    """A colour times a factor per pixel: float32 (h, w, 3)."""
    return np.asarray(np.array(colour, np.float32) * value[..., None], np.float32)


def blades(shape: tuple[int, int], rng: np.random.Generator, length: int) -> Plane:
    """Grass seen from the side: upright strokes, mean 0, deviation 1, float32 (h, w)."""
    strokes = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 0.9, sigmaY=length / 2)
    fine = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 0.7, sigmaY=length / 5)
    mixed = strokes / strokes.std() + 0.7 * fine / fine.std()
    return np.asarray(mixed / mixed.std(), np.float32)


def slabs(along: Array, left: Array, rng: np.random.Generator, *, length: float, width: float,
          joint: float) -> Plane:
    """Paving in running bond: a factor near 1 per pixel, each slab its own tone, joints dark.

    Places as `Lane.locate` gives them; the slab's length and width and the joint in metres.
    """
    row = np.floor(left / width)
    shifted = along / length + 0.5 * (row % 2)
    column = np.floor(shifted)
    tones = rng.normal(1.0, 0.045, (64, 64)).astype(np.float32)
    value = tones[(row % 64).astype(int), (column % 64).astype(int)]
    to_joint = np.minimum(_edge(shifted - column) * length, _edge(left / width - row) * width)
    return np.asarray(value * np.where(to_joint < joint / 2, 0.68, 1.0), np.float32)


def _edge(fraction: Array) -> Array:
    return np.minimum(fraction, 1.0 - fraction)


def foliage(picture: Plane, centre: tuple[float, float], reach: tuple[float, float], *, count: int, leaf: float,
            colour: Colour, rng: np.random.Generator) -> None:
    """Fill an ellipse of `picture` with leaves, dark and inner ones first, those towards the light lighter."""
    radius = np.sqrt(rng.random(count))
    turn = rng.uniform(0, 2 * np.pi, count)
    dx, dy = radius * np.cos(turn), radius * np.sin(turn)
    clump = np.sin(dx * 7 + centre[0]) * np.sin(dy * 6 + 1.3 * centre[1])
    bright = 0.62 - 0.22 * dx - 0.34 * dy + 0.20 * clump + rng.normal(0, 0.13, count)
    rank = np.argsort(bright + rng.normal(0, 0.25, count))
    for i in rank:
        c = np.clip(bright[i], 0.16, 1.25)
        hue = rng.normal(0, 0.05, 2)
        shade = (colour[0] * c * (1 + hue[0]), colour[1] * c, colour[2] * c * (1 + hue[1]))
        at = (round((centre[0] + dx[i] * reach[0]) * 8), round((centre[1] + dy[i] * reach[1]) * 8))
        axes = (round(leaf * rng.uniform(0.5, 1.2) * 8), round(leaf * rng.uniform(0.3, 0.7) * 8))
        points = cv2.ellipse2Poly((0, 0), axes, int(rng.integers(180)), 0, 360, 60) + np.array(at)
        cv2.fillConvexPoly(picture, points.astype(np.int32), shade, cv2.LINE_AA, 3)
