"""Figures of each kind of anomaly and of false alarms, worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.figures import Series, figures, kind_figures, per_day
from benchmarks.scenes import LabelledClip


def clip(name: str, kinds: dict[str, list[int]], frames: int) -> LabelledClip:
    """A clip of so many frames, in which each kind is seen in the frames listed."""
    seen = {kind: np.isin(np.arange(frames), where) for kind, where in kinds.items()}
    labels = np.any([*seen.values(), np.zeros(frames, dtype=bool)], axis=0)
    return LabelledClip(name, Path(name), frames, labels, None, seen)


def test_each_kind_stands_against_the_normal_frames_of_all_clips() -> None:
    """Normal frames score 1, 2, 3 and 4; the dog 5 and 2.5, the bag 0: of the dog's eight pairs two are lost, of the
    bag's four all. The score that a hundredth of four frames reaches is their highest, 4."""
    clips = [clip("a", {"dog": [2, 3]}, 4), clip("b", {"bag": [0]}, 3)]
    scores = [[1, 2, 5, 2.5], [0, 3, 4]]

    told = kind_figures(scores, clips, threshold=2)

    assert told["dog"] == {"frames": 2, "auc": pytest.approx(6 / 8), "found": 0.5, "over": 1.0}
    assert told["bag"] == {"frames": 1, "auc": 0.0, "found": 0.0, "over": 0.0}


def test_a_kind_of_two_clips_is_one_kind() -> None:
    clips = [clip("a", {"dog": [1]}, 2), clip("b", {"dog": [1]}, 2)]

    assert kind_figures([[0, 1], [0, -1]], clips)["dog"] == {"frames": 2, "auc": 0.5, "found": 0.5}


def test_a_score_that_only_ties_with_the_level_finds_nothing() -> None:
    """Most cues are 0 most of the time: 0 must not count as found."""
    assert kind_figures([[0, 0, 0, 0]], [clip("a", {"dog": [3]}, 4)])["dog"]["found"] == 0


def test_footage_that_is_all_abnormal_has_no_figures_of_kinds() -> None:
    told = kind_figures([[1.0, 2.0]], [clip("a", {"dog": [0, 1]}, 2)])

    assert told["dog"] == {"frames": 2, "auc": None, "found": None}


def test_frames_before_the_first_score_carry_it() -> None:
    found = figures([Series([2, 3], [5.0, 7.0])], [clip("a", {"dog": [3]}, 4)])

    assert found["causal"]["auc"] == 1
    assert found["kinds"]["dog"]["frames"] == 1
    assert found["pixel_auc"] is None


def test_alarms_become_a_daily_rate() -> None:
    """Five alarms in an hour are 120 a day, between 39 and 280."""
    told = per_day(5, 3600)

    assert told["per_day"] == pytest.approx(120)
    assert (told["low"], told["high"]) == (pytest.approx(38.96, abs=0.02), pytest.approx(280.0, abs=0.1))


def test_no_alarm_in_an_hour_certifies_88_a_day() -> None:
    """An exact upper bound of 3.689 events."""
    told = per_day(0, 3600)

    assert (told["per_day"], told["low"]) == (0, 0)
    assert told["high"] == pytest.approx(88.5, abs=0.1)
