"""The map of rarity laid over its picture, so that a person sees at once where it was odd."""

from __future__ import annotations

import cv2
import numpy as np

from memwatch.types import Grid, Image

DIMMED = 0.55
"""Brightness of the ground under the colours."""
STRONGEST = 0.85
"""Opacity of the hottest colour: what is odd must stay visible through it."""


def heat(image: Image, grid: Grid, threshold: float) -> Image:
    """`image` (H, W, 3), gray and dimmed, with `grid` (gh, gw) over it from clear to bright.

    Half of the scale is the threshold, so that one colour means the same in every picture of a run: up to violet is
    ordinary, orange and yellow are over it.
    """
    size = (image.shape[1], image.shape[0])
    share = np.clip(grid / (2 * max(threshold, 1e-6)), 0, 1).astype(np.float32)
    wide = np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_LINEAR), np.float32)
    ground = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) * DIMMED
    colours = cv2.applyColorMap((wide * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = (wide**0.7 * STRONGEST)[..., None]
    return np.asarray(ground * (1 - opacity) + colours * opacity, np.uint8)
