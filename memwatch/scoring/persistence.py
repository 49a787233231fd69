"""What is odd for a moment and what stays odd: a cue's maps along time.

A thing is odd in frame after frame, near where it was; what flickers is the noise of a small network. So a map is
averaged with what stood near each place a moment before (the idea of track-before-detect: evidence adds up along a
path before anything is decided), and what is no longer odd by itself is let go at once. Causal: a frame knows itself
and what came before.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.types import Grid

HALF_LIFE_S = 0.1
"""After so long a moment counts half: a frame of a camera with ten a second. (docs/log.md has others.)"""
LASTS_S = 0.5
"""The same for what has lasted: what flickers reaches no high mean over so long, and what is odd for seconds does, far
above its own threshold. (docs/log.md has others.)"""
NEAR = np.ones((3, 3), np.uint8)
"""Cells between which a thing may pass in about that time."""
PASSES = 0.75
"""So many half-lives make a pass possible: a fast camera's frames lie too near to each other for one each."""
MOST = 1.5
"""Times that what was may raise what is now."""


def where_now(map: Grid, moment: Grid, along: Grid) -> Grid:
    """A map of how odd it is, drawn where it is odd now: what has been trails behind what moves and spreads around what
    stands. map: (gh, gw), >= 0, to be drawn; moment: what the frame by itself says, along: the same along time. Its
    largest value stays what it is, as it is the frame's score, perhaps at another cell; no other cell rises."""
    top = map.max()
    drawn = map * np.minimum(1, moment / np.maximum(along, 1e-6))
    loudest = drawn.argmax()
    drawn = np.minimum(drawn * (top / max(drawn.flat[loudest], 1e-6)), map)
    drawn.flat[loudest] = top
    return np.asarray(drawn, np.float32)


class Persistence:
    """Follows the maps of one stream, by name, in the order of time; a half-life of 0 leaves them as they are."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._before: dict[str, Grid] = {}
        self._at = 0.0
        self._since = 0.0

    def push(self, maps: dict[str, Grid], seconds: float) -> dict[str, Grid]:
        """The maps (gh, gw), >= 0, at a time: as much of each as time has gone by, the rest from before."""
        if not self._half_life:
            return maps
        elapsed, self._at = seconds - self._at, seconds
        kept = np.float32(0.5 ** (elapsed / self._half_life)) if self._before and elapsed >= 0 else np.float32(0)
        self._since += elapsed
        passes = not 0 <= self._since < PASSES * self._half_life
        self._since = 0.0 if passes else self._since
        self._before = {name: self._lasting(name, now, kept, passes=passes) for name, now in maps.items()}
        return dict(self._before)

    def forget(self) -> None:
        """At a break in the stream."""
        self._before = {}

    def _lasting(self, name: str, now: Grid, kept: np.float32, *, passes: bool) -> Grid:
        before = self._before.get(name)
        if before is None:
            return now
        was = cv2.dilate(before, NEAR) if passes else before
        mixed: NDArray[np.float32] = np.minimum(now + kept * (was - now), np.float32(MOST) * now)
        return mixed
