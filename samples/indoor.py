"""The lobby: people pass through it or stop at its counter, seen from a corner under the ceiling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from samples.actors import Actor, Figure, Track, on_foot
from samples.body import TOPS, someone
from samples.crowd import Habits
from samples.incidents import collapse, crawl, fixture, left_behind, light_at, loiterer, taken_away
from samples.indoor_view import (
    DOOR_HEIGHT,
    DOORS,
    LIT_FROM,
    RIGHT_WALL,
    ROOM,
    Lighting,
    backdrop,
    chair,
    floor,
    plant,
)
from samples.routes import Visit, route, visitors
from samples.schedule import Anomaly, Planned, stage_anomalies
from samples.sensor import Light
from samples.shapes import Hull, Plane, Shape, paint, place
from samples.space import Array, Camera
from samples.stage import Scene
from samples.things import bag

SUN = (0.28, -0.30)
HABITS = Habits(per_minute=11.0, speed=(1.15, 0.15), in_pairs=0.0, most=5, berth=1.1)
_OUT_LEFT, _OUT_RIGHT, _OUT_NEAR = floor(-1.4, 4.0), floor(6.8, -0.6), floor(4.4, -1.2)
VISITS = (
    Visit((_OUT_LEFT, floor(2.4, 3.7), floor(5.4, 1.9), _OUT_RIGHT), 3.0),
    Visit((_OUT_LEFT, floor(3.5, 4.0), floor(6.4, 3.3), _OUT_RIGHT), 2.0),
    Visit((_OUT_LEFT, floor(2.6, 2.4), _OUT_NEAR), 1.5),
    *(Visit((_OUT_LEFT, floor(2.4, 4.0), floor(at, 4.35), floor(at, 4.95), floor(at + 0.6, 4.1), floor(5.6, 1.9),
             _OUT_RIGHT), 1.2, stop=3) for at in (3.7, 4.5, 5.3)),
)
"""The ways people take; a little under a third of them stop at one of three places at the counter."""


@lru_cache(maxsize=4)
def indoor(size: tuple[int, int]) -> Scene:
    """The scene at a picture size (width, height)."""
    camera = Camera(size, height=3.1, tilt=math.radians(30), view=math.radians(75))
    # What stands in the view is the same whatever the seed of a clip.
    view, lighting = backdrop(camera, SUN, np.random.default_rng(11))
    lobby = _Lobby(camera)
    shown = [kind for kind, anomaly in lobby.anomalies.items() if anomaly.shown]
    return Scene(camera, view, SUN, LIT_FROM, shadow=0.34, kinds=tuple(shown), people=lobby.people,
                 glow=lambda t, light: _glow(lighting, t, light), penumbra=2.4, gloss=0.20, clip_seconds=(240.0, 130.0))


def _glow(lighting: Lighting, t: float, light: Light) -> Plane:
    """The window follows the sky; the lamp over the counter hums, and now and then blinks."""
    sky = 0.55 * (light.sun(t) - 0.62)
    hum = 0.012 * math.sin(t * 29.0 + light.phases[0]) + 0.008 * math.sin(t * 47.3)
    blink = -0.07 if math.sin(t * 0.53 + light.phases[1]) * math.sin(t * 1.71 + light.phases[2]) > 0.93 else 0.0
    return np.asarray((1 + sky * lighting.window + (hum + blink) * lighting.lamp)[..., None], np.float32)


class _Lobby:
    """Who and what appears: visitors, the movable furniture, and what goes wrong."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        leaves = plant(np.random.default_rng(5))
        self._plant = self._fixture(leaves, floor(7.35, 6.35), 0.0)
        self._seat = self._fixture(chair(), floor(7.5, 3.35), ROOM.angle + math.pi)
        self.anomalies = {
            "bag": Anomaly(self._bag, 12.0),
            "fallen": Anomaly(self._fallen, 11.0),
            "door": Anomaly(self._door, 10.0),
            "lamp": Anomaly(self._lamp, 8.0),
            "crawler": Anomaly(self._crawler, 15.0),
            "runner": Anomaly(self._runner, 3.6),
            "missing": Anomaly(self._missing, 12.0),
            "loiterer": Anomaly(_loiterer, 60.0, shown=False),
        }

    def people(self, seconds: float, rng: np.random.Generator, anomalies: Sequence[str | Planned]) -> list[Actor]:
        special = stage_anomalies(anomalies, self.anomalies, seconds=seconds, rng=rng)
        around = [track for actor in special for track in actor.tracks]
        fixtures = [fixture(self._plant, special), fixture(self._seat, special, "missing")]
        return [*fixtures, *visitors(VISITS, HABITS, seconds=seconds, rng=rng, around=around), *special]

    def _fixture(self, thing: Sequence[Shape], at: tuple[float, float], heading: float) -> Figure:
        shapes = place(thing, at, heading)
        return Figure(shapes, at, paint(shapes, self._camera, lit_from=LIT_FROM))

    def _bag(self, start: float, length: float, rng: np.random.Generator) -> list[Actor]:
        left = float(rng.uniform(2.6, 3.6))
        spot, beside = floor(4.6, left), floor(4.6, left - 0.4)
        thing = bag(TOPS[int(rng.integers(len(TOPS)))])
        return left_behind(thing, (_OUT_LEFT, beside, _OUT_RIGHT), spot=spot, start=start, length=length, kind="bag",
                           rng=rng)

    def _fallen(self, start: float, length: float, rng: np.random.Generator) -> list[Actor]:
        spot = floor(float(rng.uniform(3.6, 5.6)), float(rng.uniform(2.2, 3.6)))
        return [collapse(someone(rng), (_OUT_LEFT, spot, _OUT_RIGHT), start=start, length=length, kind="fallen")]

    def _door(self, start: float, length: float, rng: np.random.Generator) -> list[Actor]:
        """The far door swings open, stays open and falls shut; nobody is seen."""
        wide = float(rng.uniform(1.0, 1.5))

        def draw(t: float) -> Figure | None:
            if not start <= t < start + length:
                return None
            swing = wide * min((t - start + 0.1) / 1.2, (start + length - t) / 1.2, 1.0)
            return Figure(_open_door(swing), floor(RIGHT_WALL + 0.2, DOORS[1][0]))

        return [Actor(draw, "door", (start, start + length))]

    def _lamp(self, start: float, length: float, rng: np.random.Generator) -> list[Actor]:
        """A lamp burns on the wall where none was."""
        on_wall = float(rng.uniform(3.3, 4.2))
        x, y = floor(RIGHT_WALL - 0.05, on_wall)
        patch = light_at(np.array([x, y, 2.25]), self._camera, reach=0.8, colour=(150, 214, 244))
        figure = Figure((), floor(RIGHT_WALL + 0.3, on_wall), patch)
        burns = (start, start + length)
        return [Actor(lambda t: figure if patch and burns[0] <= t < burns[1] else None, "lamp", burns)]

    def _crawler(self, start: float, length: float, rng: np.random.Generator) -> list[Actor]:
        places = [_OUT_LEFT, floor(1.6, 3.4 + float(rng.uniform(-0.3, 0.3))), floor(3.4, 2.0), _OUT_NEAR]
        if rng.random() < 0.5:
            places.reverse()
        return [crawl(someone(rng), _within(places, start, length), kind="crawler")]

    def _runner(self, start: float, length: float, rng: np.random.Generator) -> list[Actor]:
        places = [_OUT_LEFT, floor(2.4, 3.6), floor(5.6, float(rng.uniform(1.8, 2.6))), _OUT_RIGHT]
        if rng.random() < 0.5:
            places.reverse()
        return [on_foot(someone(rng), _within(places, start, length), run=1.0, kind="runner")]

    def _missing(self, start: float, length: float, rng: np.random.Generator) -> list[Actor]:
        """A chair is carried off and later brought back."""
        way = (_OUT_RIGHT, floor(7.0, 3.3), _OUT_RIGHT)
        return taken_away(chair(), self._seat, way, start=start, length=length, kind="missing", rng=rng)


def _loiterer(start: float, length: float, rng: np.random.Generator) -> list[Actor]:
    """Someone stays in the middle of the room."""
    spot = floor(float(rng.uniform(3.2, 4.2)), float(rng.uniform(2.4, 3.0)))
    return [loiterer(someone(rng), (_OUT_LEFT, spot, _OUT_NEAR), start=start, length=length, rng=rng)]


def _within(places: list[tuple[float, float]], start: float, length: float) -> Track:
    """A way that takes just so long."""
    metres = sum(math.dist(a, b) for a, b in pairwise(places))
    return route(places, speed=metres / length, at=start)


def _open_door(swing: float) -> list[Shape]:
    """The far door opened by `swing` radians, in world coordinates: the dark of the room behind it and the leaf."""
    first, last = DOORS[1]
    wall, width = RIGHT_WALL - 0.01, last - first

    def sheet(a: tuple[float, float], b: tuple[float, float], low: float, high: float) -> Array:
        return np.array([[*a, low], [*b, low], [*b, high], [*a, high]])

    free = (wall - width * math.sin(swing), last - width * math.cos(swing))
    thin = np.full(4, 0.006)
    shapes: list[Shape] = [
        Hull(sheet((wall, first), (wall, last), 0.0, DOOR_HEIGHT), thin, (40, 42, 46)),
        Hull(sheet((wall, first), (wall, first + 0.4 * width), 0.0, 1.75), thin, (66, 72, 80), 0.3),
        Hull(sheet(free, (wall, last), 0.0, DOOR_HEIGHT), thin, (62, 90, 120), 1.0),
        Hull(sheet(free, (wall, last), 0.96, 1.05), thin, (92, 104, 116), 1.2),
    ]
    return place(shapes, (0.0, 0.0), ROOM.angle)
