"""A camera that is never given up: states and frames in their order, by a clock that only tests turn."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pytest

from memwatch.errors import SourceError
from memwatch.types import Frame, StateEvent
from memwatch.video.camera import Limits
from memwatch.video.supervised import BackOff, SupervisedCamera

WALL = 1_772_399_051.0
"""2026-03-01T21:04:11Z."""
PICTURE = np.zeros((16, 16, 3), np.uint8)
STEADY = BackOff(jitter=0.0)
WEEK_S = 7 * 24 * 3600.0


@dataclass(slots=True)
class Hand:
    """A clock that stands still unless somebody sleeps."""

    now: float = 1000.0

    def wall(self) -> float:
        return WALL + self.now - 1000

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def broken_off(reason: str = "eof") -> SourceError:
    return SourceError("rtsp://***@cam/x: the connection broke off", "check the camera", reason=reason)


@dataclass
class Connection:
    """One connection: waits `opening_s`, shows `count` pictures `every_s` apart, then fails with `failure`."""

    clock: Hand
    count: int = 0
    failure: SourceError | None = field(default_factory=broken_off)
    start: float = 0.0
    """The camera's own time of the first picture."""
    first: int = 0
    """Its own number of the first picture."""
    opening_s: float = 0.0
    every_s: float = 1.0
    gaps: Sequence[int] = ()
    problems: Sequence[str] = ()
    dropped: int = 0
    broken: int = 0
    size: tuple[int, int] | None = (16, 16)
    last: Callable[[], None] | None = None
    """Called after the last picture: somebody closes the camera."""
    closed: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed += 1

    def __iter__(self) -> Iterator[Frame]:
        for i in range(self.count):
            if i:
                self.clock.sleep(self.every_s)
            seconds = self.start + i * self.every_s
            yield Frame("own", self.first + i, self.clock.wall(), seconds, PICTURE, i in self.gaps)
        if self.last:
            self.last()
        if self.failure:
            raise self.failure


def supervised(
    clock: Hand,
    *shown: Connection | SourceError,
    back_off: BackOff = STEADY,
    lost_after_s: float = 3.0,
    closing: bool = False,
) -> tuple[SupervisedCamera, Callable[[], list[str]]]:
    """A camera of these connections, and what it tells until they are used up, in short. `closing`: it is closed when
    the last one breaks off; else when it tries again after that."""
    left = iter(shown)
    camera: SupervisedCamera

    def connect() -> Any:
        one = next(left, None)
        if one is None:
            camera.close()
            raise broken_off()
        if isinstance(one, SourceError):
            raise one
        clock.sleep(one.opening_s)
        if closing and one is shown[-1]:
            one.last = camera.close
        return one

    camera = SupervisedCamera(
        "rtsp://cam/x", name="yard", back_off=back_off, lost_after_s=lost_after_s, clock=clock, connect=connect
    )
    return camera, lambda: [short(item) for item in camera]


def short(item: Frame | StateEvent) -> str:
    if isinstance(item, Frame):
        return f"{'|' if item.gap else ''}{item.index}@{item.seconds:g}"
    return item.kind.removeprefix("camera_")


def states(camera: SupervisedCamera) -> list[StateEvent]:
    return [item for item in camera if isinstance(item, StateEvent)]


def test_numbers_and_seconds_rise_over_connections_and_each_later_one_begins_with_a_gap() -> None:
    """Three pictures at 0, 1 and 2 s; the second connection comes one second of back-off later, with a clock and
    numbers of its own."""
    clock = Hand()
    _, told = supervised(
        clock, Connection(clock, 3), Connection(clock, 2, start=500.0), Connection(clock, 1), closing=True
    )
    assert told() == ["connecting", "back", "0@0", "1@1", "2@2", "|3@3", "4@4", "|5@6"]


def test_frames_that_a_connection_dropped_keep_their_numbers_and_its_own_gaps_stay() -> None:
    clock = Hand()
    _, told = supervised(clock, Connection(clock, 2, first=4), Connection(clock, 3, first=2, gaps=(2,)))
    assert told() == ["connecting", "back", "4@0", "5@1", "|8@2", "9@3", "|10@4"]


def test_seconds_never_go_back_where_the_camera_s_own_clock_ran_ahead() -> None:
    """Its 4 pictures carry times of 10 s apart; only 4 s have passed when it comes back."""
    clock = Hand()

    class Fast(Connection):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                yield Frame(frame.source, frame.index, frame.time, frame.seconds * 10, frame.image)

    camera, _ = supervised(clock, Fast(clock, 4), Connection(clock, 2))
    assert [item.seconds for item in camera if isinstance(item, Frame)] == [0, 10, 20, 30, 30, 31]


def test_frames_bear_the_camera_s_name_and_their_wall_time() -> None:
    clock = Hand()
    camera, _ = supervised(clock, Connection(clock, 2))
    shown = [item for item in camera if isinstance(item, Frame)]
    assert [(frame.source, frame.time) for frame in shown] == [("yard", WALL), ("yard", WALL + 1)]


def test_a_short_absence_is_no_loss() -> None:
    """One second of back-off, then 1.9 s until the camera answers: 2.9 s without a picture are not yet three."""
    clock = Hand()
    _, told = supervised(clock, Connection(clock, 1), Connection(clock, 1, opening_s=1.9))
    assert told() == ["connecting", "back", "0@0", "|1@2.9"]


def test_a_loss_is_told_once_in_its_place_with_when_the_next_try_is() -> None:
    """Tries at 1, 3 and 7 s fail, and the one at 15 s does not; four seconds without a picture are over three seconds
    before the third of these."""
    clock = Hand()
    camera, _ = supervised(
        clock, Connection(clock, 1), broken_off("refused"), broken_off("refused"), broken_off("timeout"),
        Connection(clock, 1), closing=True, lost_after_s=4.0,
    )  # fmt: skip
    items = list(camera)
    assert [short(item) for item in items] == ["connecting", "back", "0@0", "lost", "back", "|1@15"]
    lost, back = items[3], items[4]
    assert isinstance(lost, StateEvent)
    assert isinstance(back, StateEvent)
    assert (lost.source, lost.time, lost.ends) == ("yard", WALL + 4, "camera_lost")
    assert lost.facts == {
        "reason": "refused",
        "text": "rtsp://***@cam/x: the connection broke off. check the camera",
        "last_frame_wall": "2026-03-01T21:04:11.000Z",
        "attempt": 3,
        "next_try_s": 3.0,
    }
    assert (back.time, back.facts) == (WALL + 15, {"down_s": 15.0, "attempts": 5})


def test_a_loss_is_told_when_its_time_comes_not_at_the_next_try() -> None:
    """The next try is ten seconds away; the loss is told after 3 s, seven before it."""
    clock = Hand()
    camera, _ = supervised(clock, Connection(clock, 1), back_off=BackOff(first_s=10.0, jitter=0.0))
    lost = states(camera)[-1]
    assert (lost.kind, lost.time, lost.facts["next_try_s"]) == ("camera_lost", WALL + 3, 7.0)
    assert clock.now == pytest.approx(1010)


def test_a_second_loss_is_told_again() -> None:
    clock = Hand()
    late = Connection(clock, 1, opening_s=5.0)
    _, told = supervised(
        clock, Connection(clock, 1), broken_off(), broken_off(), late, broken_off(), broken_off(), broken_off(),
        Connection(clock, 1), closing=True,
    )  # fmt: skip
    assert [word for word in told() if "@" not in word] == ["connecting", "back", "lost", "back", "lost", "back"]


def test_a_camera_that_was_never_there_is_lost_and_then_back() -> None:
    clock = Hand()
    camera, _ = supervised(clock, *[broken_off()] * 3, Connection(clock, 1), closing=True)
    connecting, lost, back = states(camera)
    assert (connecting.facts, connecting.ends) == ({}, "")
    assert (lost.time, lost.facts["last_frame_wall"], lost.facts["attempt"]) == (WALL + 3, None, 2)
    assert back.facts == {"down_s": 7.0, "attempts": 4}


@pytest.mark.parametrize("reason", ["unauthorized", "not_found"])
def test_a_refused_account_is_told_at_once_and_waited_for_longer(reason: str) -> None:
    clock = Hand()
    camera, _ = supervised(clock, Connection(clock, 1), *[broken_off(reason)] * 8, back_off=STEADY)
    told = states(camera)
    assert [state.kind for state in told] == ["camera_connecting", "camera_back", "camera_lost"]
    assert (told[-1].time, told[-1].facts["reason"], told[-1].facts["next_try_s"]) == (WALL + 1, reason, 10.0)
    # One second after the end of the stream, then five of 10 s (tries 2 … 6), 20, 40 and 80.
    assert clock.now == pytest.approx(1000 + 1 + 5 * 10 + 20 + 40 + 80)


def test_a_stream_that_ends_without_an_error_is_a_loss_like_another() -> None:
    clock = Hand()
    camera, _ = supervised(clock, Connection(clock, 1, failure=None), lost_after_s=0.0)
    lost = states(camera)[-1]
    assert (lost.facts["reason"], lost.facts["text"]) == ("eof", "yard: the stream ended")


def test_back_off_doubles_up_to_the_longest() -> None:
    waits = [STEADY.wait(attempt, "eof") for attempt in (1, 2, 3, 4, 5, 6, 10_000)]
    assert waits == [1, 2, 4, 8, 10, 10, 10]


def test_back_off_for_a_refused_account_keeps_to_six_even_tries_and_ends_at_ten_minutes() -> None:
    waits = [STEADY.wait(attempt, "unauthorized") for attempt in (1, 6, 7, 8, 11, 12, 13, 10_000)]
    assert waits == [10, 10, 20, 40, 320, 600, 600, 600]


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_jitter_is_a_fifth_to_either_side(chance: float, share: float) -> None:
    assert BackOff().wait(3, "eof", lambda: chance) == pytest.approx(4 * share)
    assert BackOff().wait(9, "not_found", lambda: chance) == pytest.approx(80 * share)


def test_a_connection_that_held_begins_the_count_anew_and_a_short_one_does_not() -> None:
    """The pauses after connections of 10 s, of 9 s, and of 10 s."""
    for pictures, waits in ((11, [1, 1, 1]), (10, [1, 2, 4])):
        clock = Hand()
        supervised(clock, *(Connection(clock, pictures) for _ in waits))[1]()
        assert clock.now - 1000 == pytest.approx(3 * (pictures - 1) + sum(waits))


def test_what_connections_counted_is_summed_up() -> None:
    clock = Hand()
    first = Connection(clock, 1, dropped=3, broken=1, problems=["a", "b"])
    second = Connection(clock, 1, dropped=4, broken=2, problems=["b", "c"], size=(32, 24))
    camera, told = supervised(clock, first, second)
    told()
    assert (camera.dropped, camera.broken, camera.problems) == (7, 3, ["a", "b", "c"])
    assert (camera.size, camera.dropped_so_far) == ((32, 24), 7)
    assert (first.closed, second.closed) == (1, 1)


def test_dropped_so_far_counts_the_open_connection() -> None:
    clock = Hand()
    camera, _ = supervised(clock, Connection(clock, 1, dropped=3), Connection(clock, 1, dropped=4))
    assert [camera.dropped_so_far for item in camera if isinstance(item, Frame)] == [3, 7]


def test_leaving_the_iteration_closes_the_connection() -> None:
    clock = Hand()
    connection = Connection(clock, 5)
    camera, _ = supervised(clock, connection)
    running = iter(camera)
    assert [short(next(running)) for _ in range(3)] == ["connecting", "back", "0@0"]
    camera.close()
    assert connection.closed
    running.close()  # type: ignore[attr-defined]


class Silent(Connection):
    """Shows nothing until somebody closes it."""

    def __init__(self) -> None:
        super().__init__(Hand())
        self.over = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        assert self.over.wait(5), "nobody closed it"
        return iter(())

    def close(self) -> None:
        self.over.set()


@pytest.mark.parametrize("answers", [True, False], ids=["while it waits for a frame", "while it waits to try again"])
def test_closing_from_another_thread_ends_the_iteration(answers: bool) -> None:
    """By the real clock; where the camera refuses, the next try is a minute away."""

    def connect() -> Any:
        if not answers:
            raise broken_off("refused")
        return Silent()

    camera = SupervisedCamera("rtsp://cam/x", name="yard", back_off=BackOff(first_s=60, longest_s=60), connect=connect)
    timer = threading.Timer(0.1, camera.close)
    timer.start()
    began = time.monotonic()
    assert [short(item) for item in camera] == ["connecting"]
    assert time.monotonic() - began < 2
    timer.join()


def test_no_state_shows_the_address_s_user_or_password() -> None:
    """A real connection to a port of this machine where nobody listens."""
    address = "rtsp://someone:p%40%3Aword@127.0.0.1:9/live"
    camera = SupervisedCamera(address, name="yard", limits=Limits(open_s=2, read_s=2), lost_after_s=0.0)
    told = []
    for state in camera:
        told.append(state)
        if isinstance(state, StateEvent) and state.kind == "camera_lost":
            camera.close()
    assert [short(item) for item in told] == ["connecting", "lost"]
    everything = repr(told)
    assert "rtsp://***@127.0.0.1:9/live: refuses the connection" in everything
    assert not [secret for secret in ("someone", "p%40", "p@:word") if secret in everything]


def test_a_week_of_reconnects_in_seconds() -> None:
    """30,000 connections of two pictures, 19 s apart, and a second between them: 600,000 s. Nothing is kept of them."""
    clock = Hand()
    most = 30_000
    made = 0

    def connect() -> Connection:
        nonlocal made
        made += 1
        if made > most:
            camera.close()
        return Connection(clock, 2, every_s=19.0, problems=[f"problem {made}"])

    camera = SupervisedCamera("rtsp://cam/x", name="yard", back_off=STEADY, clock=clock, connect=connect)
    gaps = 0
    kinds: set[str] = set()
    before, seconds = -1, -1.0
    blocks: list[int] = []
    for item in camera:
        if isinstance(item, StateEvent):
            kinds.add(item.kind)
            continue
        gaps += item.gap
        assert item.index == before + 1
        assert item.seconds > seconds
        before, seconds = item.index, item.seconds
        if item.gap and made in (most // 10, most):
            blocks.append(sys.getallocatedblocks())
    assert (before + 1, gaps, made) == (2 * most, most - 1, most + 1)
    assert clock.now - 1000 == pytest.approx(20 * most)
    assert 20 * most > 0.99 * WEEK_S
    assert seconds == pytest.approx(20 * most - 1)
    assert kinds == {"camera_connecting", "camera_back"}
    assert blocks[1] - blocks[0] < most // 10, "memory grows with the connections"
    assert len(camera.problems) <= 5
