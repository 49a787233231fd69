"""Alarms against abnormal stretches, worked by hand at ten frames a second."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest

from memwatch.scoring.segments import Alarm, Outcome, judge, normal_seconds, poisson_bounds, segments, times

FRAMES = 100
SECONDS = np.arange(FRAMES) / 10


def flags(*ranges: Collection[int]) -> np.ndarray:
    found = np.zeros(FRAMES, dtype=bool)
    for each in ranges:
        found[list(each)] = True
    return found


def outcome(alarms: list[Alarm], touching: np.ndarray, labels: np.ndarray) -> Outcome:
    return judge(alarms, touching, labels=labels, seconds=SECONDS)


def test_gaps_under_half_a_second_are_closed() -> None:
    labels = flags(range(0, 5), range(9, 20), range(25, 30), range(99, 100))
    assert segments(labels, SECONDS) == [(0, 19), (25, 29), (99, 99)], "0.4 s is a gap in a segment, 0.5 s is not"


def test_no_segment_and_one_segment() -> None:
    assert segments(flags(), SECONDS) == []
    assert segments(flags(range(FRAMES)), SECONDS) == [(0, FRAMES - 1)]


def test_an_alarm_in_a_segment() -> None:
    """Over from 32 on, told at 34; the segment began at 30: 0.4 s."""
    found = outcome([Alarm(32, 40, 34)], flags(range(32, 41)), flags(range(30, 50)))
    assert found.delays == pytest.approx([0.4])
    assert (found.segments_found, found.false, found.misplaced, found.alarms) == (1.0, 0, 0, 1)


def test_what_no_score_came_for_is_told_apart() -> None:
    """The clip's first score is of frame 8. One segment began with the clip, one before it and was over by then, one
    after it."""
    labels = flags(range(0, 20), range(40, 50))
    found = judge([Alarm(8, 12, 11), Alarm(43, 45, 44)], labels, labels=labels, seconds=SECONDS, scored=8)
    assert found.delays == pytest.approx([1.1, 0.4])
    assert found.unscored == pytest.approx([0.8, 0.0])
    assert (found.median_delay_s, found.median_delay_scored_s) == pytest.approx((0.75, 0.35))
    found.merge(judge([], labels, labels=flags(range(0, 5)), seconds=SECONDS, scored=8))
    assert found.unscored == pytest.approx([0.8, 0.0, 0.4])
    assert found.median_delay_scored_s == pytest.approx(0.35)
    assert Outcome().median_delay_scored_s is None


def test_the_first_of_several_alarms_counts_once() -> None:
    alarms = [Alarm(45, 48, 47), Alarm(32, 36, 34)]
    found = outcome(alarms, flags(range(30, 50)), flags(range(30, 50)))
    assert found.delays == pytest.approx([0.4])


def test_an_open_event_finds_a_thing_when_its_boxes_reach_it() -> None:
    """Told at 22 by something else; the segment begins at 30, a box touches it at 33."""
    found = outcome([Alarm(20, 60, 22)], flags(range(33, 50)), flags(range(30, 50)))
    assert found.delays == pytest.approx([0.3])
    assert (found.false, found.misplaced) == (0, 0)


def test_an_alarm_elsewhere_in_the_picture_is_misplaced_and_finds_nothing() -> None:
    found = outcome([Alarm(32, 40, 34)], flags(), flags(range(30, 50)))
    assert (found.delays, found.segments_found, found.median_delay_s) == ([None], 0.0, None)
    assert (found.false, found.misplaced) == (0, 1)


def test_an_alarm_in_normal_frames_is_false() -> None:
    found = outcome([Alarm(10, 29, 12), Alarm(50, 60, 52)], flags(), flags(range(30, 50)))
    assert (found.false, found.misplaced) == (2, 0)
    assert found.normal_s == pytest.approx(8.0)
    assert found.false_alarms_per_day == pytest.approx(2 / 8 * 86400)


def test_one_alarm_over_two_segments_finds_those_that_it_touches() -> None:
    labels = flags(range(10, 20), range(30, 40), range(60, 70))
    found = outcome([Alarm(12, 39, 14)], flags(range(12, 20), range(35, 40)), labels)
    assert found.delays == [pytest.approx(0.4), pytest.approx(0.5), None]
    assert found.segments_found == pytest.approx(2 / 3)
    assert found.median_delay_s == pytest.approx(0.45)


def test_an_alarm_told_after_its_segment_still_finds_it() -> None:
    found = outcome([Alarm(30, 34, 34)], flags(range(30, 32)), flags(range(30, 32)))
    assert found.delays == pytest.approx([0.4])


def test_without_alarms_and_without_normal_footage() -> None:
    found = outcome([], flags(), flags(range(FRAMES)))
    assert (found.delays, found.normal_s) == ([None], 0.0)
    assert (found.false_alarms_per_day, found.false_alarms_per_day_bounds) == (None, None)


def test_normal_footage_alone() -> None:
    found = outcome([], flags(), flags())
    assert (found.segments_found, found.median_delay_s, found.false_alarms_per_day) == (None, None, 0.0)
    low, high = found.false_alarms_per_day_bounds or (None, None)
    # Ten seconds without a false alarm: at most −ln 0.025 in them, at 97.5 %.
    assert (low, high) == (0.0, pytest.approx(-np.log(0.025) / 10 * 86400))


def test_clips_together() -> None:
    whole = Outcome()
    whole.merge(outcome([Alarm(32, 40, 34)], flags(range(32, 41)), flags(range(30, 50))))
    whole.merge(outcome([Alarm(2, 4, 4)], flags(), flags(range(30, 50))))
    assert (whole.delays, whole.alarms, whole.false) == ([pytest.approx(0.4), None], 2, 1)
    assert whole.normal_s == pytest.approx(16.0)


def test_normal_seconds_are_the_streams_own() -> None:
    seconds = np.array([0.0, 0.1, 0.2, 3.2, 3.3])
    assert normal_seconds(np.array([False, True, False, False, False]), seconds) == pytest.approx(3.3)
    assert normal_seconds(np.array([False]), np.array([0.0])) == 0.0


def test_poisson_bounds() -> None:
    """Ten events: 4.7954 … 18.3904, as in Garwood's table."""
    assert poisson_bounds(10) == pytest.approx((4.7954, 18.3904), abs=1e-4)
    assert poisson_bounds(0)[0] == 0.0


def test_times_of_frames_that_did_not_decode() -> None:
    assert times(5, [0, 1, 3], [0.0, 0.1, 0.3]) == pytest.approx([0, 0.1, 0.2, 0.3, 0.3])
