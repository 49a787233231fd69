"""What people have called normal, as a map: at those places a camera asks for more before it speaks up.

Nothing is learned by heart: the map is worked out anew from the labels in the index, so taking a label back undoes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from memwatch.types import Grid

QUIET = 0.8
"""An event like the one called normal would now reach this share of the threshold."""
LEAST = 0.2
"""The map is never scaled down by more than to this share: what is five times as odd is told anywhere."""
AROUND = np.ones((3, 3), np.uint8)


def tolerance(records: Iterable[dict[str, Any]], shape: tuple[int, int]) -> Grid | None:
    """Factors (gh, gw) of the score's map, 1 where nobody said anything, from the lines of events that were labelled
    normal; None where all are 1. Each box of an event counts at the cells it touches and at those next to them."""
    factors = np.ones(shape, np.float32)
    rows, columns = shape
    for record in records:
        threshold = record["threshold"]["score"]
        for box in record["boxes"]:
            if not threshold or not box["score"]:
                continue
            x, y, width, height = box["xywh"]
            cells = np.zeros(shape, np.uint8)
            top, bottom = int(y * rows), -int(-(y + height) * rows // 1)
            left, right = int(x * columns), -int(-(x + width) * columns // 1)
            cells[top : max(bottom, top + 1), left : max(right, left + 1)] = 1
            factor = max(LEAST, min(1.0, QUIET * threshold / box["score"]))
            near = cv2.dilate(cells, AROUND) > 0
            factors[near] = np.minimum(factors[near], np.float32(factor))
    return factors if factors.min() < 1 else None
