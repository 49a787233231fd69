"""Which events people are told of, by hand: one frame over the threshold is an event here, told at once."""

from __future__ import annotations

import pytest

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.live.ration import Limits, Ration
from memwatch.types import Event, Observation, StateEvent
from tests.events.sequences import WALL, numbered, observation

SHORT = EventConfig(start_hits=1, start_window=1, end_gap_s=1.0, min_length_s=0.0, max_length_s=10.0)


class Watched:
    """A ration, and all that it told."""

    def __init__(self, cooldown_s: float = 0.0, max_per_hour: int = 1000) -> None:
        self.limits = Limits(cooldown_s, max_per_hour)
        self.states: list[StateEvent] = []
        self.ration = Ration(EventBuilder("yard", SHORT, numbered()), self.limits, "yard", self.states.append)
        self._count = 0

    def frame(self, seconds: float, value: float = 3.0, *, wall: float | None = None) -> list[Event]:
        self._count += 1
        one = observation(self._count, seconds, value)
        if wall is not None:
            one = Observation(one.source, one.index, WALL + wall, seconds, one.size, one.score, one.regions)
        return self.ration.push(one)

    def event(self, seconds: float, *, wall: float | None = None) -> str:
        """Why nobody is told of an event of one frame at `seconds`: said alike when it opens and when it closes."""
        told = self.frame(seconds, wall=wall)
        told += self.frame(seconds + 1.5, 0.0, wall=None if wall is None else wall + 1.5)
        assert [event.phase for event in told] == ["opened", "closed"]
        (why,) = {event.suppressed_by for event in told}
        return why

    def kinds(self) -> list[tuple[str, float]]:
        return [(state.kind, state.time - WALL) for state in self.states]


def test_a_cool_down_begins_with_an_event_that_was_told_and_with_no_other() -> None:
    """60 s after the one at 0: had those at 30 and 59 begun one of their own, 60 would be too early."""
    watched = Watched(cooldown_s=60.0)
    told = {at: watched.event(at) for at in (0.0, 30.0, 57.0, 60.0, 100.0, 119.0, 121.0)}
    assert told == {0: "", 30: "cooldown", 57: "cooldown", 60: "", 100: "cooldown", 119: "cooldown", 121: ""}
    assert watched.states == []


def test_without_a_cool_down_every_event_is_told() -> None:
    watched = Watched()
    assert [watched.event(3.0 * i) for i in range(5)] == [""] * 5


def test_an_event_told_before_the_clock_was_set_back_holds_nobody_up() -> None:
    watched = Watched(cooldown_s=60.0)
    assert watched.event(0.0, wall=1000.0) == ""
    assert watched.event(3.0, wall=1003.0) == "cooldown"
    assert watched.event(6.0, wall=0.0) == ""


def test_what_goes_on_from_an_event_is_no_news() -> None:
    """Over the threshold for 25 s, cut every 10 s."""
    watched = Watched()
    told: list[Event] = []
    for i in range(51):
        told += watched.frame(i / 2)
    told += watched.ration.finish("shutdown")
    opened = [event for event in told if event.phase == "opened"]
    assert [(event.parent, event.suppressed_by) for event in opened] == [
        ("", ""),
        ("e1", "continues"),
        ("e2", "continues"),
    ]
    assert all(event.suppressed_by == ("" if event.id == "e1" else "continues") for event in told)
    assert sum(event.phase == "updated" for event in told) > 10
    assert [event.id for event in told if event.phase == "closed"] == ["e1", "e2", "e3"]


def test_what_goes_on_begins_no_cool_down() -> None:
    watched = Watched(cooldown_s=20.0)
    for i in range(25):
        watched.frame(i / 2)
    watched.frame(14.0, 0.0)
    assert watched.event(20.0) == ""  # the one at 0 is twenty seconds ago, what went on from it ten


def test_a_quiet_profile_tells_nobody_and_begins_no_cool_down() -> None:
    watched = Watched(cooldown_s=60.0)
    watched.limits.notify = False
    assert watched.event(0.0) == "profile"
    watched.limits.notify = True
    assert watched.event(3.0) == ""
    watched.limits.notify = False
    assert watched.event(6.0) == "profile"


def test_an_event_keeps_the_reason_that_it_opened_with() -> None:
    watched = Watched()
    watched.limits.notify = False
    opened = watched.frame(0.0)
    watched.limits.notify = True
    updated = watched.frame(1.0)
    closed = watched.ration.finish("camera_lost")
    told = [*opened, *updated, *closed]
    assert [(event.phase, event.suppressed_by) for event in told] == [
        ("opened", "profile"), ("updated", "profile"), ("closed", "profile"),
    ]  # fmt: skip
    assert closed[0].end_reason == "camera_lost"
    assert watched.event(10.0) == ""


def test_a_flood_is_told_once_and_summed_up_when_it_is_over() -> None:
    """Three an hour: the fourth, at 30 s, begins a flood. At 3630 s all but the one of 40 s are an hour ago, which is
    no more than half of three."""
    watched = Watched(max_per_hour=3)
    assert [watched.event(at) for at in (0.0, 10.0, 20.0, 30.0, 40.0)] == ["", "", "", "flood", "flood"]
    watched.frame(3629.9, 0.0)
    assert watched.kinds() == [("flood", 30.0)]
    watched.frame(3630.0, 0.0)
    assert watched.kinds() == [("flood", 30.0), ("digest", 3630.0)]
    flood, digest = watched.states
    assert (flood.source, flood.facts) == ("yard", {"events": 4, "limit": 3})
    assert digest.facts == {"events": 2, "since": pytest.approx(WALL + 30), "reasons": {"motion": 2}}
    assert watched.event(3640.0) == ""
    watched.frame(9000.0, 0.0)
    assert len(watched.states) == 2


@pytest.mark.parametrize(("reason", "summed_up"), [("shutdown", True), ("source_end", True), ("gap", False)])
def test_a_flood_is_summed_up_when_nothing_follows(reason: str, *, summed_up: bool) -> None:
    watched = Watched(max_per_hour=1)
    assert [watched.event(at) for at in (0.0, 5.0, 10.0)] == ["", "flood", "flood"]
    watched.ration.finish(reason)
    assert watched.kinds()[1:] == ([("digest", 11.5)] if summed_up else [])
    watched.ration.finish(reason)
    assert len(watched.states) == 1 + summed_up


def test_a_second_flood_counts_anew() -> None:
    watched = Watched(max_per_hour=1)
    for hours in (0, 2):
        assert [watched.event(hours * 3600.0 + at) for at in (0.0, 5.0)] == ["", "flood"]
    watched.frame(4 * 3600.0, 0.0)
    assert [state.kind for state in watched.states] == ["flood", "digest"] * 2
    assert [state.facts["events"] for state in watched.states] == [2, 1, 2, 1]


def test_events_that_nobody_was_told_of_count_towards_a_flood() -> None:
    watched = Watched(cooldown_s=1000.0, max_per_hour=2)
    assert [watched.event(at) for at in (0.0, 5.0, 10.0)] == ["", "cooldown", "flood"]


def test_a_flood_begins_no_cool_down() -> None:
    """An hour after the first two there is room again, and the cool-down of the one at 0 is long over."""
    watched = Watched(cooldown_s=1000.0, max_per_hour=2)
    assert [watched.event(at) for at in (0.0, 5.0, 3000.0, 3606.0)] == ["", "cooldown", "flood", ""]


def test_what_is_kept_of_a_long_flood_is_an_hour_s_events() -> None:
    watched = Watched(max_per_hour=5)
    for i in range(2000):
        watched.event(i * 4.0)
    assert len(watched.ration._recent) == 900
    assert len(watched.ration._open) == 0
    assert watched.kinds() == [("flood", 20.0)]
