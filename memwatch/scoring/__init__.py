"""Predictions to one calibrated map and score."""

from memwatch.scoring.calibration import Calibration
from memwatch.scoring.cues import CUES, CueReader
from memwatch.scoring.errors import psnr, regularity_error, squared_error
from memwatch.scoring.scene import RunningScene, SceneMemory

__all__ = [
    "CUES",
    "Calibration",
    "CueReader",
    "RunningScene",
    "SceneMemory",
    "psnr",
    "regularity_error",
    "squared_error",
]
