"""Calibration: held-out normal footage to what is usual, how rare the rest is, the gate and the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memwatch.model import Model
from memwatch.runtime import open_runtime
from memwatch.scoring import CUES, Calibration, CueReader, psnr, regularity_error, squared_error
from memwatch.tasks.footage import Footage
from memwatch.tasks.progress import Progress
from memwatch.tasks.scenes import learn_scene
from memwatch.types import Grid

BATCH = 8


def calibrate(model: Model, footage: Footage, *, progress: Progress, cues: Sequence[str] = CUES) -> dict[str, float]:
    """Fit `model.calibration` on the held-out part of `footage`, the memory frozen as trained.

    Returns what it saw: frames, seconds, mean PSNR in dB, the gate and the threshold.
    """
    config = model.config
    runtime = open_runtime(model)
    memory = runtime.new_state()
    targets = footage.targets(config, held=True)
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
    scene = learn_scene(footage, targets) if "scene" in cues else None
    if scene:
        found["scene"] = scene.held_out
    progress.done()
    seconds = sum(r.times[-1] - r.times[r.held_from] for r in footage.recordings if r.held_from < len(r.times))
    fitted = Calibration.fit(
        {name: np.stack(grids) for name, grids in found.items()},
        np.asarray(regularity),
        seconds=seconds,
        scene=scene.memory if scene else None,
        stretches={"scene": scene.stretches} if scene else {},
    )
    model.calibration = fitted.to_record()
    return {
        "frames": float(fitted.frames),
        "seconds": round(seconds, 1),
        "psnr": float(np.mean(decibels)),
        "gate": fitted.gate,
        "threshold": fitted.threshold,
    }
