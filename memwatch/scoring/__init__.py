"""Predictions to one calibrated map and score."""

from memwatch.scoring.calibration import FALSE_ALARMS_PER_DAY, MOMENT, SLOW, Calibration, peaks
from memwatch.scoring.cues import CUES, read_cues
from memwatch.scoring.errors import psnr, regularity_error, squared_error
from memwatch.scoring.rate import DAY, LEAST_PER_DAY, MOST_PER_DAY, EventRate, poisson_bound
from memwatch.scoring.scene import RunningScene, SceneMemory, SceneReader, SceneView, reduced
from memwatch.scoring.unseen import unseen_peaks

__all__ = [
    "CUES",
    "DAY",
    "FALSE_ALARMS_PER_DAY",
    "LEAST_PER_DAY",
    "MOMENT",
    "MOST_PER_DAY",
    "SLOW",
    "Calibration",
    "EventRate",
    "RunningScene",
    "SceneMemory",
    "SceneReader",
    "SceneView",
    "peaks",
    "poisson_bound",
    "psnr",
    "read_cues",
    "reduced",
    "regularity_error",
    "squared_error",
    "unseen_peaks",
]
