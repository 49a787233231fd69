"""Detectors that learn nothing, as rows to beat: dense optical flow and frame difference.

Both are causal: frame t is compared with frame t-2, the answer averaged in a window, the largest window is the score.
`median` adds the median of the last five scores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.types import Frame

STRIDE = 2
WINDOW = 28
"""Source pixels, as in the published table of this data set's flow baseline."""
MEDIAN = 5


def optical_flow(frames: Iterator[Frame]) -> Iterator[tuple[int, float]]:
    """(frame, largest windowed mean speed in pixels) from frame 2 on; OpenCV's DIS, medium preset."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def speed(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.float32]:
        flow = dis.calc(before, now, None)
        return np.asarray(np.hypot(flow[..., 0], flow[..., 1]), dtype=np.float32)

    yield from _windowed(frames, speed)


def frame_difference(frames: Iterator[Frame]) -> Iterator[tuple[int, float]]:
    """(frame, largest windowed mean squared difference) from frame 2 on."""

    def difference(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.square(now.astype(np.float32) - before)

    yield from _windowed(frames, difference)


def running_median(values: list[float], length: int = MEDIAN) -> list[float]:
    """Median of the last `length` values, causal."""
    last: deque[float] = deque(maxlen=length)
    return [float(np.median(last)) for value in values if last.append(value) is None]


def _windowed(frames: Iterator[Frame], compare) -> Iterator[tuple[int, float]]:  # type: ignore[no-untyped-def]
    before: deque[NDArray[np.uint8]] = deque(maxlen=STRIDE + 1)
    for frame in frames:
        before.append(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY))
        if len(before) > STRIDE:
            found = compare(before[0], before[-1])
            yield frame.index, float(cv2.blur(found, (WINDOW, WINDOW)).max())
