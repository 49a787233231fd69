"""Numbers to the geometry of the report's drawings, which are SVG stretched to the page's width.

All coordinates are in a box of WIDE × TALL units, y downwards; words stand beside the drawings as HTML, so that they
are not stretched with them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from memwatch.sinks.style import clock_text
from memwatch.tasks.report_run import Span, Values

WIDE, TALL = 1000.0, 100.0
COLUMNS = 700
"""Of a curve: each shows the lowest and the highest value of its share of the frames, so that no peak is lost and a
day of frames weighs as little as a minute."""
TICKS = (0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""Seconds between two times on the axis: round ones for a clock."""
MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class Tick:
    """A word beside a drawing."""

    at: float
    """Percent of its width or height."""
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time."""

    left: float
    """Percent of the width, as `width`."""
    width: float
    text: str
    number: int = 0
    """The event's, from 1; 0 for none."""
    id: str = ""
    matched: bool | None = None
    """Whether truth and events agree on it; None where there is no truth."""

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


@dataclass(frozen=True, slots=True)
class Timeline:
    """A clip's scores over time."""

    path: str
    """`d` of the curve."""
    area: str
    """The same, closed down to the axis."""
    first: float
    last: float
    """Seconds at its left and right edge."""
    top: float
    """The score at its upper edge; the lower is 0."""
    threshold: float | None
    """y of the threshold."""
    ticks: tuple[Tick, ...]


def timeline(seconds: Values, scores: Values, threshold: float | None) -> Timeline:
    """The curve of `scores` (N,) at `seconds` (N,), rising; what is not finite is left out."""
    finite = np.isfinite(scores)
    first, last = float(seconds[0]), max(float(seconds[-1]), float(seconds[0]) + 0.1)
    highest = float(scores[finite].max()) if finite.any() else 0.0
    top = 1.12 * max(highest, 1.25 * (threshold or 1.0))
    points = decimated(seconds[finite], scores[finite])
    placed = [((at - first) / (last - first) * WIDE, TALL * (1 - max(0.0, value) / top)) for at, value in points]
    path = polyline(placed)
    area = f"{path}L{placed[-1][0]:.1f} {TALL:.0f}L{placed[0][0]:.1f} {TALL:.0f}Z" if placed else ""
    days = math.ceil((last - first) / MOST_TICKS / TICKS[-1])
    step = next((step for step in TICKS if (last - first) / step <= MOST_TICKS), TICKS[-1] * days)
    times = np.arange(math.ceil(first / step), math.floor(last / step + 1e-9) + 1) * step
    digits = 0 if step >= 1 else 1
    return Timeline(
        path,
        area,
        first,
        last,
        top,
        threshold=None if threshold is None else TALL * (1 - threshold / top),
        ticks=tuple(Tick(100 * (float(at) - first) / (last - first), clock_text(float(at), digits)) for at in times),
    )


def decimated(at: Values, values: Values, columns: int = COLUMNS) -> list[tuple[float, float]]:
    """(N,) points as at most 2 · `columns`: of each column its lowest and highest, in their order."""
    if len(at) <= 2 * columns:
        return list(zip(at.tolist(), values.tolist(), strict=True))
    kept: list[int] = []
    edges = np.linspace(0, len(at), columns + 1).astype(int)
    for start, end in pairwise(edges):
        part = values[start:end]
        kept += sorted({int(start + part.argmin()), int(start + part.argmax())})
    return [(float(at[i]), float(values[i])) for i in kept]


def polyline(points: Sequence[tuple[float, float]]) -> str:
    """`d` of a path through `points`, in the drawing's units."""
    return "".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))


def band(
    span: Span, drawn: Timeline, text: str, *, number: int = 0, id: str = "", matched: bool | None = None
) -> Band:
    """Where a stretch of time lies in a timeline."""
    whole = drawn.last - drawn.first
    left, right = (min(max((at - drawn.first) / whole, 0.0), 1.0) * 100 for at in span)
    return Band(left, right - left, text, number, id, matched)
