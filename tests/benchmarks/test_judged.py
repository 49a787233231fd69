"""Baselines judged by the detector's rules, on maps drawn by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.judged import Mapped, Rule, judge, last_share
from benchmarks.scenes import LabelledClip
from memwatch.types import Box, Grid

SIZE = (80, 60)
PLACE: Box = (20, 20, 40, 40)
"""Where the anomaly is; on a map of 10-pixel cells the rows and columns 2 and 3."""


def maps(count: int, *, seed: int = 0, odd: range = range(0), at: tuple[slice, slice] = (slice(2, 4), slice(2, 4)),
         size: float = 1e4) -> Mapped:  # fmt: skip
    """Ten frames a second of exponential noise, and something far larger at a place in the frames `odd`."""
    rng = np.random.default_rng(seed)
    drawn: list[Grid] = []
    for index in range(count):
        grid = rng.exponential(size=(6, 8)).astype(np.float32)
        if index in odd:
            grid[at] = size
        drawn.append(grid)
    return Mapped(list(range(count)), [index / 10 for index in range(count)], drawn)


@pytest.fixture(scope="module")
def rule() -> Rule:
    return Rule.fit([maps(1500, seed=1), maps(1500, seed=2)])


@pytest.fixture
def clip() -> LabelledClip:
    """A hundred frames; from the fortieth to the seventieth something is at PLACE."""
    labels = np.isin(np.arange(100), range(40, 70))
    mask = np.zeros(SIZE[::-1], dtype=bool)
    mask[20:40, 20:40] = True
    return LabelledClip(
        "clip", Path("clip"), 100, labels,
        lambda index: mask & labels[index],
        {"odd": labels},
        lambda index: ((1, PLACE),) if labels[index] else (),
        SIZE,
    )  # fmt: skip


def test_what_is_where_the_truth_is_is_found_at_once(rule: Rule, clip: LabelledClip) -> None:
    found = judge(rule, [maps(100, seed=3, odd=range(40, 70))], [clip])

    assert found["segments_found"] == 1
    assert found["median_delay_s"] == pytest.approx(0.2), "three frames of the last five open an event"
    assert found["false_alarms"] == 0
    assert found["rbdc"] > 0.9
    assert found["tbdc"] > 0.9
    assert found["mean_iou"] > 0.4


def test_what_is_elsewhere_finds_nothing(rule: Rule, clip: LabelledClip) -> None:
    elsewhere = maps(100, seed=3, odd=range(40, 70), at=(slice(0, 1), slice(6, 8)))
    found = judge(rule, [elsewhere], [clip])

    assert found["segments_found"] == 0
    assert found["median_delay_s"] is None
    assert found["rbdc"] < 0.1


def test_what_comes_before_the_anomaly_is_a_false_alarm(rule: Rule, clip: LabelledClip) -> None:
    found = judge(rule, [maps(100, seed=3, odd=range(5, 15))], [clip])

    assert found["false_alarms"] == 1
    assert found["segments_found"] == 0


def test_normal_footage_raises_no_alarm_at_its_own_threshold(rule: Rule, clip: LabelledClip) -> None:
    assert judge(rule, [maps(100, seed=4)], [clip])["false_alarms"] == 0


def test_a_larger_budget_is_a_lower_threshold() -> None:
    normal = [maps(1500, seed=1)]

    assert Rule.fit(normal, per_day=100).threshold < Rule.fit(normal, per_day=1).threshold


def test_frames_without_a_map_carry_the_one_before(rule: Rule, clip: LabelledClip) -> None:
    """A method that starts at the third frame and misses every other one is judged on all frames."""
    every = maps(100, seed=3, odd=range(40, 70))
    thin = Mapped(every.at[2::2], every.seconds[2::2], every.maps[2::2])

    found = judge(rule, [thin], [clip])

    assert found["segments_found"] == 1
    assert found["rbdc"] > 0.9


def test_the_held_out_part_is_the_last_of_every_clip() -> None:
    kept = last_share([maps(10), maps(20)], 0.25)

    assert [one.at for one in kept] == [[7, 8, 9], [15, 16, 17, 18, 19]]
