"""Scores to events: hysteresis in time, so that one stretch of oddness is one event."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from memwatch.config import EventConfig
from memwatch.events.reasons import Causes
from memwatch.types import Event, Observation, Region

UPDATE_S = 1.0
"""Stream seconds between two updates of an open event."""
MOMENT_S = 0.2
"""Stream seconds between two moments whose boxes are kept."""
BOXES_A_MOMENT = 3
MOST_BOXES = 200
EPSILON_S = 1e-6
"""Sums of frame times miss round numbers by less than this."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(wall: float) -> str:
    """A ULID: 48 bits of Unix milliseconds and 80 random ones, as 26 sortable characters."""
    value = (max(0, int(wall * 1000)) & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


class EventBuilder:
    """Turns one source's observations, in order, into opened, updated and closed events.

    The rule: `start_hits` of the last `start_window` scored frames over the threshold start an event at the
    first of them; it is opened (reported) once it has lasted `min_length_s`; `end_gap_s` without a frame over
    the threshold close it at its last one; shorter gaps are part of it. It is cut before it would exceed
    `max_length_s` and goes on as a new event, which needs no new hits but the minimum length again.
    Time is the stream's (`Observation.seconds`); nothing here reads a clock.

    source: the events' source name, already redacted; ids: makes each event's id, by default a ULID of the
    event's start.
    """

    def __init__(
        self, source: str, config: EventConfig | None = None, ids: Callable[[], str] | None = None
    ) -> None:
        self.source = source
        self.config = config or EventConfig()
        self._ids = ids
        self._recent: deque[Observation] = deque(maxlen=self.config.start_window)
        self._stretch: _Stretch | None = None

    def push(self, observation: Observation, *, gap: bool = False) -> list[Event]:
        """Take the next observation; `gap` says that the source had a break just before it.

        Returns 0 to 2 events, in the order in which they are to be told.
        """
        told = self._finish("gap") if gap else []
        stretch = self._stretch
        if stretch and stretch.quiet_for(observation) >= self.config.end_gap_s - EPSILON_S:
            told += self._finish("quiet")
        elif stretch and observation.score.anomalous and self._too_long(stretch, observation):
            told += self._finish("max_length")
            self._stretch = _Stretch(observation, parent=stretch.id or "")
            return told + self._tell(self._stretch)
        if self._stretch:
            self._stretch.add(observation)
        else:
            self._stretch = self._start(observation)
        if self._stretch and observation.score.anomalous:
            told += self._tell(self._stretch)
        return told

    def finish(self, reason: str) -> list[Event]:
        """Close what is open, for `reason` source_end or shutdown; the builder is then as new."""
        return self._finish(reason)

    def _start(self, observation: Observation) -> _Stretch | None:
        """A stretch from the first counted hit, once there are k hits in the last n scored frames."""
        self._recent.append(observation)
        hits = [past.score.anomalous for past in self._recent]
        if sum(hits) < self.config.start_hits:
            return None
        first, *rest = list(self._recent)[hits.index(True) :]
        stretch = _Stretch(first)
        for past in rest:
            stretch.add(past)
        self._recent.clear()
        return stretch

    def _too_long(self, stretch: _Stretch, observation: Observation) -> bool:
        # Only a reported event is cut: one frame every few minutes must still be able to make an event.
        length = observation.seconds - stretch.start.seconds
        return stretch.id is not None and length > self.config.max_length_s + EPSILON_S

    def _tell(self, stretch: _Stretch) -> list[Event]:
        """Open the stretch, or update it, if it is time for that."""
        now = stretch.last.seconds
        if stretch.id is None:
            if now - stretch.start.seconds < self.config.min_length_s - EPSILON_S:
                return []
            stretch.id = self._ids() if self._ids else ulid(stretch.start.time)
            stretch.told_at = now
            return [stretch.event(self.source, "opened")]
        if now - stretch.told_at < UPDATE_S - EPSILON_S:
            return []
        stretch.told_at = now
        return [stretch.event(self.source, "updated")]

    def _finish(self, reason: str) -> list[Event]:
        stretch, self._stretch = self._stretch, None
        self._recent.clear()
        if stretch is None or stretch.id is None:
            return []
        return [stretch.event(self.source, "closed", reason)]


class _Stretch:
    """An event in the making; `id` is None until it has been reported."""

    def __init__(self, start: Observation, parent: str = "") -> None:
        self.id: str | None = None
        self.parent = parent
        self.told_at = start.seconds
        self.start = self.peak = self.last = start
        self.scored = self.over = 1
        self._since = 0
        self._trail = _Trail()
        self._trail.add(0.0, start)
        self._causes = Causes()
        self._causes.add(start)

    def quiet_for(self, observation: Observation) -> float:
        """Seconds without a frame over the threshold, up to `observation`.

        A pause in which nothing was scored is not quiet: the next frame over the threshold goes on.
        """
        if observation.score.anomalous and not self._since:
            return 0.0
        return observation.seconds - self.last.seconds

    def add(self, observation: Observation) -> None:
        self._since += 1
        if not observation.score.anomalous:
            return
        self.last = observation
        # Frames after the last one over the threshold count only once another one follows.
        self.scored += self._since
        self._since = 0
        self.over += 1
        if observation.score.value > self.peak.score.value:
            self.peak = observation
        self._trail.add(observation.seconds - self.start.seconds, observation)
        self._causes.add(observation)

    def event(self, source: str, phase: str, end_reason: str | None = None) -> Event:
        assert self.id is not None
        return Event(
            id=self.id,
            source=source,
            phase=phase,
            start=self.start,
            peak=self.peak,
            last=self.last,
            frames_scored=self.scored,
            frames_over=self.over,
            cue=self._causes.cue,
            reason=self._causes.reason,
            regions=self._trail.regions(self.peak.seconds - self.start.seconds, self.peak),
            parent=self.parent,
            end_reason=end_reason,
        )


@dataclass(slots=True)
class _Trail:
    """The regions of an event: its strongest few at moments spread evenly over it."""

    spacing: float = MOMENT_S
    moments: dict[float, tuple[Region, ...]] = field(default_factory=dict)

    def add(self, at: float, observation: Observation) -> None:
        """Keep the moment's regions if the one before is long enough ago."""
        latest = next(reversed(self.moments), None)
        if not observation.regions or (latest is not None and at - latest < self.spacing - EPSILON_S):
            return
        self.moments[at] = _strongest(observation)
        # One moment's room is left for the peak, which is always told.
        while sum(map(len, self.moments.values())) > MOST_BOXES - BOXES_A_MOMENT:
            self.spacing *= 2
            self.moments = dict(list(self.moments.items())[::2])

    def regions(self, peak_at: float, peak: Observation) -> tuple[tuple[float, Region], ...]:
        moments = self.moments | {peak_at: _strongest(peak)}
        return tuple((at, region) for at in sorted(moments) for region in moments[at])


def _strongest(observation: Observation) -> tuple[Region, ...]:
    return tuple(sorted(observation.regions, key=lambda region: -region.peak)[:BOXES_A_MOMENT])
