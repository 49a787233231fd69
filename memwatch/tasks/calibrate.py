"""Calibration: held-out normal footage to what is usual, how rare the rest is, the gate and the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memwatch.model import Model
from memwatch.runtime import open_runtime
from memwatch.scoring import (
    CUES,
    Calibration,
    CueReader,
    RunningScene,
    SceneMemory,
    psnr,
    regularity_error,
    squared_error,
)
from memwatch.tasks.footage import Footage
from memwatch.tasks.progress import Progress
from memwatch.types import Grid
from memwatch.video import scaled

BATCH = 8
SCENE_STATES = 400
"""Most states of the scene that its memory is fitted to."""
SCENE_EVERY = 8
"""Frames between them: neighbours say the same."""
FOLDS = 4


def calibrate(model: Model, footage: Footage, *, progress: Progress, cues: Sequence[str] = CUES) -> dict[str, float]:
    """Fit `model.calibration` on the held-out part of `footage`, the memory frozen as trained.

    Returns what it saw: frames, seconds, mean PSNR in dB, the gate and the threshold.
    """
    config = model.config
    runtime = open_runtime(model)
    memory = runtime.new_state()
    targets = footage.targets(config, held=True)
    states = _states(footage)
    found: dict[str, list[Grid]] = {}
    regularity, decibels = [], []
    progress.start("calibrating", len(targets))
    for first in range(0, len(targets), BATCH):
        some = targets[first : first + BATCH]
        clips = [footage.recordings[n].clip(i, config) for n, i in some]
        for clip, prediction in zip(clips, runtime.predict(clips, [memory] * len(clips)), strict=True):
            error = squared_error(prediction.frame, clip.target)
            for name, grid in CueReader(set(cues) - {"scene"}).read(clip, prediction, error).items():
                found.setdefault(name, []).append(grid)
            regularity.append(regularity_error(error))
            decibels.append(psnr(error))
        progress.step(len(clips))
    scene = None
    stretches: dict[str, NDArray[np.float32]] = {}
    if "scene" in cues and len(footage.recordings) >= FOLDS:  # fewer stretches can't vouch for one another
        scene = _scene(footage, states, leave_out=None)
        novelty = _novelty(footage, states)
        found["scene"] = [novelty[n][i] for n, i in targets]
        stretches["scene"] = np.stack([some[SCENE_EVERY:].max(axis=0) for some in novelty if len(some) > SCENE_EVERY])
    progress.done()
    seconds = sum(r.times[-1] - r.times[r.held_from] for r in footage.recordings if r.held_from < len(r.times))
    fitted = Calibration.fit(
        {name: np.stack(grids) for name, grids in found.items()},
        np.asarray(regularity),
        seconds=seconds,
        scene=scene,
        stretches=stretches,
    )
    model.calibration = fitted.to_record()
    return {
        "frames": float(fitted.frames),
        "seconds": round(seconds, 1),
        "psnr": float(np.mean(decibels)),
        "gate": fitted.gate,
        "threshold": fitted.threshold,
    }


def _states(footage: Footage) -> list[list[NDArray[np.float32]]]:
    """Each recording's running scene after each of its frames; it runs on through the recordings of one clip."""
    states: list[list[NDArray[np.float32]]] = []
    running, name = RunningScene(), None
    for recording in footage.recordings:
        if recording.name != name:
            running, name = RunningScene(), recording.name
        pairs = zip(recording.frames, recording.times, strict=True)
        states.append([running.push(scaled(frame), time) for frame, time in pairs])
    return states


def _fold(footage: Footage, number: int) -> int:
    """Whole clips are left out together; with too few clips, stretches of one are."""
    names = list(dict.fromkeys(r.name for r in footage.recordings))
    return (names.index(footage.recordings[number].name) if len(names) >= FOLDS else number) % FOLDS


def _scene(footage: Footage, states: Sequence[Sequence[NDArray[np.float32]]], *, leave_out: int | None) -> SceneMemory:
    kept = [
        state
        for number, some in enumerate(states)
        if leave_out is None or _fold(footage, number) != leave_out
        for state in some[SCENE_EVERY::SCENE_EVERY]
    ]
    kept = kept or [some[-1] for some in states]
    return SceneMemory.fit(np.stack(kept[:: max(1, len(kept) // SCENE_STATES)]))


def _novelty(footage: Footage, states: Sequence[Sequence[NDArray[np.float32]]]) -> list[NDArray[np.float32]]:
    """Each recording's novelty (frames, gh, gw) by a memory that never saw it: a scene's states change so slowly that
    one part of a stretch knows the rest by heart."""
    folds = [_scene(footage, states, leave_out=fold) for fold in range(FOLDS)]
    return [
        np.stack([folds[_fold(footage, number)].novelty(state) for state in some]) for number, some in enumerate(states)
    ]
