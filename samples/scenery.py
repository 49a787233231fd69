"""What stands still outdoors and how it gets into a backdrop: leaves, trunks, furniture, their shadows."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from samples.shapes import Hull, Plane, Shape, Wire, box, cast, paint, tone
from samples.space import Camera
from samples.stage import Prop
from samples.texture import foliage

FINE = 3
"""A view is drawn this many times finer than the picture and then shrunk."""


def shrink(plane: Plane, camera: Camera) -> Plane:
    """A plane drawn FINE times finer, at the picture's size."""
    return np.asarray(cv2.resize(plane, camera.size, interpolation=cv2.INTER_AREA), np.float32)


def clump(picture: Plane, leaves: Plane, camera: Camera, at: tuple[float, float, float],
           reach: tuple[float, float], *, count: int, leaf: float, colour: tuple[float, float, float],
           rng: np.random.Generator, free: float) -> None:
    """Leaves about a point `at` of the world, `reach` metres across and up, drawn into the fine picture.

    `leaf` is a leaf's half length in fine pixels; `leaves` marks with `free` (0 … 1) what the wind can move.
    """
    (pixel,), (depth,) = camera.project(np.array([at]))
    grow = camera.focal / float(depth) * FINE
    centre = (float(pixel[0]) * FINE, float(pixel[1]) * FINE)
    size = (reach[0] * grow, reach[1] * grow)
    foliage(picture, centre, size, count=count, leaf=leaf, colour=colour, rng=rng)
    cv2.ellipse(leaves, (round(centre[0]), round(centre[1])), (round(size[0]), round(size[1])), 0, 0, 360, free, -1)


def trunk(picture: Plane, camera: Camera, at: tuple[float, float], height: float, thick: float,
           rng: np.random.Generator) -> None:
    """A tree's trunk, drawn into the fine picture; foot, height and thickness in metres."""
    points = np.array([[*at, 0.0], [*at, height]])
    flat, depths = camera.project(points)
    flat, widths = flat * FINE, thick * camera.focal / depths * FINE
    for part in np.linspace(-1, 1, 9):
        bark = tone((58, 70, 82), float(0.85 - 0.35 * part + rng.normal(0, 0.08)))
        foot = flat[0] + np.array([part * widths[0], 0])
        top = flat[1] + np.array([part * widths[1] * 0.7, 0])
        cv2.line(picture, np.round(foot).astype(int).tolist(), np.round(top).astype(int).tolist(), bark,
                 max(1, round(float(widths[0]) / 4)))


def stand(picture: Plane, shapes: Sequence[Shape], camera: Camera, *, lit_from: tuple[float, float]) -> Prop | None:
    """Paint a prop into the picture and keep its outline for those who pass behind it."""
    patch = paint(shapes, camera, lit_from=lit_from)
    if patch is None:
        return None
    view = picture[patch.where]
    view *= (1 - patch.alpha)[..., None]
    view += patch.colour
    alpha = np.zeros(picture.shape[:2], np.float32)
    alpha[patch.where] = patch.alpha
    foot = np.concatenate([shape.points for shape in shapes]).mean(axis=0) * np.array([1, 1, 0])
    return Prop(float(camera.project(foot[None])[1][0]), alpha)


def still_shadows(things: Sequence[Sequence[Shape]], camera: Camera, sun: tuple[float, float]) -> Plane:
    """Shadows of what stands still, (H, W) 0 … 1."""
    mask = np.zeros(camera.size[::-1], np.uint8)
    for shapes in things:
        cast(mask, shapes, camera, sun)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.0)
    return np.asarray(soft, np.float32) / np.float32(255)


def vignette(camera: Camera) -> Plane:
    """The lens's loss of light towards the corners, a factor (H, W, 1)."""
    width, height = camera.size
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return np.asarray((1.03 - 0.10 * (x * x + y * y))[..., None], np.float32)


def bench() -> list[Shape]:
    """A park bench, looking towards -y."""
    wood, iron = (70, 100, 126), (58, 58, 60)
    shapes: list[Shape] = []
    for k in range(3):
        shapes += box((-0.85, -0.30 + 0.16 * k, 0.42), (0.85, -0.18 + 0.16 * k, 0.46), tone(wood, 1 - 0.06 * k))
    for k in range(3):
        shapes += box((-0.85, 0.20 + 0.03 * k, 0.52 + 0.14 * k), (0.85, 0.23 + 0.03 * k, 0.62 + 0.14 * k), wood)
    for at in (-0.7, 0.7):
        shapes.append(Wire(np.array([[at, -0.28, 0], [at, -0.26, 0.42], [at, 0.2, 0.42], [at, 0.3, 0.92]]), 0.05, iron))
        shapes.append(Wire(np.array([[at, 0.2, 0.42], [at, 0.26, 0.0]]), 0.05, iron))
    return shapes


def litter_bin() -> list[Shape]:
    """A litter bin."""
    body = Hull(np.array([[0, 0, 0.12], [0, 0, 0.72]]), np.array([0.2, 0.22]), (62, 78, 60))
    lid = Hull(np.array([[-0.16, 0, 0.86], [0.16, 0, 0.86]]), np.array([0.06, 0.06]), (52, 56, 54), 0.3)
    return [body, lid]


def lamp_post() -> list[Shape]:
    """A lamp post of four metres."""
    steel = (104, 106, 104)
    return [Wire(np.array([[0, 0, 0.0], [0, 0, 3.7]]), 0.11, steel), Wire(np.array([[0, 0, 0.0], [0, 0, 0.7]]), 0.18,
            tone(steel, 0.85)), Hull(np.array([[-0.17, 0, 3.75], [0.17, 0, 3.75]]), np.array([0.12, 0.12]),
            (150, 156, 158)), Hull(np.array([[-0.2, 0, 3.92], [0.2, 0, 3.92]]), np.full(2, 0.05), steel)]
