"""The yard: cars come in by the gate and leave on the left, people use the footpath; and what is not usual there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

from samples.actors import Actor, Figure, Track, on_foot, riding
from samples.body import dress, someone
from samples.crowd import Habits, arrivals, clear, walkers
from samples.incidents import fixture, left_behind, loiterer
from samples.poses import climbing_pose
from samples.routes import route
from samples.schedule import Anomaly, Planned, stage_anomalies
from samples.sensor import Light
from samples.shapes import Colour, Hull, Plane, Shape, box, paint, place, tone
from samples.space import Array, Camera
from samples.stage import Scene
from samples.texture import cloud, spread
from samples.things import cyclist
from samples.vehicles import PAINTS, car, dog
from samples.yard_view import BAY_Y, BAYS, DRIVEWAY, FENCE, FLAG, FOOTPATH, LIT_FROM, backdrop, road

SUN = (-0.72, -0.34)
ON_FOOT = Habits(per_minute=5.0, speed=(1.3, 0.14), in_pairs=0.2, most=4)
BY_CAR = Habits(per_minute=3.2, speed=(3.4, 0.35), in_pairs=0.0, apart=6.5)
_BERTHS = {"box": 1.9, "lawn": 2.2, "climber": 2.2, "cyclist": 2.5}
"""Metres cars keep from an anomaly; 5 from any other."""
_PARKED: tuple[Colour, ...] = (PAINTS[0], PAINTS[3], PAINTS[1])
_PULL_OUT = road([(BAYS[1], BAY_Y), (BAYS[1], 12.9), (BAYS[1] - 2.2, 11.4), (-9.8, 11.3)], 0.9)
"""Out of the middle bay to just beyond the picture."""
_TURN_OFF = road([(20.0, 24.3), (4.0, 24.3), (3.0, 21.5), (3.0, 16.2), (4.3, 13.2), (4.7, 11.4)])


@lru_cache(maxsize=4)
def yard(size: tuple[int, int]) -> Scene:
    """The scene at a picture size (width, height)."""
    camera = Camera(size, height=5.5, tilt=math.radians(22), view=math.radians(60))
    # What stands in the view is the same whatever the seed of a clip.
    view = backdrop(camera, SUN, np.random.default_rng(13))
    traffic = _Yard(camera)
    shown = [kind for kind, anomaly in traffic.anomalies.items() if anomaly.shown]
    return Scene(camera, view, SUN, LIT_FROM, shadow=0.5, kinds=tuple(shown), people=traffic.people,
                 glow=_clouds(camera), clip_seconds=(240.0, 200.0))


def _clouds(camera: Camera) -> Callable[[float, Light], Plane]:
    """Shadows of clouds that pass over the yard in half a minute."""
    coarse = 4
    x, y = camera.ground(1)
    x, y = (np.clip(np.nan_to_num(v[::coarse, ::coarse], posinf=90, neginf=-90), -90, 90) for v in (x, y))
    sky = cloud(np.random.default_rng(17), count=256, falloff=2.2)

    def glow(t: float, light: Light) -> Plane:
        drift = 2.1 * t + 40 * light.phases[0]
        cover = np.clip(0.5 + 0.9 * spread(sky, x + drift, y + 0.3 * drift, 110.0), 0, 1)
        dim = np.asarray(1.12 - 0.22 * cover * cover * (3 - 2 * cover), np.float32)
        return np.asarray(cv2.resize(dim, camera.size, interpolation=cv2.INTER_LINEAR)[..., None], np.float32)

    return glow


class _Yard:
    """Who and what appears: cars, walkers, the flag, the parked cars, and what goes wrong."""

    def __init__(self, camera: Camera) -> None:
        self._parked: list[Figure] = []
        for bay, colour in zip(BAYS, _PARKED, strict=True):
            shapes = place(car(colour), (bay, BAY_Y), -math.pi / 2)
            self._parked.append(Figure(shapes, (bay, BAY_Y), paint(shapes, camera, lit_from=LIT_FROM)))
        self.anomalies = {
            "wrong-way": Anomaly(_wrong_way, 14.0),
            "stray-car": Anomaly(_stray_car, 25.0),
            "climber": Anomaly(_climber, 16.0),
            "lawn": Anomaly(_lawn, 18.0),
            "cyclist": Anomaly(_cyclist, 3.2),
            "dog": Anomaly(_dog, 9.0),
            "box": Anomaly(_box, 12.0),
            "missing": Anomaly(self._missing, 30.0),
            "loiterer": Anomaly(_loiterer, 60.0, shown=False),
        }

    def people(self, seconds: float, rng: np.random.Generator, anomalies: Sequence[str | Planned]) -> list[Actor]:
        special = stage_anomalies(anomalies, self.anomalies, seconds=seconds, rng=rng)
        around = [track for actor in special for track in actor.tracks]
        ends = FOOTPATH.ends(Camera((360, 240), 5.5, math.radians(22), math.radians(60)), 1.6)
        parked = [fixture(figure, special, "missing" if i == 1 else "") for i, figure in enumerate(self._parked)]
        return [*parked, _flag(float(rng.uniform(0, 6))), *_traffic(seconds, rng, special),
                *walkers(FOOTPATH, ends, ON_FOOT, seconds=seconds, rng=rng, around=around), *special]

    def _missing(self, start: float, length: float, rng: np.random.Generator) -> list[Actor]:
        """The middle car drives off; its bay stays empty; it comes back by the gate and reverses in."""
        colour, there = _PARKED[1], self._parked[1]
        lack = Figure(there.shapes, there.foot, there.patch, absent=True)
        leaves = _drive(_PULL_OUT, at=start, speed=2.6)
        back = start + length - len(_PULL_OUT) * 0.1 / 1.5
        reverses = _drive(_PULL_OUT[::-1], at=back, speed=1.5, backwards=True)
        stop = DRIVEWAY[:int(np.argmin(np.hypot(*(DRIVEWAY - _PULL_OUT[-1]).T)))]
        comes = _drive(stop, at=back - 0.6 - len(stop) * 0.1 / 3.0, speed=3.0)

        def draw(t: float) -> Figure | None:
            if not start <= t < start + length:
                return None
            step = leaves.at(t) or reverses.at(t)
            if step is None:
                return lack
            return Figure(place(car(colour, step.travelled), (step.x, step.y), step.heading), (step.x, step.y))

        def arrive(t: float) -> Figure | None:
            step = comes.at(min(t, float(comes.times[-1]))) if t < back else None
            if step is None:
                return None
            return Figure(place(car(colour, step.travelled), (step.x, step.y), step.heading), (step.x, step.y))

        return [Actor(arrive, tracks=(comes,)), Actor(draw, "missing", (start, start + length), (leaves, reverses))]


def _drive(way: Array, *, at: float, speed: float, backwards: bool = False) -> Track:
    """A car's track along points a tenth of a metre apart."""
    times = np.asarray(at + np.arange(len(way)) * 0.1 / speed, np.float64)
    moves = np.gradient(way, axis=0)
    turned = math.pi if backwards else 0.0
    return Track(times, way, np.unwrap(np.arctan2(moves[:, 1], moves[:, 0])) + turned)


def _traffic(seconds: float, rng: np.random.Generator, special: Sequence[Actor]) -> list[Actor]:
    """Cars that come one at a time, slowly, the one way there is."""
    taken: list[Track] = []
    cars: list[Actor] = []
    for arrival in arrivals(BY_CAR, seconds, rng, lead=12.0):
        track = _drive(DRIVEWAY, at=arrival, speed=float(np.clip(rng.normal(*BY_CAR.speed), 2.6, 4.2)))
        paint_, free = PAINTS[int(rng.integers(len(PAINTS)))], all(clear(track, o, BY_CAR.apart) for o in taken)
        if free and all(clear(track, o, _BERTHS.get(a.kind, 5.0)) for a in special for o in a.tracks):
            taken.append(track)
            cars.append(_car(paint_, track))
    return cars


def _car(paint_: Colour, track: Track, kind: str = "") -> Actor:
    return riding(lambda way: car(paint_, way), track, kind)


def _flag(phase: float) -> Actor:
    """A flag in the wind: cloth whose folds run from the pole outwards."""
    x, y = FLAG
    colours: tuple[Colour, ...] = ((64, 56, 150), (196, 198, 198), (120, 80, 50))

    def draw(t: float) -> Figure:
        out = np.linspace(0.0, 1.0, 9)
        gust = 0.75 + 0.25 * math.sin(0.4 * t + phase)
        fold = 0.16 * out * np.sin(7.0 * out - 6.0 * t + phase)
        px, pz = x - 1.6 * gust * out, 4.9 - 0.35 * (1 - gust) * out + 0.35 * fold
        shapes: list[Shape] = []
        for k in range(8):
            light = float(1.0 + 1.1 * (fold[k + 1] - fold[k]))
            for band, colour in enumerate(colours):
                low, high = -0.32 * (band + 1), -0.32 * band
                corners = [(px[i], y + fold[i], pz[i] + dz) for i, dz in
                           ((k, low), (k + 1, low), (k + 1, high), (k, high))]
                shapes.append(Hull(np.array(corners), np.full(4, 0.008), tone(colour, light)))
        return Figure(shapes, (x, y - 0.05))

    return Actor(draw)


def _wrong_way(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """A car that comes in where cars leave, at their pace."""
    paint_ = PAINTS[int(rng.integers(len(PAINTS)))]
    return [_car(paint_, _drive(DRIVEWAY[::-1], at=start, speed=len(DRIVEWAY) * 0.1 / length), "wrong-way")]


def _stray_car(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """A car turns off the driveway, stands on the lawn for a while, and backs out again."""
    paint_ = PAINTS[int(rng.integers(len(PAINTS)))]
    speed = 2.6
    off = int(np.argmin(np.abs(_TURN_OFF[:, 1] - 16.0)))
    comes = _drive(_TURN_OFF, at=start - off * 0.1 / speed, speed=speed)
    leave = start + length - len(_TURN_OFF) * 0.1 / speed
    goes = _drive(_TURN_OFF[::-1], at=leave, speed=speed, backwards=True)
    joined = Track(np.concatenate([comes.times, goes.times]), np.concatenate([comes.points, goes.points]),
                   np.concatenate([_headings(comes), _headings(goes)]))
    # It goes on backwards through the gate, against the one way: abnormal until it is gone.
    return [_abnormal_from(_car(paint_, joined, "stray-car"), start)]


def _headings(track: Track) -> Array:
    return np.array([step.heading for t in track.times if (step := track.at(float(t)))])


def _abnormal_from(actor: Actor, start: float) -> Actor:
    return Actor(actor.draw, actor.kind, (start, math.inf), actor.tracks)


def _climber(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """Someone comes along the fence, climbs it, holds on at the top, gets down and goes."""
    spot, look = float(rng.uniform(7.4, 8.2)), someone(rng)
    beside, out = (spot, FENCE - 0.42), (12.6, FENCE - 0.8)
    walk = math.dist(beside, out) / 1.3
    hold = length - 2 * walk
    track = route([out, beside, out], speed=1.3, at=start, pauses=[(1, hold)], round_s=0.15)
    walker = on_foot(look, track)
    up = start + walk

    def draw(t: float) -> Figure | None:
        if not up < t < up + hold:
            return walker.draw(t)
        rise = min((t - up) / 3.0, (up + hold - t) / 2.2, 1.0)
        phase = 2.5 * rise + 0.05 * math.sin(1.3 * t)
        shapes = place(dress(look, climbing_pose(look, phase, 0.75 * rise)), beside, math.pi / 2)
        return Figure(shapes, beside)

    return [Actor(draw, "climber", tracks=(track,))]


def _over(places: list[tuple[float, float]], start: float, length: float) -> Track:
    metres = sum(math.dist(a, b) for a, b in pairwise(places))
    return route(places, speed=metres / length, at=start)


def _lawn(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """Someone strolls over the lawn, slower than anyone on the footpath."""
    places = [(9.2, 10.4), (4.2, 11.4 + float(rng.uniform(-0.6, 0.6))), (5.6, 14.6), (11.4, 15.6)]
    if rng.random() < 0.5:
        places.reverse()
    return [on_foot(someone(rng), _over(places, start, length), kind="lawn")]


def _cyclist(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    look, frame = someone(rng), PAINTS[int(rng.integers(len(PAINTS)))]
    places = [(-7.6, 7.45), (7.6, 7.95)]
    if rng.random() < 0.5:
        places.reverse()
    return [riding(lambda way: cyclist(look, frame, way), _over(places, start, length), "cyclist")]


def _dog(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    coat: Colour = ((58, 86, 118), (44, 46, 50), (128, 148, 164))[int(rng.integers(3))]
    places = [(9.2, 12.0), (3.0, 10.4), (-3.0, 10.0), (-8.6, 10.3)]
    if rng.random() < 0.5:
        places.reverse()
    return [riding(lambda way: dog(coat, way), _over(places, start, length), "dog")]


def _box(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """A walker leaves a carton on the grass beside the footpath."""
    at = float(rng.uniform(-1.5, 3.5))
    thing = box((-0.26, -0.2, 0.0), (0.26, 0.2, 0.36), (92, 130, 164))
    way = ((-8.0, 8.1), (at, 8.75), (8.0, 8.3))
    return left_behind(thing, way, spot=(at, 9.15), start=start, length=length, kind="box", rng=rng)


def _loiterer(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """Someone stays on the footpath, near its middle."""
    spot = (float(rng.uniform(-1.5, 3.0)), 8.4)
    return [loiterer(someone(rng), ((-8.0, 8.1), spot, (8.0, 8.3)), start=start, length=length, rng=rng)]
