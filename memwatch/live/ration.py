"""Which events people are told of: not every one of a flood, and not the next ones of what they were just told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from memwatch.pipeline import Events
from memwatch.types import Event, Observation, StateEvent

HOUR_S = 3600.0
FOR_GOOD = ("shutdown", "source_end", "error")
"""Reasons of a session's end: what floods then is summed up, for nothing follows."""


@dataclass(slots=True)
class Limits:
    """What one camera's notices are held to; a profile may change them while it runs."""

    cooldown_s: float
    max_per_hour: int
    notify: bool = True


class Ration:
    """Stands before a camera's EventBuilder and says of each event whether people are to be told of it.

    All events pass: only `suppressed_by` is set, once, when an event opens. A cool-down begins with an event that was
    told, never with one that was not. Over `max_per_hour` events within an hour, the rest are summed up: `flood` is
    told when that begins, `digest` when it is over. Time is the frames' wall clock.
    """

    def __init__(self, builder: Events, limits: Limits, camera: str, tell: Callable[[StateEvent], None]) -> None:
        self.limits = limits
        self._builder = builder
        self._camera = camera
        self._tell = tell
        self._recent: deque[float] = deque()
        self._told_at = float("-inf")
        self._open: dict[str, str] = {}
        """Of events that are open, why nobody is told of them."""
        self._flood: _Flood | None = None
        self._now = 0.0

    def push(self, observation: Observation) -> list[Event]:
        self._tick(observation.time)
        return [self._judged(event) for event in self._builder.push(observation)]

    def finish(self, reason: str) -> list[Event]:
        done = [self._judged(event) for event in self._builder.finish(reason)]
        if reason in FOR_GOOD:
            self._sum_up(self._now)
        return done

    def _judged(self, event: Event) -> Event:
        if event.phase == "opened":
            self._open[event.id] = self._reason(event)
        why = self._open[event.id]
        if event.phase == "closed":
            del self._open[event.id]
        return replace(event, suppressed_by=why) if why else event

    def _reason(self, event: Event) -> str:
        now = event.last.time
        flooded = len(self._recent) >= self.limits.max_per_hour
        self._recent.append(now)
        if flooded:
            if self._flood is None:
                self._flood = _Flood(now)
                self._say("flood", now, events=len(self._recent), limit=self.limits.max_per_hour)
            self._flood.add(event)
            return "flood"
        if event.parent:
            return "continues"
        if not self.limits.notify:
            return "profile"
        if 0 <= now - self._told_at < self.limits.cooldown_s:
            return "cooldown"
        self._told_at = now
        return ""

    def _tick(self, now: float) -> None:
        """Forget events of an hour ago; a flood ends when half the limit is left of them."""
        self._now = now
        while self._recent and not 0 <= now - self._recent[0] < HOUR_S:
            self._recent.popleft()
        if 2 * len(self._recent) <= self.limits.max_per_hour:
            self._sum_up(now)

    def _sum_up(self, now: float) -> None:
        flood, self._flood = self._flood, None
        if flood:
            self._say("digest", now, events=flood.count, since=flood.since, reasons=flood.reasons)

    def _say(self, kind: str, now: float, **facts: object) -> None:
        self._tell(StateEvent(self._camera, kind, now, dict(facts)))


class _Flood:
    """The events that nobody was told of since it began."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.count = 0
        self.reasons: dict[str, int] = {}
        """How many, by cue."""

    def add(self, event: Event) -> None:
        self.count += 1
        self.reasons[event.cue] = self.reasons.get(event.cue, 0) + 1
