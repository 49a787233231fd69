"""Pseudo-anomalies for the oddity head: pieces of other moments of the same camera, pasted in without a seam.

Positives: a rectangle replayed too fast; a moving figure enlarged or stretched; a figure that glides without walking.
Negatives: the bare clip, and rectangles of other moments at their own speed, so that the pasting itself teaches
nothing. Cells count as abnormal where what was pasted covers a good part of them, as normal where it hardly touches
them, and not at all between.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.tasks.crops import Crops, Pixels

CELL = 8
CLEAR, COVERED = 0.02, 0.25
"""Share of a cell under which it is normal, and from which it is abnormal."""
FEATHER = 2.0
KINDS = (("normal", 0.4), ("fast", 0.25), ("shape", 0.2), ("glide", 0.15))
FAST = (1.8, 3.5)
LARGER = (1.3, 2.2)
MOVES = 6.0
"""Levels of change between a clip's last frames, in a small window, above which something moves."""
TRIES = 4
"""Other moments looked at for one in which something moves at the place."""

Weighted = tuple[Pixels, NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class PseudoAnomalies:
    """Draws labelled batches for the head from the same crops as the predictor's."""

    crops: Crops
    backgrounds: list[NDArray[np.float32]]
    """Each recording's median picture (C, h, w), in levels."""

    def draw(self, step: int) -> Weighted:
        """Clips (B, (T+1)·C, side, side) in [-1, 1], labels and weights (B, side/8, side/8)."""
        rng = np.random.default_rng((self.crops.seed, 2, step))
        drawn = [self._sample(rng) for _ in range(self.crops.batch)]
        clips, labels, weights = (np.stack(part) for part in zip(*drawn, strict=True))
        return clips, labels, weights

    def _sample(self, rng: np.random.Generator) -> Weighted:
        crops, side = self.crops, self.crops.side
        base = crops.targets[int(rng.integers(len(crops.targets)))]
        stack = crops.stack(*base)
        y, x = crops.place(stack, rng)
        clip = stack[:, y : y + side, x : x + side].astype(np.float32)
        kind = str(rng.choice([name for name, _ in KINDS], p=[share for _, share in KINDS]))
        covered = np.zeros((side, side), np.float32)
        if kind != "normal" or rng.random() < 0.5:
            other = self._other_moment(rng, y, x, speed=rng.uniform(*FAST) if kind == "fast" else 1.0)
            if other is not None:
                clip, covered = self._paste(clip, *other, kind=kind, rng=rng)
        if kind == "normal":
            covered[:] = 0
        share = cv2.resize(covered, (side // CELL, side // CELL), interpolation=cv2.INTER_AREA)
        labels = (share >= COVERED).astype(np.float32)
        weights = ((share >= COVERED) | (share <= CLEAR)).astype(np.float32)
        clip = np.clip(clip * rng.uniform(0.85, 1.15) + rng.uniform(-12, 12), 0, 255)
        return clip / 127.5 - 1, labels, weights

    def _other_moment(self, rng: np.random.Generator, y: int, x: int, *, speed: float) -> tuple[Pixels, Pixels] | None:
        """The same place at another moment, as a clip at `speed` times its own, and its background; the one of a few
        in which most moves."""
        crops, side = self.crops, self.crops.side
        best: tuple[float, Pixels, Pixels] | None = None
        for _ in range(TRIES):
            number, target = crops.targets[int(rng.integers(len(crops.targets)))]
            recording = crops.footage.recordings[number]
            indices = recording.indices(target, crops.config)
            wanted = [round(target - (target - i) * speed) for i in indices]
            if wanted[0] < 0:
                continue
            clip = np.concatenate([recording.frames[i][:, y : y + side, x : x + side] for i in wanted])
            clip = clip.astype(np.float32)
            channels = crops.config.channels
            moving = float(np.abs(clip[-channels:] - clip[-2 * channels : -channels]).mean())
            if best is None or moving > best[0]:
                best = moving, clip, self.backgrounds[number][:, y : y + side, x : x + side]
        return best and best[1:]

    def _paste(
        self, clip: Pixels, other: Pixels, background: Pixels, *, kind: str, rng: np.random.Generator
    ) -> tuple[Pixels, Pixels]:
        """`clip` with a piece of `other` in it, and where in its last frame the piece shows, (side, side) in 0…1."""
        frame = _rectangle(self.crops.side, rng)
        channels = self.crops.config.channels
        frames = len(clip) // channels
        wide = np.tile(background, (frames, 1, 1))
        if kind in ("normal", "fast"):
            # What stands still in a replay is as normal as ever.
            change = np.abs(other[-channels:] - other[-2 * channels : -channels]).max(axis=0)
            moving = cv2.blur(change, (9, 9)) > MOVES
            covered = _figure(np.abs(other[-channels:] - background), channels)[0] * moving
            return clip * (1 - frame) + other * frame, covered * frame
        figure = _figure(np.abs(other - wide), channels) * frame
        if kind == "glide":
            # One moment's figure, carried along a straight line.
            figure, other = np.repeat(figure[-1:], frames, axis=0), np.tile(other[-channels:], (frames, 1, 1))
        result = clip.copy()
        warps = _glides(frame, frames, rng) if kind == "glide" else [_stretch(frame, rng)] * frames
        shown = figure[0]
        for i, warp in enumerate(warps):
            size = (self.crops.side, self.crops.side)
            shown = cv2.warpAffine(figure[i], warp, size)
            for c in range(i * channels, (i + 1) * channels):
                moved = cv2.warpAffine(other[c], warp, size, borderMode=cv2.BORDER_REPLICATE)
                result[c] = result[c] * (1 - shown) + moved * shown
        return result, shown


def _rectangle(side: int, rng: np.random.Generator) -> Pixels:
    """A feathered rectangle of random size and place, (side, side) in 0…1."""
    height, width = (int(rng.integers(side // 4, 3 * side // 4)) for _ in range(2))
    y, x = int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1))
    mask = np.zeros((side, side), np.float32)
    mask[y : y + height, x : x + width] = 1
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), FEATHER), dtype=np.float32)


def _figure(difference: Pixels, channels: int) -> Pixels:
    """What differs from the background, softly, one mask a frame: (frames, side, side) in 0…1."""
    masks = [
        cv2.GaussianBlur(difference[i : i + channels].max(axis=0), (0, 0), 1.0)
        for i in range(0, len(difference), channels)
    ]
    return np.clip((np.stack(masks) - 10) / 10, 0, 1)


def _stretch(frame: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    """Enlargement about the rectangle's middle, in both directions or in one."""
    x, y = _middle(frame)
    larger, other = rng.uniform(*LARGER), rng.uniform(0.8, 1.1)
    which = rng.random()
    sx, sy = (larger, larger) if which < 0.4 else (larger, other) if which < 0.8 else (other, larger)
    return np.array([[sx, 0, x - sx * x], [0, sy, y - sy * y]], np.float32)


def _glides(frame: Pixels, frames: int, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """A straight path that ends near where the figure was, stretched a little."""
    x, y = _middle(frame)
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 6.0)
    sx, sy = rng.uniform(0.9, 1.8), rng.uniform(0.8, 1.3)
    if rng.random() < 0.7:
        angle = rng.choice([0, np.pi]) + rng.normal(0, 0.25)  # mostly sideways, as things move on the ground
    steps = np.arange(frames) - (frames - 1)
    dx, dy = steps * speed * np.cos(angle), steps * speed * np.sin(angle)
    return [
        np.array([[sx, 0, x - sx * x + a], [0, sy, y - sy * y + b]], np.float32) for a, b in zip(dx, dy, strict=True)
    ]


def _middle(frame: Pixels) -> tuple[float, float]:
    rows, columns = np.nonzero(frame > 0.5)
    return float(columns.mean()), float(rows.mean())
