"""Ordinary walkers on a lane: when they come, how fast they go, and how they keep clear of each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from samples.actors import Actor, Track, on_foot
from samples.body import someone
from samples.space import Array, Lane


@dataclass(frozen=True, slots=True)
class Habits:
    """What is usual on a lane."""

    per_minute: float
    """Arrivals, on average; they swell and ebb within a minute or so."""
    speed: tuple[float, float]
    """Mean and standard deviation, metres a second; 1.0 … 1.75 at the extremes."""
    in_pairs: float
    """Share of arrivals who walk with a companion beside them."""
    most: int = 7
    """Never more at once; some of them are still, or already, out of the picture."""
    apart: float = 0.75
    """Metres that walkers keep between each other."""
    berth: float = 1.0
    """Metres that they keep from the middle of whatever they step aside for."""


def walkers(lane: Lane, ends: tuple[float, float], habits: Habits, *, seconds: float, rng: np.random.Generator,
            around: Sequence[Track] = ()) -> list[Actor]:
    """People who walk the lane from end to end during a clip of `seconds`, stepping aside for `around`.

    Nobody walks through anybody: an arrival that would is drawn anew, and dropped after some tries.
    """
    actors: list[Actor] = []
    taken: list[Track] = []
    for arrival in arrivals(habits, seconds, rng, lead=(ends[1] - ends[0]) / habits.speed[0]):
        company = 2 if rng.random() < habits.in_pairs else 1
        if sum(track.times[0] <= arrival <= track.times[-1] for track in taken) + company > habits.most:
            continue
        for _ in range(12):
            tracks = _party(lane, ends, habits, arrival=arrival, company=company, rng=rng, around=around)
            others = [(one, two, habits.apart) for one in tracks for two in taken]
            others += [(one, two, habits.berth) for one in tracks for two in around]
            if all(clear(*pair) for pair in others) and clear(tracks[0], tracks[-1], habits.apart):
                taken.extend(tracks)
                actors.extend(on_foot(someone(rng), track, phase=float(rng.random())) for track in tracks)
                break
    return actors


def arrivals(habits: Habits, seconds: float, rng: np.random.Generator, lead: float) -> Iterator[float]:
    """Times of a Poisson process whose rate breathes; `lead` seconds early, so that the clip starts peopled."""
    peak = 1.9
    phase = rng.uniform(0, 2 * np.pi)
    t = -lead
    while True:
        t += float(rng.exponential(60.0 / (habits.per_minute * peak)))
        if t > seconds:
            return
        busy = 1.0 + 0.9 * np.sin(t / 9.0 + phase)
        if rng.random() < busy / peak:
            yield t


def _party(lane: Lane, ends: tuple[float, float], habits: Habits, *, arrival: float, company: int,
           rng: np.random.Generator, around: Sequence[Track]) -> list[Track]:
    onward = bool(rng.random() < 0.5)
    speed = float(np.clip(rng.normal(*habits.speed), 1.0, 1.75))
    edge = lane.half_width - 0.45
    # Most keep to the right of the middle, some don't.
    left = float(rng.uniform(-edge, edge * 0.25)) * (1.0 if onward else -1.0)
    beside = 0.78 if left < 0 else -0.78
    return [_walk(lane, ends, start=arrival + 0.15 * n, left=left + beside * n, speed=speed, onward=onward,
                  wander=float(rng.uniform(0, 6)), around=around) for n in range(company)]


def _walk(lane: Lane, ends: tuple[float, float], *, start: float, left: float, speed: float, onward: bool,
          wander: float, around: Sequence[Track]) -> Track:
    length = ends[1] - ends[0]
    times = np.arange(0.0, length / speed + 0.2, 0.2)
    along = times * speed
    along = ends[0] + along if onward else ends[1] - along
    # A slow weave of a few centimetres: nobody walks along a ruler.
    aside = left + 0.09 * np.sin(along * 0.8 + wander) + 0.04 * np.sin(along * 2.1 + 2 * wander)
    times = times + start
    for other in around:
        aside = _swerve(lane, times, along, aside, other)
    return Track(times, lane.place(along, aside))


def _swerve(lane: Lane, times: Array, along: Array, aside: Array, other: Track) -> Array:
    """Give way: the nearer the other on the lane, the more of `berth` is kept to its side."""
    berth = 1.15  # a little more than Habits.berth asks, for the weave
    theirs = np.stack([np.interp(times, other.times, other.points[:, k], left=np.nan, right=np.nan)
                       for k in (0, 1)])
    their_along, their_aside = lane.locate(theirs[0], theirs[1])
    near = np.clip(1.35 - np.abs(along - their_along) / 4.5, 0.0, 1.0)
    near = np.nan_to_num(near * near * (3 - 2 * near))
    if not near.any() or np.nanmin(np.abs(their_aside)) > lane.half_width + berth:
        return aside
    closest = int(np.argmax(near))
    side = 1.0 if aside[closest] >= their_aside[closest] else -1.0
    edge = lane.half_width - 0.25
    wanted = np.clip(np.nan_to_num(their_aside) + side * berth, -edge, edge)
    pushed = np.maximum(aside, wanted) if side > 0 else np.minimum(aside, wanted)
    return aside + near * (pushed - aside)


def clear(one: Track, other: Track, apart: float) -> bool:
    """Whether two tracks never come closer than `apart` metres; nobody is in their own way."""
    if one is other:
        return True
    start, end = max(one.times[0], other.times[0]), min(one.times[-1], other.times[-1])
    if start >= end:
        return True
    t = np.arange(start, end, 0.2)
    gap = [np.interp(t, one.times, one.points[:, k]) - np.interp(t, other.times, other.points[:, k])
           for k in (0, 1)]
    return bool(np.hypot(gap[0], gap[1]).min() >= apart)
