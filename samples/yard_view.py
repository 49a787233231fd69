"""What stands still in the yard: asphalt with bays, a lawn, a footpath, a fence with its gate, a street, a house."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from samples.scenery import FINE, clump, lamp_post, litter_bin, shrink, stand, still_shadows, trunk, vignette
from samples.shapes import Hull, Plane, Shape, Wire, place, tone
from samples.space import Array, Camera, Lane
from samples.stage import Backdrop, Prop
from samples.texture import blades, cloud, slabs, spread, tint

FOOTPATH = Lane(origin=(0.0, 7.7), angle=0.035, half_width=1.15)
FENCE = 19.0
"""Metres from the camera's foot to the fence."""
GATE = (1.1, 4.9)
"""Metres to the right, from post to post."""
BAYS = (-8.0, -5.1, -2.2)
"""Metres to the right of the parked cars' middles."""
BAY_Y = 15.3
LIT_FROM = (0.78, -0.62)
_HEDGE, _HOUSE = 28.5, 31.0
_HALF_ROAD = 1.65


def road(corners: list[tuple[float, float]], soft: float = 1.3) -> Array:
    """A way for cars through corners, rounded over `soft` metres, as points (n, 2) a tenth of a metre apart."""
    knots = np.array(corners)
    marks = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    fine = np.arange(0.0, marks[-1], 0.1)
    points = np.stack([np.interp(fine, marks, knots[:, k]) for k in (0, 1)], axis=1)
    return np.asarray(gaussian_filter1d(points, soft / 0.1, axis=0, mode="nearest"))


DRIVEWAY = road([(20.0, 24.3), (4.0, 24.3), (3.0, 21.5), (3.0, 16.2), (1.2, 12.6), (-2.5, 11.4), (-17.0, 11.2)])
"""In from the street, through the gate, past the parked cars and out on the left: the only way cars take."""


def backdrop(camera: Camera, sun: tuple[float, float], rng: np.random.Generator) -> Backdrop:
    """Draw the view; `rng` decides every leaf and stain."""
    x, y = camera.ground(FINE)
    picture = _house(camera, rng)
    flat = y < _HEDGE
    picture[flat] = _ground(camera, x, y, rng)[flat]
    leaves = np.zeros(picture.shape[:2], np.float32)
    _greenery(picture, leaves, camera, rng)
    shade = _tree_shade(x, y, sun, rng) * flat
    small = shrink(np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.float32), camera)
    ground = shrink(np.asarray(flat, np.float32), camera)
    moving = np.asarray(cv2.GaussianBlur(shrink(leaves, camera), (0, 0), 1.0), np.float32)
    # Where leaves hang before the ground no shadow falls.
    ground *= np.where(moving > 0.5, 0.3, 1.0)
    props: list[Prop] = []
    for shapes in _furniture():
        prop = stand(small, shapes, camera, lit_from=LIT_FROM)
        if prop is not None:
            props.append(prop)
            ground *= 1.0 - prop.alpha
    static = np.maximum(shrink(np.asarray(shade, np.float32), camera), still_shadows(_furniture(), camera, sun))
    return Backdrop(small * vignette(camera), ground, np.asarray(static * ground, np.float32), moving, tuple(props))


def _ground(camera: Camera, x: Array, y: Array, rng: np.random.Generator) -> Plane:
    """Asphalt, lawn and footpath, (h, w, 3)."""
    x, y = np.nan_to_num(x, posinf=0, neginf=0), np.nan_to_num(y, posinf=99, neginf=99)
    broad, mid, fine = cloud(rng, falloff=1.4), cloud(rng, falloff=0.9), cloud(rng, falloff=0.3)
    patch, stain, grit = spread(broad, x, y, 21.0), spread(mid, x, y, 7.0), spread(fine, x, y, 3.7)
    strokes = blades((x.shape[0], x.shape[1]), rng, max(4, camera.size[0] // 45))
    grass = np.asarray(1 + 0.08 * patch + 0.06 * stain + 0.09 * strokes, np.float32)
    picture = tint((62, 98, 93), grass)
    away = cKDTree(DRIVEWAY).query(np.stack([x.ravel(), y.ravel()], 1), distance_upper_bound=3.0)[0].reshape(x.shape)
    on_road = away + 0.04 * stain < _HALF_ROAD
    paved = (x < 1.0) & (y > 9.75) & (y < 18.2)
    street = (y > 21.6) & (y < 27.0)
    value = 1 + 0.05 * patch + 0.06 * stain + 0.07 * grit
    # Wheels polish two tracks; oil drips where cars stand.
    value = value + 0.05 * np.exp(-(((away - 0.75) / 0.22) ** 2))
    for bay in BAYS:
        value = value - 0.16 * np.exp(-(((x - bay) / 0.5) ** 2) - ((y - BAY_Y + 0.8) / 0.7) ** 2)
    asphalt = tint((96, 96, 94), np.asarray(value, np.float32))
    edge = (away < _HALF_ROAD + 0.14) | ((x < 1.14) & (y > 9.61) & (y < 18.34)) | ((y > 21.4) & (y < 21.6))
    picture = np.where(edge[..., None], tint((140, 144, 144), np.asarray(1 + 0.06 * grit, np.float32)), picture)
    picture = np.where((on_road | paved | street)[..., None], asphalt, picture)
    lines = np.zeros_like(paved)
    for line in (BAYS[0] - 1.45, *(bay + 1.45 for bay in BAYS)):
        lines |= (np.abs(x - line) < 0.06) & (y > 12.95) & (y < 17.9) & (grit > -1.1)
    picture = np.where(lines[..., None], tint((176, 182, 184), np.asarray(0.9 + 0.08 * stain, np.float32)), picture)
    along, left = FOOTPATH.locate(x, y)
    slab = slabs(along, left, rng, length=0.75, width=0.575, joint=0.03) * (1 + 0.05 * stain + 0.05 * grit)
    path = tint((128, 134, 138), np.asarray(slab, np.float32))
    walk = np.abs(left) < FOOTPATH.half_width
    return np.asarray(np.where(walk[..., None], path, picture), np.float32)


def _house(camera: Camera, rng: np.random.Generator) -> Plane:
    """A rendered wall with two rows of windows across the street, (h, w, 3)."""
    dx, dy, dz = camera.rays(FINE)
    x, z = dx / dy * _HOUSE, camera.height + dz / dy * _HOUSE
    stain = spread(cloud(rng, falloff=1.4), x, z, 17.0)
    wall = tint((136, 150, 158), np.asarray(1 + 0.05 * stain - 0.05 * np.exp(-np.clip(z, 0, 9) / 0.6), np.float32))
    wall[z < 0.7] *= 0.72
    across, up = (x + 1.7) % 3.9, (z - 1.3) % 3.1
    frame = (across < 1.3) & (up < 1.7)
    pane = (across > 0.09) & (across < 1.21) & (up > 0.09) & (up < 1.61) & (np.abs(across - 0.65) > 0.05)
    sky = spread(cloud(rng, falloff=1.6), x * 0.6, z, 7.0)
    wall[frame] = (184, 188, 188)
    glass = tint((86, 80, 72), np.asarray(0.8 + 0.25 * np.clip(sky, -1, 2), np.float32))
    wall[frame & pane] = glass[frame & pane]
    return wall


def _greenery(picture: Plane, leaves: Plane, camera: Camera, rng: np.random.Generator) -> None:
    """A hedge across the street, a tree on the lawn and one outside the fence."""
    unit = camera.focal * FINE / 24.0 / 12.0
    inside = np.array([[x, _HEDGE, z] for x, z in ((-24, 0.0), (24, 0.0), (24, 1.3), (-24, 1.3))])
    outline = np.round(camera.project(inside)[0] * FINE).astype(np.int32)
    cv2.fillConvexPoly(picture, outline, (24, 40, 32))
    for middle in np.arange(-19.0, 19.5, 0.9):
        clump(picture, leaves, camera, (float(middle), _HEDGE, 0.8 + rng.normal(0, 0.06)), (0.95, 0.9), count=120,
              leaf=unit, colour=(42, 82, 64), rng=rng, free=0.3)
    for at, crown in (((-10.5, 20.6), (2.6, 2.0, 4.3)), ((8.9, 16.2), (2.2, 1.9, 4.0))):
        trunk(picture, camera, at, crown[2], 0.24, rng)
        for _ in range(9):
            off = rng.normal(0, 0.42, 2)
            spot = (at[0] + crown[0] * off[0], at[1], crown[2] + crown[1] * off[1] * 0.7)
            clump(picture, leaves, camera, spot, (crown[0] * 0.55, crown[1] * 0.45), count=200, leaf=unit * 1.3,
                  colour=(44, 92, 76), rng=rng, free=1.0)


def _tree_shade(x: Array, y: Array, sun: tuple[float, float], rng: np.random.Generator) -> Plane:
    """Dappled shade of the trees, (h, w) 0 … 1."""
    dapple = spread(cloud(rng, falloff=0.9), x, y, 6.0)
    shade = np.zeros(x.shape, np.float32)
    for tree_x, tree_y, crown, radius in ((-10.5, 20.6, 4.3, 2.5), (8.9, 16.2, 4.0, 2.2), (11.5, 10.5, 6.0, 2.6)):
        far = np.hypot((x - tree_x - sun[0] * crown) / 1.3, y - tree_y - sun[1] * crown) / radius
        inside = np.clip(1.5 * (1.08 - np.nan_to_num(far, posinf=9, nan=9)) + 0.28 * dapple, 0, 1)
        shade = np.maximum(shade, inside * np.clip(0.78 - 0.22 * dapple, 0.2, 1))
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), 2.0), np.float32)


def _furniture() -> list[list[Shape]]:
    """Fences, gate posts, the flag's pole, a lamp and a bin, each a prop in world coordinates."""
    return [_fence(-15.0, GATE[0]), _fence(GATE[1], 15.0), *(_post(at) for at in GATE), flag_pole(),
            place(lamp_post(), (-0.75, 18.5), 0.0), place(litter_bin(), (-3.2, 9.25), 0.0)]


def _fence(first: float, last: float) -> list[Shape]:
    iron = (66, 74, 66)
    shapes: list[Shape] = [Wire(np.array([[first, FENCE, z], [last, FENCE, z]]), 0.07, iron) for z in (0.2, 1.65)]
    shapes += [Wire(np.array([[at, FENCE, 0.0], [at, FENCE, 1.85]]), 0.035, tone(iron, 1.1))
               for at in np.arange(first, last, 0.22)]
    return shapes


def _post(at: float) -> list[Shape]:
    stone = (120, 128, 134)
    return [Hull(np.array([[at, FENCE, 0.1], [at, FENCE, 1.95]]), np.array([0.22, 0.22]), stone),
            Hull(np.array([[at, FENCE, 2.15]]), np.array([0.2]), tone(stone, 1.1), 0.1)]


def flag_pole() -> list[Shape]:
    """The pole that the flag flies from."""
    x, y = FLAG
    return [Wire(np.array([[x, y, 0.0], [x, y, 5.0]]), 0.09, (178, 182, 182))]


FLAG = (6.3, 17.9)
"""The flag pole's foot."""
