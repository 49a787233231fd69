"""Calibration: rarity read from normal footage, by hand, by property, and against scipy's laws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from memwatch.errors import MemwatchError, UsageError
from memwatch.scoring import Calibration, SceneMemory
from memwatch.scoring.calibration import MOMENT, TAIL_SHARE, CueCalibration, Tail, peaks, usual_size
from memwatch.scoring.rate import DAY, EventRate

seeds = st.integers(0, 2**31)


def grid(numbers: Sequence[Any]) -> NDArray[np.float32]:
    return np.array(numbers, np.float32)


def drawn(seed: int) -> NDArray[np.float64]:
    """A sample of one of several kinds: light tails, heavy ones, bounded, many ties."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(30, 3000))
    kinds = (
        rng.exponential(1, size),
        rng.pareto(2, size),
        rng.uniform(0, 1, size),
        rng.integers(0, 4, size).astype(float),
        np.maximum(rng.normal(0, 1, size), 0),
    )
    return kinds[int(rng.integers(len(kinds)))]


def maps(seed: int, frames: int = 60) -> NDArray[np.float32]:
    return np.random.default_rng(seed).gamma(2, 0.01, (frames, 6, 8)).astype(np.float32)


def score(calibration: Calibration, **cues: NDArray[np.float32]) -> float:
    return float(calibration.map(calibration.rarity(cues)).max())


def fitted() -> Calibration:
    cues = {"prediction": maps(1), "motion": maps(2) * 100}
    return Calibration.fit(cues, np.linspace(0.001, 0.002, 60), seconds=6.0)


# The tail by hand


def test_the_table_by_hand() -> None:
    """Of 1 … 1000, 501 values are at least 500 and 11 at least 990."""
    tail = Tail.fit(np.arange(1.0, 1001.0), 0.01)
    assert tail(500)[()] == pytest.approx(-math.log10(0.501), abs=0.002)
    assert tail(900)[()] == pytest.approx(1, abs=0.01)
    assert tail(1)[()] == 0
    assert tail(-5)[()] == 0
    assert tail.start == pytest.approx(980.02)  # 20 of 1000: fewer shape no tail
    assert tail.share == pytest.approx(0.02)


def test_beyond_the_table_by_hand() -> None:
    """A uniform sample's tail is bounded; it is taken as exponential with the mean of 0.98 … 19.98, 10.48."""
    tail = Tail.fit(np.arange(1.0, 1001.0), 0.02)
    excess = np.arange(981, 1001) - 980.02
    assert tail.shape == 0
    assert tail.scale == pytest.approx(excess.mean())
    decade = tail.start + tail.scale * math.log(10)
    assert tail(decade)[()] == pytest.approx(-math.log10(0.02) + 1, abs=1e-5)


def test_a_pareto_part_by_hand() -> None:
    """P(X > start + y) = share · (1 + shape · y / scale)^(-1 / shape): (1 + 0.5 · 6)^-2 = 1/16."""
    tail = Tail(np.linspace(0, 1, 200, dtype=np.float32), np.linspace(0, 2, 200, dtype=np.float32), 1.0, 0.01, 0.5, 1.0)
    assert tail(7.0)[()] == pytest.approx(2 + math.log10(16), abs=1e-5)
    assert tail.value_at(0.01 / 16) == pytest.approx(7.0)
    assert tail(0.5)[()] == pytest.approx(1.0, abs=1e-5)


def test_the_tail_of_an_exponential_law_is_found() -> None:
    tail = Tail.fit(np.random.default_rng(0).exponential(2, 200_000), 0.002)
    for value in (1.0, 5.0, 10.0, 20.0, 30.0):
        assert tail(value)[()] == pytest.approx(value / 2 / math.log(10), rel=0.12)


def test_equal_values_count_as_at_least_as_large() -> None:
    """Half the values are 0: all are at least 0. A quarter is 2."""
    tail = Tail.fit(np.repeat([0.0, 0.0, 1.0, 2.0], 100), 0.05)
    assert tail(0.0)[()] == 0
    assert tail(1.0)[()] == pytest.approx(-math.log10(0.5), abs=0.01)
    assert tail(2.0)[()] == pytest.approx(-math.log10(0.25), abs=0.01)
    assert tail(2.5)[()] > -math.log10(0.05)


# The tail by property


@given(seeds)
def test_a_larger_value_is_never_less_rare(seed: int) -> None:
    sample = drawn(seed)
    tail = Tail.fit(sample, 0.05)
    probes = np.sort(np.concatenate([sample, np.linspace(-1, 3 * sample.max() + 1, 500), [tail.start]]))
    rarity = tail(probes)
    assert (np.diff(rarity) >= -1e-6).all()
    assert np.isfinite(rarity).all()
    assert rarity.min() >= 0


@given(seeds)
def test_the_tail_rises_without_end(seed: int) -> None:
    tail = Tail.fit(drawn(seed), 0.05)
    far = tail.start + tail.scale * np.array([1.0, 10.0, 100.0, 1000.0])
    assert (np.diff(tail(far)) > 0.1).all()


@given(seeds, st.floats(1e-6, 0.9))
def test_value_at_is_the_inverse(seed: int, share: float) -> None:
    sample = np.random.default_rng(seed).exponential(1, 500)
    tail = Tail.fit(sample, 0.05)
    assert tail(tail.value_at(share))[()] == pytest.approx(-math.log10(share), abs=0.01)


@settings(max_examples=30)
@given(seeds)
def test_rarity_is_the_share_of_the_sample_that_is_as_large(seed: int) -> None:
    sample = np.random.default_rng(seed).exponential(1, 2000)
    tail = Tail.fit(sample, 0.01)
    for value in np.quantile(sample, [0.3, 0.7, 0.95]):
        assert tail(value)[()] == pytest.approx(-math.log10((sample >= value).mean()), abs=0.03)


# Cues and their combination


def test_each_cell_is_compared_with_its_own_place() -> None:
    """The same value is ordinary where ten times as much happens, and rarer where little does."""
    values = maps(3, 400)
    values[:, :, 4:] *= 10
    usual = usual_size(values)
    assert usual[:, 6:].min() > 1.3 * usual[:, :2].max()
    same = np.full((6, 8), float(values.max()) / 5, np.float32)
    rarity = CueCalibration.fit(values)(same)
    assert rarity[:, 0].min() > rarity[:, 7].max() + 0.2


def test_normal_places_are_as_rare_as_they_say() -> None:
    values = maps(4, 2000)
    rarity = CueCalibration.fit(values)(values)
    for decades in (1.0, 2.0, 3.0):
        assert (rarity >= decades).mean() == pytest.approx(10.0**-decades, rel=0.1)


@pytest.mark.parametrize("constant", [0.0, 0.25])
def test_a_constant_cue_finds_its_constant_ordinary_and_anything_above_rare(constant: float) -> None:
    cue = CueCalibration.fit(np.full((40, 6, 8), constant, np.float32))
    np.testing.assert_array_equal(cue(np.full((6, 8), constant, np.float32)), 0)
    above = cue(np.full((6, 8), constant + 0.5, np.float32))
    assert np.isfinite(above).all()
    assert above.min() > -math.log10(TAIL_SHARE)


def test_a_constant_cue_beside_another_changes_hardly_a_decision() -> None:
    values = maps(5, 200)
    alone = Calibration.fit({"prediction": values}, np.linspace(0, 1, 200), seconds=20)
    both = Calibration.fit({"prediction": values, "motion": np.zeros_like(values)}, np.linspace(0, 1, 200), seconds=20)
    odd = values.copy()
    odd[::3, 2, 2] *= 40
    differ = 0
    for frame in odd:
        decided = score(both, prediction=frame, motion=np.zeros_like(frame)) > both.threshold
        differ += decided != (score(alone, prediction=frame) > alone.threshold)
    assert differ <= 2


# Cues without a place, and slow ones


def test_without_places_the_same_value_is_as_rare_everywhere() -> None:
    values = maps(3, 400)
    values[:, :, 4:] *= 10
    cue = CueCalibration.fit(values, placed=False)
    np.testing.assert_array_equal(cue.usual, 1)
    rarity = cue(np.full((6, 8), float(values.max()) / 5, np.float32))
    np.testing.assert_array_equal(rarity, rarity[0, 0])
    assert rarity[0, 0] == pytest.approx(-math.log10((values >= values.max() / 5).mean()), abs=0.05)


def test_the_head_s_cue_has_no_places_and_the_others_have() -> None:
    values = maps(3, 100)
    values[:, :, 4:] *= 10
    cues = Calibration.fit({"oddity": values, "motion": values}, np.zeros(100), seconds=10).cues
    assert np.ptp(cues["oddity"].usual) == 0
    assert np.ptp(cues["motion"].usual) > 0


def slow(stretches: NDArray[np.float32], **how: Any) -> Calibration:
    """A cue of the moment and a slow one that hardly stirs within the frames it is calibrated on."""
    cues = {"prediction": maps(1, 200), "scene": maps(2, 200) / 100}
    scene = SceneMemory(np.zeros((1, 24, 32), np.float32), np.zeros((0, 1, 24, 32), np.float32))
    return Calibration.fit(cues, np.zeros(200), seconds=20, scene=scene, stretches={"scene": stretches}, **how)


def calm(calibration: Calibration, scene: NDArray[np.float32]) -> float:
    """The score of a frame with nothing but its slow cue."""
    return score(calibration, prediction=np.zeros((6, 8), np.float32), scene=scene)


def test_a_slow_cue_is_measured_by_stretches_and_not_by_frames() -> None:
    stretches = maps(8, 60)
    fitted_cue, wanted = slow(stretches).cues["scene"], CueCalibration.fit(stretches)
    np.testing.assert_array_equal(fitted_cue.usual, wanted.usual)
    np.testing.assert_array_equal(fitted_cue.tail.values, wanted.tail.values)


def test_half_of_the_budget_is_the_slow_cue_s() -> None:
    """1000 stretches of 20 s, and room for 432 false alarms a day: one in 20 of 216 a day that 2000 s hold."""
    stretches = maps(8, 1000)
    cue = CueCalibration.fit(stretches)
    rates = {MOMENT: EventRate(2, 10, 1e4, 0, 1), "scene": EventRate.fit(peaks(cue(stretches)), 20_000)}
    calibration = slow(stretches, rates=rates, per_day=432)
    over = sum(calm(calibration, stretch) > calibration.threshold for stretch in maps(9, 1000))
    assert over == pytest.approx(216 * 20_000 / DAY, abs=22)
    assert calibration.threshold == rates[MOMENT].level(216)


def test_a_slow_cue_s_own_threshold_lies_on_the_threshold() -> None:
    calibration = slow(maps(8, 400))
    own = calibration.rates["scene"].level(0.5)
    assert own * calibration.scales["scene"] == pytest.approx(calibration.threshold)
    assert list(calibration.scales) == ["scene"]


def test_another_budget_moves_both_thresholds() -> None:
    calibration = slow(maps(8, 400))
    lax = calibration.at(100)
    assert lax.threshold == calibration.rates[MOMENT].level(50) < calibration.threshold
    assert lax.threshold / lax.scales["scene"] == pytest.approx(calibration.rates["scene"].level(50))
    assert (lax.per_day, calibration.per_day) == (100, 1)
    assert lax.at(1) == calibration


def test_one_family_has_the_whole_budget() -> None:
    calibration = fitted()
    assert calibration.threshold == calibration.rates[MOMENT].level(1)


def test_without_rates_of_events_there_is_one_threshold_and_it_stays() -> None:
    record = {k: v for k, v in slow(maps(8, 100)).to_record().items() if k != "per_day" and not k.startswith("rate.")}
    old = Calibration.from_record(record | {"threshold": 7.5, "to_threshold.scene": 2.5}, "m.safetensors")
    assert (old.threshold, old.scales, old.per_day) == (7.5, {"scene": 2.5}, None)
    assert old.to_record().keys() == record.keys()
    with pytest.raises(ValueError, match="one threshold only"):
        old.at(10)


def test_a_slow_cue_adds_nothing_to_the_others_and_takes_nothing_from_them() -> None:
    calibration = slow(maps(8, 100))
    odd = maps(10)[0] * 5
    alone = calibration.cues["prediction"](odd)
    quiet = calibration.map(calibration.rarity({"prediction": odd, "scene": np.zeros((6, 8), np.float32)}))
    np.testing.assert_array_equal(quiet, alone)
    loud = calibration.map(calibration.rarity({"prediction": odd, "scene": maps(8, 100).max(axis=0) * 50}))
    assert (loud >= alone).all()
    assert loud.max() > alone.max()


def test_stretches_that_are_all_alike_leave_a_finite_scale() -> None:
    calibration = slow(np.full((20, 6, 8), 0.01, np.float32))
    assert 0 < calibration.scales["scene"] < 100
    assert calm(calibration, np.full((6, 8), 0.01, np.float32)) == 0
    assert np.isfinite(calm(calibration, np.full((6, 8), 10, np.float32)))


def test_a_slow_cue_there_and_back() -> None:
    one = slow(maps(8, 100))
    back = Calibration.from_record(one.to_record(), "m.safetensors")
    assert back.scales == one.scales
    frame = {"prediction": maps(9)[0], "scene": maps(8)[0] * 20}
    np.testing.assert_array_equal(back.map(back.rarity(frame)), one.map(one.rarity(frame)))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), "3 bars"])
def test_a_scale_that_cannot_be_calculated_with_is_refused(scale: Any) -> None:
    with pytest.raises(UsageError, match="its calibration is damaged"):
        Calibration.from_record(slow(maps(8, 40)).to_record() | {"to_threshold.scene": scale}, "m.safetensors")


# The whole


def test_the_threshold_keeps_to_the_budget() -> None:
    """Every frame is an event of its own here: 432 a day are one in two hundred frames of a second."""
    how = {"seconds": 1000, "per_day": 432}
    calibration = Calibration.fit({"prediction": maps(6, 1000)}, np.linspace(0, 1, 1000), **how)
    fresh = maps(7, 4000)
    over = sum(score(calibration, prediction=frame) > calibration.threshold for frame in fresh)
    assert 10 <= over <= 40
    assert calibration.gate == pytest.approx(0.95)


def test_too_few_frames_to_calibrate_on() -> None:
    with pytest.raises(MemwatchError, match="only 19 held-out normal frames") as caught:
        Calibration.fit({"prediction": maps(1, 19)}, np.zeros(19), seconds=2)
    assert "give more normal footage" in caught.value.line()


def test_there_and_back() -> None:
    one = fitted()
    back = Calibration.from_record(one.to_record(), "m.safetensors")
    assert (back.gate, back.threshold, back.frames, back.seconds) == (one.gate, one.threshold, 60, 6.0)
    frame = {"prediction": maps(9)[0] * 5, "motion": maps(8)[0] * 100}
    np.testing.assert_array_equal(back.map(back.rarity(frame)), one.map(one.rarity(frame)))


def test_trust_goes_with_the_record_and_older_ones_have_none() -> None:
    one = replace(fitted(), trust={"movement": 0.5, "looks": 1.0})
    assert Calibration.from_record(one.to_record(), "m.safetensors").trust == one.trust
    assert fitted().trust == Calibration.from_record(fitted().to_record(), "m.safetensors").trust == {}
    rarity = {"prediction": np.full((6, 8), 4, np.float32)}
    assert one.map(rarity).max() == 2.0


@pytest.mark.parametrize(
    "harm",
    [
        {"threshold": float("nan")},
        {"gate": None},
        {"gate": [0.1, 0.2]},
        {"threshold": "3"},
        {"cues": []},
        {"cues": None},
        {"cues": ["prediction", "colour"]},
        {"cues": ["prediction", "scene"]},
        {"prediction.usual": np.zeros((6, 8), np.float32)},
        {"prediction.usual": np.full((6, 8), np.nan, np.float32)},
        {"prediction.usual": 3.0},
        {"prediction.usual": np.ones(48, np.float32)},
        {"prediction.values": np.ones(3, np.float32)},
        {"prediction.values": np.linspace(1, 0, 200, dtype=np.float32)},
        {"prediction.scale": 0.0},
        {"prediction.share": 0},
        {"prediction.shape": "0"},
        {"trust.looks": 0.0},
        {"trust.looks": 1.5},
        {"trust.movement": "much"},
        {"per_day": 0},
        {"per_day": "1"},
        {"rate.moment.scale": 0.0},
        {"rate.moment.seconds": -1.0},
        {"rate.moment.shape": "0"},
        {"rate.moment.events": 0},
        {"scene_memory.mean": np.zeros((1, 24, 32), np.float32)},
        {
            "scene_memory.mean": np.zeros((1, 24, 32), np.float32),
            "scene_memory.components": np.zeros((3, 1, 24, 24), np.float32),
        },
    ],
    ids=lambda harm: " ".join(harm),
)
def test_a_damaged_record_is_refused_by_name(harm: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"m\.safetensors: its calibration is damaged"):
        Calibration.from_record(fitted().to_record() | harm, "m.safetensors")


@pytest.mark.parametrize("missing", sorted(fitted().to_record()))
def test_a_record_without_one_of_its_parts_is_refused(missing: str) -> None:
    record = fitted().to_record()
    del record[missing]
    with pytest.raises(UsageError, match="its calibration is damaged"):
        Calibration.from_record(record, "m.safetensors")
