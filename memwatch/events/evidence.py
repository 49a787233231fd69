"""Why it is odd: what each region owes to which cue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.calibration import SLOW, answered, question_of
from memwatch.types import Box, Grid, Region


def with_cues(
    found: tuple[Region, ...],
    map: Grid,
    *,
    rarity: Mapping[str, Grid],
    ratios: Mapping[str, Grid],
    size: tuple[int, int],
    trust: Mapping[str, float] | None = None,
) -> tuple[Region, ...]:
    """The regions of `map`, each with the cue that says most at its peak and by how much that exceeds the usual.

    rarity: each cue's map (gh, gw) on the scale of `map`; ratios: a cue's size (gh, gw) as a multiple of what is usual
    at the place, of those cues that have a usual size; size: (width, height) of the source's picture; trust: as the
    calibration has it.
    """
    return tuple(_with_cue(one, map, rarity=rarity, ratios=ratios, size=size, trust=trust or {}) for one in found)


def _with_cue(
    region: Region,
    map: Grid,
    *,
    rarity: Mapping[str, Grid],
    ratios: Mapping[str, Grid],
    size: tuple[int, int],
    trust: Mapping[str, float],
) -> Region:
    at = _peak_cell(region, map, size)
    cue = _leading({name: float(values[at]) for name, values in rarity.items()}, float(map[at]), trust)
    return replace(region, cue=cue, ratio=float(ratios[cue][at]) if cue in ratios else None)


def _leading(rarity: Mapping[str, float], value: float, trust: Mapping[str, float]) -> str:
    """The cue that says most where the map has `value`.

    Cues that answer one question add up, so that each of them may be less than another that has nothing to do with it:
    the question is found first. A slow cue stands by itself, and leads where it is what the map shows.
    """
    slow = [name for name in rarity if name in SLOW and rarity[name] >= value - 1e-4]
    said = answered({name: np.array(one, np.float32) for name, one in rarity.items() if name not in SLOW})
    loudest = max(said, key=lambda question: trust.get(question, 1.0) * float(said[question]), default="")
    return max(slow or [name for name in rarity if question_of(name) == loudest], key=lambda name: rarity[name])


def _peak_cell(region: Region, map: Grid, size: tuple[int, int]) -> tuple[int, int]:
    """The cell (row, column) that the region has its peak from: boxes may overlap, so the highest cell in this one may
    be another region's."""
    rows, columns = cells(region.box, (map.shape[0], map.shape[1]), size)
    inside: NDArray[np.float32] = np.abs(map[rows, columns] - np.float32(region.peak))
    row, column = np.unravel_index(int(inside.argmin()), inside.shape)
    return rows.start + int(row), columns.start + int(column)


def cells(box: Box, grid: tuple[int, int], size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the cells of a (gh, gw) map that a box in a (width, height) picture touches; at least one."""
    (x1, y1, x2, y2), (width, height), (gh, gw) = box, size, grid
    rows = slice(y1 * gh // height, -(-y2 * gh // height))
    columns = slice(x1 * gw // width, -(-x2 * gw // width))
    return rows, columns
