"""What stands still in the lobby: tiled floor, two walls, doors, a window, a counter, chairs, a plant."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.scenery import FINE, shrink, stand, still_shadows, vignette
from samples.shapes import Colour, Hull, Plane, Shape, Wire, box, place, tone
from samples.space import Array, Camera, Lane
from samples.stage import Backdrop, Prop
from samples.texture import cloud, slabs, spread, tint

ROOM = Lane(origin=(0.0, 0.0), angle=math.radians(42), half_width=7.0)
"""The room's own axes: metres along the wall on the left, metres to the left of the wall behind the camera."""
RIGHT_WALL, LEFT_WALL = 8.0, 7.0
"""The right-hand wall's distance along, the left-hand wall's distance to the left."""
DOORS = ((1.75, 2.70), (4.75, 5.70))
"""On the right-hand wall, metres left, from jamb to jamb."""
DOOR_HEIGHT = 2.06
LIT_FROM = (-0.62, -0.78)
_WINDOW = (0.75, 2.55, 0.95, 2.45)
"""On the left-hand wall: from and to along, from and to above the floor."""
_CEILING = 3.3
_NOTES: tuple[tuple[float, float, float, float, Colour], ...] = (
    (3.25, 1.45, 0.28, 0.40, (206, 208, 206)), (3.62, 1.30, 0.30, 0.42, (196, 190, 150)),
    (4.00, 1.42, 0.26, 0.38, (150, 170, 200)), (3.60, 1.76, 0.20, 0.14, (120, 120, 190)),
)
"""Papers on the notice board: left, above the floor, width, height, colour."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lighting:
    """What lights the lobby, each (H, W), 0 … 1: where its changes show."""

    window: Plane
    lamp: Plane


def floor(along: float, left: float) -> tuple[float, float]:
    """The ground point of a place in the room's axes."""
    x, y = ROOM.place(np.array([along]), np.array([left]))[0]
    return float(x), float(y)


def backdrop(camera: Camera, sun: tuple[float, float], rng: np.random.Generator) -> tuple[Backdrop, Lighting]:
    """Draw the view; `rng` decides stains and tiles."""
    dx, dy, dz = camera.rays(FINE)
    eye = np.zeros_like(dx)
    paint_wall = _Walls(rng)
    picture, reach = paint_wall.seen(eye, eye, eye + camera.height, dx, dy, dz)
    down = np.where(dz < -1e-6, camera.height / np.maximum(-dz, 1e-6), np.inf)
    on_floor = down < reach
    x, y = dx * np.where(on_floor, down, 0), dy * np.where(on_floor, down, 0)
    along, left = ROOM.locate(x, y)
    tiles = _tiles(along, left, rng)
    # The floor is polished: it shows the walls behind, weaker where one looks straight down.
    mirrored, _ = paint_wall.seen(x, y, np.zeros_like(x), dx, dy, -dz)
    mirrored = np.asarray(cv2.GaussianBlur(mirrored, (0, 0), 2.0 * FINE), np.float32)
    steep = -dz / np.sqrt(dx**2 + dy**2 + dz**2)
    shine = np.clip(0.34 - 0.30 * steep, 0.05, 0.4).astype(np.float32)[..., None]
    picture = np.where(on_floor[..., None], tiles * (1 - shine) + mirrored * shine, picture).astype(np.float32)
    pool, bright = _pools(along, left, on_floor), paint_wall.pane(eye, eye, eye + camera.height, dx, dy, dz)
    window = np.maximum(0.45 * pool, np.where(on_floor, 0, bright)).astype(np.float32)
    picture *= (1 + 0.24 * pool * on_floor)[..., None].astype(np.float32)
    small = shrink(np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.float32), camera)
    ground = shrink(on_floor.astype(np.float32), camera)
    props: list[Prop] = []
    for shapes in _furniture():
        prop = stand(small, shapes, camera, lit_from=LIT_FROM)
        if prop is not None:
            props.append(prop)
            ground *= 1.0 - prop.alpha
    shade = np.asarray(still_shadows(_furniture(), camera, sun) * ground, np.float32)
    near_lamp = np.exp(-((along - 4.6) ** 2 + (left - 5.2) ** 2) / 7.0) * on_floor + np.where(on_floor, 0, 0.5)
    lighting = Lighting(shrink(window, camera), shrink(near_lamp.astype(np.float32), camera))
    still = np.zeros(ground.shape, np.float32)
    return Backdrop(small * vignette(camera), ground, shade, still, tuple(props)), lighting


class _Walls:
    """Both walls: what a ray meets on them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._stain, self._grit = cloud(rng, falloff=1.4), cloud(rng, falloff=0.4)

    def seen(self, x: Array, y: Array, z: Array, dx: Array, dy: Array, dz: Array) -> tuple[Plane, Array]:
        """Colour (h, w, 3) and distance (h, w) of what rays from (x, y, z) in a direction meet."""
        to_right, to_left, along, left, high = self._meet(x, y, z, dx, dy, dz)
        right_hand = to_right < to_left
        picture = np.where(right_hand[..., None], self._right(left, high), self._left(along, high))
        return np.asarray(picture, np.float32), np.minimum(to_right, to_left)

    def pane(self, x: Array, y: Array, z: Array, dx: Array, dy: Array, dz: Array) -> Plane:
        """Where the window is, (h, w) 0 or 1."""
        to_right, to_left, along, _, high = self._meet(x, y, z, dx, dy, dz)
        return np.asarray((to_left < to_right) & _within(along, high, *_WINDOW), np.float32)

    @staticmethod
    def _meet(x: Array, y: Array, z: Array, dx: Array, dy: Array, dz: Array) -> tuple[Array, ...]:
        a, b = ROOM.locate(x, y)
        da, db = ROOM.locate(dx, dy)
        to_right = np.where(da > 1e-6, (RIGHT_WALL - a) / np.maximum(da, 1e-6), np.inf)
        to_left = np.where(db > 1e-6, (LEFT_WALL - b) / np.maximum(db, 1e-6), np.inf)
        reach = np.minimum(np.minimum(to_right, to_left), 1e3)
        return to_right, to_left, a + da * reach, b + db * reach, z + dz * reach

    def _plaster(self, u: Array, z: Array, colour: Colour) -> Plane:
        value = 1 + 0.035 * spread(self._stain, u, z, 9.0) + 0.015 * spread(self._grit, u, z, 3.0)
        # Darker where wall meets floor and in the corner, where little light comes.
        value = value * (1 - 0.20 * np.exp(-np.clip(z, 0, 9) / 0.35)) * np.where(z > _CEILING, 0.9, 1.0)
        wall = tint(colour, np.asarray(value, np.float32))
        low = z < 1.02
        wall[low] *= np.array([0.80, 0.86, 0.84], np.float32)
        wall[np.abs(z - 1.02) < 0.035] *= 0.72
        wall[z < 0.10] = (62, 66, 72)
        return wall

    def _right(self, u: Array, z: Array) -> Plane:
        wall = self._plaster(u, z, (158, 168, 172))
        wall *= (1 - 0.22 * np.exp(-(LEFT_WALL - u) / 0.5))[..., None].astype(np.float32)
        for first, last in DOORS:
            wall[_within(u, z, first - 0.09, last + 0.09, 0, DOOR_HEIGHT + 0.09)] = (112, 122, 130)
            leaf = _within(u, z, first, last, 0.01, DOOR_HEIGHT)
            grain = 1 + 0.05 * spread(self._grit, u * 6, z * 0.5, 4.0) + 0.04 * spread(self._stain, u, z, 2.0)
            wall[leaf] = tint((72, 104, 138), np.asarray(grain, np.float32))[leaf]
            for low, high in ((0.25, 0.95), (1.15, 1.85)):
                edge = _within(u, z, first + 0.14, last - 0.14, low, high)
                inner = _within(u, z, first + 0.17, last - 0.17, low + 0.03, high - 0.03)
                wall[edge & ~inner] *= 0.72
            wall[_within(u, z, last - 0.12, last - 0.05, 1.0, 1.08)] = (168, 172, 172)
        board = _within(u, z, 3.15, 4.35, 1.2, 1.95)
        wall[board] = (78, 116, 140)
        for at, low, wide, high, colour in _NOTES:
            wall[_within(u, z, at, at + wide, low, low + high)] = colour
        wall[_within(u, z, DOORS[1][0] + 0.25, DOORS[1][1] - 0.25, 2.30, 2.52)] = (92, 150, 62)  # the way out
        wall[_within(u, z, DOORS[1][0] + 0.33, DOORS[1][1] - 0.55, 2.35, 2.47)] = (190, 214, 190)
        return wall

    def _left(self, u: Array, z: Array) -> Plane:
        wall = self._plaster(u, z, (146, 158, 164))
        wall *= (1 - 0.24 * np.exp(-(RIGHT_WALL - u) / 0.5))[..., None].astype(np.float32)
        first, last, low, high = _WINDOW
        wall[_within(u, z, first - 0.10, last + 0.10, low - 0.10, high + 0.10)] = (178, 182, 182)
        pane = _within(u, z, first, last, low, high)
        outside = 1 + 0.10 * spread(self._stain, u, z, 5.0) + 0.10 * (z - 1.6)
        wall[pane] = tint((214, 208, 200), np.asarray(outside, np.float32))[pane]
        wall[pane & ((np.abs(u - (first + last) / 2) < 0.035) | (np.abs(z - 1.95) < 0.03))] = (168, 172, 172)
        sign = _within(u, z, 3.75, 5.25, 2.0, 2.4)
        wall[sign] = (96, 74, 52)
        letters = spread(self._grit, np.floor(u * 14) * 0.7, np.floor(z * 5) * 2.1, 8.0) > -0.2
        wall[sign & letters & _within(u, z, 3.95, 5.05, 2.13, 2.27)] = (196, 200, 200)
        shelf = _within(u, z, 3.4, 5.6, 1.25, 1.85)
        books = 0.75 + 0.35 * np.abs(spread(self._grit, np.floor(u * 22) * 0.43, np.floor(z / 0.3) * 0.9, 6.0))
        wall[shelf] = tint((84, 96, 112), np.asarray(books, np.float32))[shelf]
        wall[shelf & (np.abs((z - 1.25) % 0.3) < 0.03)] = (96, 112, 128)
        return wall


def _within(u: Array, v: Array, u0: float, u1: float, v0: float, v1: float) -> Mask:
    return (u >= u0) & (u < u1) & (v >= v0) & (v < v1)


def _tiles(along: Array, left: Array, rng: np.random.Generator) -> Plane:
    """Stone tiles with a darker band, (h, w, 3)."""
    stain, grit = cloud(rng, falloff=1.3), cloud(rng, falloff=0.6)
    value = slabs(along, left, rng, length=0.6, width=0.6, joint=0.02)
    value = value * (1 + 0.04 * spread(stain, along, left, 7.0) + 0.035 * spread(grit, along, left, 1.6))
    stone = tint((126, 134, 140), np.asarray(value, np.float32))
    band = (np.abs(left - 2.1) < 0.3) | (np.abs(along - 6.9) < 0.3)
    stone[band] *= np.array([0.74, 0.76, 0.80], np.float32)
    near_wall = 1 - 0.18 * np.exp(-(LEFT_WALL - left) / 0.4) - 0.18 * np.exp(-(RIGHT_WALL - along) / 0.4)
    return np.asarray(stone * np.clip(near_wall, 0.5, 1)[..., None], np.float32)


def _pools(along: Array, left: Array, on_floor: Mask) -> Plane:
    """The light that falls through the window on to the floor, (h, w) 0 … 1."""
    slant = along - 0.38 * (LEFT_WALL - left)
    inside = _within(slant, left, _WINDOW[0], _WINDOW[1], LEFT_WALL - 4.6, LEFT_WALL - 1.8)
    bars = np.abs(slant - (_WINDOW[0] + _WINDOW[1]) / 2) < 0.07
    pool = np.asarray(inside & ~bars & on_floor, np.float32)
    return np.asarray(cv2.GaussianBlur(pool, (0, 0), 3.0), np.float32)


def _furniture() -> list[list[Shape]]:
    """What is part of the view, each a prop in world coordinates."""
    counter: list[Shape] = [*box((3.2, 5.55, 0.0), (5.8, 6.15, 1.02), (84, 112, 140))]
    counter += box((3.12, 5.45, 1.02), (5.88, 6.2, 1.09), (120, 132, 138), nearer=0.3)
    counter += box((5.0, 5.75, 1.09), (5.06, 6.0, 1.2), (46, 46, 48), nearer=0.5)
    counter += box((4.8, 5.84, 1.2), (5.3, 5.9, 1.52), (40, 40, 42), nearer=0.6)
    counter += box((3.5, 5.6, 1.09), (3.75, 5.85, 1.13), (196, 200, 200), nearer=0.5)
    litter = [Hull(np.array([[7.6, 0.95, 0.15], [7.6, 0.95, 0.6]]), np.array([0.15, 0.17]), (70, 74, 76))]
    second = place(chair(), (7.55, 4.1), math.pi)
    return [place(shapes, (0.0, 0.0), ROOM.angle) for shapes in (counter, litter, second)]


def chair() -> list[Shape]:
    """A chair that looks towards +x."""
    seat: Colour = (104, 82, 60)
    steel: Colour = (110, 112, 112)
    shapes: list[Shape] = []
    for y in (-0.2, 0.2):
        shapes.append(Wire(np.array([[-0.2, y, 0.0], [-0.2, y, 0.86]]), 0.035, steel))
        shapes.append(Wire(np.array([[0.2, y, 0.0], [0.2, y, 0.43]]), 0.035, steel))
    shapes += box((-0.22, -0.23, 0.42), (0.23, 0.23, 0.47), seat, nearer=0.02)
    shapes += box((-0.23, -0.23, 0.56), (-0.19, 0.23, 0.88), tone(seat, 0.94), nearer=0.03)
    return shapes


def plant(rng: np.random.Generator) -> list[Shape]:
    """A potted plant as high as a child."""
    shapes: list[Shape] = [Hull(np.array([[0, 0, 0.12], [0, 0, 0.36]]), np.array([0.16, 0.21]), (66, 86, 128))]
    for _ in range(46):
        turn, lift = rng.uniform(0, 2 * math.pi), rng.uniform(0.1, 1.0)
        out = 0.42 * math.sqrt(max(1 - (lift - 0.35) ** 2, 0.1)) * rng.uniform(0.6, 1.0)
        root, tip = 0.42 + 0.35 * lift, 0.5 + 0.85 * lift
        side = np.array([math.cos(turn), math.sin(turn)])
        blade = np.array([[0, 0, root], [*(side * out * 0.6), tip + 0.1], [*(side * out), tip]])
        shapes.append(Wire(blade, 0.055, tone((48, 88, 62), float(rng.uniform(0.6, 1.25)))))
    return shapes
