"""Where it is odd: the map's parts over a level, as boxes in source pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.config import RegionConfig
from memwatch.types import Box, Grid, Region

STEP = 4
"""Source pixels per working pixel: finer than a cell, so that boxes follow the interpolated outline …"""
FINEST = 8
"""… but not finer than this many working pixels across a cell: large pictures gain nothing by more."""
MOST = 20
"""Regions reported of one frame, strongest first."""
SMALLEST = 0.5
"""Parts smaller than this share of a cell are noise of the interpolation, unless they hold the peak."""
OUTLINE = 3.5
"""A thing that reaches a higher level is drawn as far as the map reaches this one: what normal cells show once in three
thousand times. On a drawn scene (docs/log.md) outlines at the threshold itself hold the peak only."""
OVERLAP = 0.6
"""Two boxes are one thing when they share this much of the smaller one."""


def regions(map: Grid, level: float, size: tuple[int, int]) -> tuple[Region, ...]:
    """The connected parts of `map` that reach `level`, as far as they are over it or over OUTLINE.

    map: float32 (gh, gw), finite, covering the whole picture; level: in the map's units; size: (width,
    height) of the source's picture. Returns at most 20 regions, highest peak first, with half-open boxes
    inside the picture. There is at least one whenever any cell reaches the level.

    Raises ValueError for a map whose maximum is not finite: its boxes would mean nothing.
    """
    top = float(map.max())
    if not np.isfinite(top):
        raise ValueError("the map's maximum is not finite")
    if top < level:
        return ()
    outline = min(level, OUTLINE)
    fine = _upsample(map, outline, size)
    rows, columns = fine.shape
    # Labels per pixel, and (x, y, width, height, area) per part; part 0 is the background.
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (fine >= outline).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    cell = rows * columns / map.size
    strongest = labels.ravel()[fine.argmax()]

    found = []
    for part in range(1, count):
        small = stats[part, cv2.CC_STAT_AREA] < SMALLEST * cell
        if small and part != strongest:
            continue
        x, y, width, height = (int(value) for value in stats[part, :4])
        inside = (slice(y, y + height), slice(x, x + width))
        peak = float(fine[inside][labels[inside] == part].max())
        if peak < level:
            continue
        region = _region(stats[part], peak, (columns, rows), size)
        found.append(_one_cell(map, region.peak, size) if small else region)
    found.sort(key=lambda region: -region.peak)
    return tuple(_merged(found[: 2 * MOST])[:MOST])


def of_size(found: tuple[Region, ...], config: RegionConfig, size: tuple[int, int]) -> tuple[Region, ...]:
    """Those of the regions whose box takes a share of the (width, height) picture that `config` lets pass."""
    smallest, largest = (share * size[0] * size[1] for share in (config.min_area, config.max_area))
    return tuple(region for region in found if smallest <= _area(region.box) <= largest)


def _upsample(map: Grid, level: float, size: tuple[int, int]) -> Grid:
    """The map at about `STEP` source pixels, with every cell over the level kept at its full height.

    Interpolation flattens a lone high cell; its own value is put back at its middle, so that no cell over the
    level is lost and peaks are those of the map.
    """
    grid_rows, grid_columns = map.shape
    columns = min(FINEST * grid_columns, max(grid_columns, -(-size[0] // STEP)))
    rows = min(FINEST * grid_rows, max(grid_rows, -(-size[1] // STEP)))
    fine = np.asarray(
        cv2.resize(np.ascontiguousarray(map, np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR),
        np.float32,
    )
    i, j = np.nonzero(map >= level)
    middle = ((2 * i + 1) * rows // (2 * grid_rows), (2 * j + 1) * columns // (2 * grid_columns))
    fine[middle] = np.maximum(fine[middle], map[i, j])
    # Interpolation may round a hair above the highest cell.
    return np.asarray(np.minimum(fine, map.max()), np.float32)


def _region(stats: NDArray[Any], peak: float, fine: tuple[int, int], size: tuple[int, int]) -> Region:
    """One row of component statistics in source pixels."""
    x, y, width, height, area = (int(value) for value in stats)
    across, down = size[0] / fine[0], size[1] / fine[1]
    box = (
        int(x * across),
        int(y * down),
        min(size[0], -int(-(x + width) * across // 1)),
        min(size[1], -int(-(y + height) * down // 1)),
    )
    return Region(box=box, area=max(1, round(area * across * down)), peak=peak)


def _one_cell(map: Grid, peak: float, size: tuple[int, int]) -> Region:
    """The whole cell of the peak: the evidence is no finer than that."""
    i, j = divmod(int(map.argmax()), map.shape[1])
    x = [size[0] * edge // map.shape[1] for edge in (j, j + 1)]
    y = [size[1] * edge // map.shape[0] for edge in (i, i + 1)]
    box = (x[0], y[0], max(x[1], x[0] + 1), max(y[1], y[0] + 1))
    return Region(box=box, area=_area(box), peak=peak)


def _merged(found: list[Region]) -> list[Region]:
    """Join regions whose boxes overlap a lot, until none do; the order (strongest first) is kept."""
    kept: list[Region] = []
    for region in found:
        while True:
            partner = next((k for k, other in enumerate(kept) if _same(region.box, other.box)), None)
            if partner is None:
                break
            # The union may now reach a third box, so it goes round again.
            other = kept.pop(partner)
            region = Region(
                box=_union(region.box, other.box),
                area=region.area + other.area,
                peak=max(region.peak, other.peak),
            )
        kept.append(region)
    return sorted(kept, key=lambda region: -region.peak)


def _same(a: Box, b: Box) -> bool:
    shared = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return _area(shared) > OVERLAP * min(_area(a), _area(b))


def _union(a: Box, b: Box) -> Box:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def _area(box: Box) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])
