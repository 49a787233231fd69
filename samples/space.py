"""World and camera: metres on a flat ground, seen by a fixed pinhole camera.

World axes: x to the camera's right, y away from it, z up; the camera stands above the origin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera that looks along +y, tilted down."""

    size: tuple[int, int]
    """(width, height) in pixels."""
    height: float
    """Metres above the ground."""
    tilt: float
    """Radians below the horizontal."""
    view: float
    """Horizontal angle of view, radians; the vertical one follows from the size."""

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return self.size[0] / (2.0 * math.tan(self.view / 2.0))

    def project(self, points: Array) -> tuple[Array, Array]:
        """World points (n, 3) in metres to pixels (n, 2) and depth along the optical axis (n,) in metres."""
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        rise = points[:, 2] - self.height
        depth = np.maximum(points[:, 1] * cos - rise * sin, 0.3)
        across = points[:, 0] / depth
        down = -(points[:, 1] * sin + rise * cos) / depth
        pixels = np.stack([self.size[0] / 2 + self.focal * across, self.size[1] / 2 + self.focal * down], 1)
        return pixels, depth

    def rays(self, supersample: int) -> tuple[Array, Array, Array]:
        """Directions (dx, dy, dz) of every pixel of a picture `supersample` times finer, each (H·s, W·s)."""
        width, height = self.size
        xs = (np.arange(width * supersample) + 0.5) / supersample - width / 2
        ys = (np.arange(height * supersample) + 0.5) / supersample - height / 2
        across, down = np.meshgrid(xs / self.focal, ys / self.focal)
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        return across, cos - down * sin, -sin - down * cos

    def ground(self, supersample: int) -> tuple[Array, Array]:
        """Where every (finer) pixel's ray meets the ground, (x, y) in metres; inf at and above the horizon."""
        dx, dy, dz = self.rays(supersample)
        reach = np.where(dz < -1e-6, self.height / np.maximum(-dz, 1e-6), np.inf)
        with np.errstate(invalid="ignore"):
            return dx * reach, dy * reach

    def inside(self, point: tuple[float, float], margin: float = 0.0) -> bool:
        """Whether a ground point is in the picture widened by `margin` pixels on every side."""
        (pixel,), _ = self.project(np.array([[point[0], point[1], 0.0]]))
        x_in = -margin <= pixel[0] <= self.size[0] + margin
        return bool(x_in and -margin <= pixel[1] <= self.size[1] + margin)


@dataclass(frozen=True, slots=True)
class Lane:
    """A straight way on the ground: places on it are metres along it and metres to its left."""

    origin: tuple[float, float]
    angle: float
    """Radians from +x towards +y."""
    half_width: float

    def place(self, along: Array, left: Array) -> Array:
        """Ground points (n, 2) of n places."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        x = self.origin[0] + along * cos - left * sin
        y = self.origin[1] + along * sin + left * cos
        return np.stack([x, y], axis=-1)

    def locate(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The inverse of `place`, for arrays of any shape."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        dx, dy = x - self.origin[0], y - self.origin[1]
        return dx * cos + dy * sin, dy * cos - dx * sin

    def ends(self, camera: Camera, margin_m: float) -> tuple[float, float]:
        """The stretch (metres along) in the picture, `margin_m` longer at both ends."""
        along = np.arange(-60.0, 60.0, 0.25)
        seen = [s for s, p in zip(along, self.place(along, np.zeros_like(along)), strict=True)
                if camera.inside((float(p[0]), float(p[1])))]
        return float(min(seen)) - margin_m, float(max(seen)) + margin_m
