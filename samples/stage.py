"""A scene in front of a camera: composes backdrop, shadows and figures into frames, and says what is where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from samples.actors import Actor, Figure
from samples.schedule import Planned
from samples.sensor import Light, Sensor
from samples.shapes import Image, Patch, Plane, cast, paint
from samples.space import Camera

Box = tuple[int, int, int, int]
"""Half-open (x1, y1, x2, y2) in pixels."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Where one anomaly is in one frame."""

    id: int
    """From 1, in the order of `anomalies`."""
    kind: str
    box: Box
    """Tight round its visible pixels, shadow excluded."""


class Drawn(NamedTuple):
    """One frame and its truth."""

    image: Image
    boxes: list[Annotation]


@dataclass(frozen=True, slots=True)
class Prop:
    """Something fixed that people can pass behind."""

    depth: float
    """Metres along the optical axis."""
    alpha: Plane
    """(H, W), 0 … 1."""


@dataclass(frozen=True, slots=True)
class Backdrop:
    """All that stands still."""

    picture: Plane
    """(H, W, 3), 0 … 255, as it looks in full light without shadows."""
    ground: Plane
    """(H, W), 1 where a shadow can fall, 0 on walls and props."""
    shade: Plane
    """(H, W), how much of the direct sun is kept away by what stands still, 0 … 1."""
    leaves: Plane
    """(H, W), how freely the wind moves what is there, 0 … 1."""
    props: tuple[Prop, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """A place: its camera, its looks and who comes by."""

    camera: Camera
    backdrop: Backdrop
    sun: tuple[float, float]
    """Metres (x, y) a shadow falls away for each metre of height."""
    lit_from: tuple[float, float]
    """The way towards the light in the picture, unit vector (right, down)."""
    shadow: float
    """How dark a shadow is in full sun, 0 … 1."""
    kinds: tuple[str, ...]
    """The anomalies of its test clip."""
    people: Callable[[float, np.random.Generator, Sequence[str | Planned]], list[Actor]]
    """(seconds, rng, anomalies in order) to everyone who appears; ValueError if they don't fit in."""
    clip_seconds: tuple[float, float] = (160.0, 80.0)
    """How long its normal and its test clip are, unless someone asks for more or less."""
    glow: Callable[[float, Light], Plane] | None = None
    """Factor on the picture, (H, W, 1) or (H, W, 3), at a time: what light does in one place and not in
    another, as clouds that pass or a lamp that flickers."""
    penumbra: float = 0.9
    """How soft shadows are: the deviation of their blur in pixels of a picture 360 wide."""
    gloss: float = 0.0
    """How strongly the ground mirrors who stands on it, 0 … 1."""


def film(scene: Scene, *, seconds: float, seed: int, fps: float, anomalies: Sequence[str | Planned]) -> Iterator[Drawn]:
    """Frames of a scene, the same for the same arguments."""
    roles, grain, weather = (np.random.default_rng([seed, part]) for part in range(3))
    actors = scene.people(seconds, roles, anomalies)
    a, b, c = (float(v) for v in weather.uniform(0, 2 * math.pi, 3))
    times = [index / fps for index in range(round(seconds * fps))]
    return _frames(scene, actors, Light((a, b, c)), Sensor(scene.camera.size, grain), times)


def _frames(scene: Scene, actors: Sequence[Actor], light: Light, sensor: Sensor,
            times: Sequence[float]) -> Iterator[Drawn]:
    marked = sorted((actor for actor in actors if actor.kind), key=_begins)
    numbers = {id(actor): n for n, actor in enumerate(marked, start=1)}
    for t in times:
        clean, seen = _compose(scene, actors, light, t)
        boxes = [Annotation(numbers[id(actor)], actor.kind, box) for actor, box in seen]
        yield Drawn(sensor.expose(clean), sorted(boxes, key=lambda note: note.id))


def _begins(actor: Actor) -> float:
    """When an anomaly begins, seconds."""
    return max([actor.abnormal[0], *(float(track.times[0]) for track in actor.tracks)])


def _compose(scene: Scene, actors: Sequence[Actor], light: Light,
             t: float) -> tuple[Plane, list[tuple[Actor, Box]]]:
    """The clean frame, float32 (H, W, 3), and the visible boxes of what is abnormal now."""
    present = [(actor, figure) for actor in actors if (figure := actor.draw(t)) is not None]
    deep = scene.shadow * light.sun(t)
    shade = _rustled(scene.backdrop.shade, t)
    frame = _rustle(scene.backdrop, t) * (1.0 - deep * _shadows(scene, present, shade))[..., None]

    depths = [float(scene.camera.project(np.array([[*figure.foot, 0.0]]))[1][0]) for _, figure in present]
    tracked: list[tuple[Actor, Plane]] = []
    for i in sorted(range(len(present)), key=lambda i: -depths[i]):
        actor, figure = present[i]
        patch = figure.patch or paint(figure.shapes, scene.camera, lit_from=scene.lit_from)
        if patch is None:
            continue
        bright = 1.0 - 0.75 * deep * _under(scene.camera, shade, figure.foot)
        if scene.gloss and not figure.absent:
            _mirror(frame, patch, scene, figure.foot, np.float32(bright))
        visible = _overlay(frame, patch, scene.backdrop.props, depths[i], np.float32(bright), unseen=figure.absent)
        if not figure.absent:
            for _, mask in tracked:
                mask[patch.where] *= 1.0 - visible
        if actor.kind and actor.abnormal[0] <= t < actor.abnormal[1]:
            whole = np.zeros(frame.shape[:2], np.float32)
            whole[patch.where] = visible
            tracked.append((actor, whole))
    boxes = [(actor, box) for actor, mask in tracked if (box := _extent(mask)) is not None]
    gain = light.gain(t) if scene.glow is None else light.gain(t) * scene.glow(t, light)
    return np.asarray(frame * gain, np.float32), boxes


def _shadows(scene: Scene, present: Sequence[tuple[Actor, Figure]], shade: Plane) -> Plane:
    """Where the sun doesn't reach the ground, (H, W) 0 … 1."""
    width, height = scene.camera.size
    mask = np.zeros((height, width), np.uint8)
    for _, figure in present:
        if figure.absent or not figure.shapes:
            continue
        cast(mask, figure.shapes, scene.camera, scene.sun)
    soft = cv2.GaussianBlur(mask, (0, 0), scene.penumbra * width / 360 + 0.3).astype(np.float32) / np.float32(255)
    return np.asarray(np.maximum(soft * scene.backdrop.ground, shade), np.float32)


def _rustle(backdrop: Backdrop, t: float) -> Plane:
    """The backdrop with its leaves moved by the wind."""
    rows = np.flatnonzero(backdrop.leaves.max(axis=1) > 0)
    if not rows.size:
        return backdrop.picture
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    free = backdrop.leaves[part]
    y, x = np.indices(free.shape, dtype=np.float32)
    gust = 0.6 + 0.4 * math.sin(t * 0.31)
    dx = free * np.float32(gust) * np.sin(np.float32(t * 2.3) + x * 0.11 + y * 0.05)
    dy = free * np.float32(0.6 * gust) * np.sin(np.float32(t * 3.1) + x * 0.07)
    moved = backdrop.picture.copy()
    moved[part] = cv2.remap(backdrop.picture[part], x + dx, y + dy, cv2.INTER_LINEAR,
                            borderMode=cv2.BORDER_REPLICATE)
    return moved


def _rustled(shade: Plane, t: float) -> Plane:
    """Leaf shadows, which swing as the leaves do."""
    dx, dy = 0.9 * math.sin(t * 0.9) + 0.4 * math.sin(t * 2.3), 0.35 * math.sin(t * 1.4)
    shift = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    return np.asarray(cv2.warpAffine(shade, shift, shade.shape[::-1], borderMode=cv2.BORDER_REPLICATE))


def _under(camera: Camera, shade: Plane, foot: tuple[float, float]) -> float:
    """How shaded the place is where someone stands; places outside the picture count by the nearest inside."""
    (pixel,), _ = camera.project(np.array([[*foot, 0.0]]))
    column, row = np.clip(pixel.astype(int), 0, np.array(camera.size) - 1)
    return float(shade[row, column])


def _mirror(frame: Plane, patch: Patch, scene: Scene, foot: tuple[float, float], bright: np.float32) -> None:
    """The figure's dim image in a shiny floor: turned over about its foot, fainter the farther below it."""
    (pixel,), _ = scene.camera.project(np.array([[*foot, 0.0]]))
    rows, columns = patch.alpha.shape
    top = round(float(pixel[1]))
    upper = min(top, patch.top + rows) - patch.top  # what stands above the foot's line is mirrored
    length = min(upper, frame.shape[0] - top)
    if length < 2 or top < 0:
        return
    turned = slice(upper - 1, upper - length - 1 if upper > length else None, -1)
    where = slice(top, top + length), slice(patch.left, patch.left + columns)
    fade = np.linspace(scene.gloss, scene.gloss * 0.25, length, dtype=np.float32)[:, None]
    # Only a floor mirrors: what else is in the picture there stays as it is.
    alpha = patch.alpha[turned] * fade * scene.backdrop.ground[where]
    colour = patch.colour[turned] * (fade * scene.backdrop.ground[where] * bright)[..., None]
    smooth = cv2.GaussianBlur(np.dstack([colour, alpha]), (0, 0), 1.2)
    view = frame[where]
    view *= (1.0 - smooth[..., 3])[..., None]
    view += smooth[..., :3]


def _overlay(frame: Plane, patch: Patch, props: Sequence[Prop], depth: float, bright: np.float32, *,
             unseen: bool) -> Plane:
    """Put a figure into the frame behind the props that stand nearer; returns its visible alpha (h, w).

    What is `unseen` leaves the frame as it is.
    """
    hidden = np.ones_like(patch.alpha)
    for prop in props:
        if prop.depth < depth:
            hidden *= 1.0 - prop.alpha[patch.where]
    visible = patch.alpha * hidden
    if unseen:
        return np.asarray(visible, np.float32)
    view = frame[patch.where]
    view *= (1.0 - visible)[..., None]
    view += patch.colour * (hidden * bright)[..., None]
    return np.asarray(visible, np.float32)


def _extent(mask: Plane) -> Box | None:
    """The tight box of what can be seen; None for less than a few pixels."""
    seen = mask > 0.3
    if np.count_nonzero(seen) < 6:
        return None
    columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
