"""The cues: what in a frame may be odd, one map each, sizes >= 0 that only calibration makes comparable."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.errors import softplus, window_size, windowed
from memwatch.scoring.motion import speed
from memwatch.types import Clip, Grid, Prediction

CUES = ("prediction", "oddity", "motion", "scene")
"""`prediction`: the windowed squared error of the predicted frame. `oddity`: what the head says, where the model has
one. `motion`: speed. `scene`: what stays and was never there."""


def read_cues(
    names: Collection[str], clip: Clip, prediction: Prediction, error: NDArray[np.float32], novelty: Grid | None
) -> dict[str, Grid]:
    """One frame's cues by name, those of `names` that there are, each (h/8, w/8).

    `error` is its squared error (C, h, w) in [0, 1] units; `novelty` what the scene's memory says of it.
    """
    found: dict[str, Grid] = {}
    if "prediction" in names:
        found["prediction"] = windowed(error, window_size(error.shape[1]))
    if "oddity" in names and prediction.oddity is not None:
        found["oddity"] = softplus(prediction.oddity)
    if "motion" in names:
        found["motion"] = speed(clip.inputs[-len(clip.target) :], clip.target)
    if "scene" in names and novelty is not None:
        found["scene"] = novelty
    return found
