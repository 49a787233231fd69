"""A camera that is never given up: one connection after the other, as one stream.

Whoever reads it hears of a loss in its place among the frames, whether the camera refused, broke off or only fell
silent: the wait for each frame is bounded by a clock beside the reader (`CameraSource`), never by the reader.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from memwatch.clock import Clock, SystemClock, iso
from memwatch.errors import SourceError
from memwatch.types import Frame, StateEvent
from memwatch.video.base import FrameSource
from memwatch.video.camera import CameraSource, Limits

PERMANENT = ("unauthorized", "not_found")
"""Reasons that seldom mend themselves; and some cameras lock the account after a number of tries."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds between tries, each ± `jitter` of it so that many cameras do not come back in step."""

    first_s: float = 1.0
    """Doubled each time …"""
    longest_s: float = 10.0
    """… up to this."""
    refused_s: float = 10.0
    """Where the camera refuses the account or the address: so long for the first `refused_tries`, then doubled …"""
    refused_tries: int = 6
    refused_longest_s: float = 600.0
    """… up to this."""
    jitter: float = 0.2
    healthy_s: float = 10.0
    """A connection that held so long begins the count anew."""

    def wait(self, attempt: int, reason: str, chance: Callable[[], float] = random.random) -> float:
        """Seconds before the next try after the `attempt`-th failed one (from 1)."""
        if reason in PERMANENT:
            doublings = min(max(0, attempt - self.refused_tries), 32)
            base = min(self.refused_s * 2.0**doublings, self.refused_longest_s)
        else:
            base = min(self.first_s * 2.0 ** min(attempt - 1, 32), self.longest_s)
        return base * (1 + self.jitter * (2 * chance() - 1))


Connect = Callable[[], Any]
"""Opens one connection: a source of frames that raises SourceError when it can't, or no longer can."""


class SupervisedCamera(FrameSource):
    """A live camera's frames and states, for as long as it is wanted.

    The first frame of a new connection has `gap` set; numbers and seconds go on rising through all connections.
    Told are `camera_connecting` once, `camera_back` with every first frame after that or after a loss, and
    `camera_lost` once a loss: when no frame has come for `lost_after_s`, or at once where the camera refuses. A
    shorter absence is only a gap.
    """

    live = True

    def __init__(
        self,
        address: str,
        *,
        name: str,
        limits: Limits | None = None,
        back_off: BackOff | None = None,
        lost_after_s: float = 3.0,
        clock: Clock | None = None,
        connect: Connect | None = None,
    ) -> None:
        super().__init__(name)
        limits = limits or Limits()
        self.back_off = back_off or BackOff()
        self.lost_after_s = lost_after_s
        self.dropped = 0
        """Frames that came and were not delivered, for newer ones."""
        self._clock = clock or SystemClock()
        self._connect = connect or (lambda: CameraSource(address, name=name, limits=limits, clock=self._clock))
        self._stop = threading.Event()
        self._current: Any = None
        self._began: float | None = None
        """When the first frame of all came, by the monotonic clock."""
        self._index = 0
        self._seconds = 0.0
        self._seen = self._clock.monotonic()
        """When the newest frame came, or the start."""
        self._seen_wall: float | None = None

    def __iter__(self) -> Iterator[Frame | StateEvent]:  # type: ignore[override]
        yield self._state("camera_connecting")
        lost_at: float | None = self._clock.monotonic()  # until the first frame
        told = False
        attempt = 0
        while not self._stop.is_set():
            failure, since = None, self._clock.monotonic()
            try:
                with self._connect() as connection:
                    self._current = connection
                    if self._stop.is_set():
                        return
                    for frame in self._frames(connection):
                        if lost_at is not None:
                            down = self._clock.monotonic() - lost_at
                            yield self._state("camera_back", down_s=round(down, 1), attempts=attempt + 1)
                            lost_at, told = None, False
                        yield frame
                        if attempt and self._clock.monotonic() - since >= self.back_off.healthy_s:
                            attempt = 0
            except SourceError as error:
                failure = error
            finally:
                self._leave()
            if self._stop.is_set():
                return
            attempt += 1
            reason = failure.reason if failure else "eof"
            wait = self.back_off.wait(attempt, reason)
            until = self._clock.monotonic() + wait
            if not told:
                late = self._seen + self.lost_after_s
                if reason not in PERMANENT and late > self._clock.monotonic():
                    self._pause(min(until, late))
                if self._stop.is_set():
                    return
                if reason in PERMANENT or self._clock.monotonic() >= late:
                    yield self._lost(reason, failure, attempt, max(0.0, until - self._clock.monotonic()))
                    told = True
                    lost_at = self._seen if lost_at is None else lost_at
            self._pause(until)

    def close(self) -> None:
        """End the iteration soon, from whatever thread."""
        self._stop.set()
        connection = self._current
        if connection is not None:
            connection.close()

    def _frames(self, connection: Any) -> Iterator[Frame]:
        """Those of one connection, numbered and timed in the whole stream."""
        offset: float | None = None
        base = self._index
        for frame in connection:
            now = self._clock.monotonic()
            first = offset is None
            if offset is None:
                self._began = now if self._began is None else self._began
                # A new connection's own times start anew; between two, the machine's clock is all there is.
                offset = max(now - self._began, self._seconds) - frame.seconds
            self._seconds = offset + frame.seconds
            self._index = base + frame.index + 1
            self._seen, self._seen_wall = now, frame.time
            gap = frame.gap or (first and base > 0)
            packets = tuple(replace(packet, seconds=offset + packet.seconds) for packet in frame.packets)
            yield Frame(self.name, base + frame.index, frame.time, self._seconds, frame.image, gap, packets)

    def _leave(self) -> None:
        """Take over what the connection that just ended has counted."""
        connection, self._current = self._current, None
        if connection is not None:
            self.size = connection.size or self.size
            self.dropped += connection.dropped
            self.broken += connection.broken
            for problem in connection.problems:
                self._note(problem)

    @property
    def broken_so_far(self) -> int:
        """With those of the connection that is open."""
        connection = self._current
        return self.broken + (connection.broken if connection is not None else 0)

    @property
    def dropped_so_far(self) -> int:
        """With those of the connection that is open."""
        connection = self._current
        return self.dropped + (connection.dropped if connection is not None else 0)

    def _pause(self, until: float) -> None:
        """Wait until then by the clock, or until it is closed."""
        while not self._stop.is_set() and (left := until - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left, 0.1))

    def _lost(self, reason: str, failure: SourceError | None, attempt: int, wait: float) -> StateEvent:
        return self._state(
            "camera_lost",
            ends="camera_lost",
            reason=reason,
            text=failure.line() if failure else f"{self.name}: the stream ended",
            last_frame_wall=iso(self._seen_wall) if self._seen_wall is not None else None,
            attempt=attempt,
            next_try_s=round(wait, 1),
        )

    def _state(self, kind: str, *, ends: str = "", **facts: Any) -> StateEvent:
        return StateEvent(self.name, kind, self._clock.wall(), facts, ends)
