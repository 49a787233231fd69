"""A picture brought back into the light in which its scene is known: lamps are switched, a cloud comes, a camera turns
to another exposure.

A change of light multiplies and shifts brightness, alike in places near to each other, and leaves what stands where it
stands. So the known scene times a smooth gain plus a smooth offset is the new one, but for what is really new, which a
robust fit leaves out. Undone, the network, its memory and the scene see what they know, and an intruder at that moment
stays an intruder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.scene import SceneMemory, State

SPREAD = 3
"""The light is alike within this part of the picture's shorter side."""
ROUNDS = 4
"""Fits, each without what the one before could not explain."""
OUTLIER = 2.5
"""Times the median residual from which on a place counts for nothing."""
LEAST_RESIDUAL = 0.01
"""Of a brightness of 1: below it nothing is an outlier."""
DARKEST, BRIGHTEST = 0.1, 5.0
"""Gains that are believed: what is darker than a tenth holds more noise than picture."""
FAITHFUL = 1e-3
"""Variance of brightness under which a place says nothing of its gain."""
NOTICEABLE = 0.05
"""A light that moves the scene by less, of a brightness of 1, is left as it is."""

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Light:
    """How the picture now differs from what is known of it: now = gain · known + offset, of a brightness of 1."""

    gain: State
    offset: State
    moves: float
    """Mean difference that this makes to the scene."""
    residual: float
    """Median difference that it leaves."""

    def undone(self, pixels: Pixels) -> Pixels:
        """Pictures (n·C, h, w) in [-1, 1] as they would be in the known light."""
        channels, (height, width) = len(self.gain), pixels.shape[1:]
        gain, offset = (
            np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in whole])
            for whole in (self.gain, self.offset)
        )
        pictures = (pixels.reshape(-1, channels, height, width) + 1) / 2
        known = np.clip((pictures - offset) / gain, 0, 1) * 2 - 1
        return np.asarray(known.reshape(pixels.shape), np.float32)


def light_of(scene: SceneMemory, picture: State, base: State) -> Light:
    """The light of `picture` (C, h/2, w/2), of brightness 0 … 1; `base` (C,) is the known scene's mean brightness,
    which its memory leaves out."""
    known = scene.mean + base[:, None, None]
    fits = [_fit(old, new) for old, new in zip(known, picture, strict=True)]
    gain, offset = (np.stack([fit[i] for fit in fits]) for i in (0, 1))
    shown = gain * known + offset
    return Light(gain, offset, float(np.abs(shown - known).mean()), float(np.median(np.abs(picture - shown))))


def anew(scene: SceneMemory, picture: State) -> SceneMemory:
    """A scene of which only this picture is known, where nothing can be carried over."""
    mean = picture - picture.mean(axis=(1, 2), keepdims=True)
    return replace(scene, mean=np.asarray(mean, np.float32), components=scene.components[:0])


def _fit(old: Pixels, new: Pixels) -> tuple[Pixels, Pixels]:
    """Gain and offset (h, w) of one channel, by weighted least squares in a window around each place."""
    side = max(3, min(old.shape) // SPREAD) | 1

    def around(values: Pixels) -> Pixels:
        return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

    weight = np.ones_like(old)
    gain, offset = np.ones_like(old), np.zeros_like(old)
    for _ in range(ROUNDS):
        total = around(weight) + np.float32(1e-6)
        mean_old, mean_new = around(weight * old) / total, around(weight * new) / total
        both = around(weight * old * new) / total - mean_old * mean_new
        own = around(weight * old * old) / total - mean_old * mean_old
        # Where nothing is to be seen the gain is that of the whole picture.
        whole = np.float32(both.mean() / max(float(own.mean()), 1e-6))
        gain = np.clip((both + FAITHFUL * whole) / (own + FAITHFUL), DARKEST, BRIGHTEST).astype(np.float32)
        offset = mean_new - gain * mean_old
        off = np.abs(new - gain * old - offset)
        limit = max(LEAST_RESIDUAL, OUTLIER * float(np.median(off)))
        weight = (off < limit).astype(np.float32)
    return gain, np.asarray(offset, np.float32)
