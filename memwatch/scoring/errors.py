"""What a prediction got wrong, as pictures and as single numbers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.types import Grid

CELL = 8
"""Network pixels between the cells of a map."""


def squared_error(prediction: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C, h, w) pictures in [-1, 1] to their squared error (C, h, w) in [0, 1] units."""
    return np.square((prediction - target) / 2, dtype=np.float32)


def regularity_error(error: NDArray[np.float32]) -> float:
    """E of MNAD (Park et al. 2020, eq. 14; the authors' code takes the squared error per pixel and channel):
    Σ w e with w = (1 - exp(-e)) / Σ (1 - exp(-e)). An error-weighted mean, led by the worst patch; 0 for none.
    """
    weight = -np.expm1(-error)
    total = float(weight.sum(dtype=np.float64))
    return float((weight * error).sum(dtype=np.float64) / total) if total > 0 else 0.0


def psnr(error: NDArray[np.float32]) -> float:
    """Decibels, 10·log10(1 / mean squared error); at most 100, which a perfect prediction gets."""
    return float(min(100.0, -10 * np.log10(max(float(error.mean()), 1e-10))))


def window_size(height: int) -> int:
    """Side of the averaging window in network pixels: 15 % of the picture's height."""
    return max(CELL, round(0.15 * height / CELL) * CELL)


def windowed(error: NDArray[np.float32], window: int) -> Grid:
    """Mean error (C, h, w) over window × window pixels, one value a CELL: (h/8, w/8).

    A cyclist is one percent of a picture: a mean over the whole frame hides him, a window does not.
    """
    return grid_of(error.mean(axis=0, dtype=np.float32), window)


def grid_of(values: NDArray[np.float32], window: int) -> Grid:
    """Mean of (h, w) over window × window pixels around the middle of each cell: (h/8, w/8)."""
    mean = cv2.blur(values, (window, window), borderType=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(mean[CELL // 2 :: CELL, CELL // 2 :: CELL])


def softplus(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """ln(1 + e^x): logits to a size >= 0 that grows with them, and fades out where they are sure of nothing odd."""
    return np.logaddexp(np.float32(0), logits)
