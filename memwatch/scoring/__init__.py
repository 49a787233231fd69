"""Predictions to one calibrated map and score."""

from memwatch.scoring.calibration import Calibration
from memwatch.scoring.cues import cues
from memwatch.scoring.errors import psnr, regularity_error, squared_error

__all__ = ["Calibration", "cues", "psnr", "regularity_error", "squared_error"]
