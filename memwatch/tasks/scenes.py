"""The scene's memory, from all footage: what of it is kept, and how every stretch looks to a memory of the others.

A scene's states change so slowly that one part of a stretch knows the rest by heart. So what is new, and what lies
behind a frame in training, is always asked of a memory that never saw the stretch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring import RunningScene, SceneMemory, reduced
from memwatch.tasks.footage import Footage
from memwatch.video import scaled

MOST_STATES = 400
"""States that a memory is fitted to."""
EVERY = 8
"""Frames between those that are kept: neighbours say the same."""
FOLDS = 4

Levels = NDArray[np.uint8]
WHOLE = (slice(None), slice(None))


@dataclass(frozen=True, slots=True)
class FootageScene:
    """All of a training's footage as memories of its scene see it."""

    memory: SceneMemory
    """Of everything: what a model keeps."""
    memories: list[SceneMemory]
    """One a fold, of everything else."""
    fold: list[int]
    """(recordings,)"""
    states: list[list[Levels]]
    """Each recording's running means, (C, h/2, w/2) in levels."""
    settled: list[list[bool]]
    """Whether each of them has settled."""
    places: list[list[tuple[NDArray[np.float32], NDArray[np.float32]]]]
    """Where in its memory's subspace each of them lies: weights and brightness."""
    stretches: NDArray[np.float32] | None
    """(S, gh, gw): the largest novelty of each stretch; None where too few can vouch for one another."""
    recordings: tuple[int, ...]
    """(S,): which recording of the footage each stretch is."""

    def behind(self, recording: int, index: int, area: tuple[slice, slice] = WHOLE) -> NDArray[np.float32]:
        """The scene behind a frame (C, rows, columns) in [0, 1], or an area of it at half the network's resolution."""
        memory = self.memories[self.fold[recording]]
        return memory.behind(*self.places[recording][index], (slice(None), *area))

    def state(self, recording: int, index: int, area: tuple[slice, slice] = WHOLE) -> NDArray[np.float32]:
        """The mean of the last second at a frame, in [0, 1], like `behind`."""
        return self.states[recording][index][(slice(None), *area)].astype(np.float32) / np.float32(255)

    def rest(self, recording: int, index: int, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """How a frame (C, h, w) in levels and the mean before it differ from the scene, as `SceneView.rest`."""
        behind = self.behind(recording, index)
        now = reduced(scaled(picture)) - behind
        return np.concatenate((now, self.state(recording, index) - behind), dtype=np.float32) * np.float32(2)


def learn_scene(footage: Footage) -> FootageScene:
    """Fit the scene's memories."""
    states: list[list[Levels]] = [[] for _ in footage.recordings]
    kept: list[list[Levels]] = [[] for _ in footage.recordings]
    told: list[list[bool]] = [[] for _ in footage.recordings]
    for number, index, state, settled in _states(footage):
        states[number].append(state)
        told[number].append(settled)
        if settled and index % EVERY == EVERY - 1:
            kept[number].append(state)
    settled_in = tuple(number for number, some in enumerate(kept) if some)
    if not settled_in:  # clips of a second or two: what little there is
        kept = [some[::EVERY] for some in states]
    folds = min(FOLDS, sum(map(bool, kept)))
    fold = _folds(footage, kept, folds)
    memories = [_fit(kept, fold, leave_out=number) for number in range(folds)] if folds > 1 else [_mean(kept)]
    stretches = None
    if len(settled_in) >= FOLDS:
        stretches = np.stack(
            [
                np.stack([memories[fold[number]].novelty(_unit(state)) for state in kept[number]]).max(axis=0)
                for number in settled_in
            ]
        )
    places = [[memories[fold[number]].weights(_unit(state)) for state in some] for number, some in enumerate(states)]
    memory = _fit(kept, fold, leave_out=None)
    return FootageScene(memory, memories, fold, states, told, places, stretches, settled_in)


def _states(footage: Footage) -> Iterator[tuple[int, int, Levels, bool]]:
    """(recording, frame, running scene, whether it has settled); it runs on through the recordings of one clip."""
    running, name = RunningScene(), None
    for number, recording in enumerate(footage.recordings):
        if recording.name != name:
            running, name = RunningScene(), recording.name
        for index, (frame, time) in enumerate(zip(recording.frames, recording.times, strict=True)):
            state = running.push(scaled(frame), time)
            yield number, index, (state * 255 + 0.5).astype(np.uint8), running.settled


def _folds(footage: Footage, kept: Sequence[Sequence[Levels]], folds: int) -> list[int]:
    """Each recording's fold. Whole clips are left out together; with too few clips, stretches of one are. Only those
    that have something to say are dealt out, so that no fold holds all of them."""
    names = list(dict.fromkeys(r.name for r, some in zip(footage.recordings, kept, strict=True) if some))
    if len(names) >= folds:
        return [names.index(r.name) % folds if r.name in names else 0 for r in footage.recordings]
    dealt = np.cumsum([bool(some) for some in kept]) - 1
    return [int(place) % folds for place in dealt]


def _fit(kept: Sequence[Sequence[Levels]], fold: Sequence[int], *, leave_out: int | None) -> SceneMemory:
    states = [
        state
        for number, some in zip(fold, kept, strict=True)
        if leave_out is None or number != leave_out
        for state in some
    ]
    return SceneMemory.fit(_unit(np.stack(states[:: max(1, len(states) // MOST_STATES)])))


def _mean(kept: Sequence[Sequence[Levels]]) -> SceneMemory:
    """A single stretch cannot be left out: a memory of its mean alone knows it least by heart."""
    return SceneMemory.fit(np.stack([_unit(state) for some in kept for state in some]).mean(axis=0)[None])


def _unit(levels: Levels) -> NDArray[np.float32]:
    return np.asarray(levels, np.float32) / np.float32(255)
