"""The scene's memory, from all footage: what of it is kept, and how new every stretch is to a memory of the others.

A scene's states change so slowly that one part of a stretch knows the rest by heart. So novelty is measured across
folds: by memories that never saw the stretch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring import RunningScene, SceneMemory
from memwatch.tasks.footage import Footage
from memwatch.types import Grid
from memwatch.video import scaled

MOST_STATES = 400
"""States that a memory is fitted to."""
EVERY = 8
"""Frames between those that are kept: neighbours say the same."""
FOLDS = 4


@dataclass(frozen=True, slots=True)
class FootageScene:
    """The cue `scene` on training footage."""

    memory: SceneMemory
    held_out: list[Grid]
    """Novelty of each held-out target, in their order."""
    stretches: NDArray[np.float32]
    """(S, gh, gw): the largest novelty of each stretch."""
    recordings: tuple[int, ...]
    """(S,): which recording of the footage each stretch is."""


def learn_scene(footage: Footage, targets: Sequence[tuple[int, int]]) -> FootageScene | None:
    """Fit the scene's memory; None where the footage has too few stretches to vouch for one another."""
    kept: list[list[NDArray[np.float32]]] = [[] for _ in footage.recordings]
    for number, index, state, settled in _states(footage):
        if settled and index % EVERY == EVERY - 1:
            kept[number].append(state)
    if sum(map(bool, kept)) < FOLDS:
        return None
    fold = _folds(footage, kept)
    memories = [_fit(kept, fold, leave_out=number) for number in range(FOLDS)]
    stretches = [
        np.stack([memories[fold[number]].novelty(state) for state in some]).max(axis=0)
        for number, some in enumerate(kept)
        if some
    ]
    wanted = set(targets)
    nothing = np.zeros_like(stretches[0])
    found = {
        (number, index): memories[fold[number]].novelty(state) if settled else nothing
        for number, index, state, settled in _states(footage)
        if (number, index) in wanted
    }
    settled_in = tuple(number for number, some in enumerate(kept) if some)
    return FootageScene(_fit(kept, fold, leave_out=None), [found[t] for t in targets], np.stack(stretches), settled_in)


def _states(footage: Footage) -> Iterator[tuple[int, int, NDArray[np.float32], bool]]:
    """(recording, frame, running scene, whether it has settled); it runs on through the recordings of one clip."""
    running, name = RunningScene(), None
    for number, recording in enumerate(footage.recordings):
        if recording.name != name:
            running, name = RunningScene(), recording.name
        for index, (frame, time) in enumerate(zip(recording.frames, recording.times, strict=True)):
            yield number, index, running.push(scaled(frame), time), running.settled


def _folds(footage: Footage, kept: Sequence[Sequence[NDArray[np.float32]]]) -> list[int]:
    """Each recording's fold. Whole clips are left out together; with too few clips, stretches of one are. Only those
    that have something to say are dealt out, so that no fold holds all of them."""
    names = list(dict.fromkeys(r.name for r, some in zip(footage.recordings, kept, strict=True) if some))
    if len(names) >= FOLDS:
        return [names.index(r.name) % FOLDS if r.name in names else 0 for r in footage.recordings]
    dealt = np.cumsum([bool(some) for some in kept]) - 1
    return [int(place) % FOLDS for place in dealt]


def _fit(kept: Sequence[Sequence[NDArray[np.float32]]], fold: Sequence[int], *, leave_out: int | None) -> SceneMemory:
    states = [
        state
        for number, some in zip(fold, kept, strict=True)
        if leave_out is None or number != leave_out
        for state in some
    ]
    return SceneMemory.fit(np.stack(states[:: max(1, len(states) // MOST_STATES)]))
