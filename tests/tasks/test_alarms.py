"""The alarms of normal footage at any threshold: as the builder of events raises them, and each one's level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.scoring import LASTS_S
from memwatch.tasks.alarms import LEVELS, Trace, _observation, event_levels, events_over, lasting_traces, traces
from memwatch.tasks.footage import Footage
from tests.tasks.walks import footage, recording

RULE = EventConfig()


def trace(text: str, fps: float = 10.0) -> Trace:
    """A digit a frame."""
    values = np.array([float(mark) for mark in text.replace(" ", "")])
    return Trace("yard", np.zeros(len(values), np.int64), np.arange(len(values)) / fps, values)


CALM = "0" * 20


def test_an_event_s_level_by_hand() -> None:
    """Three frames of five over: the second event's third highest is 5, the first's 3; a lone 9 is none."""
    one = trace(CALM + "04340" + CALM + "75080" + CALM + "9" + CALM)
    assert event_levels([one], RULE) == pytest.approx([3, 5], abs=2 * 9 / LEVELS)


def test_what_runs_together_lower_down_still_counts_as_two() -> None:
    """Under 3 it is one long event, over 3 it is two, over 4 the second alone."""
    one = trace(CALM + "444" + "3" * 12 + "666" + CALM)
    assert event_levels([one], RULE) == pytest.approx([4, 6], abs=2 * 6 / LEVELS)


def test_pieces_of_footage_are_counted_by_themselves() -> None:
    pieces = [trace(CALM + "444" + CALM), trace(CALM + "666" + CALM)]
    assert event_levels(pieces, RULE) == pytest.approx([4, 6], abs=2 * 6 / LEVELS)


def test_footage_without_an_event_has_one_at_its_floor() -> None:
    assert event_levels([trace("0" * 30)], RULE).tolist() == [0]
    assert event_levels([trace("0000900000")], RULE).tolist() == [0]


@given(st.lists(st.integers(0, 9), min_size=3, max_size=120), st.floats(-0.5, 9.5), st.sampled_from([5.0, 10.0, 25.0]))
def test_skipping_what_is_calm_changes_nothing(values: list[int], threshold: float, fps: float) -> None:
    one = trace("".join(map(str, values)), fps)
    builder = EventBuilder("yard", RULE)
    told = []
    for at, value in zip(one.seconds, one.values, strict=True):
        told += builder.push(_observation("yard", float(at), float(value), threshold))
    told += builder.finish("source_end")
    whole = [(e.start.seconds, e.last.seconds, e.peak.score.value) for e in told if e.phase == "closed"]
    found = [(e.start.seconds, e.last.seconds, e.peak.score.value) for e in events_over(one, threshold, RULE)]
    assert found == whole


@given(st.lists(st.integers(0, 9), min_size=3, max_size=120), st.integers(0, 8))
def test_levels_count_at_least_the_events_of_every_threshold(values: list[int], threshold: int) -> None:
    """The thresholds tried are a grid: one step of it is allowed."""
    one = trace("".join(map(str, values)))
    if threshold < np.quantile(one.values, 0.5):
        return
    levels = event_levels([one], RULE)
    count = sum(1 for _ in events_over(one, threshold + 0.5, RULE))
    assert (levels >= threshold).sum() >= count


def test_traces_end_where_a_clip_does_and_where_its_time_jumps() -> None:
    two = footage(2).recordings
    later = recording("clip-1", seed=5, start=60.0)
    near = recording("clip-1", seed=6, start=66.5)
    made = Footage([*two, later, near], ["clip-0", "clip-1"])
    targets = [(n, i) for n, r in enumerate(made.recordings) for i in range(8, len(r.times))]
    rising = np.arange(len(targets), dtype=np.float32)[:, None, None] * np.ones((2, 3), np.float32)
    found = traces(made, targets, {"prediction": rising})
    assert [(t.clip, len(t.values)) for t in found] == [("clip-0", 52), ("clip-1", 52), ("clip-1", 104)]
    assert found[2].recordings.tolist() == [2] * 52 + [3] * 52
    assert found[2].values.tolist() == list(range(104, 208))
    assert found[0].length == pytest.approx(5.1)


# What has lasted


def lasted(text: str, lasts: float = LASTS_S) -> Trace:
    """What `traces` makes of a digit a frame, all over the picture, at ten frames a second."""
    marks = np.array([float(mark) for mark in text.replace(" ", "")], np.float32)
    one = recording("clip-0", seconds=len(marks) / 10)
    targets = [(0, i) for i in range(len(marks))]
    maps = {"prediction": marks[:, None, None] * np.ones((2, 3), np.float32)}
    (found,) = traces(Footage([one], ["clip-0"]), targets, maps, 0.0, lasts)
    return found


def test_a_spike_lasts_less_than_a_plateau() -> None:
    """Each frame is 1 - 2^-(0.1 / 0.5) = 0.129 of what has lasted: a spike of 8 comes to 1.04, two seconds of it to
    nearly all, rising all along."""
    spike, plateau = lasted(CALM + "8" + CALM), lasted(CALM + "8" * 20 + CALM)
    assert spike.lasting is not None
    assert plateau.lasting is not None
    share = 1 - 0.5 ** (0.1 / LASTS_S)
    assert spike.values.max() == plateau.values.max() == 8
    assert spike.lasting[20] == pytest.approx(8 * share, rel=1e-5)
    np.testing.assert_allclose(plateau.lasting[20:40], 8 * (1 - (1 - share) ** np.arange(1, 21)), rtol=1e-5)
    assert plateau.lasting.max() > 7 * spike.lasting.max()
    assert plateau.lasting[40] == 0  # what is no longer odd by itself is let go at once


def test_nothing_is_carried_from_one_piece_of_footage_to_the_next() -> None:
    later = [recording("clip-0"), recording("clip-0", start=60.0)]
    targets = [(n, i) for n in (0, 1) for i in range(20)]
    maps = np.full((40, 2, 3), 6, np.float32)
    maps[:20] = 1
    first, second = traces(Footage(later, ["clip-0"]), targets, {"prediction": maps}, 0.0, LASTS_S)
    assert first.lasting is not None
    assert second.lasting is not None
    assert (first.lasting[-1], second.lasting[0]) == (1, 6)


def test_where_it_does_not_matter_how_long_what_has_lasted_is_the_moment() -> None:
    found = lasted("0123210", lasts=0.0)
    assert found.lasting is not None
    np.testing.assert_array_equal(found.lasting, found.values)


def test_lasting_traces_are_of_what_has_lasted_and_else_the_same() -> None:
    one, unasked = lasted("0" * 5 + "9" * 5), trace("12345")
    (only,) = lasting_traces([unasked, one])
    assert one.lasting is not None
    assert only.values is one.lasting
    assert (only.clip, only.length) == (one.clip, one.length)
    assert only.seconds is one.seconds
    assert event_levels([one], RULE) == pytest.approx([9], rel=0.01)
    assert event_levels([only], RULE) == pytest.approx([one.lasting[-3]], rel=0.02)  # three frames make an event


def test_footage_with_a_frame_now_and_then_is_no_row_of_pauses() -> None:
    """A frame every 2.5 s, and one of four that is missing: one trace; a minute without any: two."""
    times = [2.5 * i for i in range(12) if i != 5] + [100.0, 102.5]
    slow = recording("slow", seconds=5)
    slow.times, slow.frames = times, slow.frames[: len(times)]
    targets = [(0, i) for i in range(len(times))]
    found = traces(Footage([slow], ["slow"]), targets, {"motion": np.zeros((len(times), 2, 3), np.float32)})
    assert [one.length for one in found] == [27.5, 2.5]
