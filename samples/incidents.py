"""Things that go wrong anywhere: something left behind or taken away, a fall, a crawl, a light."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from samples.actors import Actor, Figure, Track, on_foot
from samples.body import Look, dress, someone
from samples.poses import crawling_pose, falling_pose
from samples.routes import Place, route
from samples.shapes import Colour, Patch, Shape, place
from samples.space import Array, Camera

STROLL = 0.9
"""Metres a second of someone with nowhere to go."""
AWAY = 2.4
"""Seconds after which someone is two or three metres from what they put down or took."""


def left_behind(thing: Sequence[Shape], way: tuple[Place, Place, Place], *, spot: Place, start: float, length: float,
                kind: str, rng: np.random.Generator) -> list[Actor]:
    """Someone on a way stops at its middle, puts a thing down at `spot` and goes on; later another fetches it.

    It is abnormal while it lies alone: from `start` seconds for `length`.
    """
    down, fetched = start - AWAY, start + length + AWAY
    figure = Figure(place(thing, spot, float(rng.uniform(0, math.pi))), spot)
    lies = Actor(lambda t: figure if down <= t < fetched else None, kind, (start, start + length),
                 (_lying(spot, down, fetched),))
    return [_porter(way, down, thing, lambda t: t < down, rng),
            _porter(way, fetched, thing, lambda t: t >= fetched, rng), lies]


def taken_away(thing: Sequence[Shape], figure: Figure, way: tuple[Place, Place, Place], *, start: float,
               length: float, kind: str, rng: np.random.Generator) -> list[Actor]:
    """Someone takes a thing that always stands there and carries it off; later another brings it back.

    `figure` is the thing in its place, which the scene draws outside this time (see `fixture`). Its place is
    abnormal while it is empty and nobody is near: from `start` seconds for `length`.
    """
    gone, back = start - AWAY, start + length + AWAY
    lack = Figure(figure.shapes, figure.foot, figure.patch, absent=True)
    empty = Actor(lambda t: lack if gone <= t < back else None, kind, (start, start + length),
                  (_lying(figure.foot, gone, back),))
    return [_porter(way, gone, thing, lambda t: t >= gone, rng),
            _porter(way, back, thing, lambda t: t < back, rng), empty]


def fixture(figure: Figure, special: Sequence[Actor], kind: str = "") -> Actor:
    """A thing that always stands in its place, but while an actor of that kind has taken its part over."""
    away = [(actor.tracks[0].times[0], actor.tracks[-1].times[-1]) for actor in special if kind and actor.kind == kind]
    return Actor(lambda t: None if any(first <= t < last for first, last in away) else figure)


def _lying(spot: Place, first: float, last: float) -> Track:
    return Track(np.array([first, last]), np.array([spot, spot]), np.zeros(2))


def _porter(way: tuple[Place, Place, Place], at: float, thing: Sequence[Shape], has_it: Callable[[float], bool],
            rng: np.random.Generator) -> Actor:
    """Walks a way and bends at its middle at a moment, with the thing in the hand before or after."""
    track = route(way, speed=1.3, at=at - 0.8, pauses=[(1, 1.6)], meet=1, round_s=0.2)
    return on_foot(someone(rng), track, stoop=lambda t: math.exp(-(((t - at) / 0.45) ** 2)), luggage=(thing, has_it))


def collapse(look: Look, way: tuple[Place, Place, Place], *, start: float, length: float, kind: str) -> Actor:
    """Someone walks to the middle of a way, falls, lies there, gets up slowly and walks on."""
    track = route(way, speed=1.2, at=start, pauses=[(1, length + 0.4)], meet=1, round_s=0.2)
    walker = on_foot(look, track)
    fall, rise = 0.9, 2.2

    def draw(t: float) -> Figure | None:
        step = track.at(t)
        if step is None or not start < t < start + length:
            return walker.draw(t)
        part = min((t - start) / fall, (start + length - t) / rise, 1.0)
        return Figure(place(dress(look, falling_pose(look, part)), (step.x, step.y), step.heading), (step.x, step.y))

    return Actor(draw, kind, (start, start + length), (track,))


def loiterer(look: Look, way: tuple[Place, Place, Place], *, start: float, length: float,
             rng: np.random.Generator) -> Actor:
    """Someone who comes to the middle of a way, stands and paces about there, and goes on after `length` seconds."""
    x, y = way[1]
    places: list[Place] = [way[0], way[1]]
    pauses, left = [(1, 2.0)], length - 2.0
    while left > 4.0:
        places.append((x + float(rng.uniform(-0.5, 0.5)), y + float(rng.uniform(-0.5, 0.5))))
        rest = min(float(rng.uniform(2.0, 6.0)), left - math.dist(*places[-2:]) / STROLL)
        pauses.append((len(places) - 1, rest))
        left -= rest + math.dist(*places[-2:]) / STROLL
    track = route([*places, way[2]], speed=STROLL, at=start, pauses=pauses, meet=1, round_s=0.2)
    return on_foot(look, track, kind="loiterer", abnormal=(start, start + length))


def crawl(look: Look, track: Track, *, kind: str) -> Actor:
    """Someone who follows a track on hands and knees."""
    def draw(t: float) -> Figure | None:
        step = track.at(t)
        if step is None:
            return None
        pose = crawling_pose(look, step.travelled / (0.34 * look.height))
        return Figure(place(dress(look, pose), (step.x, step.y), step.heading), (step.x, step.y))

    return Actor(draw, kind, tracks=(track,))


def light_at(point: Array, camera: Camera, *, reach: float, colour: Colour) -> Patch | None:
    """A lit lamp at a world point (3,) with a halo of `reach` metres; None outside the picture."""
    (pixel,), (depth,) = camera.project(point[None])
    radius = reach * camera.focal / float(depth)
    low = np.floor(pixel - radius).astype(int).clip(0, camera.size)
    high = np.ceil(pixel + radius).astype(int).clip(0, camera.size)
    if (high <= low).any():
        return None
    x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
    far = np.hypot(x - pixel[0], y - pixel[1]) / radius
    bulb = np.clip((0.24 - far) * radius + 0.5, 0, 1)
    halo = 0.62 * np.clip(1 - far, 0, 1) ** 1.6
    alpha = np.maximum(bulb, halo).astype(np.float32)
    white = np.array(colour) * (1 - bulb[..., None]) + 250.0 * bulb[..., None]
    return Patch(int(low[0]), int(low[1]), np.asarray(white * alpha[..., None], np.float32), alpha)
