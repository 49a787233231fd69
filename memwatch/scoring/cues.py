"""The cues: what in a frame may be odd, one map each, sizes >= 0 that only calibration makes comparable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.errors import softplus, window_size, windowed
from memwatch.types import Grid, Prediction


def cues(prediction: Prediction, error: NDArray[np.float32]) -> dict[str, Grid]:
    """One frame's cues by name, each (h/8, w/8).

    `prediction`: the windowed squared error (`error`, (C, h, w) in [0, 1] units) of the predicted frame.
    `oddity`: what the head says, where the model has one.
    """
    found = {"prediction": windowed(error, window_size(error.shape[1]))}
    if prediction.oddity is not None:
        found["oddity"] = softplus(prediction.oddity)
    return found
