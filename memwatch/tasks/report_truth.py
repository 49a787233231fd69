"""The part of the report that labels make possible: figures, the ROC curve, and what a threshold costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from memwatch.sinks.style import clock_text
from memwatch.tasks.report_chart import TALL, WIDE, Tick, polyline
from memwatch.tasks.report_facts import figure
from memwatch.tasks.report_figures import DAY_S, Alarms, Figures, Point

NONE = 0.15
"""Share of the axis between no false alarm and its lowest power of ten."""


@dataclass(frozen=True, slots=True)
class FiguresView:
    """The labelled part of the page."""

    over: str
    """What the figures are of."""
    summary: tuple[tuple[str, str], ...]
    roc: str
    alarms: str
    """`d` of either curve; empty where it is undefined."""
    alarm_ticks: tuple[Tick, ...]
    chosen: tuple[float, float] | None
    """Where the run's own threshold stands in the second, in the drawing's units."""
    hours: str
    """Length of the normal footage."""
    one: str
    """A single false alarm in it as a rate a day."""


def figures_view(found: Figures) -> FiguresView:
    """What is known of a run against its truth, in words and curves."""
    chosen, rate = found.chosen, found.false_per_day(found.chosen)
    axis = _Axis.of(found)
    return FiguresView(
        over=f"{found.clips} labelled clip{'' if found.clips == 1 else 's'}, one threshold for all",
        summary=(
            ("AUC", figure(found.auc, 3)),
            ("Equal error rate", figure(found.eer, 3)),
            ("Known anomalies found", f"{chosen.found} of {found.segments}"),
            ("False alarms", str(chosen.false) + (f", or {rate:,.0f} a day at this rate" if rate else "")),
        ),
        roc=polyline([(x * WIDE, (1 - y) * TALL) for x, y in found.roc]),
        alarms=polyline(_stairs([at for level in found.alarms if (at := axis.place(found, level))])),
        alarm_ticks=axis.ticks(),
        chosen=axis.place(found, chosen),
        hours=clock_text(found.normal_s, 0),
        one=f"{DAY_S / found.normal_s:,.0f}" if found.normal_s else "–",
    )


def _stairs(points: list[Point]) -> list[Point]:
    """Counts have no values in between: across first, then up; what few false alarms find, more find as well."""
    if not points:
        return []
    corners = [(after[0], before[1]) for before, after in pairwise(points)]
    return [at for pair in zip(points, [*corners, (WIDE, points[-1][1])], strict=True) for at in pair]


@dataclass(frozen=True, slots=True)
class _Axis:
    """False alarms a day, from one in the footage up, on a logarithmic scale."""

    low: int
    high: int
    """Powers of ten at its ends."""

    @classmethod
    def of(cls, found: Figures) -> _Axis:
        if not found.normal_s:
            return cls(0, 1)
        one = DAY_S / found.normal_s
        most = max(found.false_per_day(level) or 0.0 for level in (*found.alarms, found.chosen))
        low = math.floor(math.log10(one))
        return cls(low, max(math.ceil(math.log10(max(most, one))), low + 1))

    def place(self, found: Figures, alarms: Alarms) -> Point | None:
        """In the drawing's units; None where there is nothing to find or no normal footage."""
        rate = found.false_per_day(alarms)
        if rate is None or not found.segments:
            return None
        return self._left(math.log10(rate)) * WIDE if rate else 0.0, (1 - alarms.found / found.segments) * TALL

    def ticks(self) -> tuple[Tick, ...]:
        powers = range(self.low, self.high + 1)
        return Tick(0.0, "0"), *(Tick(100 * self._left(power), f"{10.0**power:,.10g}") for power in powers)

    def _left(self, power: float) -> float:
        # The left edge is for no false alarm at all, which a logarithm has no place for.
        return NONE + (1 - NONE) * (power - self.low) / (self.high - self.low)
