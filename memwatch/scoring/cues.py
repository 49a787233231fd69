"""The cues: what in a frame may be odd, one map each, sizes >= 0 that only calibration makes comparable."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.errors import CELL, softplus, window_size, windowed
from memwatch.scoring.motion import speed
from memwatch.scoring.scene import around_cells
from memwatch.types import ANSWERS, Answer, Clip, Grid, Prediction

ODDITY = "oddity"
STAYS = "stays"
WHOLE = "whole"
LEAST_LOGIT = -10.0
"""Where an answer's cue begins. It is measured in logits, whose tail falls off evenly: that of the probability would
end at 1, and that of its odds has no end, so that neither can be extrapolated."""
CUES = ("prediction", "memory", ODDITY, *ANSWERS, WHOLE, "motion", "scene")
"""`prediction`: the windowed squared error of the predicted frame. `memory`: its features' distance to the memory.
`oddity`, or else one cue for each of its ANSWERS: what the head says, where the model has one. `whole`: how far the
picture as a whole is from the scene. `motion`: speed. `scene`: what stays and was never there."""


OF_PREDICTION = ("prediction", "memory")
"""Those of CUES that take a prediction."""


def cues_of(logits: NDArray[np.float32]) -> dict[str, Grid]:
    """A head's ANSWERS, logits (K, ...), as cues: from LEAST_LOGIT on."""
    return {name: np.maximum(logit - LEAST_LOGIT, 0) for name, logit in zip(ANSWERS, logits, strict=True)}


def read_cues(
    names: Collection[str], clip: Clip, prediction: Answer, error: NDArray[np.float32] | None, novelty: Grid | None
) -> dict[str, Grid]:
    """One frame's cues by name, those of `names` that there are, each (h/8, w/8).

    `error` is its squared error (C, h, w) in [0, 1] units, None where the frame was not predicted; `novelty` what the
    scene's memory says of it.
    """
    found: dict[str, Grid] = {}
    if "prediction" in names and error is not None:
        found["prediction"] = windowed(error, window_size(error.shape[1]))
    if "memory" in names and isinstance(prediction, Prediction):
        rows, columns = (side // CELL for side in clip.target.shape[1:])
        far = cv2.resize(prediction.distance, (columns, rows), interpolation=cv2.INTER_LINEAR)
        found["memory"] = np.asarray(far, np.float32)
    if prediction.oddity is not None:
        several = len(prediction.oddity) > 1
        asked = cues_of(prediction.oddity) if several else {ODDITY: softplus(prediction.oddity[0])}
        found |= {name: cue for name, cue in asked.items() if name in names}
        if STAYS in found and not clip.settled:
            found[STAYS] = np.zeros_like(found[STAYS])
    if WHOLE in names and clip.scene is not None:
        found[WHOLE] = whole(clip.scene[: len(clip.target)] / np.float32(2))
    if "motion" in names:
        found["motion"] = speed(clip.inputs[-len(clip.target) :], clip.target)
    if "scene" in names and novelty is not None:
        found["scene"] = novelty
    return found


def whole(rest: NDArray[np.float32]) -> Grid:
    """How far a picture is from the scene behind it, (h/8, w/8): its mean squared difference (C, h/2, w/2) from that,
    a single number, put where most of it lies.

    What is large, or spread over much of the picture, is little in any one place. By this number alone a subspace of
    few components beat every local cue on an indoor camera.
    """
    local = around_cells(np.square(rest))
    most = float(local.max())
    return np.asarray(local * np.float32(local.mean() / most if most else 0.0), np.float32)
