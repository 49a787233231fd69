"""Frames to clips: one way of greying, scaling and spacing for training, calibration and watching alike."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.config import ModelConfig
from memwatch.types import Clip, Frame, Image

GRAY_CHROMA = 3.0
"""Footage under this counts as gray: rounding in a video's colour space alone leaves 1.3, an infrared camera more."""
GAP_STEPS = 2.0
"""A hole longer than this many clip steps ends what came before."""


def chroma(image: Image) -> float:
    """How far the colour channels of a BGR (H, W, 3) picture lie apart, in mean levels; 0 is gray."""
    wide = image.astype(np.int16)
    return float(np.abs(wide - wide[..., :1]).mean())


def prepare(image: Image, config: ModelConfig) -> NDArray[np.uint8]:
    """BGR (H, W, 3) to the network's uint8 (C, h, w): greyed if it is a gray model, area-averaged."""
    picture = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if config.channels == 1 else image
    small = np.asarray(cv2.resize(picture, (config.width, config.height), interpolation=cv2.INTER_AREA), np.uint8)
    return small[None] if config.channels == 1 else np.ascontiguousarray(small.transpose(2, 0, 1))


def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """0 … 255 to [-1, 1]."""
    return pixels.astype(np.float32) / 127.5 - 1


def positions(times: Sequence[float], length: int, step: float) -> list[int] | None:
    """Which of the frames before the last form its clip, oldest first; None while there are too few.

    `times` are seconds, rising, without a gap in them; the last is the target's. A step of 0 takes consecutive frames.
    At the head of a stream the clip is as wide as what has been seen, so that a score exists from frame `length` on.
    """
    last = len(times) - 1
    if last < length:
        return None
    if step == 0:
        return list(range(last - length, last))
    step = min(step, (times[last] - times[0]) / length)
    wanted = times[last] - step * np.arange(length, 0, -1)
    right = np.clip(np.searchsorted(times, wanted), 1, last)
    left = right - 1
    past = np.asarray(times)
    chosen = np.where(wanted - past[left] < past[right] - wanted - 1e-9, left, right)
    if chosen[-1] < last and bool((np.diff(chosen) > 0).all()):
        return [int(i) for i in chosen]
    # The source is slower than the step here: its newest frames are the best there is.
    return list(range(last - length, last))


def is_gap(times: Sequence[float], now: float, step: float) -> bool:
    """Whether `now` comes too long after the last of `times` to belong to the same clip."""
    if not times:
        return False
    pace = float(np.median(np.diff(times[-8:]))) if len(times) > 1 else now - times[-1]
    return now < times[-1] or now - times[-1] > max(GAP_STEPS * step, 4 * pace, 0.5)


class ClipWindow:
    """Keeps the last frames of one stream and answers each with its clip."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.broke = False
        """Whether the last frame pushed came after a break (a gap, a hole in time, another picture size), so that
        nothing before it counts."""
        self._times: deque[float] = deque()
        self._pixels: deque[NDArray[np.uint8]] = deque()
        self._size: tuple[int, ...] = ()

    def reset(self) -> None:
        """Forget what came before, as after a gap."""
        self._times.clear()
        self._pixels.clear()

    def push(self, frame: Frame) -> Clip | None:
        """The clip whose target is `frame`, or None while too few frames came before it."""
        config = self.config
        now, size = frame.seconds, frame.image.shape
        self.broke = bool(self._times) and (
            frame.gap or size != self._size or is_gap(list(self._times), now, config.step_s)
        )
        if self.broke:
            self.reset()
        self._size = size
        self._times.append(now)
        self._pixels.append(prepare(frame.image, config))
        span = config.step_s * config.clip_length
        while len(self._times) > config.clip_length + 1 and now - self._times[1] >= span:
            self._times.popleft()
            self._pixels.popleft()
        chosen = positions(list(self._times), config.clip_length, config.step_s)
        if chosen is None:
            return None
        inputs = np.concatenate([self._pixels[i] for i in chosen])
        return Clip(scaled(inputs), scaled(self._pixels[-1]), frame)
