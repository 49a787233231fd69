"""Tracks: sequences of boxes that a person would follow with a finger, and what must hold for any sequence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memwatch.events import Tracker
from memwatch.events.tracks import GAP_S, WAIT_S, covered, overlap
from memwatch.types import Box, Region

FPS = 10.0


def seen(x: float, y: float = 50, width: int = 20, height: int = 40, *, cue: str = "motion") -> Region:
    """A region around the middle (x, y)."""
    left, top = round(x - width / 2), round(y - height / 2)
    return Region(box=(left, top, left + width, top + height), area=width * height, peak=3.0, cue=cue)


Frames = Iterable[Sequence[Region]]


def followed(frames: Frames, *, fps: float = FPS, tracker: Tracker | None = None) -> list[list[int]]:
    """The tracks' numbers, frame by frame, in the regions' order."""
    tracker = tracker or Tracker()
    told = []
    for index, regions in enumerate(frames):
        linked = tracker.link(regions, index / fps)
        assert [region.box for region in linked] == [region.box for region in regions]
        told.append([region.track for region in linked if region.track is not None])
    return told


def test_one_thing_keeps_one_number() -> None:
    assert followed([[seen(20 + 3 * i)] for i in range(30)]) == [[1]] * 30


def test_a_box_that_never_overlaps_itself_is_followed_by_its_velocity() -> None:
    """A figure 20 pixels wide and 44 further on in each frame: once its velocity is known, it is expected there."""
    assert followed([[seen(20 + 44 * i)] for i in range(12)]) == [[1]] * 12


def test_two_things_far_apart_are_two_whatever_their_order() -> None:
    frames = [[seen(20 + i), seen(200 - i)][:: 1 if i % 2 else -1] for i in range(10)]
    assert followed(frames) == [[1, 2] if i % 2 == 0 else [2, 1] for i in range(10)]


def test_what_appears_elsewhere_is_new() -> None:
    assert followed([[seen(20)], [seen(200)], [seen(21)]]) == [[1], [2], [1]]


# Gaps


@pytest.mark.parametrize(("quiet", "then"), [(4, 1), (5, 2)])
def test_a_gap_of_half_a_second_is_survived(quiet: int, then: int) -> None:
    """Four frames without it at 10 a second: half a second from sight to sight. It runs on unseen, four widths."""
    walk = [[seen(20 + 16 * i)] for i in range(30)]
    frames = [[] if 15 <= i < 15 + quiet else regions for i, regions in enumerate(walk)]
    assert followed(frames)[-1] == [then]


@pytest.mark.parametrize(("gap_s", "then"), [(WAIT_S - 0.1, 1), (WAIT_S + 0.2, 2)])
def test_what_stands_still_is_awaited_longer(gap_s: float, then: int) -> None:
    quiet = round(gap_s * FPS)
    frames = [[seen(20, cue="scene")]] * 20 + [[]] * (quiet - 1) + [[seen(20, cue="scene")]]
    assert followed(frames)[-1] == [then]


def test_at_a_frame_a_second_there_is_no_gap_between_neighbours() -> None:
    assert followed([[seen(20 + 3 * i)] for i in range(6)], fps=1.0) == [[1]] * 6
    assert followed([[seen(20)], [], [seen(20)]], fps=1.0) == [[1], [], [2]]


def test_after_a_break_nothing_goes_on_and_no_number_comes_twice() -> None:
    tracker = Tracker()
    followed([[seen(20)]] * 3, tracker=tracker)
    tracker.forget()
    (region,) = tracker.link([seen(20)], 0.3)
    assert (region.track, region.age) == (2, 0.0)


def test_time_that_steps_back_is_a_break() -> None:
    tracker = Tracker()
    tracker.link([seen(20)], 100.0)
    (region,) = tracker.link([seen(20)], 1.0)
    assert (region.track, region.age) == (2, 0.0)


def test_two_frames_of_one_time_are_no_infinite_speed() -> None:
    tracker = Tracker()
    tracker.link([seen(20)], 0.0)
    tracker.link([seen(26)], 0.0)
    (region,) = tracker.link([seen(27)], 0.1)
    assert region.track == 1


# Meetings


def merged(a: Region, b: Region) -> list[Region]:
    """The two, or one around both where their boxes touch: a map's parts grow together like this."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.box, b.box
    if ax1 > bx2 or bx1 > ax2:
        return [a, b]
    box = (min(ax1, bx1), min(ay1, by1), max(ax2, bx2), max(ay2, by2))
    return [Region(box=box, area=a.area + b.area, peak=3.0, cue="motion")]


@pytest.mark.parametrize("speed", [8.0, 4.0, 2.0])
def test_two_that_cross_keep_their_numbers(speed: float) -> None:
    """They come from the left and the right and are one region while they pass, for 0.5 to 2 s."""
    count = round(240 / speed)
    frames = [merged(seen(30 + speed * i), seen(270 - speed * i)) for i in range(count)]
    told = followed(frames)
    assert told[0] == [1, 2]
    assert min(map(len, told)) == 1
    assert told[-1] == [1, 2]
    assert {number for numbers in told for number in numbers} == {1, 2}


def test_of_two_that_meet_and_part_none_is_new() -> None:
    """A second as one region, then back where they came from: who is who cannot be known, that there are two can."""
    way = [*range(0, 80, 5), *[80] * 10, *range(80, 0, -5)]
    told = followed([merged(seen(50 + x), seen(230 - x)) for x in way])
    assert sorted(told[-1]) == [1, 2]


def test_somebody_who_walks_past_leaves_a_still_thing_its_number_and_age() -> None:
    tracker = Tracker()
    for i in range(140):
        things = [seen(100, 60, 24, 24, cue="scene")]
        if i >= 60:
            things = merged(things[0], seen(4 * (i - 60) - 60, 50, 20, 44))
        linked = tracker.link(things, i / FPS)
    assert [region.track for region in linked] == [1, 2]
    assert linked[0].age == pytest.approx(13.9)


def test_a_thing_that_falls_in_two_gives_its_number_to_the_larger_part() -> None:
    whole = [[seen(50, 50, 40, 40)]] * 5
    parts = [[seen(34, 50, 8, 40), seen(56, 50, 28, 40)]] * 5
    assert followed([*whole, *parts]) == [[1]] * 5 + [[2, 1]] * 5


def test_a_splinter_changes_nothing() -> None:
    """For one frame the region falls apart, then it goes on and shrinks: it does not turn into the splinter."""
    walk = [[seen(20 + 4 * i)] for i in range(20)]
    apart = [seen(100, 45, 20, 30), seen(100, 66, 20, 8)]
    sits_down = [[seen(100, 70 - height / 2, 20, height)] for height in range(40, 8, -2)]
    told = followed([*walk, apart, *sits_down])
    assert told[20] == [1, 2]
    assert [numbers[0] for numbers in told] == [1] * 37


def test_age_counts_from_the_first_sight() -> None:
    tracker = Tracker()
    ages = [tracker.link([seen(20)], i / FPS)[0].age for i in range(5)]
    assert ages == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


# Any sequence

boxes: st.SearchStrategy[Box] = st.builds(
    lambda x, y, w, h: (x, y, x + w, y + h),
    st.integers(0, 100), st.integers(0, 60), st.integers(1, 40), st.integers(1, 40),
)  # fmt: skip
regions = st.builds(
    lambda box, cue: Region(box=box, area=1, peak=3.0, cue=cue), boxes, st.sampled_from(["motion", "scene"])
)
sequences = st.lists(st.lists(regions, max_size=5), max_size=25)


@settings(max_examples=200, deadline=None)
@given(sequences, st.sampled_from([0.5, 3.0, 25.0]))
def test_in_a_frame_no_number_comes_twice_and_none_comes_back_too_late(frames: list[list[Region]], fps: float) -> None:
    last: dict[int, float] = {}
    newest = 0
    for index, numbers in enumerate(followed(frames, fps=fps)):
        assert len(set(numbers)) == len(numbers) == len(frames[index])
        for number in numbers:
            if number in last:
                away = index / fps - last[number]
                assert away <= max(GAP_S, WAIT_S) + GAP_S + 2 / fps
            last[number] = index / fps
        for number in sorted(set(numbers)):
            assert number <= newest + 1, "numbers are given in turn"
            newest = max(newest, number)


@settings(max_examples=100, deadline=None)
@given(sequences, st.integers(0, 25))
def test_later_frames_change_no_number(frames: list[list[Region]], cut: int) -> None:
    assert followed(frames[:cut]) == followed(frames)[:cut]


# Measures


def array(*boxes: Box) -> np.ndarray:
    return np.array(boxes, np.float64)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 10, 10), 1.0),
        ((5, 0, 15, 10), 1 / 3),
        ((10, 0, 20, 10), 0.0),
        ((20, 0, 30, 10), -1 / 3),  # the hull is 300, the union 200
        ((0, 0, 10, 5), 0.5),
    ],
)
def test_generalised_overlap_by_hand(other: Box, expected: float) -> None:
    assert overlap(array((0, 0, 10, 10)), array(other)) == pytest.approx(expected)


def test_covered_by_hand() -> None:
    a, b = array((0, 0, 10, 10), (5, 0, 25, 10)), array((0, 0, 10, 10), (0, 0, 100, 100), (50, 50, 60, 60))
    assert covered(a, b) == pytest.approx(np.array([[1, 1, 0], [0.25, 1, 0]]))
