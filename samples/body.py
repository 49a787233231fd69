"""People: how they look, how their joints move, and the shapes they are made of.

Joint curves follow the textbook course of a gait cycle (e.g. Perry & Burnfield, Gait Analysis): hip close to a
cosine, knee with a small bend when loaded and a large one in swing, heel first, toe last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from samples.shapes import Colour, Hull, Shape, tone
from samples.space import Array

TROUSERS: tuple[Colour, ...] = (
    (62, 52, 46), (40, 38, 38), (92, 78, 66), (70, 92, 112), (104, 104, 106), (52, 58, 66), (84, 62, 52),
)
TOPS: tuple[Colour, ...] = (
    (58, 54, 120), (112, 82, 58), (70, 96, 78), (168, 172, 174), (52, 52, 56), (96, 132, 156), (60, 66, 92),
    (140, 120, 104), (84, 80, 150), (122, 118, 92), (188, 186, 178), (46, 60, 48), (150, 112, 78), (76, 118, 166),
)
HAIRS: tuple[Colour, ...] = (
    (28, 28, 32), (34, 42, 58), (48, 68, 92), (84, 116, 142), (134, 136, 138), (24, 24, 26),
)
SKINS: tuple[Colour, ...] = ((130, 152, 188), (112, 136, 174), (84, 108, 146), (56, 74, 108), (142, 164, 198))


@dataclass(frozen=True, slots=True)
class Look:
    """What stays the same about a person."""

    height: float
    build: float
    """1 is slim to average; thickens trunk and limbs."""
    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    shoes: Colour
    sleeves: bool
    long_hair: bool
    coat: bool
    backpack: Colour | None
    shoulder_bag: Colour | None


def someone(rng: np.random.Generator) -> Look:
    """A person at random."""
    def pick(colours: tuple[Colour, ...]) -> Colour:
        return tone(colours[int(rng.integers(len(colours)))], float(rng.uniform(0.85, 1.15)))

    kit = rng.random()
    return Look(
        height=float(np.clip(rng.normal(1.71, 0.09), 1.48, 1.95)), build=float(rng.uniform(0.92, 1.2)),
        skin=pick(SKINS), hair=pick(HAIRS), top=pick(TOPS), legs=pick(TROUSERS),
        shoes=pick(((36, 36, 38), (60, 70, 92), (170, 172, 174))), sleeves=bool(rng.random() < 0.7),
        long_hair=bool(rng.random() < 0.35), coat=bool(rng.random() < 0.25),
        backpack=pick(TOPS) if kit < 0.28 else None,
        shoulder_bag=pick(TROUSERS) if 0.28 <= kit < 0.5 else None,
    )


@dataclass(frozen=True, slots=True)
class Pose:
    """Joints in the body frame (x forward, y left, z up; metres, ground at z = 0)."""

    pelvis: Array
    chest: Array
    """The middle between the shoulders."""
    head: Array
    legs: tuple[Array, Array]
    """For left and right: hip, knee, ankle, toe (4, 3)."""
    arms: tuple[Array, Array]
    """For left and right: shoulder, elbow, hand (3, 3)."""


def _bump(phase: float, centre: float, width: float) -> float:
    away = (phase - centre + 0.5) % 1.0 - 0.5
    return math.exp(-0.5 * (away / width) ** 2)


def _leg_angles(phase: float, run: float, swing: float) -> tuple[float, float, float]:
    """Thigh, knee and foot angle in radians at a phase (cycles, 0 at heel strike)."""
    phase %= 1.0
    thigh_walk = 4 + 24 * math.cos(2 * math.pi * phase)
    thigh_run = 14 + 40 * math.cos(2 * math.pi * phase)
    knee_walk = 5 + 14 * _bump(phase, 0.14, 0.07) + 58 * _bump(phase, 0.73, 0.09)
    knee_run = 18 + 24 * _bump(phase, 0.14, 0.08) + 92 * _bump(phase, 0.68, 0.12)
    foot = 16 * _bump(phase, 0.0, 0.05) - 52 * _bump(phase, 0.63, 0.08)
    thigh = thigh_walk + run * (thigh_run - thigh_walk)
    knee = knee_walk + run * (knee_run - knee_walk)
    return math.radians(thigh * swing), math.radians(4 + (knee - 4) * swing), math.radians(foot * swing)


def stride_pose(look: Look, phase: float, *, run: float = 0.0, swing: float = 1.0, stoop: float = 0.0,
                reach: float = 0.0) -> Pose:
    """A person on foot.

    `phase` counts gait cycles, `run` blends walk (0) to run (1), `swing` scales the movement (0 stands),
    `stoop` bends down (0 … 1), `reach` lifts the right hand before the face, as to a telephone (0 … 1).
    """
    h = look.height
    thigh, shank, foot = 0.245 * h, 0.246 * h, 0.125 * h
    legs: list[Array] = []
    for side, offset in ((1.0, 0.0), (-1.0, 0.5)):
        a, k, f = _leg_angles(phase + offset, run, swing)
        a, k = a + 0.9 * stoop, k + 1.7 * stoop
        y = side * (0.052 + 0.02 * (1 - swing)) * h
        hip = np.array([0.0, y, 0.0])
        knee = hip + thigh * np.array([math.sin(a), 0.0, -math.cos(a)])
        ankle = knee + shank * np.array([math.sin(a - k), 0.0, -math.cos(a - k)])
        toe = ankle + np.array([foot * math.cos(f), side * 0.02, foot * math.sin(f) - 0.03])
        legs.append(np.stack([hip, knee, ankle, toe]))
    # The lower foot stands on the ground; a runner leaves it between two steps.
    ground = min(float(leg[2:, 2].min()) for leg in legs) - 0.035
    hover = run * 0.07 * max(0.0, math.sin(4 * math.pi * (phase + 0.12)))
    lift = np.array([0.0, 0.0, hover - ground])
    lean = math.radians(2 + 9 * run) + 1.0 * stoop
    trunk = 0.30 * h
    back = np.array([-0.15 * stoop * h, 0.0, 0.0])
    pelvis = lift + back
    chest = pelvis + trunk * np.array([math.sin(lean), 0.0, math.cos(lean)])
    nod = lean * 0.8
    head = chest + 0.117 * h * np.array([math.sin(nod) + 0.12, 0.0, math.cos(nod)])
    arms = tuple(_arm(look, chest, side, phase + offset, run, swing, stoop, reach if side < 0 else 0.0)
                 for side, offset in ((1.0, 0.5), (-1.0, 0.0)))
    return Pose(pelvis, chest, head, (legs[0] + lift + back * 0.5, legs[1] + lift + back * 0.5),
                (arms[0], arms[1]))


def _arm(look: Look, chest: Array, side: float, phase: float, run: float, swing: float, stoop: float,
         reach: float) -> Array:
    angle = math.radians((20 + 22 * run) * swing * math.cos(2 * math.pi * phase) - 3) * (1 - reach)
    bend = math.radians(14 + 8 * swing + 70 * run) * (1 - reach) + 2.1 * reach
    angle += 0.25 * stoop + 0.35 * reach
    h = look.height
    shoulder = chest + np.array([0.0, side * 0.108 * h * look.build, -0.01])
    out = np.array([0.0, side * 0.035, 0.0])
    elbow = shoulder + 0.178 * h * np.array([math.sin(angle), 0.0, -math.cos(angle)]) + out
    hand = elbow + 0.165 * h * np.array([math.sin(angle + bend), 0.0, -math.cos(angle + bend)]) - out * reach
    return np.stack([shoulder, elbow, hand])


def bent(hip: Array, ankle: Array, upper: float, lower: float) -> Array:
    """The middle joint of a two-part limb (two-link inverse kinematics), bent forward, y kept between the ends."""
    way = ankle - hip
    flat = np.array([way[0], 0.0, way[2]])
    reach = min(float(np.linalg.norm(flat)), (upper + lower) * 0.999)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    off = math.sqrt(max(upper**2 - along**2, 0.0))
    unit = flat / np.linalg.norm(flat)
    middle = hip + unit * along + off * np.array([-unit[2], 0.0, unit[0]])
    return np.array([middle[0], (hip[1] + ankle[1]) / 2, middle[2]])


def seated_pose(look: Look, *, seat: Array, lean: float, feet: tuple[Array, Array], hands: Array) -> Pose:
    """A person who sits at `seat` (3,), feet on two points (the ankles), both hands round a point."""
    h = look.height
    legs: list[Array] = []
    for side, ankle in zip((1.0, -1.0), feet, strict=True):
        hip = seat + np.array([0.0, side * 0.052 * h, 0.0])
        knee = bent(hip, ankle, 0.245 * h, 0.246 * h)
        toe = ankle + np.array([0.12 * h, 0.0, -0.03])
        legs.append(np.stack([hip, knee, ankle, toe]))
    chest = seat + 0.30 * h * np.array([math.sin(lean), 0.0, math.cos(lean)])
    head = chest + 0.117 * h * np.array([math.sin(lean * 0.4) + 0.12, 0.0, math.cos(lean * 0.4)])
    arms: list[Array] = []
    for side in (1.0, -1.0):
        shoulder = chest + np.array([0.0, side * 0.108 * h * look.build, -0.01])
        hand = hands + np.array([0.0, side * 0.2, 0.0])
        elbow = (shoulder + hand) / 2 + np.array([-0.03, side * 0.06, -0.11])
        arms.append(np.stack([shoulder, elbow, hand]))
    return Pose(seat, chest, head, (legs[0], legs[1]), (arms[0], arms[1]))


def dress(look: Look, pose: Pose) -> list[Shape]:
    """The shapes of a person in a pose, in the body frame."""
    b, h = look.build, look.height / 1.75
    shapes: list[Shape] = []
    for hip, knee, ankle, toe in pose.legs:
        shapes.append(_limb((hip, knee), (0.092 * b * h, 0.066 * b * h), look.legs))
        shapes.append(_limb((knee, ankle), (0.064 * b * h, 0.046 * h), tone(look.legs, 0.95)))
        shapes.append(_limb((ankle + np.array([-0.03, 0, -0.03]), toe), (0.042 * h, 0.030 * h), look.shoes))
    for shoulder, elbow, hand in pose.arms:
        shapes.append(_limb((shoulder, elbow), (0.060 * b * h, 0.048 * b * h), tone(look.top, 0.96)))
        fore = look.top if look.sleeves else look.skin
        shapes.append(_limb((elbow, hand), (0.046 * b * h, 0.034 * h), fore, 0.01))
        shapes.append(Hull(hand[None], np.array([0.044 * h]), look.skin, 0.02))
    shapes.extend(_trunk(look, pose))
    shapes.extend(_head(look, pose))
    return shapes


def _limb(joints: tuple[Array, Array], radii: tuple[float, float], colour: Colour, nearer: float = 0.0) -> Hull:
    return Hull(np.stack(joints), np.array(radii), colour, nearer)


def _trunk(look: Look, pose: Pose) -> list[Shape]:
    b, h = look.build, look.height / 1.75
    up = pose.chest - pose.pelvis
    side = np.array([0.0, 1.0, 0.0])
    low = pose.pelvis + (-0.42 * up if look.coat else 0.02 * up)
    flare = 0.11 if look.coat else 0.07
    spheres = ((pose.chest, 0.125, 0.080), (pose.pelvis + 0.45 * up, 0.085, 0.092), (low, flare, 0.100))
    points = np.concatenate([np.stack([c + side * y * b * h, c - side * y * b * h]) for c, y, _ in spheres])
    radii = np.repeat([r * b * h for *_, r in spheres], 2)
    shapes: list[Shape] = [Hull(points, radii, look.top, 0.02)]
    back = np.array([-0.2 * h, 0.0, 0.0])
    if look.backpack is not None:
        pack = np.stack([pose.pelvis + 0.3 * up + back, pose.pelvis + 0.9 * up + back * 0.9])
        shapes.append(Hull(pack, np.array([0.14, 0.12]) * h, look.backpack))
    if look.shoulder_bag is not None:
        hang = np.array([0.02, 0.21 * h * b, 0.0])
        bag = np.stack([pose.pelvis + hang, pose.pelvis + 0.3 * up + hang])
        shapes.append(Hull(bag, np.array([0.12, 0.08]) * h, look.shoulder_bag))
        shapes.append(Hull(np.stack([pose.pelvis + 0.3 * up + hang, pose.chest]), np.array([0.018, 0.018]),
                           look.shoulder_bag, 0.03))
    return shapes


def _head(look: Look, pose: Pose) -> list[Shape]:
    h = look.height / 1.75
    head = pose.head
    skull = np.stack([head + np.array([0.015, 0, -0.035]), head + np.array([0, 0, 0.045])])
    crown = [head + np.array([-0.035, 0, 0.062]), head + np.array([0.012, 0, 0.085])]
    radii = [0.088, 0.076]
    if look.long_hair:
        crown.append(head + np.array([-0.085, 0, -0.11]))
        radii.append(0.062)
    return [
        _limb((pose.chest, head), (0.062 * h, 0.05 * h), look.skin, 0.03),
        Hull(skull, np.array([0.076, 0.086]) * h, look.skin, 0.04),
        Hull(np.stack(crown), np.array(radii) * h, look.hair, 0.02),
    ]
