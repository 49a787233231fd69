"""Ways through a place with corners and stops, and the people who take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from samples.actors import Actor, Track, facing_onward, on_foot
from samples.body import someone
from samples.crowd import Habits, arrivals, clear
from samples.space import Array

Place = tuple[float, float]
"""Ground point in metres."""
_TICK = 0.1


def route(places: Sequence[Place] | Array, *, speed: float, at: float, pauses: Sequence[tuple[int, float]] = (),
          meet: int = 0, round_s: float = 0.35) -> Track:
    """A way through places at a steady speed (m/s), with its corners rounded over `round_s` seconds.

    `pauses` are (index of a place, seconds spent there); `at` is when place `meet` is reached.
    """
    points = np.asarray(places, float)
    waits = dict(pauses)
    times, stops = [0.0], [points[0]]
    reached = [0.0]
    for index in range(1, len(points)):
        times.append(times[-1] + float(np.hypot(*(points[index] - points[index - 1]))) / speed)
        stops.append(points[index])
        reached.append(times[-1])
        if index in waits:
            times.append(times[-1] + waits[index])
            stops.append(points[index])
    fine = np.arange(0.0, times[-1] + _TICK, _TICK)
    knots = np.array(stops)
    path = np.stack([np.interp(fine, times, knots[:, k]) for k in (0, 1)], axis=1)
    path = gaussian_filter1d(path, round_s / _TICK, axis=0, mode="nearest")
    return facing_onward(fine + at - reached[meet], path)


@dataclass(frozen=True, slots=True)
class Visit:
    """One thing people do in a place: the way they take and where they stop."""

    places: tuple[Place, ...]
    share: float
    """How often, against the other visits."""
    stop: int | None = None
    """Index of the place where they stand a while."""
    pause: tuple[float, float] = (4.0, 11.0)
    """Shortest and longest stop, seconds."""


def visitors(visits: Sequence[Visit], habits: Habits, *, seconds: float, rng: np.random.Generator,
             around: Sequence[Track] = ()) -> list[Actor]:
    """People who come on their visits, either way round, during a clip of `seconds`.

    Nobody walks through anybody or anything that moves along `around`: who would comes another way, or not at all.
    """
    shares = np.array([visit.share for visit in visits])
    taken: list[Track] = []
    actors: list[Actor] = []
    for arrival in arrivals(habits, seconds, rng, lead=12.0):
        if sum(track.times[0] <= arrival <= track.times[-1] for track in taken) >= habits.most:
            continue
        for _ in range(12):
            visit = visits[int(rng.choice(len(visits), p=shares / shares.sum()))]
            track = _come(visit, habits, arrival, rng)
            free = all(clear(track, other, habits.apart) for other in taken)
            if free and all(clear(track, other, habits.berth) for other in around):
                taken.append(track)
                reach = 1.0 if rng.random() < 0.1 else 0.0
                actors.append(on_foot(someone(rng), track, phase=float(rng.random()), reach=reach))
                break
    return actors


def _come(visit: Visit, habits: Habits, arrival: float, rng: np.random.Generator) -> Track:
    points = np.array(visit.places)
    stop = visit.stop
    loose = rng.normal(0.0, 0.22, points.shape)
    if stop is not None:
        loose[stop] *= 0.3
    points = points + loose
    if rng.random() < 0.5:
        points = points[::-1]
        stop = None if stop is None else len(points) - 1 - stop
    pauses = [] if stop is None else [(stop, float(rng.uniform(*visit.pause)))]
    speed = float(np.clip(rng.normal(*habits.speed), 0.8, 1.7))
    return route(points, speed=speed, at=arrival, pauses=pauses)
