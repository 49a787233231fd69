"""What a threshold is meant for, in words."""

from __future__ import annotations

import pytest

from memwatch.errors import UsageError
from memwatch.tasks.budget import Budget, check_budget


@pytest.mark.parametrize(
    ("per_day", "seconds", "sentence"),
    [
        (1, 36, "meant for 1 false alarm a day; 36 s of held-out footage can prove no fewer than 7,200 a day, "
                "the rest is extrapolated"),
        (20, 1800, "meant for 20 false alarms a day; 30 min of held-out footage can prove no fewer than 140 a day, "
                   "the rest is extrapolated"),
        (0.1, 200_000, "meant for 1 false alarm in 10 days; 56 h of held-out footage can prove no fewer than 1.3 a "
                       "day, the rest is extrapolated"),
        (5, 72_000, "meant for 5 false alarms a day; 20 h of held-out footage can prove no fewer than 11 a day"),
        (100, 3600, "meant for 100 false alarms a day; 60 min of held-out footage can prove no fewer than 220 a day"),
    ],
)  # fmt: skip
def test_in_words(per_day: float, seconds: float, sentence: str) -> None:
    assert Budget(6.0, per_day, seconds).sentence() == sentence


def test_as_json() -> None:
    assert Budget(6.0, 1.0, 36.04).to_dict() == {
        "per_day": 1.0,
        "held_out_seconds": 36.0,
        "certified_per_day": 7180.0,
        "extrapolated": True,
        "in_words": Budget(6.0, 1.0, 36.04).sentence(),
    }


@pytest.mark.parametrize("per_day", [0.0, -1.0, 0.0001, 1001.0, float("nan"), float("inf")])
def test_budgets_that_make_no_sense(per_day: float) -> None:
    with pytest.raises(UsageError, match="cannot be asked for") as caught:
        check_budget(per_day)
    assert "--false-alarms-per-day 0.001 to 1000" in caught.value.line()


@pytest.mark.parametrize("per_day", [0.001, 1.0, 1000.0])
def test_budgets_that_make_sense(per_day: float) -> None:
    check_budget(per_day)
