"""What people ride, drive and leave behind, as shapes in a body frame (x forward, y left, z up)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from samples.body import Look, dress, seated_pose
from samples.shapes import Colour, Hull, Shape, Wire, box, place, tone
from samples.space import Array

_WHEEL = 0.34
_METAL: Colour = (96, 96, 98)
_RUBBER: Colour = (38, 38, 40)


def _ring(centre: Array, radius: float, count: int = 20) -> Array:
    a = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return centre + radius * np.stack([np.cos(a), np.zeros_like(a), np.sin(a)], axis=1)


def cyclist(look: Look, frame: Colour, travelled: float) -> list[Shape]:
    """A rider on a bicycle that has rolled `travelled` metres."""
    rear, front = np.array([-0.52, 0.0, _WHEEL]), np.array([0.54, 0.0, _WHEEL])
    crank, saddle = np.array([-0.05, 0.0, 0.29]), np.array([-0.2, 0.0, 0.94])
    stem, bars = np.array([0.36, 0.0, 0.86]), np.array([0.40, 0.0, 1.02])
    shapes: list[Shape] = []
    for hub in (rear, front):
        shapes.append(Wire(_ring(hub, _WHEEL - 0.02), 0.045, _RUBBER, closed=True))
        turn = travelled / _WHEEL
        for k in range(3):
            spoke = (_WHEEL - 0.03) * np.array([math.cos(k * 1.047 - turn), 0.0, math.sin(k * 1.047 - turn)])
            shapes.append(Wire(np.stack([hub - spoke, hub + spoke]), 0.008, _METAL))
    for tube in ([rear, crank, stem, saddle, rear], [saddle, crank], [stem, front], [stem, bars]):
        shapes.append(Wire(np.stack(tube), 0.042, frame))
    across = np.array([0.0, 0.24, 0.0])
    shapes.append(Wire(np.stack([bars - across, bars + across]), 0.03, _METAL))
    shapes.append(Hull(np.stack([saddle, saddle + np.array([0.16, 0, 0])]), np.array([0.06, 0.03]), _RUBBER))
    pedal = travelled / (2 * math.pi * _WHEEL) / 2.4 * 2 * math.pi
    feet = [crank + np.array([0.17 * math.cos(-pedal + k), y, 0.17 * math.sin(-pedal + k) + 0.07])
            for k, y in ((0.0, 0.1), (math.pi, -0.1))]
    pose = seated_pose(look, seat=saddle + np.array([0, 0, 0.08]), lean=0.55, feet=(feet[0], feet[1]), hands=bars)
    return shapes + dress(look, pose)


def cart(look: Look, body: Colour, travelled: float) -> list[Shape]:
    """A small roofed electric cart with its driver."""
    dark: Colour = (52, 54, 58)
    shapes: list[Shape] = []
    shapes += box((-1.15, -0.56, 0.26), (-0.35, 0.56, 0.72), body)
    shapes += box((-0.35, -0.56, 0.26), (0.62, 0.56, 0.36), tone(body, 0.8))
    shapes += box((0.62, -0.54, 0.30), (1.18, 0.54, 0.78), body)
    shapes += box((-0.42, -0.52, 0.36), (-0.02, 0.52, 0.66), dark)
    shapes += box((-0.52, -0.52, 0.70), (-0.40, 0.52, 1.12), dark)
    for x in (-0.74, 0.80):
        for y in (-0.56, 0.56):
            hub = np.array([x, y, 0.23])
            shapes.append(Hull(_ring(hub, 0.23, 14), np.full(14, 0.012), _RUBBER, 0.25))
            shapes.append(Hull(_ring(hub, 0.10, 10), np.full(10, 0.012), (142, 142, 142), 0.27))
            turn = travelled / 0.23
            spoke = 0.1 * np.array([math.cos(-turn), 0.0, math.sin(-turn)])
            shapes.append(Wire(np.stack([hub - spoke, hub + spoke]), 0.035, dark, nearer=0.29))
    for x0, x1 in ((-0.98, -0.80), (0.88, 0.52)):
        for y in (-0.52, 0.52):
            shapes.append(Wire(np.array([[x0, y, 0.72], [x1, y, 1.82]]), 0.045, _METAL))
    shapes += box((-1.02, -0.6, 1.80), (0.72, 0.6, 1.89), (186, 192, 192), nearer=0.3)
    shapes.append(Hull(np.array([[1.19, -0.38, 0.62], [1.19, 0.38, 0.62]]), np.full(2, 0.06), (190, 206, 210), 0.2))
    feet = (np.array([0.52, 0.36, 0.46]), np.array([0.52, 0.16, 0.46]))
    pose = seated_pose(look, seat=np.array([-0.2, 0.26, 0.76]), lean=-0.1, feet=feet,
                       hands=np.array([0.36, 0.26, 1.02]))
    driver = dress(look, pose)
    return shapes + driver


def bag(colour: Colour) -> list[Shape]:
    """A holdall that stands on the ground."""
    body = Hull(np.array([[-0.18, -0.03, 0.11], [0.18, -0.03, 0.11], [-0.15, 0.03, 0.23], [0.15, 0.03, 0.23]]),
                np.full(4, 0.11), colour)
    handle = Wire(np.array([[-0.1, 0, 0.31], [-0.07, 0, 0.43], [0.07, 0, 0.43], [0.1, 0, 0.31]]), 0.03,
                  tone(colour, 0.6))
    return [body, handle]


def carried(thing: Sequence[Shape], hand: Array) -> list[Shape]:
    """A thing hanging by its top from a hand (3,)."""
    top = max(float(shape.points[:, 2].max()) for shape in thing)
    return place(thing, hand - np.array([0.0, 0.0, top + 0.01]), 0.0)  # the grip fills the hand
