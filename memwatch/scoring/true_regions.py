"""The true regions of a frame, each with its track, from boxes that name their anomaly or from masks that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.types import Box

Mask = NDArray[np.bool_]


class TrueRegion(NamedTuple):
    """Where one anomaly is in one frame."""

    track: int
    box: Box


class TrackLinker:
    """Follows the connected parts of one clip's masks from frame to frame.

    A part goes on with the track whose part of the frame before it shares most pixels with; one that shares none begins
    a track. Parts that one track falls into stay in it: a mask with a crack is no second thing.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.int32] | None = None
        self._tracks = 0

    def push(self, mask: Mask) -> tuple[TrueRegion, ...]:
        """The regions of the next frame's mask, bool (H, W)."""
        if not mask.any():
            self._before = None
            return ()
        # Pixels that touch at a corner belong together, as in the regions that the detector reports.
        count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        tracks = np.zeros(mask.shape, np.int32)
        found = []
        for part in range(1, count):
            x, y, width, height = (int(value) for value in stats[part, :4])
            inside = (slice(y, y + height), slice(x, x + width))
            own = parts[inside] == part
            track = self._track_under(inside, own)
            tracks[inside][own] = track
            found.append(TrueRegion(track, (x, y, x + width, y + height)))
        self._before = tracks
        return tuple(found)

    def _track_under(self, inside: tuple[slice, slice], own: Mask) -> int:
        if self._before is not None:
            shared = np.bincount(self._before[inside][own])
            shared[0] = 0
            if shared.any():
                return int(shared.argmax())
        self._tracks += 1
        return self._tracks


def region_reader(
    masks: Callable[[int], Mask] | None, boxes: Callable[[int], tuple[tuple[int, Box], ...]] | None
) -> Callable[[int], tuple[TrueRegion, ...]] | None:
    """Reads a clip's true regions by frame index, once each and in order; None where only frames are labelled.

    boxes: (anomaly, box) pairs of a frame, which are taken where there are any; masks: its pixels, bool (H, W).
    """
    if boxes is not None:
        return lambda index: tuple(TrueRegion(track, box) for track, box in boxes(index))
    if masks is None:
        return None
    linker = TrackLinker()
    return lambda index: linker.push(masks(index))
