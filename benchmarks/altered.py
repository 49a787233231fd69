"""Footage altered by rule: drawn scenes whose light changes, or in which something stays or comes again and again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scenes import FPS
from memwatch.files import write_text
from samples.draw import SIZE, Drawn, Planned, render, truth, write_clip

SEED = 60
BEGIN = 60.0
"""Seconds of the footage as it was, before anything changes."""
SECONDS = 300.0
REPEAT_S, REPEAT_SECONDS = 20.0, 600.0

Pixels = NDArray[np.float32]
"""(H, W, 3), 0 … 255."""


@dataclass(frozen=True, slots=True)
class Things:
    """The anomalies of a scene that the cases use."""

    probe: str
    """Comes at set times, to see whether it is still found."""
    length: float
    """Seconds that the probe takes."""
    parked: str
    """Is left behind and stays."""


THINGS = {"indoor": Things("fallen", 8.0, "bag"), "yard": Things("cyclist", 3.2, "box")}


@dataclass(frozen=True, slots=True)
class Case:
    """One rule."""

    name: str
    what: str
    """In words, for the page."""
    until: float = BEGIN
    """Seconds at which what began at BEGIN has become what stays."""
    light: Callable[[Pixels, float], Pixels] | None = None
    """(picture, seconds) to the picture in another light."""
    seconds: float = SECONDS

    def anomalies(self, things: Things) -> list[Planned]:
        """Probes before, during and after; the thing that stays, or the repeated probe alone."""
        match self.name:
            case "parked":
                return [Planned(things.parked, BEGIN, self.seconds)]
            case "loiterer":
                return [Planned("loiterer", BEGIN, self.seconds - BEGIN - 20.0)]
            case "repeated":
                times = np.arange(REPEAT_S, self.seconds - things.length, REPEAT_S)
            case _:
                times = np.array([30.0, (BEGIN + self.until) / 2, 220.0, self.seconds - things.length - 10.0])
        alike = SEED if self.name == "repeated" else None
        return [Planned(things.probe, float(at), things.length, alike) for at in times]


def dimming(picture: Pixels, seconds: float) -> Pixels:
    """Half of the light goes, evenly over two minutes."""
    return picture * np.float32(1 - 0.5 * _ramp(seconds, 120.0))


def lights_off(picture: Pixels, seconds: float) -> Pixels:
    """Six tenths of the light go from one frame to the next."""
    return picture * np.float32(0.4 if seconds >= BEGIN else 1.0)


def shadow(picture: Pixels, seconds: float) -> Pixels:
    """A shadow with a slanting soft edge covers two fifths of the picture; it takes four tenths of the light there and
    half a minute to become so deep."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    outside = (x + 0.35 * y - 0.55 * width) / np.float32(2.5)
    inside = 1 / (1 + np.exp(np.minimum(outside, np.float32(80))))
    return picture * (1 - np.float32(0.4 * _ramp(seconds, 30.0)) * inside)[..., None]


CASES = (
    Case("unaltered", "as drawn"),
    Case("dimming", "half of the light goes in two minutes", BEGIN + 120.0, dimming),
    Case("lights-off", "six tenths of the light go at once", BEGIN, lights_off),
    Case("shadow", "a new shadow deepens for half a minute and stays", BEGIN + 30.0, shadow),
    Case("parked", "something is left and stays"),
    Case("loiterer", "someone stays about one place"),
    Case("repeated", "the same anomaly every 20 s for ten minutes", seconds=REPEAT_SECONDS),
)


def draw_case(scene: str, case: Case, path: Path) -> None:
    """Draw a case of a scene to `path` (mp4), its truth beside it as JSON."""

    def lit() -> Iterator[Drawn]:
        plans = case.anomalies(THINGS[scene])
        for index, (image, boxes) in enumerate(
            render(scene, seconds=case.seconds, seed=SEED, fps=FPS, size=SIZE, anomalies=plans)
        ):
            if case.light:
                image = np.clip(case.light(image.astype(np.float32), index / FPS) + 0.5, 0, 255).astype(np.uint8)
            yield Drawn(image, boxes)

    path.parent.mkdir(parents=True, exist_ok=True)
    notes = write_clip(path, lit(), fps=FPS, size=SIZE)
    told = truth(notes, clip=path.name, fps=FPS, size=SIZE, seed=SEED)
    write_text(path.with_suffix(".json"), json.dumps(told, separators=(",", ":")) + "\n")


def _ramp(seconds: float, length: float) -> float:
    return float(np.clip((seconds - BEGIN) / length, 0, 1))
