"""Who is where, when: tracks over the ground and the figures that follow them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from samples.body import Look, dress, stride_pose
from samples.shapes import Patch, Shape, place
from samples.space import Array
from samples.things import carried


@dataclass(frozen=True, slots=True)
class Step:
    """A track at one moment."""

    x: float
    y: float
    heading: float
    """Radians, 0 is +x, counterclockwise seen from above."""
    speed: float
    """Metres a second."""
    travelled: float
    """Metres since the track's start."""


class Track:
    """A path over the ground in time, linear between points a fraction of a second apart.

    `times` (n,) seconds, rising; `points` (n, 2) metres; `headings` (n,) radians, unwrapped, where the
    movement doesn't give them (someone standing turns about).
    """

    __slots__ = ("_headings", "_speeds", "_travelled", "points", "times")

    def __init__(self, times: Array, points: Array, headings: Array | None = None) -> None:
        self.times, self.points = times, points
        steps = np.diff(points, axis=0)
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        self._travelled = np.concatenate([[0.0], np.cumsum(lengths)])
        self._speeds = np.gradient(self._travelled, times)
        self._headings = _headings(points) if headings is None else headings

    def at(self, t: float) -> Step | None:
        """Where it is at `t` seconds; None before it starts and after it ends."""
        if not self.times[0] <= t <= self.times[-1]:
            return None

        def look_up(values: Array) -> float:
            return float(np.interp(t, self.times, values))

        return Step(look_up(self.points[:, 0]), look_up(self.points[:, 1]), look_up(self._headings),
                    look_up(self._speeds), look_up(self._travelled))


def _headings(points: Array) -> Array:
    slopes = np.gradient(points, axis=0)
    return np.unwrap(np.arctan2(slopes[:, 1], slopes[:, 0]))


def straight(start: tuple[float, float], end: tuple[float, float], *, at: float, speed: float) -> Track:
    """From one ground point to another at a steady speed, beginning `at` seconds."""
    length = math.dist(start, end)
    count = max(2, round(length / speed / 0.2) + 1)
    part = np.linspace(0.0, 1.0, count)[:, None]
    return Track(at + part[:, 0] * length / speed, np.array(start) * (1 - part) + np.array(end) * part)


def through(times: Sequence[float] | Array, points: Array) -> Track:
    """A track through a few places (n, 2) at n times; who stands keeps facing where they were going."""
    knots = np.asarray(times, float)
    fine = np.union1d(np.arange(knots[0], knots[-1], 0.15), knots)
    path = np.stack([np.interp(fine, knots, points[:, k]) for k in (0, 1)], axis=1)
    return facing_onward(fine, path)


def facing_onward(times: Array, points: Array) -> Track:
    """A track through points a fraction of a second apart, whose headings turn as people turn."""
    moves = np.gradient(points, axis=0)
    angles = np.arctan2(moves[:, 1], moves[:, 0])
    moving = np.hypot(moves[:, 0], moves[:, 1]) > 0.01
    held = np.maximum.accumulate(np.where(moving, np.arange(len(times)), 0))
    turned = np.unwrap(angles[held])
    # People turn over half a second, not in a frame.
    width = np.ones(5) / 5
    return Track(times, points, np.convolve(np.pad(turned, 2, mode="edge"), width, mode="valid"))


@dataclass(frozen=True, slots=True)
class Figure:
    """What one actor looks like at one moment."""

    shapes: Sequence[Shape]
    foot: tuple[float, float]
    """The ground point under it: where it stands in depth and whether it stands in shade."""
    patch: Patch | None = None
    """The painted shapes, where they never change; painted anew for each frame otherwise."""
    absent: bool = False
    """Whether it is the lack of something: it has an outline, but nothing is painted and nothing cast."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something that appears in the picture."""

    draw: Callable[[float], Figure | None]
    """The figure at a time in seconds, None when absent."""
    kind: str = ""
    """The anomaly it is; empty for what is normal."""
    abnormal: tuple[float, float] = (-math.inf, math.inf)
    """Seconds from (inclusive) and to (exclusive) which it is one."""
    tracks: Sequence[Track] = field(default=())
    """What others keep clear of."""


NORMAL_STRIDE = 0.80
"""Metres walked in a gait cycle for each metre of a person's height."""


def on_foot(look: Look, track: Track, *, phase: float = 0.0, run: float = 0.0, kind: str = "",
            abnormal: tuple[float, float] = (-math.inf, math.inf),
            stoop: Callable[[float], float] | None = None, reach: float = 0.0,
            luggage: tuple[Sequence[Shape], Callable[[float], bool]] | None = None) -> Actor:
    """A person who follows a track on their own legs.

    `stoop` gives the bend of the back over time; `luggage` a thing with a handle above its middle and when it
    is in the hand.
    """
    def draw(t: float) -> Figure | None:
        step = track.at(t)
        if step is None:
            return None
        # Who goes slowly also swings less; standing, the legs come to rest.
        stride = look.height * (NORMAL_STRIDE + 0.55 * run)
        swing = min(1.0, step.speed**0.7) if step.speed > 0.05 else 0.0
        pose = stride_pose(look, phase + step.travelled / stride, run=run, swing=swing,
                           stoop=stoop(t) if stoop else 0.0, reach=reach)
        shapes = dress(look, pose)
        if luggage and luggage[1](t):
            shapes += carried(luggage[0], pose.arms[1][2])
        return Figure(place(shapes, (step.x, step.y), step.heading), (step.x, step.y))

    return Actor(draw, kind, abnormal, (track,))


def riding(shapes_at: Callable[[float], list[Shape]], track: Track, kind: str) -> Actor:
    """A vehicle with its driver, whose shapes depend on the metres travelled."""
    def draw(t: float) -> Figure | None:
        step = track.at(t)
        if step is None:
            return None
        return Figure(place(shapes_at(step.travelled), (step.x, step.y), step.heading), (step.x, step.y))

    return Actor(draw, kind, tracks=(track,))


def standing(shapes: list[Shape], position: tuple[float, float], heading: float, *, span: tuple[float, float],
             kind: str, abnormal: tuple[float, float]) -> Actor:
    """A thing that lies or stands in one place from `span[0]` to `span[1]` seconds."""
    figure = Figure(place(shapes, position, heading), position)
    track = Track(np.array(span), np.array([position, position]), np.zeros(2))
    return Actor(lambda t: figure if span[0] <= t < span[1] else None, kind, abnormal, (track,))
