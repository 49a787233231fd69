"""Speed: dense optical flow between a clip's last two frames."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.errors import grid_of, window_size
from memwatch.types import Grid


@cache
def _flow() -> cv2.DISOpticalFlow:
    # The fast preset ends at a quarter of the picture's size and halves the speed of a figure ten pixels wide.
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def speed(before: NDArray[np.float32], now: NDArray[np.float32]) -> Grid:
    """Mean speed in a window around each cell, in network pixels a clip step, from two (C, h, w) pictures in [-1, 1].

    Dense inverse search (Kroeger et al., ECCV 2016), as OpenCV has it. Fast is not abnormal by itself: calibration
    compares with what is usual at the place.
    """
    flow = np.zeros((*before.shape[1:], 2), np.float32)
    _flow().calc(_levels(before), _levels(now), flow)
    size = np.hypot(flow[..., 0], flow[..., 1]).astype(np.float32)
    return grid_of(size, window_size(size.shape[0]))


def _levels(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray((picture.mean(axis=0) + 1) * 127.5, dtype=np.uint8)
