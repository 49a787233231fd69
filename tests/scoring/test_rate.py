"""Events a day as a function of the level, from the levels of few events."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import genpareto, poisson

from memwatch.scoring.rate import (
    DAY,
    DESIGN_EVENTS,
    DESIGN_SCALE,
    LEAST_SCALE,
    LEVEL_EVENTS,
    MOST_PER_DAY,
    MOST_SHAPE,
    TAIL_EVENTS,
    EventRate,
    Expected,
    poisson_bound,
)

seeds = st.integers(0, 2**31)
budgets = st.floats(0.001, 1000)


def drawn(seed: int) -> EventRate:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 200))
    kinds = (rng.exponential(1, size), rng.pareto(2, size), np.full(size, 3.0), rng.uniform(0, 9, size))
    return EventRate.fit(kinds[int(rng.integers(len(kinds)))], float(rng.uniform(10, 20_000)))


# By hand


def test_an_exponential_rate_by_hand() -> None:
    """10 events over 2 in 1000 s are 864 a day; every ln(10) = 2.303 more, a tenth of them."""
    rate = EventRate(start=2.0, events=10, seconds=1000, shape=0.0, scale=1.0)
    assert rate.per_day(2) == pytest.approx(864)
    assert rate.per_day(2 + math.log(10)) == pytest.approx(86.4)
    assert rate.level(86.4) == pytest.approx(2 + math.log(10))
    assert rate.level(1) == pytest.approx(2 + math.log(864))


def test_a_pareto_rate_by_hand() -> None:
    """(1 + 0.25 · 4)^-4 = 1/16."""
    rate = EventRate(start=2.0, events=10, seconds=1000, shape=0.25, scale=1.0)
    assert rate.per_day(6) == pytest.approx(864 / 16)
    assert rate.level(54) == pytest.approx(6)


def test_under_its_start_the_curve_knows_no_more_events() -> None:
    rate = EventRate(start=2.0, events=10, seconds=1000, shape=0.0, scale=1.0)
    assert rate.per_day(-5) == rate.per_day(2)
    assert rate.level(5000) == 2


def test_the_scale_of_few_events_by_hand() -> None:
    """Of six the higher half count: 1, 2 and 4 lie 0, 1 and 3 beyond the lowest, and lean on the design's scale."""
    rate = EventRate.fit(np.array([4.0, 1.0, 2.0, 0.2, 0.1, 0.3]), 60)
    assert (rate.start, rate.events, rate.seconds) == (1, 3, 60)
    assert rate.shape == pytest.approx(0, abs=0.02)
    assert rate.scale == pytest.approx((1 + 3 + DESIGN_EVENTS * DESIGN_SCALE) / (2 + DESIGN_EVENTS), rel=0.03)


def test_one_event_says_only_where_it_was() -> None:
    rate = EventRate.fit(np.array([5.0]), 36)
    assert rate.start == 5
    assert rate.scale == pytest.approx(DESIGN_SCALE, rel=1e-3)
    assert rate.level(1) == pytest.approx(5 + DESIGN_SCALE * math.log(2400), rel=1e-3)


def test_equal_levels_are_no_promise() -> None:
    rate = EventRate.fit(np.full(1000, 3.0), 1000)
    assert rate.scale >= LEAST_SCALE
    assert 4 < rate.level(1) < 10


def test_one_event_has_the_scale_that_was_expected() -> None:
    rate = EventRate.fit(np.array([5.0]), 36, Expected(scale=0.77))
    assert rate.start == 5
    assert rate.scale == pytest.approx(0.77, rel=1e-3)
    assert EventRate.fit(np.array([5.0]), 36, Expected()) == EventRate.fit(np.array([5.0]), 36)


def test_the_level_of_few_events_leans_on_what_was_expected_by_hand() -> None:
    """Three of six count. Their start moves by 5 / (5 + 3) of what their level of once a day lies off; nothing else."""
    levels = np.array([4.0, 1.0, 2.0, 0.2, 0.1, 0.3])
    alone = EventRate.fit(levels, 60)
    leaning = EventRate.fit(levels, 60, Expected(once_a_day=11.6))
    assert LEVEL_EVENTS == 5
    assert leaning.start == pytest.approx(1 + 5 / 8 * (11.6 - alone.level(1)))
    assert leaning.level(1) == pytest.approx(3 / 8 * alone.level(1) + 5 / 8 * 11.6)
    assert replace(leaning, start=alone.start) == alone


@pytest.mark.parametrize("wrong", [-3.0, 3.0])
def test_the_level_of_many_events_hardly_leans(wrong: float) -> None:
    levels = np.random.default_rng(2).exponential(1, 5000)
    alone = EventRate.fit(levels, 2 * DAY)
    leaning = EventRate.fit(levels, 2 * DAY, Expected(once_a_day=alone.level(1) + wrong))
    assert 0 < (leaning.level(1) - alone.level(1)) / wrong < 0.003


@pytest.mark.parametrize(("events", "days", "bound"), [(0, 1, 2.9957), (0, 36 / DAY, 7189.7), (3, 1, 7.7537)])
def test_what_a_count_certifies(events: int, days: float, bound: float) -> None:
    assert poisson_bound(events, days) == pytest.approx(bound, rel=1e-4)
    assert poisson.cdf(events, poisson_bound(events, days) * days) == pytest.approx(0.05, abs=1e-6)


# By sample


def test_only_the_tail_shapes_the_tail() -> None:
    """Of many events the highest count: what a crowd of small ones looks like is no matter."""
    high = 10 + np.random.default_rng(1).exponential(1, TAIL_EVENTS)
    some = EventRate.fit(np.concatenate([high, np.linspace(0, 9, TAIL_EVENTS)]), 600)
    more = EventRate.fit(np.concatenate([high, np.linspace(0, 9, 500)]), 600)
    assert more == some


def test_long_footage_gives_as_many_as_the_largest_budget_needs() -> None:
    levels = np.random.default_rng(2).exponential(1, 5000)
    rate = EventRate.fit(levels, 2 * DAY)
    assert rate.events == 2 * MOST_PER_DAY
    assert rate.per_day(rate.start) == pytest.approx(MOST_PER_DAY)


@pytest.mark.parametrize("shape", [0.0, 0.15])
def test_the_law_of_many_events_is_found(shape: float) -> None:
    """Over 40 days, at the level of one event in ten days."""
    rng = np.random.default_rng(3)
    law = genpareto(shape, loc=4, scale=0.7)
    rate = EventRate.fit(law.rvs(40_000, random_state=rng), 40 * DAY)
    assert rate.level(0.1) == pytest.approx(law.isf(1e-4), rel=0.12)
    assert rate.level(100) == pytest.approx(law.isf(0.1), rel=0.03)


def test_over_many_short_recordings_the_budget_is_kept_on_the_whole() -> None:
    """Ten minutes each of a scene with an event a minute, the budget a hundred a day: within a factor of three
    for the most, though a day of it would hold 1440 events, ten minutes hold ten, and the scale is over twice the
    design's."""
    rng = np.random.default_rng(4)
    truth = [math.exp(-EventRate.fit(rng.exponential(1, 10) + 5, 600).level(100) + 5) * 1440 for _ in range(200)]
    assert 50 < float(np.median(truth)) < 300
    assert float(np.quantile(truth, 0.9)) < 500


# By property


@given(seeds, budgets)
def test_the_level_is_the_inverse_of_the_rate(seed: int, per_day: float) -> None:
    rate = drawn(seed)
    wanted = min(per_day, rate.events / rate.days)
    assert rate.per_day(rate.level(per_day)) == pytest.approx(wanted, rel=1e-6)


@given(seeds, budgets, budgets)
def test_a_smaller_budget_needs_no_lower_a_level(seed: int, one: float, other: float) -> None:
    rate = drawn(seed)
    assert rate.level(min(one, other)) >= rate.level(max(one, other)) >= rate.start


@given(seeds)
def test_every_fit_is_sound_and_bounded(seed: int) -> None:
    rate = drawn(seed)
    assert rate.sound()
    assert 0 <= rate.shape <= MOST_SHAPE
    assert rate.scale >= LEAST_SCALE
    assert np.isfinite(rate.level(0.001))


@given(seeds, st.floats(-20, 20))
def test_the_rate_moves_with_the_levels(seed: int, by: float) -> None:
    levels = np.random.default_rng(seed).exponential(1, 25)
    one, moved = EventRate.fit(levels, 300), EventRate.fit(levels + by, 300)
    assert moved.level(1) == pytest.approx(one.level(1) + by, abs=1e-2)


@pytest.mark.parametrize("harm", [{"events": 0.0}, {"seconds": 0.0}, {"scale": -1.0}, {"shape": -0.1}])
def test_what_cannot_be_calculated_with_is_not_sound(harm: dict[str, float]) -> None:
    assert not replace(drawn(0), **harm).sound()
