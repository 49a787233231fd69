"""Pieces of one moment pasted into another: cutting figures out, moving them, and laying them in without a seam.

Clips are ((T+1)·C, side, side) in levels, oldest frame first; masks (side, side) in 0…1; warps 2 × 3
matrices as OpenCV takes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.tasks.crops import Pixels

FEATHER = 2.0
LARGER = (1.3, 2.2)
SMALLER = (0.4, 0.75)
ALIKE = (0.92, 1.09)
"""Sizes that differ no more are as usual."""
VISIBLE = 8.0
"""Levels by which a pasted thing must differ from what it covers, in a small window, to be seen."""

Warp = NDArray[np.float32]


def rectangle(side: int, rng: np.random.Generator) -> Pixels:
    """A feathered rectangle of random size and place."""
    height, width = (int(rng.integers(side // 4, 3 * side // 4)) for _ in range(2))
    y, x = int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1))
    mask = np.zeros((side, side), np.float32)
    mask[y : y + height, x : x + width] = 1
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), FEATHER), dtype=np.float32)


def figures(clip: Pixels, background: Pixels) -> Pixels:
    """What differs from the background (C, side, side), softly, one mask a frame: (T+1, side, side)."""
    channels = len(background)
    difference = np.abs(clip - np.tile(background, (len(clip) // channels, 1, 1)))
    masks = [
        cv2.GaussianBlur(difference[i : i + channels].max(axis=0), (0, 0), 1.0)
        for i in range(0, len(difference), channels)
    ]
    return np.clip((np.stack(masks) - 10) / 10, 0, 1)


def lay(clip: Pixels, piece: Pixels, masks: Pixels, warps: Sequence[Warp]) -> tuple[Pixels, Pixels]:
    """`clip` with a warped piece over it, frame by frame, and the last frame's mask."""
    size = clip.shape[1:][::-1]
    channels = len(clip) // len(masks)
    result, shown = clip.copy(), masks[-1]
    for i, warp in enumerate(warps):
        shown = cv2.warpAffine(masks[i], warp, size)
        for c in range(i * channels, (i + 1) * channels):
            moved = cv2.warpAffine(piece[c], warp, size, borderMode=cv2.BORDER_REPLICATE)
            result[c] = result[c] * (1 - shown) + moved * shown
    return result, np.asarray(shown, np.float32)


def visible(before: Pixels, after: Pixels) -> NDArray[np.bool_]:
    """Where two pictures (C, side, side) differ enough to be seen."""
    return np.asarray(cv2.blur(np.abs(after - before).max(axis=0), (5, 5)) > VISIBLE)


def stretched(frame: Pixels, rng: np.random.Generator) -> Warp:
    """Larger about the rectangle's middle, or smaller, in both directions or in one."""
    x, y = middle(frame)
    if rng.random() < 0.7:
        size, other = rng.uniform(*LARGER), rng.uniform(0.8, 1.1)
        which = rng.random()
        sx, sy = (size, size) if which < 0.4 else (size, other) if which < 0.8 else (other, size)
    else:
        size = rng.uniform(*SMALLER)
        other = size if rng.random() < 0.5 else rng.uniform(0.8, 1.5)
        sx, sy = (other, size) if rng.random() < 0.8 else (size, other)
    return _matrix([[sx, 0, x - sx * x], [0, sy, y - sy * y]])


def varied(frame: Pixels, rng: np.random.Generator) -> Warp:
    """A little larger, smaller or elsewhere, as one figure differs from the next."""
    x, y = middle(frame)
    sx, sy = rng.uniform(*ALIKE, 2)
    dx, dy = rng.uniform(-3, 3, 2)
    return _matrix([[sx, 0, x - sx * x + dx], [0, sy, y - sy * y + dy]])


def recoloured(piece: Pixels, channels: int, rng: np.random.Generator) -> Pixels:
    """In other clothes: lighter or darker, and each channel a little by itself, alike in all frames."""
    frames = len(piece) // channels
    gain = rng.uniform(0.7, 1.4) * rng.uniform(0.88, 1.14, channels)
    offset = rng.uniform(-20, 20) + rng.uniform(-10, 10, channels)
    gains, offsets = (np.tile(some, frames)[:, None, None] for some in (gain, offset))
    return np.asarray(np.clip(piece * gains + offsets, 0, 255), np.float32)


def mirrored(frame: Pixels) -> Warp:
    """Left and right exchanged: what walked that way now walks the other."""
    return _matrix([[-1, 0, 2 * middle(frame)[0]], [0, 1, 0]])


def turned(frame: Pixels, rng: np.random.Generator) -> Warp:
    """Lying, or upside down."""
    angle = float(rng.choice((-1, 1)) * rng.uniform(60, 120)) if rng.random() < 0.8 else 180.0
    return np.asarray(cv2.getRotationMatrix2D(middle(frame), angle, rng.uniform(0.9, 1.3)), np.float32)


def moved(frame: Pixels, rng: np.random.Generator) -> Warp:
    """To another place of the crop, at another size, perhaps mirrored."""
    x, y = middle(frame)
    size = rng.uniform(0.7, 1.4)
    across = size * rng.choice((-1, 1))
    to_x, to_y = rng.uniform(0.2, 0.8, 2) * frame.shape[0]
    return _matrix([[across, 0, to_x - across * x], [0, size, to_y - size * y]])


def glides(frame: Pixels, frames: int, rng: np.random.Generator) -> list[Warp]:
    """A straight path that ends near where the figure was, stretched a little."""
    x, y = middle(frame)
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 6.0)
    sx, sy = rng.uniform(0.9, 1.8), rng.uniform(0.8, 1.3)
    if rng.random() < 0.7:
        angle = rng.choice([0, np.pi]) + rng.normal(0, 0.25)  # mostly sideways, as things move on the ground
    steps = np.arange(frames) - (frames - 1)
    dx, dy = steps * speed * np.cos(angle), steps * speed * np.sin(angle)
    return [_matrix([[sx, 0, x - sx * x + a], [0, sy, y - sy * y + b]]) for a, b in zip(dx, dy, strict=True)]


def blob(side: int, rng: np.random.Generator, *, soft: bool) -> Pixels:
    """The outline of a thing: an ellipse or a box, turned anyhow; `soft` like a patch of light."""
    mask = np.zeros((side, side), np.float32)
    width, height = rng.uniform(6, side / 2, 2)
    x, y = rng.uniform(0.15, 0.85, 2) * side
    outline = ((float(x), float(y)), (float(width), float(height)), float(rng.uniform(0, 180)))
    if rng.random() < 0.5:
        cv2.ellipse(mask, outline, 1.0, -1)
    else:
        cv2.fillConvexPoly(mask, cv2.boxPoints(outline).astype(np.int32), 1.0)
    blur = rng.uniform(2, 5) if soft else rng.uniform(0.7, 1.5)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur), dtype=np.float32)


def middle(frame: Pixels) -> tuple[float, float]:
    """(x, y) of a mask's middle."""
    rows, columns = np.nonzero(frame > 0.5)
    return float(columns.mean()), float(rows.mean())


def halved(picture: Pixels) -> Pixels:
    """(..., side, side) at half the resolution."""
    *rest, height, width = picture.shape
    return np.asarray(picture.reshape(*rest, height // 2, 2, width // 2, 2).mean(axis=(-3, -1)), np.float32)


def _matrix(rows: list[list[float]]) -> Warp:
    return np.array(rows, np.float32)
