"""Where it is odd: the map's parts over a level, as boxes in source pixels."""

from __future__ import annotations

from dataclasses import replace
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
OUTLINE = 3.5
"""A thing is drawn no further than the map reaches this level: normal cells show it once in three thousand times …"""
OF_PEAK = 0.6
"""… nor further than this share of its own peak: beside something loud its neighbours are a little odd too, and on a
crowded scene an outline at one level for all joins them (docs/log.md)."""
OVERLAP = 0.6
"""Two boxes are one thing when they share this much of the smaller one."""
AROUND = np.ones((3, 3), np.uint8)


def regions(map: Grid, level: float, size: tuple[int, int]) -> tuple[Region, ...]:
    """The things that `map` shows over `level`: each of its peaks, as far as the map reaches a good part of it.

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
    free = np.ones(fine.shape, np.uint8)
    found: list[Region] = []
    for cell in _peaks(map, level):
        at = _middle(cell, map.shape, fine.shape)
        if not free[at]:
            continue
        if len(found) == 2 * MOST:
            break
        peak = float(map[cell])
        # Labels per pixel, and (x, y, width, height, area) per part; of these the one that holds the peak.
        _, labels, stats, _ = cv2.connectedComponentsWithStats(
            free * (fine >= max(outline, OF_PEAK * peak)), connectivity=8, ltype=cv2.CV_32S
        )
        mine = labels == labels[at]
        free[cv2.dilate(mine.astype(np.uint8), AROUND) > 0] = 0
        found.append(_with_cell(_region(stats[labels[at]], peak, fine.shape[::-1], size), cell, map.shape, size))
    return tuple(_merged(found)[:MOST])


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
    over = np.nonzero(map >= level)
    middle = _middle((over[0], over[1]), map.shape, fine.shape)
    fine[middle] = np.maximum(fine[middle], map[over])
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


def _peaks(map: Grid, level: float) -> list[tuple[int, int]]:
    """The cells (row, column) that reach the level and none beside them exceeds, highest first."""
    rows, columns = np.nonzero((map >= level) & (map >= cv2.dilate(map, AROUND)))
    return sorted(zip(rows.tolist(), columns.tolist(), strict=True), key=lambda cell: -float(map[cell]))


def _middle(cell: tuple[Any, Any], grid: tuple[int, ...], fine: tuple[int, ...]) -> tuple[Any, Any]:
    """The working pixel in the middle of a cell (row, column), or of each of many, given as arrays."""
    i, j = cell
    return (2 * i + 1) * fine[0] // (2 * grid[0]), (2 * j + 1) * fine[1] // (2 * grid[1])


def _with_cell(region: Region, cell: tuple[int, int], grid: tuple[int, ...], size: tuple[int, int]) -> Region:
    """The region, the whole cell of its peak in it: the evidence is no finer than that."""
    x, y = ([size[a] * edge // grid[1 - a] for edge in (cell[1 - a], cell[1 - a] + 1)] for a in (0, 1))
    whole = (x[0], y[0], max(x[1], x[0] + 1), max(y[1], y[0] + 1))
    return replace(region, box=_union(region.box, whole), area=max(region.area, _area(whole)))


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
