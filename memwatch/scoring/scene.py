"""Slow novelty: something stands, lies or glows where nothing did.

A running mean of the last seconds washes out whoever walks by and keeps what stays. The states of a scene that were
seen in training span a small principal subspace: light, shade, the doors that are open or shut. What of the present
state lies outside it is new. The less such a memory can express, the more it notices, so it has few components.

Light and shade go on changing after training. So the mean of a memory may follow, place by place, what calm frames show
and what only the light has changed (`taught`), up to a bound: the components, which say how the scene varies, stay as
they were learned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.errors import CELL, window_size
from memwatch.scoring.shade import only_light
from memwatch.types import Grid

MEMORY_S = 1.0
"""Time constant of the running mean."""
SETTLE = 2.0
"""Time constants after which the running mean says something."""
COMPONENTS = 12
REDUCE = 2
"""The scene is kept at half the network's resolution."""
RATE, LARGEST = 0.04, 0.04
"""Share of what is new that one lesson teaches where nothing looks odd, or only the light is new, of at most so much
brightness: light changes by less between two lessons, and what is put down changes a place at once and would be known
in seconds."""
UNSEEN = 0.01
"""Weight of the middle of the subspace, against a pixel's, where hardly a place tells which of its states is shown."""
SPARSE = 2
"""Of so many pixels, each way, one is enough to tell that."""
DRIFT = 0.35
"""Farthest that the mean may go from the trained one, of a brightness of 1."""

State = NDArray[np.float32]
"""(C, h/2, w/2): a running mean of pictures in [0, 1]."""


class RunningScene:
    """The running mean of one stream."""

    def __init__(self) -> None:
        self._mean: State | None = None
        self._since = 0.0
        self._last = 0.0

    def push(self, picture: NDArray[np.float32], seconds: float) -> State:
        """Add a (C, h, w) picture in [-1, 1] seen at `seconds`; answers the mean. Early on it is the plain mean of what
        has been seen, so that the first frame does not weigh for long."""
        small = reduced(picture)
        if self._mean is None or not 0 <= seconds - self._last < MEMORY_S * 3:
            self._mean, self._since = small, seconds
        else:
            step = seconds - self._last
            share = max(1 - np.exp(-step / MEMORY_S), step / (seconds - self._since + step) if step else 0.0)
            self._mean = self._mean + np.float32(share) * (small - self._mean)
        self._last = seconds
        return self._mean

    @property
    def settled(self) -> bool:
        """Whether the mean has seen enough to have washed out who was passing when it began."""
        return self._last - self._since >= SETTLE * MEMORY_S


@dataclass(frozen=True, slots=True)
class Passing:
    """One frame and the moments before it, before they are compared with anything."""

    now: State
    """The picture."""
    mean: State
    """Of the last second."""
    settled: bool
    """Whether that mean has been running long enough."""


@dataclass(frozen=True, slots=True)
class SceneLesson:
    """What one frame would teach of the scene."""

    rest: State
    """How the mean of the last second differs from the scene behind, of a brightness of 1."""
    calm: Grid
    """(h/8, w/8), 0 where it looks too odd to teach, 1 where it doesn't look odd at all."""
    light: Grid | None = None
    """(h/8, w/8), how sure it is that only the light is new, 0 … 1; None where nothing looks too odd to teach."""

    @property
    def share(self) -> Grid:
        """(h/8, w/8), how much each place teaches, 0 … 1: half as calm a quarter."""
        calm = np.square(self.calm)
        return calm if self.light is None else np.maximum(calm, self.light)

    @property
    def of_light(self) -> SceneLesson | None:
        """What is left of the lesson when how calm the frame looked is no longer believed, if anything is."""
        return replace(self, calm=np.zeros_like(self.calm)) if self.light is not None and self.light.any() else None


@dataclass(frozen=True, slots=True)
class SceneMemory:
    """The principal subspace of a scene's states."""

    mean: State
    components: NDArray[np.float32]
    """(K, C, h/2, w/2), orthonormal rows when flattened."""

    @classmethod
    def fit(cls, states: NDArray[np.float32]) -> SceneMemory:
        """From states (N, C, h/2, w/2) of normal footage, N >= 1."""
        flat = _centred(states).reshape(len(states), -1)
        mean = flat.mean(axis=0)
        # The small side of the matrix is its number of states: its Gram matrix has the same singular values.
        rest = flat - mean
        values, vectors = np.linalg.eigh(rest @ rest.T)
        keep = np.argsort(values)[::-1][:COMPONENTS]
        keep = keep[values[keep] > 1e-6 * max(float(values.max()), 1e-12)]
        rows = (vectors[:, keep] / np.sqrt(values[keep])).T @ rest
        shape = states.shape[1:]
        return cls(mean.reshape(shape).astype(np.float32), rows.reshape(len(keep), *shape).astype(np.float32))

    def weights(self, state: State) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A state's place in the subspace: the components' weights (K,) and the channels' brightness (C,)."""
        light = state.mean(axis=(1, 2))
        rest = (state - light[:, None, None] - self.mean).ravel()
        return self.components.reshape(len(self.components), rest.size) @ rest, light  # there may be none

    def behind_places(self, state: State, share: Grid) -> State:
        """The scene (C, h/2, w/2) behind a state as those places see it that have a share in it, 0 … 1, by weighted
        least squares: what stands before the scene at others pulls at nothing."""
        some = np.s_[..., ::SPARSE, ::SPARSE]
        counts, light = self._at_pixels(share)[some], state.mean(axis=(1, 2))
        rest = (state - light[:, None, None] - self.mean)[some]
        # The components, and each channel's brightness, which the places of a share may see otherwise than the whole.
        lights = np.broadcast_to(np.eye(len(light), dtype=np.float32)[..., None, None], (len(light), *rest.shape))
        basis = np.concatenate((self.components[some], lights))
        weighed = (basis * counts).reshape(len(basis), rest.size)
        gram = weighed @ basis.reshape(weighed.shape).T + np.float32(UNSEEN) * np.eye(len(basis), dtype=np.float32)
        found = np.linalg.solve(gram, weighed @ rest.ravel())
        weights, brighter = np.split(found, [len(self.components)])
        return self.behind(weights, light + brighter)

    def behind(
        self, weights: NDArray[np.float32], light: NDArray[np.float32], area: tuple[slice, ...] = (slice(None),) * 3
    ) -> State:
        """The scene (C, h/2, w/2), or an area of it, as the memory knows it at that place of the subspace."""
        known = np.tensordot(weights, self.components[(slice(None), *area)], 1)
        return np.asarray(self.mean[area] + known + light[:, None, None], dtype=np.float32)

    def view(self, passing: Passing, *, novelty: bool) -> SceneView:
        """A frame as this memory sees it; its `novelty` too, if wanted."""
        behind = self.behind(*self.weights(passing.mean))
        rest = passing.mean - behind
        new = around_cells(np.square(rest)) * np.float32(passing.settled) if novelty else None
        seen = np.concatenate((passing.now - behind, rest)) * 2
        return SceneView(seen, new, passing.mean if passing.settled else None)

    def taught(self, lesson: SceneLesson, anchor: SceneMemory, rate: float | None = None) -> SceneMemory:
        """This memory after a lesson; `anchor` is the one that training left, from which it may not go too far. `rate`
        overrides RATE."""
        share = self._at_pixels(np.float32(RATE if rate is None else rate) * lesson.share)
        rest = np.clip(lesson.rest, -LARGEST, LARGEST)
        mean = np.clip(self.mean + share * rest, anchor.mean - DRIFT, anchor.mean + DRIFT)
        return replace(self, mean=np.asarray(mean, np.float32))

    def without(self, lately: SceneMemory, kept: Grid | None) -> SceneMemory:
        """This memory, an earlier one, with what has been learned since (`lately`) at the places that are `kept`,
        0 … 1."""
        if kept is None:
            return self
        return replace(self, mean=self.mean + self._at_pixels(kept) * (lately.mean - self.mean))

    def _at_pixels(self, grid: Grid) -> NDArray[np.float32]:
        """(h/8, w/8) to (h/2, w/2)."""
        return np.asarray(cv2.resize(grid, self.mean.shape[:0:-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def drift(self, anchor: SceneMemory) -> Grid:
        """How far the mean has gone from the trained one around each cell, (h/8, w/8), of a brightness of 1."""
        return np.sqrt(around_cells(np.square(self.mean - anchor.mean)))

    def novelty(self, state: State) -> Grid:
        """Mean squared distance of a state to the subspace around each cell, (h/8, w/8)."""
        return around_cells(np.square(state - self.behind(*self.weights(state))))


@dataclass(frozen=True, slots=True)
class SceneView:
    """One frame as the scene's memory sees it."""

    rest: NDArray[np.float32]
    """(2C, h/2, w/2), in [-1, 1] units: how the picture, and the mean of the last second, differ from the scene."""
    novelty: Grid | None
    """(h/8, w/8); 0 until the running mean has settled. None where it was not asked for."""
    mean: State | None
    """Of the last second; None before it has settled: whoever was passing is still in it."""

    @property
    def settled(self) -> bool:
        return self.mean is not None

    def lesson(self, calm: Grid, known: SceneMemory, anchor: SceneMemory) -> SceneLesson | None:
        """What the frame would teach `known`, the memory whose view this is; before the running mean has settled,
        nothing. `anchor` is the one that training left."""
        if self.mean is None:
            return None
        if calm.all():
            return SceneLesson(self.rest[len(self.rest) // 2 :] / np.float32(2), calm)
        lesson = SceneLesson(self.mean, calm, only_light(anchor.mean, self.mean))
        return replace(lesson, rest=self.mean - known.behind_places(self.mean, lesson.share))


class SceneReader:
    """Reads one stream's frames, in order."""

    def __init__(self) -> None:
        self._running = RunningScene()

    def read(self, picture: NDArray[np.float32], seconds: float) -> Passing:
        """A (C, h, w) picture in [-1, 1] seen at `seconds`."""
        mean = self._running.push(picture, seconds)
        return Passing(reduced(picture), mean, self._running.settled)


def around_cells(error: State) -> Grid:
    """A picture's mean (C, h/2, w/2) over the channels and a window around each cell, (h/8, w/8)."""
    error = error.mean(axis=0)
    window = window_size(error.shape[0] * REDUCE) // REDUCE
    cell = CELL // REDUCE
    mean = cv2.blur(error, (window, window), borderType=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(mean[cell // 2 :: cell, cell // 2 :: cell])


def reduced(picture: NDArray[np.float32]) -> State:
    """A (C, h, w) picture in [-1, 1] at the scene's resolution, in [0, 1]."""
    steps = [slice(first, None, REDUCE) for first in range(REDUCE)]
    total = sum(picture[:, rows, columns] for rows in steps for columns in steps)  # ten times as fast as a mean by axes
    return np.asarray(total * np.float32(0.5 / REDUCE**2) + np.float32(0.5), dtype=np.float32)


def _centred(states: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without each state's overall brightness."""
    return np.asarray(states - states.mean(axis=(2, 3), keepdims=True), dtype=np.float32)
