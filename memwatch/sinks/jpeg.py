"""Pictures as JPEG: for files, brokers and pages alike."""

from __future__ import annotations

import cv2

from memwatch.types import Image


def jpeg(image: Image, quality: int) -> bytes:
    """A BGR (H, W, 3) picture; `quality` 0 … 100."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)
