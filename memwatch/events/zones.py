"""Where it matters: polygons drawn on a camera's picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.errors import UsageError
from memwatch.types import Box, Grid, Image

KINDS = ("include", "ignore", "privacy")
FINE = 8
"""Pixels across a cell of the map while a polygon is laid over it."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One polygon; `points` are (x, y), 0 … 1 of the picture, so that another resolution changes nothing."""

    name: str
    kind: str
    """include: only such zones are scored, where there is one; ignore: not scored; privacy: blacked out before
    anything is stored, and not scored."""
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"zone {self.name}: unknown kind '{self.kind}'", f"choose one of {', '.join(KINDS)}")
        if len(set(self.points)) < 3:
            raise UsageError(f"zone {self.name}: {len(set(self.points))} points enclose nothing", "give at least three")
        if not all(0 <= value <= 1 for point in self.points for value in point):
            raise UsageError(f"zone {self.name}: points lie outside the picture", "give shares of it, 0 … 1")


class Zones:
    """The zones of one camera."""

    def __init__(self, zones: Sequence[Zone] = ()) -> None:
        self.zones = tuple(zones)
        self._scored: dict[tuple[int, int], Grid | None] = {}

    def __bool__(self) -> bool:
        return bool(self.zones)

    def scored(self, shape: tuple[int, int]) -> Grid | None:
        """(gh, gw), 1 where a cell of the map counts and 0 where not; None where all do.

        A cell lies in a zone by at least half of its area; beside a privacy zone, whose edge is drawn into the picture,
        none counts that touches it or lies next to one that does. Raises UsageError where nothing is left.
        """
        if shape not in self._scored:
            self._scored[shape] = self._cells(shape)
        return self._scored[shape]

    def blackened(self, image: Image) -> Image:
        """The picture (H, W, 3) with privacy zones blacked out; the same one where there are none."""
        hidden = [zone for zone in self.zones if zone.kind == "privacy"]
        if not hidden:
            return image
        shown = image.copy()
        for zone in hidden:
            cv2.fillPoly(shown, [_pixels(zone, shown.shape[1], shown.shape[0])], (0, 0, 0))
        return shown

    def touched(self, box: Box, size: tuple[int, int]) -> tuple[str, ...]:
        """Names of the include zones that a box in a (width, height) picture shares some of its area with."""
        width, height = size
        x1, y1, x2, y2 = (value / side for value, side in zip(box, (width, height) * 2, strict=True))
        corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)
        names = []
        for zone in self.zones:
            if zone.kind != "include":
                continue
            shape = np.zeros((64, 64), np.uint8)
            cv2.fillPoly(shape, [_pixels(zone, 64, 64)], (1,))
            other = np.zeros_like(shape)
            cv2.fillConvexPoly(other, np.asarray(np.round(corners * 63), np.int32), (1,))
            if (shape & other).any():
                names.append(zone.name)
        return tuple(names)

    def _cells(self, shape: tuple[int, int]) -> Grid | None:
        if not self.zones:
            return None
        share = {kind: np.zeros(shape, np.float32) for kind in KINDS}
        for zone in self.zones:
            share[zone.kind] = np.maximum(share[zone.kind], _coverage(zone, shape))
        counts = np.ones(shape, bool)
        if any(zone.kind == "include" for zone in self.zones):
            counts = share["include"] >= 0.5
        counts &= share["ignore"] < 0.5
        hidden = (share["privacy"] > 0).astype(np.uint8)
        counts &= cv2.dilate(hidden, np.ones((3, 3), np.uint8)) == 0
        if not counts.any():
            raise UsageError(
                "the zones leave nothing of the picture to score", "make include zones larger, or the others smaller"
            )
        return counts.astype(np.float32)


def _coverage(zone: Zone, shape: tuple[int, int]) -> Grid:
    """Which share of each cell lies in it."""
    rows, columns = shape
    fine = np.zeros((rows * FINE, columns * FINE), np.float32)
    cv2.fillPoly(fine, [_pixels(zone, columns * FINE, rows * FINE)], (1.0,))
    return np.asarray(fine.reshape(rows, FINE, columns, FINE).mean(axis=(1, 3)), np.float32)


def _pixels(zone: Zone, width: int, height: int) -> NDArray[np.int32]:
    scale = np.array([width, height], np.float64)
    return np.asarray(np.clip(np.round(np.array(zone.points) * scale), 0, scale - 1), np.int32)
