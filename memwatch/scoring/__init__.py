"""Predictions to one calibrated map and score."""

from memwatch.scoring.calibration import Calibration
from memwatch.scoring.errors import psnr, regularity_error, squared_error, window_size, windowed

__all__ = ["Calibration", "psnr", "regularity_error", "squared_error", "window_size", "windowed"]
