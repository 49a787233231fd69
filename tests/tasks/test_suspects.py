"""What stands far above the rest of footage that was given as normal, and footage without it."""

from __future__ import annotations

import numpy as np
import pytest

from memwatch.config import EventConfig
from memwatch.tasks.alarms import Trace, event_levels
from memwatch.tasks.footage import Footage
from memwatch.tasks.suspects import MARGIN_S, Suspect, far_above, suspect_stretches, suspects_of, without
from tests.tasks.walks import FPS, footage, recording

RULE = EventConfig()


def trace(*, odd: tuple[int, int] | None = None, height: float = 30.0, seed: int = 0) -> Trace:
    """Two minutes in which every five seconds something mildly unusual lasts for one; `odd` frames are far above."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 1, 1200)
    for start in range(20, 1180, 50):
        values[start : start + 10] += 2 + rng.exponential(0.5)
    if odd:
        values[odd[0] : odd[1]] = height
    return Trace("monday.mp4", np.arange(1200) // 200, np.arange(1200) / 10, values)


def told(found: list[Trace]) -> list[Suspect]:
    return suspects_of(found, event_levels(found, RULE), RULE)


def test_an_event_far_above_the_rest_is_found_with_its_time() -> None:
    (found,) = told([trace(), trace(odd=(605, 640))])
    assert (found.clip, found.start, found.end) == ("monday.mp4", 60.5, 63.9)
    assert (found.score, found.recordings) == (30, (3,))
    assert found.rest < 8
    assert found.line() == f"monday.mp4 01:00 to 01:03: far above the rest (score 30.0, the next {found.rest:.1f})"


def test_an_event_across_two_recordings_touches_both() -> None:
    (found,) = told([trace(odd=(795, 830))])
    assert found.recordings == (3, 4)


def test_several_do_not_hide_each_other() -> None:
    found = told([trace(odd=(605, 640)), trace(odd=(300, 330), height=29, seed=1)])
    assert [(s.start, s.score) for s in found] == [(60.5, 30), (30, 29)]


@pytest.mark.parametrize("seed", range(20))
def test_ordinary_footage_is_not_suspected(seed: int) -> None:
    assert told([trace(seed=seed)]) == []


def test_what_is_half_of_the_footage_is_no_exception() -> None:
    levels = np.array([1.0] * 12 + [30.0] * 12)
    assert far_above(levels, 240) == 0
    assert far_above(np.array([1.0, 1.2, 1.1, 1.3, 1.2, 1.1, 1.2, 30.0]), 80) == 1


def test_too_few_others_say_nothing() -> None:
    assert far_above(np.array([1.0, 1.1, 1.2, 50.0]), 40) == 0
    assert far_above(np.array([3.0]), 40) == 0


def test_a_stretch_whose_scene_is_new_is_suspected_as_a_whole() -> None:
    made = footage(9)
    levels = np.array([1.0, 1.2, 0.9, 1.1, 1.0, 25.0, 1.3, 1.1])
    (found,) = suspect_stretches(made, (0, 1, 2, 3, 4, 6, 7, 8), levels)
    assert (found.clip, found.start, found.end) == ("clip-6", 0.0, 5.9)
    assert (found.score, found.rest, found.recordings) == (25.0, 1.3, (6,))


def test_footage_without_its_suspects_is_cut_there() -> None:
    made = Footage([recording("a", seconds=10), recording("b", seconds=10)], ["a", "b"])
    made.recordings[0].held_from = 30
    odd = Suspect("a", 4.0, 5.0, 9.0, 2.0, (0,))
    first, second, other = without(made, [odd]).recordings
    assert first.times == made.recordings[0].times[: round((4 - MARGIN_S) * FPS)]
    assert second.times[0] == pytest.approx(5 + MARGIN_S + 1 / FPS)
    assert (len(first.frames), first.held_from) == (30, 30)
    assert (len(second.frames), second.held_from) == (39, 0)
    assert other.times == made.recordings[1].times
    np.testing.assert_array_equal(second.frames[-1], made.recordings[0].frames[-1])


def test_a_suspect_at_either_end_leaves_one_piece_and_a_whole_recording_none() -> None:
    made = Footage([recording("a", seconds=10)], ["a"])
    assert [len(r.times) for r in without(made, [Suspect("a", 0.0, 2.0, 9, 2, (0,))]).recordings] == [69]
    assert [len(r.times) for r in without(made, [Suspect("a", 8.0, 9.9, 9, 2, (0,))]).recordings] == [70]
    assert without(made, [Suspect("a", 0.0, 9.9, 9, 2, (0,))]).recordings == []
