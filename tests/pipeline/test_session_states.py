"""A camera's states among its frames: what is held, what they end, in which order they are told; and how many frames
are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.pipeline import Interrupted, Updates, run_session
from memwatch.pipeline.session import Pace
from memwatch.sinks import Sink
from memwatch.types import Event, Frame, Observation, StateEvent, Tally
from tests.pipeline import scripted

RULE = EventConfig(start_hits=2, start_window=3, min_length_s=0.1, end_gap_s=0.5)


class Told(Sink):
    """All it is told, in order: `5` a frame that was scored, `(5)` one that was not."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        self.order.append(f"({frame.index})" if observation is None else str(frame.index))

    def on_event(self, event: Event) -> None:
        self.order.append(f"{event.phase} {event.end_reason or event.last.index}")

    def on_state(self, state: StateEvent) -> None:
        self.order.append(state.kind)


class Mixed(scripted.Recorded):
    """Frames with states before some of them."""

    def __init__(self, shown: Sequence[Frame], states: dict[int, StateEvent], *, live: bool) -> None:
        super().__init__(shown, live=live)
        self._states = states

    def __iter__(self) -> Iterator[Frame | StateEvent]:  # type: ignore[override]
        for frame in super().__iter__():
            if frame.index in self._states:
                yield self._states[frame.index]
            yield frame


def state(kind: str, *, scene: str = "", ends: str = "") -> StateEvent:
    return StateEvent("yard", kind, 0.0, scene=scene, ends=ends)


def run(
    text: str,
    states: dict[int, StateEvent] | None = None,
    *,
    live: bool = True,
    rate: float | None = None,
    gaps: Sequence[int] = (),
    runtime: scripted.Script | None = None,
) -> tuple[list[str], Tally]:
    told = Told()
    source = Mixed(scripted.frames(text, gaps=gaps), states or {}, live=live)
    detector = scripted.detector(runtime or scripted.Script(), updates=Updates.gated)
    tally = run_session(source, detector, sinks=[told], events=EventBuilder("yard", RULE), rate=rate)
    return told.order, tally


@pytest.mark.parametrize("live", [False, True], ids=["recording", "live"])
def test_a_state_is_told_between_the_frames_that_it_lies_between(live: bool) -> None:
    order, _ = run("......", {0: state("camera_back"), 3: state("threshold_changed")}, live=live)
    assert order == ["camera_back", "(0)", "1", "2", "threshold_changed", "3", "4", "5"]


@pytest.mark.parametrize("live", [False, True], ids=["recording", "live"])
def test_what_a_state_ends_is_closed_before_it_is_told(live: bool) -> None:
    order, tally = run("..##..", {4: state("camera_lost", ends="camera_lost")}, live=live)
    assert order == ["(0)", "1", "2", "3", "opened 3", "closed camera_lost", "camera_lost", "4", "5"]
    assert tally.events == 1


def test_a_state_that_ends_nothing_leaves_events_open() -> None:
    order, _ = run("..####......", {4: state("threshold_changed")})
    assert [word for word in order if "opened" in word or "closed" in word] == ["opened 3", "closed quiet"]


@pytest.mark.parametrize("live", [False, True], ids=["recording", "live"])
@pytest.mark.parametrize("after", ["go on", "relight", "anew"])
def test_while_the_picture_changes_frames_reach_the_sinks_without_a_score(live: bool, after: str) -> None:
    """The first frame after a hold begins a clip, as after a gap, so it has no score either."""
    states = {2: state("scene_change", scene="hold"), 5: state("over", scene=after)}
    order, tally = run("..###...", states, live=live)
    assert order == ["(0)", "1", "scene_change", "(2)", "(3)", "(4)", "over", "(5)", "6", "7"]
    assert (tally.read, tally.scored, tally.filled, tally.over, tally.events) == (8, 3, 5, 0, 0)
    assert tally.seconds == pytest.approx(0.7)


def test_what_is_held_is_neither_scored_nor_learned_from() -> None:
    runtime = scripted.Script()
    states = {30: state("scene_change", scene="hold"), 60: state("over", scene="go on")}
    _, tally = run("." * 100, states, runtime=runtime)
    assert set(runtime.scored_with) == {*range(1, 30), *range(61, 100)}
    # What waited when the change began is not known to have been normal.
    assert runtime.scored_with[99] == (*range(1, 10), *range(61, 80))
    assert tally.learned == 9 + 19


def test_the_next_state_of_one_change_goes_on_holding() -> None:
    states = {2: state("light", scene="hold"), 3: state("covered", scene="hold"), 5: state("over", scene="anew")}
    order, _ = run(".......", states)
    assert order == ["(0)", "1", "light", "(2)", "covered", "(3)", "(4)", "over", "(5)", "6"]


def test_other_states_do_not_end_a_hold() -> None:
    order, _ = run("......", {2: state("scene_change", scene="hold"), 4: state("camera_back")})
    assert order == ["(0)", "1", "scene_change", "(2)", "(3)", "camera_back", "(4)", "(5)"]


def test_an_event_that_is_open_at_a_hold_is_closed_at_the_end() -> None:
    order, _ = run("..###...", {5: state("scene_change", scene="hold")})
    assert order[-1] == "closed source_end"
    assert order.count("opened 3") == 1


def test_the_watcher_hears_of_frames_that_are_held_and_may_end_the_session() -> None:
    told = Told()
    heard: list[int] = []

    def watch(tally: Tally) -> bool:
        heard.append(tally.read)
        return tally.read < 5

    source = Mixed(scripted.frames("." * 20), {3: state("scene_change", scene="hold")}, live=True)
    tally = run_session(source, scripted.detector(scripted.Script()), sinks=[told], watch=watch)
    assert heard == [1, 2, 3, 4, 5, 5]
    assert tally.read == 5
    assert told.order == ["(0)", "1", "2", "scene_change", "(3)", "(4)"]


def test_stopped_while_the_picture_changes() -> None:
    told = Told()
    source = Mixed(scripted.frames("..###....."), {5: state("scene_change", scene="hold")}, live=True)
    source.stop_at = 8
    with pytest.raises(Interrupted) as caught:
        run_session(source, scripted.detector(scripted.Script()), sinks=[told], events=EventBuilder("yard", RULE))
    assert told.order[-4:] == ["(5)", "(6)", "(7)", "closed shutdown"]
    assert caught.value.tally.read == 8


def test_a_gap_while_the_picture_changes_closes_events() -> None:
    """What came before the gap must not go on after it."""
    states = {5: state("scene_change", scene="hold"), 7: state("over", scene="go on")}
    order, _ = run("..#######", states, gaps=[6])
    assert "closed gap" in order
    assert order.index("closed gap") < order.index("(6)")


# How many frames are wanted


def wanted(rate: float | None, times: Sequence[float]) -> list[float]:
    pace = Pace(rate)
    return [at for at in times if pace.wants(at)]


def tenths(count: int) -> list[float]:
    return [i / 10 for i in range(count)]


def test_without_a_rate_all_frames_are_wanted() -> None:
    assert wanted(None, tenths(9)) == tenths(9)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (10.0, tenths(11)),
        (30.0, tenths(11)),
        (5.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (4.0, [0, 0.3, 0.5, 0.8, 1.0]),  # due at 0, ¼, ½, ¾ and 1
        (1.0, [0, 1.0]),
    ],
)
def test_the_frames_wanted_of_ten_a_second(rate: float, expected: list[float]) -> None:
    assert wanted(rate, tenths(11)) == expected


@pytest.mark.parametrize("fps", [7.0, 12.5, 25.0, 29.97])
def test_the_mean_rate_is_kept_whatever_the_camera_s_is(fps: float) -> None:
    found = wanted(6.0, [i / fps for i in range(int(100 * fps))])
    assert len(found) == pytest.approx(600, abs=2)


def test_after_a_hole_nothing_is_caught_up_with() -> None:
    times = [*tenths(5), *(100 + i / 10 for i in range(20))]
    later = [at for at in wanted(2.0, times) if at >= 100]
    assert len(later) <= 5


def test_frames_that_come_too_soon_reach_the_sinks_without_a_score() -> None:
    order, tally = run("." * 11, rate=5.0)
    assert order == ["(0)", "1", "2", "(3)", "4", "(5)", "6", "(7)", "8", "(9)", "10"]  # due at 0, 0.2, 0.4 …
    assert (tally.read, tally.scored, tally.skipped) == (11, 6, 4)


def test_a_slower_pace_sees_the_same_events() -> None:
    order, _ = run("." * 10 + "#" * 10 + "." * 10, rate=5.0)
    assert [word for word in order if "ed" in word] == ["opened 12", "closed quiet"]


def test_recordings_and_live_sources_are_paced_alike() -> None:
    assert run("." * 30 + "####", rate=4.0, live=False) == run("." * 30 + "####", rate=4.0, live=True)
