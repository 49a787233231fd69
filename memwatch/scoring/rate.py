"""How often a level is passed by chance: events a day, counted where the footage reaches, extrapolated beyond.

An event's level is the highest threshold at which the footage still makes it. Levels of separate events are all but
independent, which scores of neighbouring frames are not, so their tail can be fitted: events beyond a high level
arrive as a Poisson process, and what they exceed it by follows a generalised Pareto law (Pickands 1975; Davison &
Smith 1990, peaks over threshold).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, e, log, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import chi2

DAY = 86_400.0
LEAST_PER_DAY, MOST_PER_DAY = 0.001, 1000.0
"""Budgets that can be asked for: one alarm in three years, and more than one in two minutes."""
CONFIDENCE = 0.95
TAIL_EVENTS, TAIL_SHARE = 30, 0.5
"""Highest events that the tail is fitted to, at most this share of all: the lowest of them are the ordinary. Or as many
as MOST_PER_DAY are in the footage's time, if that is more."""
DESIGN_SCALE = log10(e)
"""A score is the negative logarithm to base 10 of a probability. Were it exactly that, its tail would be exponential
with this scale, which is what a fit to few events leans on."""
LEVEL_EVENTS = 5.0
"""So many events' worth of leaning on the level that is expected to be passed once a day. Footage of half a minute has
two, extrapolated over four decades: among fifty such pieces of one scene the estimates lay 4 apart, and two pieces in
three within 1.5 (docs/log.md)."""
DESIGN_EVENTS = 20.0
"""So many events' worth of leaning. On drawn scenes thresholds extrapolated from half a minute came nearest to those
from a quarter of an hour with it (docs/log.md)."""
LEAST_SCALE = DESIGN_SCALE / 2
"""Equal levels, as of a scene that repeats itself, do not prove that nothing will ever exceed them."""
EXPONENTIAL = 1e-4
"""A shape as good as 0."""
SHAPE_SPREAD, MOST_SHAPE = 0.05, 0.25
"""Standard deviation and bound of the shape expected around 0, the exponential law. Extrapolation over four decades
multiplies whatever a few events seem to say about it; below 0 the law would have an end beyond which nothing comes."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a fit to few events leans on."""

    scale: float = DESIGN_SCALE
    """Of the tail, as if it were exponential."""
    once_a_day: float | None = None
    """The level passed once a day; None where nothing is known of it."""


@dataclass(frozen=True, slots=True)
class EventRate:
    """Events a day as a function of the level, beyond `start`."""

    start: float
    events: float
    """Events at `start`, in `seconds`."""
    seconds: float
    """Footage seen."""
    shape: float
    scale: float

    @classmethod
    def fit(
        cls, levels: NDArray[np.floating[Any]], seconds: float, expected: Expected | None = None
    ) -> EventRate:
        """From the levels of all events (any order, at least one) that `seconds` of normal footage make, and what was
        `expected` before, if more than the design."""
        expected = expected or Expected()
        ordered = np.sort(levels, axis=None).astype(np.float64)[::-1]
        most = min(TAIL_EVENTS, ceil(TAIL_SHARE * len(ordered)))
        kept = ordered[: max(most, round(MOST_PER_DAY * seconds / DAY))]
        shape, scale = _fit_tail(kept[:-1] - kept[-1], expected.scale)
        rate = cls(float(kept[-1]), float(len(kept)), float(seconds), shape, scale)
        if expected.once_a_day is None:
            return rate
        leaning = LEVEL_EVENTS / (LEVEL_EVENTS + len(kept))
        return replace(rate, start=rate.start + leaning * (expected.once_a_day - rate.level(1.0)))

    @property
    def days(self) -> float:
        return self.seconds / DAY

    def per_day(self, level: float) -> float:
        """Events a day expected over `level`; under `start` as many as there."""
        excess = max(0.0, level - self.start) / self.scale
        share = (1 + self.shape * excess) ** (-1 / self.shape) if self.shape > 0 else e**-excess
        return float(self.events / self.days * share)

    def level(self, per_day: float) -> float:
        """The level over which `per_day` events a day are expected; at least `start`."""
        ratio = max(1.0, self.events / self.days / per_day)
        if self.shape > 0:
            return float(self.start + self.scale / self.shape * (ratio**self.shape - 1))
        return self.start + self.scale * log(ratio)

    def sound(self) -> bool:
        """Whether numbers read from a file can be calculated with."""
        return self.events > 0 and self.seconds > 0 and self.scale > 0 and self.shape >= 0


def poisson_bound(events: int, days: float) -> float:
    """Events a day that are not exceeded, with 95 % confidence, where `events` were seen in `days`: 3 / days for
    none (exact one-sided bound of a Poisson count, Garwood 1936)."""
    return float(chi2.ppf(CONFIDENCE, 2 * (events + 1)) / 2 / days)


def _fit_tail(excess: NDArray[np.float64], expected: float) -> tuple[float, float]:
    """Shape and scale of the generalised Pareto law of `excess` (n,), >= 0: the most probable ones, given what was
    expected before. With few events that is nearly an exponential law of the expected scale."""

    count = len(excess) + DESIGN_EVENTS
    mean = (excess.sum() + DESIGN_EVENTS * expected) / count

    def improbability(point: NDArray[np.float64]) -> float:
        shape, scale = float(point[0]), float(np.exp(point[1]))
        seen = (1 + 1 / shape) * float(np.log1p(shape * excess / scale).sum()) + len(excess) * log(scale)
        before = (shape / SHAPE_SPREAD) ** 2 / 2 + DESIGN_EVENTS * (log(scale) + expected / scale)
        return (seen + before) / count

    bounds = [(EXPONENTIAL, MOST_SHAPE), (log(mean) - 3, log(mean) + 3)]
    found = minimize(improbability, [SHAPE_SPREAD, log(mean)], method="L-BFGS-B", bounds=bounds)
    shape, scale = float(found.x[0]), float(np.exp(found.x[1]))
    return (0.0 if shape <= 2 * EXPONENTIAL else shape), max(scale, LEAST_SCALE)
