"""The builder: sequences worked by hand, and what must hold for any sequence."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.events.builder import MOST_BOXES, ulid
from memwatch.types import Event

from .sequences import WALL, events, numbered, observation, read, spans

PLAIN = EventConfig(start_hits=3, start_window=5, end_gap_s=0.5, min_length_s=0.0, max_length_s=60.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("..##......", [], id="two hits are not three"),
        pytest.param("..###.....", [(2, 4, "quiet")], id="three in a row"),
        pytest.param("..#.#.#......", [(2, 6, "quiet")], id="three of five, from the first"),
        pytest.param("..#..#..#........", [], id="three of seven"),
        pytest.param("#...#.##.......", [(4, 7, "quiet")], id="hits outside the window do not count"),
        pytest.param("###...###.......", [(0, 8, "quiet")], id="a gap of 0.4 s is merged"),
        pytest.param("#.## ... #......", [(0, 7, "quiet")], id="one hit is enough to go on"),
        pytest.param("###....###......", [(0, 2, "quiet"), (7, 9, "quiet")], id="a gap of 0.5 s separates"),
        pytest.param("###..", [(0, 2, "source_end")], id="the source ends first"),
        pytest.param("...##", [], id="the source ends before it started"),
    ],
)
def test_start_merge_and_end(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert spans(events(text, PLAIN)) == expected


def test_old_hits_do_not_start_the_next_event() -> None:
    config = EventConfig(start_hits=3, start_window=5, end_gap_s=0.2, min_length_s=0.0)
    # Frames 2 and 5 are within five frames of each other, but 2 belongs to the event that has ended.
    assert spans(events("###..##.....", config)) == [(0, 2, "quiet")]


def test_quiet_is_seconds_not_frames() -> None:
    assert spans(events("###....###......", PLAIN, fps=5.0)) == [(0, 2, "quiet"), (7, 9, "quiet")]


def test_one_frame_a_second_without_quiet_is_one_event() -> None:
    assert spans(events("#####", EventConfig(), fps=1.0)) == [(0, 4, "source_end")]


def test_shorter_than_the_minimum_is_never_told() -> None:
    config = EventConfig(start_hits=3, start_window=5, end_gap_s=0.5, min_length_s=0.4)
    assert events("####........", config) == []
    told = events("#####.......", config)
    assert [(e.phase, e.start.index, e.last.index) for e in told] == [("opened", 0, 4), ("closed", 0, 4)]


def test_maximum_length_cuts_and_goes_on() -> None:
    config = EventConfig(start_hits=3, start_window=5, end_gap_s=0.5, min_length_s=0.2, max_length_s=1.0)
    told = events("#" * 25 + "......", config)
    assert spans(told) == [(0, 10, "max_length"), (11, 21, "max_length"), (22, 24, "quiet")]
    assert len({e.id for e in told}) == 3


def test_what_is_left_after_a_cut_needs_the_minimum_length_again() -> None:
    config = EventConfig(start_hits=3, start_window=5, end_gap_s=0.5, min_length_s=0.2, max_length_s=1.0)
    assert spans(events("#" * 12 + "......", config)) == [(0, 10, "max_length")]


def test_frames_further_apart_than_the_longest_event_still_make_one() -> None:
    assert spans(events("#####", EventConfig(), fps=1 / 150))[0] == (0, 2, "max_length")
    single = EventConfig(start_hits=1, start_window=1)
    assert spans(events("####", single, fps=1 / 150)) == [(0, 1, "max_length"), (2, 3, "source_end")]


def test_a_gap_in_the_source_closes() -> None:
    assert spans(events("######", PLAIN, gaps=(3,))) == [(0, 2, "gap"), (3, 5, "source_end")]
    assert events("##.##", PLAIN, gaps=(2,)) == []


def test_counts_peak_and_order_of_phases() -> None:
    told = events(".3.25.2......", PLAIN)
    assert [e.phase for e in told] == ["opened", "closed"]
    closed = told[-1]
    assert (closed.start.index, closed.peak.index, closed.last.index) == (1, 4, 6)
    assert (closed.frames_scored, closed.frames_over) == (6, 4)
    # Nothing is known of frame 6 when the third hit opens the event.
    assert (told[0].frames_scored, told[0].frames_over) == (4, 3)


def test_updates_once_a_second() -> None:
    told = events("#" * 45, PLAIN)
    assert [e.phase for e in told] == ["opened", "updated", "updated", "updated", "updated", "closed"]
    assert [e.last.index for e in told] == [2, 12, 22, 32, 42, 44]


def test_boxes_are_thinned_to_five_moments_a_second() -> None:
    closed = events("#" * 30, PLAIN, fps=30.0)[-1]
    assert [round(at, 2) for at, _ in closed.regions] == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert (closed.regions[0][1].box, closed.regions[0][1].peak) == ((20, 10, 60, 50), 3.0)


def test_boxes_of_a_long_event_stay_few_and_cover_it() -> None:
    closed = events("#" * 1100, EventConfig(max_length_s=120.0))[-1]
    times = [at for at, _ in closed.regions]
    assert 50 < len(times) <= MOST_BOXES
    assert times[0] == 0.0
    assert times[-1] > 105.0
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) == pytest.approx(min(steps)), "one part of the event is told better than another"


def test_the_peak_is_always_among_the_boxes() -> None:
    closed = events("####9###", PLAIN, fps=100.0)[-1]
    assert (0.04, 9.0) in [(round(at, 2), region.peak) for at, region in closed.regions]


def test_finish_leaves_a_builder_as_new() -> None:
    builder = EventBuilder("yard", PLAIN, numbered())
    for seen in read("##"):
        builder.push(seen)
    assert builder.finish("shutdown") == []
    assert builder.push(observation(2, 0.2, 3.0)) == []


def test_ids_are_ulids_of_the_start() -> None:
    early, late = ulid(WALL), ulid(WALL + 0.001)
    assert early < late
    assert len(early) == 26
    assert set(early) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    # The published example of the specification: 1469918176385 ms is 01ARYZ6S41.
    assert ulid(1469918176.385).startswith("01ARYZ6S41")
    assert ulid(WALL) != ulid(WALL)


configs = st.builds(
    EventConfig,
    start_hits=st.integers(1, 3),
    start_window=st.integers(3, 6),
    end_gap_s=st.sampled_from([0.1, 0.3, 1.0]),
    min_length_s=st.sampled_from([0.0, 0.2, 0.5]),
    max_length_s=st.sampled_from([0.8, 2.0, 60.0]),
)


@settings(max_examples=300, deadline=None)
@given(
    text=st.text("#.2345", max_size=80),
    config=configs,
    gaps=st.sets(st.integers(0, 79), max_size=3),
)
def test_any_sequence(text: str, config: EventConfig, gaps: set[int]) -> None:
    told = events(text, config, gaps=tuple(gaps))
    lives: dict[str, list[Event]] = {}
    for event in told:
        lives.setdefault(event.id, []).append(event)
    end_before = -1
    for life in lives.values():
        phases = [event.phase for event in life]
        assert phases == ["opened", *["updated"] * (len(life) - 2), "closed"]
        closed = life[-1]
        assert end_before < closed.start.index, "events overlap"
        end_before = closed.last.index
        for event in life:
            assert event.start.index <= event.peak.index <= event.last.index
            assert 1 <= event.frames_over <= event.frames_scored
        assert closed.frames_scored == closed.last.index - closed.start.index + 1
        length = closed.last.seconds - closed.start.seconds
        assert config.min_length_s - 1e-6 <= length <= config.max_length_s + 1e-6
        assert not any(closed.start.index < gap <= closed.last.index for gap in gaps), "a gap inside an event"
        assert len(closed.regions) <= MOST_BOXES
