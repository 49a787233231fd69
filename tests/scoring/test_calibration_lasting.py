"""What lasts has its share of the budget, a threshold of its own, and a place in the model file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.errors import UsageError
from memwatch.scoring import LASTS, LASTS_S, MOMENT, Calibration, EventRate, SceneMemory
from memwatch.scoring.calibration import LEAST_LEVEL, TOGETHER

RATES = {MOMENT: EventRate(2.0, 10, 1e4, 0.0, 1.0), LASTS: EventRate(1.0, 10, 1e4, 0.0, 0.5)}
"""86.4 events a day each, over 2 and over 1."""


def maps(seed: int, frames: int = 60) -> NDArray[np.float32]:
    return np.random.default_rng(seed).gamma(2, 0.01, (frames, 6, 8)).astype(np.float32)


def lasting(rates: dict[str, EventRate] = RATES, **how: Any) -> Calibration:
    return Calibration.fit({"prediction": maps(1)}, np.zeros(60), seconds=6.0, rates=rates, lasts=LASTS_S, **how)


def test_moment_and_what_lasts_have_four_fifths_of_the_budget_each_by_hand() -> None:
    """10.8 a day: 8.64 each, a tenth of 86.4, one decade over where the rates begin."""
    calibration = lasting(per_day=10.8)
    assert calibration.threshold == pytest.approx(2 + np.log(10))
    assert calibration.scales == {LASTS: pytest.approx((2 + np.log(10)) / (1 + 0.5 * np.log(10)))}


def test_a_slow_cue_has_half_and_they_have_four_fifths_of_the_other() -> None:
    scene = SceneMemory(np.zeros((1, 24, 32), np.float32), np.zeros((0, 1, 24, 32), np.float32))
    cues = {"prediction": maps(1), "scene": maps(2)}
    rates = RATES | {"scene": EventRate(0.5, 10, 1e4, 0.0, 0.25)}
    told = Calibration.fit(cues, np.zeros(60), seconds=6, scene=scene, rates=rates, lasts=LASTS_S, per_day=34.56)
    assert told.threshold == pytest.approx(rates[MOMENT].level(0.8 * 17.28))
    for name, share in ((LASTS, 0.8 * 17.28), ("scene", 17.28)):
        assert told.threshold / told.scales[name] == pytest.approx(rates[name].level(share))


def test_what_lasts_reaches_the_threshold_at_its_own() -> None:
    """The same map twice: by its own threshold what has lasted is over it, by the moment's the moment is not."""
    calibration = lasting()
    own = RATES[LASTS].level(0.8)
    assert own < calibration.threshold
    moment, had = np.full((6, 8), own, np.float32), np.zeros((6, 8), np.float32)
    had[2, 3] = own
    grid = calibration.with_lasting(moment, had)
    assert grid.dtype == np.float32
    assert grid[2, 3] == pytest.approx(calibration.threshold)
    np.testing.assert_array_equal(np.delete(grid.ravel(), 2 * 8 + 3), np.float32(own))


def test_half_of_its_threshold_is_a_quarter_of_the_map_s() -> None:
    calibration, nothing = lasting(), np.zeros((6, 8), np.float32)
    had = np.full((6, 8), RATES[LASTS].level(0.8) / 2, np.float32)
    np.testing.assert_allclose(calibration.with_lasting(nothing, had), calibration.threshold / 4, rtol=1e-5)


def test_another_budget_moves_both() -> None:
    one = lasting()
    lax = one.at(100)
    assert lax.threshold == RATES[MOMENT].level(80)
    assert lax.threshold / lax.scales[LASTS] == pytest.approx(RATES[LASTS].level(80))
    assert lax.lasts == LASTS_S
    assert lax.at(1) == one


def test_an_older_record_keeps_the_half_that_its_threshold_was_set_with() -> None:
    """By hand, the moment half of one a day, what lasts the other; beside a slow cue a quarter."""
    older = replace(lasting(), together=0.0).at(1.0)
    assert older.threshold == RATES[MOMENT].level(0.5)
    assert older.threshold / older.scales[LASTS] == pytest.approx(RATES[LASTS].level(0.5))
    record = older.to_record()
    assert "together" not in record
    back = Calibration.from_record(record, "m")
    assert back.at(1.0).threshold == back.threshold == older.threshold
    new = Calibration.from_record(lasting().to_record(), "m")
    assert new.together == TOGETHER
    assert new.at(1.0).threshold == new.threshold == RATES[MOMENT].level(TOGETHER)
    slow = replace(older, rates=RATES | {"scene": RATES[MOMENT]}).at(1.0)
    assert slow.threshold == RATES[MOMENT].level(0.5)
    assert slow.threshold / slow.scales["scene"] == pytest.approx(RATES[MOMENT].level(0.25))


def test_a_level_of_nothing_blows_nothing_up() -> None:
    calibration = lasting(RATES | {LASTS: EventRate(0.0, 1e-9, 1e4, 0.0, 0.5)})
    assert calibration.scales[LASTS] == pytest.approx(calibration.threshold / LEAST_LEVEL)


def test_without_a_rate_of_what_lasts_nobody_asks() -> None:
    calibration = lasting({MOMENT: RATES[MOMENT]})
    assert (calibration.lasts, calibration.scales) == (0.0, {})
    assert calibration.threshold == RATES[MOMENT].level(1)


def test_there_and_back() -> None:
    one = lasting()
    record = one.to_record()
    assert (record["lasts"], record["to_threshold.lasts"]) == (LASTS_S, one.scales[LASTS])
    back = Calibration.from_record(record, "m.safetensors")
    for name in ("threshold", "gate", "frames", "seconds", "scales", "rates", "per_day", "half_life", "lasts"):
        assert getattr(back, name) == getattr(one, name), name
    assert back.at(10).scales == one.at(10).scales


def test_an_older_record_does_not_ask_and_scores_as_before() -> None:
    old = Calibration.fit({"prediction": maps(1)}, np.zeros(60), seconds=6.0)
    record = old.to_record()
    assert not [name for name in record if LASTS in name]
    back = Calibration.from_record(record, "m.safetensors")
    assert (back.lasts, back.scales, back.threshold) == (0.0, {}, old.threshold)
    frame = {"prediction": maps(9)[0] * 5}
    np.testing.assert_array_equal(back.map(back.rarity(frame)), old.map(old.rarity(frame)))


@pytest.mark.parametrize("missing", ["to_threshold.lasts", "rate.lasts.start", "rate.lasts.scale"])
def test_a_record_that_asks_and_lacks_what_it_needs_is_refused(missing: str) -> None:
    record = lasting().to_record()
    del record[missing]
    with pytest.raises(UsageError, match=r"m\.safetensors: its calibration is damaged"):
        Calibration.from_record(record, "m.safetensors")


@pytest.mark.parametrize(
    "harm",
    [
        {"lasts": -0.5},
        {"lasts": float("nan")},
        {"lasts": "long"},
        {"to_threshold.lasts": 0.0},
        {"to_threshold.lasts": None},
        {"rate.lasts.scale": 0.0},
        {"rate.lasts.events": "10"},
    ],
    ids=str,
)
def test_what_cannot_be_calculated_with_is_refused(harm: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="its calibration is damaged"):
        Calibration.from_record(lasting().to_record() | harm, "m.safetensors")


def test_a_record_without_any_rate_has_one_threshold_and_still_knows_what_lasts() -> None:
    bare = {k: v for k, v in lasting().to_record().items() if k != "per_day" and not k.startswith("rate.")}
    back = Calibration.from_record(bare, "m.safetensors")
    assert (back.lasts, back.rates) == (LASTS_S, {})
    assert back.scales == lasting().scales
    with pytest.raises(ValueError, match="one threshold only"):
        back.at(10)
