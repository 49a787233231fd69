"""Solid shapes in the world, and how they become pixels and shadows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.space import Array, Camera

Colour = tuple[float, float, float]
"""BGR, 0 … 255."""
Plane = NDArray[np.float32]
Image = NDArray[np.uint8]
"""uint8 (H, W, 3), BGR."""

SUPERSAMPLE = 4
_ROUND = np.stack([np.cos(a := np.linspace(0, 2 * math.pi, 10, endpoint=False)), np.sin(a)], axis=1)
_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates


@dataclass(frozen=True, slots=True)
class Hull:
    """The convex hull of spheres: a limb is two of them, a torso four, a flat face several of radius 0."""

    points: Array
    """(n, 3) metres."""
    radii: Array
    """(n,) metres."""
    colour: Colour
    nearer: float = 0.0
    """Metres by which it is painted as if nearer to the camera (hair over a head, a face over its box)."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A bent tube of one thickness: a wheel's rim, a bicycle's frame, a railing."""

    points: Array
    width: float
    colour: Colour
    closed: bool = False
    nearer: float = 0.0


Shape = Hull | Wire


@dataclass(frozen=True, slots=True)
class Patch:
    """A painted figure, cut to the part of the picture it touches."""

    left: int
    top: int
    colour: Plane
    """(h, w, 3), premultiplied by alpha, 0 … 255."""
    alpha: Plane
    """(h, w), 0 … 1."""

    @property
    def where(self) -> tuple[slice, slice]:
        rows, columns = self.alpha.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


def place(shapes: Sequence[Shape], position: Sequence[float], heading: float) -> list[Shape]:
    """Shapes of a body frame (x forward, y left, z up) put into the world at a ground position (x, y)."""
    cos, sin = math.cos(heading), math.sin(heading)
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    shift = np.array([position[0], position[1], position[2] if len(position) > 2 else 0.0])
    return [_moved(shape, shape.points @ turn + shift) for shape in shapes]


def _moved(shape: Shape, points: Array) -> Shape:
    if isinstance(shape, Hull):
        return Hull(points, shape.radii, shape.colour, shape.nearer)
    return Wire(points, shape.width, shape.colour, shape.closed, shape.nearer)


def box(low: Sequence[float], high: Sequence[float], colour: Colour, nearer: float = 0.0) -> list[Shape]:
    """An upright box's five visible faces, toned by the way each one looks."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    faces = (
        (1.12, [(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)]),
        (0.86, [(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)]),
        (0.86, [(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)]),
        (0.70, [(x0, y0, z0), (x0, y1, z0), (x0, y1, z1), (x0, y0, z1)]),
        (0.98, [(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)]),
    )
    return [Hull(np.array(points), np.full(4, 0.008), tone(colour, k), nearer) for k, points in faces]


def tone(colour: Colour, factor: float) -> Colour:
    """A colour made lighter or darker."""
    return (min(colour[0] * factor, 255), min(colour[1] * factor, 255), min(colour[2] * factor, 255))


def paint(shapes: Sequence[Shape], camera: Camera, *, lit_from: tuple[float, float]) -> Patch | None:
    """Paint shapes far to near, supersampled; None when they lie outside the picture.

    `lit_from` is the way towards the light in the picture, as a unit vector (right, down).
    """
    flat, depths = camera.project(np.concatenate([shape.points for shape in shapes]))
    scales = camera.focal / depths
    reach = max(_thickness(shape) for shape in shapes) * float(scales.max()) + 1.0
    low = np.floor(flat.min(axis=0) - reach).astype(int).clip(0, camera.size)
    high = np.ceil(flat.max(axis=0) + reach).astype(int).clip(0, camera.size)
    if (high <= low).any():
        return None
    columns, rows = (int(n) for n in high - low)
    fine = np.zeros((rows * SUPERSAMPLE, columns * SUPERSAMPLE, 4), np.uint8)
    flat = (flat - low) * SUPERSAMPLE
    scales = scales * SUPERSAMPLE
    ends = np.cumsum([len(shape.points) for shape in shapes])
    spans = [(int(end) - len(shape.points), int(end)) for shape, end in zip(shapes, ends, strict=True)]
    order = sorted(range(len(shapes)),
                   key=lambda i: -float(depths[spans[i][0]:spans[i][1]].mean()) + shapes[i].nearer)
    for i in order:
        a, b = spans[i]
        _paint_one(fine, shapes[i], flat[a:b], scales[a:b], np.array(lit_from))
    small = cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    return Patch(int(low[0]), int(low[1]), small[..., :3], small[..., 3] / np.float32(255))


def _thickness(shape: Shape) -> float:
    return float(shape.radii.max()) if isinstance(shape, Hull) else shape.width


def _paint_one(fine: NDArray[np.uint8], shape: Shape, flat: Array, scales: Array, light: Array) -> None:
    if isinstance(shape, Wire):
        thick = max(1, round(shape.width * float(scales.mean())))
        line = np.round(flat * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(fine, [line], shape.closed, (*shape.colour, 255), thick, cv2.LINE_8, _SHIFT)
        return
    radii = shape.radii * scales
    if float(shape.radii.max()) < 0.02:
        _fill(fine, flat, radii, shape.colour)
        return
    # Volume: a shaded outline, the body inside it moved towards the light, a small highlight.
    _fill(fine, flat, radii, tone(shape.colour, 0.62))
    _fill(fine, flat + light * (radii * 0.22)[:, None], radii * 0.80, tone(shape.colour, 0.90))
    _fill(fine, flat + light * (radii * 0.42)[:, None], radii * 0.46, tone(shape.colour, 1.14))


def _fill(canvas: NDArray[np.uint8], flat: Array, radii: Array, colour: Colour) -> None:
    outline = (flat[:, None, :] + _ROUND[None] * radii[:, None, None]).reshape(-1, 2)
    hull = cv2.convexHull(np.round(outline * (1 << _SHIFT)).astype(np.int32))
    cv2.fillConvexPoly(canvas, hull, (*colour, 255), cv2.LINE_8, _SHIFT)


def cast(mask: NDArray[np.uint8], shapes: Sequence[Shape], camera: Camera, sun: tuple[float, float]) -> None:
    """Draw the shapes' shadow on the ground into `mask` (H, W), 255 where shaded.

    `sun` is how many metres (x, y) a shadow falls away for each metre of height.
    """
    points = np.concatenate([shape.points for shape in shapes])
    z = points[:, 2]
    fallen = np.stack([points[:, 0] + z * sun[0], points[:, 1] + z * sun[1], np.zeros_like(z)], axis=1)
    flat, depths = camera.project(fallen)
    scales = camera.focal / depths
    start = 0
    for shape in shapes:
        part = slice(start, start + len(shape.points))
        start = part.stop
        if isinstance(shape, Wire):
            line = np.round(flat[part] * (1 << _SHIFT)).astype(np.int32)
            thick = max(1, round(shape.width * float(scales[part].mean())))
            cv2.polylines(mask, [line], shape.closed, 255, thick, cv2.LINE_AA, _SHIFT)
            continue
        # A sphere's shadow is seen foreshortened, as the ground is.
        flatten = np.array([1.0, 0.55])
        ring = _ROUND[None] * flatten * (shape.radii * scales[part])[:, None, None]
        outline = np.round((flat[part][:, None, :] + ring).reshape(-1, 2) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(outline), 255, cv2.LINE_AA, _SHIFT)
