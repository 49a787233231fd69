"""What stands still at the walkway: paving, lawn, hedge, a brick house, trees, a bench, a bin, lamp posts."""

from __future__ import annotations

import cv2
import numpy as np

from samples.scenery import (
    FINE,
    bench,
    clump,
    lamp_post,
    litter_bin,
    shrink,
    stand,
    still_shadows,
    trunk,
    vignette,
)
from samples.shapes import Plane, Shape, place
from samples.space import Array, Camera, Lane
from samples.stage import Backdrop, Prop
from samples.texture import blades, cloud, slabs, spread, tint

_HEDGE = 20.5
_HOUSE = 26.0


def backdrop(camera: Camera, lane: Lane, sun: tuple[float, float], rng: np.random.Generator) -> Backdrop:
    """Draw the view; `rng` decides every leaf and slab."""
    x, y = camera.ground(FINE)
    picture = _house(camera, rng)
    lawn = y < _HEDGE
    picture[lawn] = _ground(camera, lane, x, y, rng)[lawn]
    leaves = np.zeros(picture.shape[:2], np.float32)
    _greenery(picture, leaves, camera, rng)
    shade = _tree_shade(x, y, sun, rng) * lawn
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.float32)
    small = shrink(picture, camera)
    ground = shrink(np.asarray(lawn, np.float32), camera)
    static = shrink(np.asarray(shade, np.float32), camera)
    moving = np.asarray(cv2.GaussianBlur(shrink(leaves, camera), (0, 0), 1.0), np.float32)
    props: list[Prop] = []
    for shapes in _furniture(lane):
        prop = stand(small, shapes, camera, lit_from=(-0.83, -0.56))
        if prop is not None:
            props.append(prop)
            ground *= 1.0 - prop.alpha
    shadows = still_shadows(_furniture(lane), camera, sun)
    static = np.asarray(np.maximum(static, shadows) * ground, np.float32)
    return Backdrop(small * vignette(camera), ground, static, moving, tuple(props))


def _ground(camera: Camera, lane: Lane, x: Array, y: Array, rng: np.random.Generator) -> Plane:
    """Lawn with a paved lane between two kerbs, (h, w, 3)."""
    along, left = lane.locate(np.nan_to_num(x, posinf=0, neginf=0), np.nan_to_num(y, posinf=99, neginf=99))
    broad, mid, fine = cloud(rng, falloff=1.4), cloud(rng, falloff=0.9), cloud(rng, falloff=0.35)
    patch, grit = spread(broad, x, y, 23.0), spread(fine, x, y, 4.1)
    grass = 1.0 + 0.07 * patch + 0.05 * spread(mid, x, y, 6.3) + 0.10 * _depth_blades(camera, x.shape, rng)
    lawn = tint((58, 97, 92), np.asarray(grass, np.float32))
    # Dry patches are yellower, not only lighter.
    dry = np.clip(0.35 * spread(mid, x, y, 11.0) + 0.1, 0, 1)[..., None]
    lawn = lawn * (1 - 0.35 * dry) + tint((72, 112, 124), np.asarray(grass, np.float32)) * 0.35 * dry
    stain = spread(mid, x, y, 7.7)
    paving = slabs(along, left, rng, length=0.9, width=0.6, joint=0.035)
    paving = paving * (1.0 + 0.045 * grit + 0.05 * stain + 0.03 * patch)
    stone = tint((132, 138, 141), np.asarray(paving, np.float32))
    ragged = np.abs(left) + 0.05 * spread(mid, x, y, 3.3)
    half = lane.half_width
    earth = tint((66, 84, 98), np.asarray(1 + 0.12 * grit + 0.05 * patch, np.float32))
    kerb = tint((146, 150, 150), np.asarray((1 + 0.05 * grit) * slabs(
        along, np.full_like(left, 0.25), rng, length=1.2, width=0.5, joint=0.04), np.float32))
    lawn = np.where((ragged < half + 0.34)[..., None], earth, lawn)
    lawn = np.where((np.abs(left) < half + 0.16)[..., None], kerb, lawn)
    return np.asarray(np.where((np.abs(left) < half)[..., None], stone, lawn), np.float32)


def _depth_blades(camera: Camera, shape: tuple[int, ...], rng: np.random.Generator) -> Plane:
    """Grass strokes, longer and stronger where the ground is nearer."""
    far = blades((shape[0], shape[1]), rng, 3)
    near = blades((shape[0], shape[1]), rng, max(4, round(camera.size[0] / 30)))
    weight = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    return np.asarray(far * (1 - weight) * 0.7 + near * weight * 1.1, np.float32)


def _house(camera: Camera, rng: np.random.Generator) -> Plane:
    """A brick wall with windows across the far end, (h, w, 3)."""
    dx, dy, dz = camera.rays(FINE)
    x, z = dx / dy * _HOUSE, camera.height + dz / dy * _HOUSE
    row = np.floor(z / 0.15)
    brick = spread(cloud(rng, falloff=0.2), x + 0.2 * (row % 2), row * 0.4, 9.0)
    joint = np.where((z / 0.15) % 1.0 < 0.14, 1.12, 1.0)
    wall = tint((84, 98, 126), np.asarray((1 + 0.07 * brick + 0.06 * spread(
        cloud(rng, falloff=1.3), x, z, 15.0)) * joint, np.float32))
    across, up = (x + 1.1) % 3.4, z - 1.4
    frame = (across < 1.5) & (up > 0) & (up < 1.9)
    pane = (np.abs(across - 0.75) > 0.05) & (across > 0.09) & (across < 1.41) & (up > 0.09) & (up < 1.81)
    glass = tint((92, 86, 78), np.asarray(0.55 + 0.30 * np.clip(spread(
        cloud(rng, falloff=1.5), x * 0.7, z, 6.0), -1, 2) + 0.12 * up, np.float32))
    wall[frame] = (168, 172, 172)
    wall[frame & pane] = glass[frame & pane]
    sill = (across < 1.6) & (up > -0.12) & (up <= 0)
    wall[sill] = (150, 154, 156)
    return wall


def _greenery(picture: Plane, leaves: Plane, camera: Camera, rng: np.random.Generator) -> None:
    """The hedge and the trees, drawn straight into the fine picture; marks what the wind can move."""
    scale = camera.focal * FINE
    unit = scale / 20.0 / 13.0  # a leaf cluster's half length at the hedge's distance, pixels
    # A dark inside, so that no wall shines through the leaves.
    inside = np.array([[x, _HEDGE, z] for x, z in ((-20, 0.0), (20, 0.0), (20, 1.0), (-20, 1.0))])
    outline = np.round(camera.project(inside)[0] * FINE).astype(np.int32)
    cv2.fillConvexPoly(picture, outline, (22, 38, 30))
    for centre_x in np.arange(-14.0, 14.0, 0.75):
        clump(picture, leaves, camera, (float(centre_x), _HEDGE, 0.62 + rng.normal(0, 0.05)), (0.8, 0.72),
              count=150, leaf=unit, colour=(44, 84, 66), rng=rng, free=0.35)
    for at, crown, bark in (((-5.4, 18.2), (2.5, 2.2, 4.7), 0.20), ((8.2, 19.0), (2.6, 2.3, 4.4), 0.22),
                            ((2.2, 22.5), (2.3, 2.0, 4.2), 0.18)):
        trunk(picture, camera, at, crown[2], bark, rng)
        for _ in range(9):
            off = rng.normal(0, 0.42, 2)
            middle = (at[0] + crown[0] * off[0], at[1], crown[2] + crown[1] * off[1] * 0.7)
            clump(picture, leaves, camera, middle, (crown[0] * 0.55, crown[1] * 0.45), count=230,
                  leaf=unit * 1.25, colour=(46, 92, 74), rng=rng, free=1.0)


def _tree_shade(x: Array, y: Array, sun: tuple[float, float], rng: np.random.Generator) -> Plane:
    """Dappled shade of the trees, also of one that stands outside the picture, (h, w) 0 … 1."""
    dapple = spread(cloud(rng, falloff=0.9), x, y, 7.0)
    shade = np.zeros(x.shape, np.float32)
    for tree_x, tree_y, crown, radius in ((-5.4, 18.2, 4.7, 2.5), (8.2, 19.0, 4.4, 2.6), (-8.4, 12.0, 6.0, 3.0),
                                          (1.0, 13.0, 9.5, 1.9)):
        cx, cy = tree_x + sun[0] * crown, tree_y + sun[1] * crown
        far = np.hypot((x - cx) / 1.3, y - cy) / radius
        inside = np.clip(1.5 * (1.08 - np.nan_to_num(far, posinf=9, nan=9)) + 0.28 * dapple, 0, 1)
        shade = np.maximum(shade, inside * np.clip(0.78 - 0.22 * dapple, 0.2, 1))
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), 2.0), np.float32)


def _furniture(lane: Lane) -> list[list[Shape]]:
    """Benches, a bin and lamp posts, each a prop in world coordinates."""
    half = lane.half_width
    spots = lane.place(np.array([-1.2, 1.2, 4.3, -4.9]), np.array([half + 0.75, half + 0.7, -half - 0.5, half + 0.5]))
    return [place(bench(), spots[0], lane.angle), place(litter_bin(), spots[1], 0.0),
            place(lamp_post(), spots[2], 0.0), place(lamp_post(), spots[3], 0.0)]
