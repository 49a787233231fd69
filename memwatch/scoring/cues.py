"""The cues: what in a frame may be odd, one map each, sizes >= 0 that only calibration makes comparable."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.errors import softplus, window_size, windowed
from memwatch.scoring.motion import speed
from memwatch.scoring.scene import RunningScene, SceneMemory
from memwatch.types import Clip, Grid, Prediction

CUES = ("prediction", "oddity", "motion", "scene")
"""`prediction`: the windowed squared error of the predicted frame. `oddity`: what the head says, where the model has
one. `motion`: speed. `scene`: what stays and was never there."""


class CueReader:
    """Reads the cues of one stream's frames, in order; holds what the slow ones remember of it.

    `names` are the cues wanted; `scene` is needed by the cue of that name.
    """

    def __init__(self, names: Collection[str], scene: SceneMemory | None = None) -> None:
        self.names = names
        self.scene = scene
        self._running = RunningScene()

    def read(self, clip: Clip, prediction: Prediction, error: NDArray[np.float32]) -> dict[str, Grid]:
        """One frame's cues by name, each (h/8, w/8); `error` is its squared error (C, h, w) in [0, 1] units."""
        found: dict[str, Grid] = {}
        if "prediction" in self.names:
            found["prediction"] = windowed(error, window_size(error.shape[1]))
        if "oddity" in self.names and prediction.oddity is not None:
            found["oddity"] = softplus(prediction.oddity)
        if "motion" in self.names:
            found["motion"] = speed(clip.inputs[-len(clip.target) :], clip.target)
        if "scene" in self.names and self.scene is not None:
            novelty = self.scene.novelty(self._running.push(clip.target, clip.frame.seconds))
            found["scene"] = novelty if self._running.settled else np.zeros_like(novelty)
        return found
