"""The one path: every frame reaches the sinks once and in order, whatever ends or interrupts it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.pipeline import Interrupted, Updates, run_session
from memwatch.pipeline.session import BATCH
from memwatch.sinks import Sink
from memwatch.types import Event, Frame, Observation, Tally
from tests.pipeline import scripted

RULE = EventConfig(start_hits=2, start_window=3, min_length_s=0.1, end_gap_s=0.5)


class Diary(Sink):
    """Writes down all it is told; `interrupt_at` is the frame at which the user interrupts it."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.told: list[tuple[int, Observation | None]] = []
        self.events: list[Event] = []
        self.order: list[str] = []
        self.interrupt_at = interrupt_at

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        self.told.append((frame.index, observation))
        self.order.append(str(frame.index))
        if frame.index == self.interrupt_at:
            raise KeyboardInterrupt

    def on_event(self, event: Event) -> None:
        self.events.append(event)
        self.order.append(f"{event.phase} {event.last.index}")

    @property
    def frames(self) -> list[int]:
        return [index for index, _ in self.told]

    @property
    def closed(self) -> list[tuple[int, int, str | None]]:
        return [(e.start.index, e.last.index, e.end_reason) for e in self.events if e.phase == "closed"]


def run(
    source: scripted.Recorded,
    *sinks: Sink,
    runtime: scripted.Script | None = None,
    updates: Updates = Updates.gated,
) -> Tally:
    detector = scripted.detector(runtime or scripted.Script(), updates=updates)
    return run_session(source, detector, sinks=sinks, events=EventBuilder("yard", RULE))


@pytest.mark.parametrize("live", [False, True], ids=["recording", "live"])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 30])
def test_every_frame_reaches_every_sink_in_order(count: int, live: bool) -> None:
    diaries = Diary(), Diary()
    tally = run(scripted.Recorded(scripted.frames("." * count), live=live), *diaries)
    for diary in diaries:
        assert diary.frames == list(range(count))
        assert [index for index, seen in diary.told if seen is None] == [0]
        assert all(seen is None or seen.index == index for index, seen in diary.told)
    assert (tally.read, tally.scored, tally.filled) == (count, count - 1, 1)
    assert tally.seconds == pytest.approx((count - 1) / 10)


def test_recordings_go_in_batches_and_live_sources_frame_by_frame() -> None:
    for live, most in ((False, BATCH), (True, 1)):
        runtime = scripted.Script()
        run(scripted.Recorded(scripted.frames("." * 40), live=live), runtime=runtime, updates=Updates.frozen)
        assert max(runtime.batches) == most


def test_a_recording_and_a_live_source_tell_the_same() -> None:
    text = "." * 25 + "#####" + "." * 25 + "##" + "." * 9
    recorded, live = Diary(), Diary()
    tallies = [run(scripted.Recorded(scripted.frames(text), live=diary is live), diary) for diary in (recorded, live)]
    assert tallies[0] == tallies[1]
    assert recorded.order == live.order
    assert recorded.closed == live.closed == [(25, 29, "quiet"), (55, 56, "quiet")]
    assert (tallies[0].over, tallies[0].events) == (7, 2)


def test_an_event_is_told_after_the_frame_that_caused_it() -> None:
    diary = Diary()
    run(scripted.Recorded(scripted.frames("...##" + "." * 10)), diary)
    assert diary.order[4:6] == ["4", "opened 4"]
    assert diary.order.index("closed 4") == diary.order.index("9") + 1


def test_the_end_closes_what_is_open() -> None:
    diary = Diary()
    run(scripted.Recorded(scripted.frames("....####")), diary)
    assert diary.closed == [(4, 7, "source_end")]


@pytest.mark.parametrize("live", [False, True], ids=["recording", "live"])
def test_a_gap_closes_events_before_the_frame_after_it(live: bool) -> None:
    diary = Diary()
    run(scripted.Recorded(scripted.frames("....########", gaps=[8]), live=live), diary)
    assert diary.closed == [(4, 7, "gap"), (9, 11, "source_end")]
    assert diary.order.index("closed 7") == diary.order.index("8") - 1
    assert [index for index, seen in diary.told if seen is None] == [0, 8]


def test_a_hole_in_time_and_another_picture_size_are_breaks_too() -> None:
    first, second = scripted.frames("....####"), scripted.frames("########", fps=9)
    later = [Frame(f.source, f.index + 8, f.time, f.seconds + 60, f.image) for f in second]
    diary = Diary()
    run(scripted.Recorded([*first, *later]), diary)
    assert diary.closed == [(4, 7, "gap"), (9, 15, "source_end")]


def test_what_waits_at_a_gap_teaches_nothing() -> None:
    runtime = scripted.Script()
    shown = scripted.frames("." * 60, gaps=[30])
    run(scripted.Recorded(shown), runtime=runtime)
    assert runtime.scored_with[59][:9] == tuple(range(1, 10))
    assert runtime.scored_with[59][9] == 31


def test_the_watcher_ends_a_session_and_hears_of_every_batch() -> None:
    heard: list[int] = []
    diary = Diary()

    def watch(tally: Tally) -> bool:
        heard.append(tally.read)
        return tally.read < 16

    tally = run_session(
        scripted.Recorded(scripted.frames("." * 12 + "#" * 30)),
        scripted.detector(scripted.Script()),
        sinks=(diary,),
        events=EventBuilder("yard", RULE),
        watch=watch,
    )
    assert heard == [8, 16, 16]
    assert tally.read == 16
    assert diary.closed == [(12, 15, "shutdown")]


# The user's Ctrl-C


def interrupted(source: scripted.Recorded, diaries: Sequence[Diary], runtime: scripted.Script) -> Tally:
    with pytest.raises(Interrupted) as caught:
        run(source, *diaries, runtime=runtime)
    assert isinstance(caught.value, KeyboardInterrupt)
    return caught.value.tally


@pytest.mark.parametrize("live", [False, True], ids=["recording", "live"])
def test_stopped_while_waiting_for_a_frame(live: bool) -> None:
    diary = Diary()
    source = scripted.Recorded(scripted.frames("...." + "#" * 20), live=live, stop_at=13)
    tally = interrupted(source, [diary], scripted.Script())
    assert diary.frames == list(range(13))
    assert diary.closed == [(4, 12, "shutdown")]
    assert (tally.read, tally.scored) == (13, 12)


def test_stopped_while_a_sink_writes() -> None:
    diary = Diary(interrupt_at=11)
    runtime = scripted.Script()
    tally = interrupted(scripted.Recorded(scripted.frames("...." + "#" * 30)), [diary], runtime)
    assert diary.frames == list(range(16))
    assert diary.closed == [(4, 15, "shutdown")]
    assert tally.read == 16
    assert sum(runtime.batches) == 15  # nothing was scored twice


def test_stopped_while_scoring() -> None:
    """The detector sees each clip once: the batch in its hands goes on without a score."""
    diary = Diary()
    runtime = scripted.Script()
    runtime.interrupt_at = 13
    tally = interrupted(scripted.Recorded(scripted.frames("." * 5 + "#" * 30)), [diary], runtime)
    assert diary.frames == list(range(16))
    assert [index for index, seen in diary.told if seen is None] == [0, *range(8, 16)]
    assert diary.closed == [(5, 7, "shutdown")]
    assert (tally.read, tally.scored, tally.filled) == (16, 7, 9)
