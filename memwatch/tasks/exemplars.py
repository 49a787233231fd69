"""What a memory's items stand for: the training patch nearest to each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memwatch.model import Model
from memwatch.runtime import open_runtime
from memwatch.tasks.footage import Footage

SIDE = 32
"""Pixels of a patch."""
MOST_FRAMES = 200
"""Looked through, spread evenly over the training part."""


def exemplars(model: Model, footage: Footage) -> NDArray[np.uint8] | None:
    """(M, C, SIDE, SIDE), one for each item of the memory; None where it has none."""
    config, runtime = model.config, open_runtime(model)
    state = runtime.new_state()
    side = min(SIDE, config.height, config.width)
    count = len(runtime.drift(state)) if state else 0
    if not count:
        return None
    best = np.full(count, -np.inf, np.float32)
    patches = np.zeros((count, config.channels, side, side), np.uint8)
    targets = footage.targets(config, held=False)
    for number, index in targets[:: max(1, len(targets) // MOST_FRAMES)]:
        recording = footage.recordings[number]
        (prediction,) = runtime.predict([recording.clip(index, config)], [state])
        # What it predicts a frame from ends with the one before; what it reconstructs is the frame itself.
        seen = index if config.task == "reconstruct" else recording.indices(index, config)[-2]
        alike = runtime.similarity(prediction.query, state)
        rows, columns = alike.shape[1:]
        highest = alike.reshape(count, -1).max(axis=1)
        for item in np.flatnonzero(highest > best):
            row, column = divmod(int(alike[item].argmax()), columns)
            top = round((row + 0.5) * config.height / rows) - side // 2
            left = round((column + 0.5) * config.width / columns) - side // 2
            top, left = min(max(top, 0), config.height - side), min(max(left, 0), config.width - side)
            patches[item] = recording.frames[seen][:, top : top + side, left : left + side]
        best = np.maximum(best, highest)
    return patches
