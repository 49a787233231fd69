"""The walkway: a paved way across a lawn, seen from a first-floor camera, and the anomalies that happen on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from samples.actors import Actor, Track, on_foot, riding, standing, straight, through
from samples.body import someone
from samples.crowd import Habits, walkers
from samples.schedule import Anomaly, Planned, stage_anomalies
from samples.shapes import Colour
from samples.space import Camera, Lane
from samples.stage import Scene
from samples.things import bag, cart, cyclist
from samples.walkway_view import backdrop

SUN = (0.85, -0.42)
LANE = Lane(origin=(0.0, 11.3), angle=math.radians(15), half_width=2.4)
HABITS = Habits(per_minute=20.0, speed=(1.32, 0.14), in_pairs=0.22)
TOPS: tuple[Colour, ...] = ((58, 64, 128), (120, 96, 62), (44, 46, 50), (70, 92, 76))


@lru_cache(maxsize=4)
def walkway(size: tuple[int, int]) -> Scene:
    """The scene at a picture size (width, height)."""
    camera = _camera(size)
    # What stands in the view is the same whatever the seed of a clip.
    view = backdrop(camera, LANE, SUN, np.random.default_rng(7))
    return Scene(camera, view, SUN, lit_from=(-0.83, -0.56), shadow=0.52,
                 kinds=tuple(ANOMALIES), people=_people)


def _camera(size: tuple[int, int]) -> Camera:
    return Camera(size, height=5.0, tilt=math.radians(21), view=math.radians(55))


def _people(seconds: float, rng: np.random.Generator, anomalies: Sequence[str | Planned]) -> list[Actor]:
    special = stage_anomalies(anomalies, ANOMALIES, seconds=seconds, rng=rng)
    around = [track for actor in special for track in actor.tracks]
    return [*walkers(LANE, _ends(), HABITS, seconds=seconds, rng=rng, around=around), *special]


@lru_cache(maxsize=1)
def _ends() -> tuple[float, float]:
    """The stretch of the lane (metres along) that the camera sees, with a margin to come and go unseen."""
    return LANE.ends(_camera((360, 240)), 1.8)


def _along(start: float, length: float, left: float, onward: bool) -> Track:
    """A straight run over the whole visible lane in `length` seconds."""
    first, last = _ends() if onward else _ends()[::-1]
    a, b = LANE.place(np.array([first, last]), np.array([left, left]))
    return straight((a[0], a[1]), (b[0], b[1]), at=start, speed=abs(last - first) / length)


def _cyclist(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    look = someone(rng)
    track = _along(start, length, float(rng.uniform(-0.4, 0.4)), bool(rng.random() < 0.5))
    paint: Colour = ((52, 46, 130), (110, 92, 50), (40, 40, 44))[int(rng.integers(3))]
    return [riding(lambda way: cyclist(look, paint, way), track, "cyclist")]


def _cart(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    look = someone(rng)
    track = _along(start, length, float(rng.uniform(-0.2, 0.2)), bool(rng.random() < 0.5))
    paint: Colour = ((164, 170, 172), (96, 108, 70), (128, 96, 66))[int(rng.integers(3))]
    return [riding(lambda way: cart(look, paint, way), track, "cart")]


def _runner(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    track = _along(start, length, float(rng.uniform(-0.8, 0.8)), bool(rng.random() < 0.5))
    return [on_foot(someone(rng), track, run=1.0, kind="runner")]


def _grass(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """Over the lawn, on the near or the far side, at an ordinary pace."""
    near = ((-1.6, 5.2), (7.2, 9.6))
    far = ((-9.5, 15.2), (9.2, 17.9))
    a, b = near if rng.random() < 0.5 else far
    if rng.random() < 0.5:
        a, b = b, a
    return [on_foot(someone(rng), straight(a, b, at=start, speed=math.dist(a, b) / length), kind="grass")]


def _bag(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """Someone puts a bag down at the lane's edge and goes on; a companion comes after and takes it along."""
    colour = TOPS[int(rng.integers(len(TOPS)))]
    spot, left = float(rng.uniform(-2.5, 2.0)), -LANE.half_width + 0.55
    down = start - 2.4  # by `start` its owner is well away
    taken = start + length
    place = LANE.place(np.array([spot]), np.array([left]))[0]
    lying = standing(bag(colour), (place[0], place[1]), LANE.angle + 0.3, span=(down, taken), kind="bag",
                     abnormal=(start, taken - 2.6))

    def bender(at: float, has_it: Callable[[float], bool]) -> Actor:
        """Walks the lane and bends beside the bag's place at a moment."""
        speed, pause = 1.3, 0.9
        first, last = _ends()
        times = [at - pause - (spot - first) / speed, at - pause, at + pause, at + pause + (last - spot) / speed]
        track = through(times, LANE.place(np.array([first, spot, spot, last]), np.full(4, left + 0.4)))
        return on_foot(someone(rng), track, stoop=lambda t: math.exp(-(((t - at) / 0.45) ** 2)),
                       luggage=(bag(colour), has_it))

    return [bender(down, lambda t: t < down), bender(taken, lambda t: t >= taken), lying]


def _loiterer(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """Someone walks in, stands and paces about one place, and walks on."""
    speed, left = 1.3, LANE.half_width - 0.5
    first, last = _ends()
    spot = float(rng.uniform(-1.5, 2.5))
    steps = [(start - (last - spot) / speed, last, 0.0), (start, spot, 0.0)]
    t, here = start, spot
    while t < start + length - 2.2:
        rest = min(float(rng.uniform(1.2, 2.6)), start + length - t)
        t += rest
        steps.append((t, here, 0.0))
        there = spot + float(rng.uniform(-0.9, 0.9))
        t += abs(there - here) / 0.55 + 0.2
        steps.append((t, there, float(rng.uniform(-0.3, 0.2))))
        here = there
    steps.append((start + length, here, 0.0))
    steps.append((start + length + (here - first) / speed, first, 0.0))
    rows = np.array(steps)
    track = through(rows[:, 0], LANE.place(rows[:, 1], left + rows[:, 2]))
    return [on_foot(someone(rng), track, kind="loiterer", abnormal=(start, start + length),
                    reach=1.0 if rng.random() < 0.5 else 0.0)]


ANOMALIES = {
    "cyclist": Anomaly(_cyclist, 3.4),
    "cart": Anomaly(_cart, 4.6),
    "runner": Anomaly(_runner, 4.6),
    "grass": Anomaly(_grass, 8.0),
    "bag": Anomaly(_bag, 9.0),
    "loiterer": Anomaly(_loiterer, 9.0),
}
