"""Where only the light has changed: what stands in the picture has the texture that the scene had there before.

A shadow, a patch of sun, a lamp that is switched change how bright a place is and leave its edges and grain where they
were, pointing the same way; whatever is put down brings its own and hides the scene's. So directions of brightness
gradients are compared, and how strong they are hardly counts. Where neither picture has any, larger surroundings speak:
a plain thing is judged by its outline, a plain wall by what is seen around it.

The edge of a new shadow is new by itself. It is known by its brightness, which lies between those to both its sides.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.errors import CELL
from memwatch.types import Grid

WINDOWS = (5, 17, 33)
"""Sides of the surroundings in pixels of the scene, at half the network's resolution; the next larger one speaks where
one has nothing to say."""
GRAIN = 0.004
"""A gradient of so much brightness from one pixel to the next, of 1, counts half: noise has as much."""
SILENT = 0.02
"""Share of counting gradients at which a window and the next larger one are believed alike."""
LEAST, SURE = 0.6, 0.9
"""Agreement from which on light alone is thought possible, and sure."""
EDGE = 0.5
"""How sure an edge is, which a thing may be as well that happens to be as bright as something between."""
BESIDE = 25
"""Side of the surroundings in which an edge has both its sides, in pixels of the scene."""
RIM = 5
"""Side of the surroundings that must be sure for a place to be one of these: the rim of a thing is half sure."""
FAINT = 0.02
"""A change of brightness by less, of 1, is none."""

ROUNDS, OUTLIER = 5, 2.5
"""Fits of the light of the whole, each without what is so many times farther off than the median."""
PLACES = 1000
"""About so many places, evenly chosen, tell the light of the whole."""
DARKEST, PLAIN = 0.1, 1e-6
"""A picture is dimmed no further than that; with less variance it tells nothing of it."""

Pixels = NDArray[np.float32]


def only_light(known: Pixels, now: Pixels) -> Grid:
    """How surely `now` shows what `known` does, in whatever light: (h/8, w/8), 0 … 1. Both are (C, h/2, w/2) of a
    brightness of 1, averaged along time; `known` may lack its overall brightness, as `SceneMemory.mean` does."""
    share = np.clip((agreement(known, now) - LEAST) / (SURE - LEAST), 0, 1)
    share = np.maximum(share, np.float32(EDGE) * _between_lights(known, now, share))
    # A cell is as sure as the least sure pixel of it and of its neighbours: a small thing has few that say so.
    side = CELL // 2
    around = np.ones((3 * side, 3 * side), np.uint8)
    least = cv2.erode(share, around, anchor=(side, side), borderType=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(least[::side, ::side], np.float32)


def agreement(known: Pixels, now: Pixels) -> Pixels:
    """-1 … 1 at each pixel (h/2, w/2): the cosine of the angle between both pictures' gradients, averaged around it by
    how strong the stronger of them is, up to a strength; 0 where nothing is to be seen far around."""
    (ax, ay), (bx, by) = _directions(known), _directions(now)
    dot = ax * bx + ay * by
    most = np.maximum(ax * ax + ay * ay, bx * bx + by * by)
    agreed = np.zeros_like(dot)
    for side in reversed(WINDOWS):
        alike, all_of_it = (cv2.blur(one, (side, side), borderType=cv2.BORDER_REFLECT) for one in (dot, most))
        agreed = (alike + np.float32(SILENT) * agreed) / (all_of_it + np.float32(SILENT))
    return np.asarray(agreed, np.float32)


def _directions(picture: Pixels) -> tuple[Pixels, Pixels]:
    """A picture's gradients along x and y (h/2, w/2), each of a length from 0 to 1 by how far it is over the grain."""
    smooth = cv2.GaussianBlur(picture.mean(axis=0), (3, 3), 0)
    x, y = (cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=1 / 8) for dx in (1, 0))
    length = np.sqrt(x * x + y * y) + np.float32(GRAIN)
    return x / length, y / length


def _between_lights(known: Pixels, now: Pixels, share: Pixels) -> Pixels:
    """(h/2, w/2): 1 where each channel has become darker or brighter by no less and by no more than at places near by
    that are sure, 0 elsewhere."""
    sure = cv2.erode(share, np.ones((RIM, RIM), np.uint8), borderType=cv2.BORDER_REPLICATE) >= 0.5
    if not sure.any():
        return np.zeros_like(share)
    between = np.ones(share.shape, bool)
    near = np.ones((BESIDE, BESIDE), np.uint8)
    for before, after in zip(known, now, strict=True):
        slope, level = _light_of_most(before[sure], after[sure])
        lit = cv2.blur(np.maximum(slope * before + level, np.float32(FAINT)), (3, 3))
        gain = cv2.blur(after, (3, 3)) / lit
        least = cv2.erode(np.where(sure, gain, np.float32(np.inf)), near, borderType=cv2.BORDER_REPLICATE)
        most = cv2.dilate(np.where(sure, gain, np.float32(-np.inf)), near, borderType=cv2.BORDER_REPLICATE)
        between &= (gain >= least - FAINT / lit) & (gain <= most + FAINT / lit)
    return between.astype(np.float32)


def _light_of_most(before: Pixels, after: Pixels) -> tuple[np.float32, np.float32]:
    """Slope and level of the line that takes most places' brightness (n,) to what it is now: the light of the whole
    picture, which the edges of a shadow are compared with, and the brightness that `before` may lack."""
    slope, level = 1.0, 0.0
    some = slice(None, None, max(1, len(before) // PLACES))
    before, after = before[some], after[some]
    kept = np.ones(len(before), bool)
    for _ in range(ROUNDS):
        old, new = before[kept], after[kept]
        spread = float(old.var())
        both = float(np.mean((old - old.mean()) * (new - new.mean())))
        slope = max(both / spread, DARKEST) if spread > PLAIN else 1.0
        level = float(np.median(new - np.float32(slope) * old))
        off = np.abs(after - np.float32(slope) * before - np.float32(level))
        kept = off <= max(FAINT / 2, OUTLIER * float(np.median(off)))
    return np.float32(slope), np.float32(level)
