"""Cars, and a dog, as shapes in a body frame (x forward, y left, z up)."""

from __future__ import annotations

import math

import numpy as np

from samples.shapes import Colour, Hull, Shape, Wire, tone
from samples.space import Array

_GLASS: Colour = (70, 64, 58)
_RUBBER: Colour = (34, 34, 36)
_RIM: Colour = (138, 138, 138)
PAINTS: tuple[Colour, ...] = (
    (150, 152, 154), (62, 60, 58), (92, 60, 44), (52, 50, 118), (178, 180, 180), (98, 104, 96), (84, 76, 70),
)


def car(paint: Colour, travelled: float = 0.0) -> list[Shape]:
    """A hatchback of 4.1 by 1.7 by 1.47 metres whose wheels have rolled `travelled` metres."""
    shapes = [*_shell(paint), *_cabin(paint)]
    for x in (-1.25, 1.28):
        for side in (-1.0, 1.0):
            hub = np.array([x, side * 0.80, 0.31])
            shapes.append(_disc(hub, 0.36, tone(paint, 0.35), 0.10))  # the dark of the wheel arch
            shapes.append(_disc(hub + np.array([0, side * 0.02, 0]), 0.30, _RUBBER, 0.14))
            shapes.append(_disc(hub + np.array([0, side * 0.04, 0]), 0.18, _RIM, 0.18))
            turn = travelled / 0.31
            spoke = 0.17 * np.array([math.cos(-turn), 0.0, math.sin(-turn)])
            at = hub + np.array([0, side * 0.05, 0])
            shapes.append(Wire(np.stack([at - spoke, at + spoke]), 0.05, (72, 72, 74), nearer=0.22))
    return shapes


def _shell(paint: Colour) -> list[Shape]:
    """The lower body: sides, bonnet, front and rear with lights and plates."""
    low, belt, half = 0.24, 0.86, 0.84
    nose, tail = 2.03, -2.02
    # Two halves a side, so that a wheel is never sorted behind the far end of its own side.
    rear = [(tail, low + 0.1), (tail + 0.02, belt), (0.1, belt + 0.01), (0.1, low)]
    front = [(0.1, low), (0.1, belt + 0.01), (0.78, belt + 0.02), (nose - 0.18, belt - 0.16), (nose, belt - 0.30),
             (nose, low)]
    shapes: list[Shape] = []
    for side in (-1.0, 1.0):
        for profile in (rear, front):
            shapes.append(_face([(x, side * half, z) for x, z in profile], tone(paint, 0.84)))
        sill = [(-1.9, side * (half + 0.005), low), (1.9, side * (half + 0.005), low),
                (1.9, side * (half + 0.005), low + 0.1), (-1.9, side * (half + 0.005), low + 0.1)]
        shapes.append(_face(sill, tone(paint, 0.45), 0.05))
        line = np.array([[0.12, side * (half + 0.01), low + 0.12], [0.12, side * (half + 0.01), belt]])
        shapes.append(Wire(line, 0.02, tone(paint, 0.55), nearer=0.08))
    shapes.append(_face([(0.78, -half, belt + 0.02), (0.78, half, belt + 0.02), (nose - 0.18, half - 0.06, belt - 0.14),
                         (nose - 0.18, 0.06 - half, belt - 0.14)], tone(paint, 1.10), 0.10))
    for x, shade in ((nose, 0.94), (tail, 0.80)):
        top = belt - 0.14 if x > 0 else belt
        shapes.append(_face([(x, -half, low), (x, half, low), (x, half - 0.06, top), (x, 0.06 - half, top)],
                            tone(paint, shade), 0.02))
        shapes.append(_face([(x * 1.005, -half, low), (x * 1.005, half, low), (x * 1.005, half, low + 0.17),
                             (x * 1.005, -half, low + 0.17)], tone(paint, 0.42), 0.06))
        lamp: Colour = (196, 204, 206) if x > 0 else (40, 36, 128)
        for side in (-1.0, 1.0):
            ends = np.array([[x, side * 0.48, 0.62], [x, side * 0.72, 0.65]])
            shapes.append(Hull(ends, np.array([0.06, 0.075]), lamp, 0.12))
        shapes.append(_face([(x * 1.01, -0.26, 0.46), (x * 1.01, 0.26, 0.46), (x * 1.01, 0.26, 0.57),
                             (x * 1.01, -0.26, 0.57)], (178, 184, 186), 0.16))
    return shapes


def _cabin(paint: Colour) -> list[Shape]:
    """Windows, pillars and roof."""
    belt, top = 0.87, 1.46
    front, back, half, upper = (0.80, 0.10), (-1.98, -1.62), 0.80, 0.62
    shapes: list[Shape] = []
    for side in (-1.0, 1.0):
        glass = [(front[0], side * half, belt), (front[1], side * upper, top), (back[1], side * upper, top),
                 (back[0], side * half, belt)]
        shapes.append(_face(glass, _GLASS, 0.12))
        for low_x, high_x in ((front[0], front[1]), (-0.52, -0.55), (back[0] + 0.12, back[1] + 0.06)):
            post = np.array([[low_x, side * half, belt], [high_x, side * upper, top]])
            shapes.append(Wire(post, 0.07, tone(paint, 0.88), nearer=0.16))
        shapes.append(Hull(np.array([[0.62, side * 0.93, 0.95]]), np.array([0.085]), tone(paint, 0.8), 0.2))
    for (low_x, high_x), shade in ((front, 1.25), (back, 0.9)):
        shapes.append(_face([(low_x, -half, belt), (low_x, half, belt), (high_x, upper, top), (high_x, -upper, top)],
                            tone(_GLASS, shade), 0.13))
    shapes.append(_face([(front[1], -upper, top), (front[1], upper, top), (back[1], upper, top),
                         (back[1], -upper, top)], tone(paint, 1.16), 0.3))
    return shapes


def dog(coat: Colour, travelled: float) -> list[Shape]:
    """A dog of the size of a shepherd that has trotted `travelled` metres."""
    phase = travelled / 0.95
    bob = 0.02 * math.sin(4 * math.pi * phase)
    rear, front = np.array([-0.32, 0.0, 0.50 + bob]), np.array([0.30, 0.0, 0.53 - bob])
    shapes: list[Shape] = []
    for at, side, offset in ((rear, 0.09, 0.0), (rear, -0.09, 0.5), (front, 0.08, 0.5), (front, -0.08, 0.0)):
        turn = 2 * math.pi * (phase + offset)
        foot = np.array([at[0] + 0.19 * math.cos(turn), side, 0.04 + 0.09 * max(0.0, -math.sin(turn))])
        hip = at + np.array([0.0, side, -0.04])
        bow = -0.07 if at is rear else 0.05
        knee = (hip + foot) / 2 + np.array([bow, 0.0, 0.02])
        shapes.append(Hull(np.stack([hip, knee]), np.array([0.085, 0.05]), tone(coat, 0.9)))
        shapes.append(Hull(np.stack([knee, foot]), np.array([0.045, 0.032]), tone(coat, 0.8)))
    shapes.append(Hull(np.stack([rear, front]), np.array([0.13, 0.16]), coat, 0.03))
    neck, skull = front + np.array([0.06, 0, 0.05]), front + np.array([0.30, 0.0, 0.20 + bob])
    shapes.append(Hull(np.stack([neck, skull]), np.array([0.11, 0.085]), coat, 0.04))
    shapes.append(Hull(np.stack([skull, skull + np.array([0.17, 0, -0.05])]), np.array([0.08, 0.045]), tone(coat, 0.8),
                       0.06))
    for side in (-0.05, 0.05):
        ear = np.stack([skull, skull + np.array([-0.05, side, 0.12])])
        shapes.append(Wire(ear, 0.05, tone(coat, 0.6), nearer=0.07))
    wag = 0.07 * math.sin(2 * math.pi * phase * 1.7)
    tail = np.stack([rear, rear + np.array([-0.18, wag * 0.5, -0.02]), rear + np.array([-0.34, wag, -0.14])])
    shapes.append(Wire(tail, 0.06, tone(coat, 0.9)))
    return shapes


def _face(points: list[tuple[float, float, float]], colour: Colour, nearer: float = 0.0) -> Hull:
    return Hull(np.array(points), np.full(len(points), 0.012), colour, nearer)


def _disc(hub: Array, radius: float, colour: Colour, nearer: float) -> Hull:
    a = np.linspace(0, 2 * math.pi, 14, endpoint=False)
    rim = hub + radius * np.stack([np.cos(a), np.zeros_like(a), np.sin(a)], axis=1)
    return Hull(rim, np.full(14, 0.012), colour, nearer)
