"""What people do other than walk: lie, crawl, fall, climb. Poses are in the body frame of `body.Pose`."""

from __future__ import annotations

import math

import numpy as np

from samples.body import Look, Pose, bent, stride_pose
from samples.space import Array


def lying_pose(look: Look) -> Pose:
    """On the back, head towards -x, one knee a little drawn up, the arms away from the trunk."""
    h = look.height
    pelvis, chest = np.array([0.0, 0.0, 0.12]), np.array([-0.30 * h, 0.0, 0.13])
    legs: list[Array] = []
    for side, drawn_up in ((1.0, 0.0), (-1.0, 0.16)):
        hip = pelvis + np.array([0.0, side * 0.052 * h, 0.0])
        ankle = np.array([(0.485 - drawn_up) * h, side * 0.14 * h, 0.07])
        knee = _over(hip, ankle, 0.245 * h, 0.246 * h)
        legs.append(np.stack([hip, knee, ankle, ankle + np.array([0.02, side * 0.08, 0.10])]))
    arms: list[Array] = []
    for side, out in ((1.0, 0.20), (-1.0, 0.30)):
        shoulder = chest + np.array([0.02, side * 0.108 * h * look.build, 0.0])
        hand = np.array([(0.03 - out) * h, side * (0.20 + out * 0.4) * h, 0.06])
        arms.append(np.stack([shoulder, (shoulder + hand) / 2 + np.array([0.0, side * 0.05, 0.0]), hand]))
    return Pose(pelvis, chest, chest + np.array([-0.15 * h, 0.0, 0.0]), (legs[0], legs[1]), (arms[0], arms[1]))


def crawling_pose(look: Look, phase: float) -> Pose:
    """On hands and knees; `phase` counts cycles, in which each limb goes forward once, opposite ones together."""
    h = look.height
    hips, shoulders = 0.255 * h, 0.30 * h
    pelvis, chest = np.array([-0.15 * h, 0.0, hips + 0.06]), np.array([0.15 * h, 0.0, shoulders + 0.08])
    legs: list[Array] = []
    for side, offset in ((1.0, 0.0), (-1.0, 0.5)):
        reach, lift = _swing(phase + offset)
        hip = pelvis + np.array([0.0, side * 0.052 * h, 0.0])
        knee = np.array([-0.13 * h + 0.14 * reach, side * 0.06 * h, 0.07 + 0.05 * lift])
        ankle = knee + np.array([-0.24 * h, 0.0, 0.0])
        legs.append(np.stack([hip, knee, ankle, ankle + np.array([-0.10, 0.0, -0.03])]))
    arms: list[Array] = []
    for side, offset in ((1.0, 0.5), (-1.0, 0.0)):
        reach, lift = _swing(phase + offset)
        shoulder = chest + np.array([0.0, side * 0.108 * h * look.build, -0.02])
        hand = np.array([0.17 * h + 0.16 * reach, side * 0.11 * h, 0.05 + 0.06 * lift])
        elbow = (shoulder + hand) / 2 + np.array([-0.03, side * 0.03, 0.0])
        arms.append(np.stack([shoulder, elbow, hand]))
    head = chest + np.array([0.13 * h, 0.0, 0.03 * h])
    return Pose(pelvis, chest, head, (legs[0], legs[1]), (arms[0], arms[1]))


def climbing_pose(look: Look, phase: float, height: float) -> Pose:
    """Against a fence at x = 0.25, feet `height` metres above the ground, hands at hold; `phase` counts pulls."""
    h = look.height
    pelvis = np.array([-0.12, 0.0, height + 0.42 * h])
    chest = pelvis + np.array([0.10, 0.0, 0.29 * h])
    legs: list[Array] = []
    arms: list[Array] = []
    for side, offset in ((1.0, 0.0), (-1.0, 0.5)):
        up = 0.5 + 0.5 * math.sin(2 * math.pi * (phase + offset))
        hip = pelvis + np.array([0.0, side * 0.052 * h, 0.0])
        ankle = np.array([0.08, side * 0.14, height + 0.07 + 0.26 * up])
        knee = bent(hip, ankle, 0.245 * h, 0.246 * h)
        legs.append(np.stack([hip, knee, ankle, ankle + np.array([0.15, 0.0, -0.02])]))
        shoulder = chest + np.array([0.0, side * 0.108 * h * look.build, -0.01])
        hand = chest + np.array([0.22, side * 0.26, 0.06 + 0.24 * (1 - up)])
        arms.append(np.stack([shoulder, (shoulder + hand) / 2 + np.array([-0.06, side * 0.12, -0.05]), hand]))
    return Pose(pelvis, chest, chest + np.array([0.04, 0.0, 0.117 * h]), (legs[0], legs[1]), (arms[0], arms[1]))


def falling_pose(look: Look, part: float) -> Pose:
    """Between standing (`part` 0) and lying (1)."""
    eased = part * part * (3 - 2 * part)
    return blend(stride_pose(look, 0.0, swing=0.0, stoop=math.sin(math.pi * eased) * 0.5), lying_pose(look), eased)


def blend(one: Pose, other: Pose, part: float) -> Pose:
    """The pose that far (0 … 1) on the way from one to another, joint by joint."""
    def mix(a: Array, b: Array) -> Array:
        return a + (b - a) * part

    return Pose(mix(one.pelvis, other.pelvis), mix(one.chest, other.chest), mix(one.head, other.head),
                (mix(one.legs[0], other.legs[0]), mix(one.legs[1], other.legs[1])),
                (mix(one.arms[0], other.arms[0]), mix(one.arms[1], other.arms[1])))


def _swing(phase: float) -> tuple[float, float]:
    """How far forward (-1 … 1) and how high (0 … 1) a limb is that drags back slowly and comes forward fast."""
    phase %= 1.0
    if phase < 0.65:
        return 1.0 - 2.0 * phase / 0.65, 0.0
    part = (phase - 0.65) / 0.35
    return -math.cos(math.pi * part), math.sin(math.pi * part)


def _over(hip: Array, ankle: Array, upper: float, lower: float) -> Array:
    """The knee of one who lies on the back: it goes up by what the leg is too long for."""
    half = float(np.linalg.norm(ankle - hip)) / 2
    rise = math.sqrt(max(((upper + lower) / 2) ** 2 - half**2, 0.0))
    return np.asarray((hip + ankle) / 2 + np.array([0.0, 0.0, rise]))
