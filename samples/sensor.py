"""What light and the camera do to a picture: slow drift, lens blur, sharpening, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from samples.shapes import Image, Plane


@dataclass(frozen=True, slots=True)
class Light:
    """Daylight that drifts over minutes, as thin cloud passes."""

    phases: tuple[float, float, float]

    def gain(self, t: float) -> Plane:
        """Factor of B, G and R, float32 (3,)."""
        sun = self.sun(t)
        level = 1.06 + 0.09 * sun + 0.015 * math.sin(t / 5.3 + self.phases[2])
        # Direct sun is warmer than cloud.
        return np.array([level * (1.03 - 0.05 * sun), level, level * (0.975 + 0.05 * sun)], np.float32)

    def sun(self, t: float) -> float:
        """How much direct sun there is, 0 … 1: shadows are as deep as this."""
        wave = 0.6 * math.sin(t / 13.0 + self.phases[0]) + 0.4 * math.sin(t / 5.9 + self.phases[1])
        return 0.62 + 0.28 * wave


class Sensor:
    """A small surveillance camera: soft lens, over-sharpened, noisy more in the dark than in the light."""

    _BANK = 6

    def __init__(self, size: tuple[int, int], rng: np.random.Generator, *, level: float = 2.6) -> None:
        self._rng = rng
        width, height = size
        shape = (height + 32, width + 32)
        self._bank = [_grain(shape, rng, level) for _ in range(self._BANK)]

    def expose(self, picture: Plane) -> Image:
        """A clean picture, float32 (H, W, 3) 0 … 255, as the camera gives it."""
        soft = cv2.GaussianBlur(picture, (5, 5), 0.62)
        halo = cv2.GaussianBlur(soft, (7, 7), 1.5)
        sharp = cv2.addWeighted(soft, 1.45, halo, -0.45, 0.0)
        rows, columns = picture.shape[:2]
        top, left = self._rng.integers(0, 33, 2)
        grain = self._bank[int(self._rng.integers(self._BANK))][top:top + rows, left:left + columns]
        dark = 1.25 - 0.5 / 255.0 * soft[..., 1:2]
        noisy = sharp + (grain if self._rng.random() < 0.5 else -grain) * dark
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _grain(shape: tuple[int, int], rng: np.random.Generator, level: float) -> Plane:
    """Noise (h, w, 3): brightness fine-grained, colour in larger blotches."""
    luma = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (3, 3), 0.55)
    chroma = cv2.GaussianBlur(rng.standard_normal((*shape, 3), dtype=np.float32), (7, 7), 1.6)
    grain = luma[..., None] * (level / luma.std()) + chroma * (0.45 * level / chroma.std())
    return np.asarray(grain, np.float32)
