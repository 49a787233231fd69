"""What is known of each camera right now: written by its thread, read by the page, the metrics and the broker."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from memwatch.clock import Clock, iso
from memwatch.sinks import Sink
from memwatch.types import Event, Frame, Observation, StateEvent

HISTORY_S = 0.5
"""Seconds between two points of the score's timeline, each the highest since the one before."""
POINTS = 1200
LAGS = (0.025, 0.05, 0.1, 0.15, 0.2, 0.4, 0.8, 1.6, 5.0)
"""Seconds at which lags are counted."""
RATE_S = 10.0
"""Frames a second are those of so long."""
STATES = {
    "camera_connecting": "connecting", "camera_back": "live", "camera_lost": "lost", "camera_frozen": "frozen",
    "camera_thawed": "live", "camera_ended": "ended", "camera_failed": "failed",
}  # fmt: skip
"""Kinds of state event that change what a camera is in."""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of the timeline."""

    wall: float
    value: float
    threshold: float


@dataclass(slots=True)
class Seen:
    """The newest frame and what was said of it."""

    frame: Frame
    observation: Observation | None


@dataclass(slots=True)
class Counts:
    """Since the camera was started."""

    received: int = 0
    scored: int = 0
    dropped: int = 0
    """Came while another was being scored, or sooner than wanted."""
    over: int = 0
    events: int = 0
    suppressed: int = 0
    losses: int = 0
    broken: int = 0
    sink_errors: int = 0
    unrecorded: int = 0
    """No clip will show them: the disk was too slow."""


@dataclass
class CameraStatus(Sink):
    """Of one camera; as a sink it hears all that its session tells."""

    name: str
    clock: Clock
    live: bool = True
    """Whether frames are stamped as they come: a recording's have the times of when it was filmed."""
    state: str = "starting"
    reason: str = ""
    """Of the state, in words."""
    trouble: str = ""
    """What is wrong with the picture, if anything."""
    threshold: float = 0.0
    lag_s: float = 0.0
    counts: Counts = field(default_factory=Counts)
    open_events: dict[str, str] = field(default_factory=dict)
    """Id to reason."""
    seen: Seen | None = None
    history: deque[Point] = field(default_factory=lambda: deque(maxlen=POINTS))
    lags: list[int] = field(default_factory=lambda: [0] * (len(LAGS) + 1))
    """Scored frames by lag: up to each of LAGS, and all."""
    lag_sum_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _arrived: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        now = self.clock.wall()
        with self._lock:
            self.counts.received += 1
            self._arrived.append(now)
            self.seen = Seen(frame, observation)
            if observation is None:
                return
            score = observation.score
            self.counts.scored += 1
            self.counts.over += score.anomalous
            self.threshold = score.threshold
            self.lag_s = max(0.0, now - frame.time) if self.live else 0.0
            self.lag_sum_s += self.lag_s
            for at, edge in enumerate((*LAGS, float("inf"))):
                self.lags[at] += self.lag_s <= edge
            last = self.history[-1] if self.history else None
            if last is not None and 0 <= frame.time - last.wall < HISTORY_S:
                self.history[-1] = Point(last.wall, max(last.value, score.value), score.threshold)
            else:
                self.history.append(Point(frame.time, score.value, score.threshold))

    def on_event(self, event: Event) -> None:
        with self._lock:
            if event.phase == "opened":
                self.counts.events += 1
                self.counts.suppressed += bool(event.suppressed_by)
            if event.phase == "closed":
                self.open_events.pop(event.id, None)
            else:
                self.open_events[event.id] = event.reason

    def on_state(self, state: StateEvent) -> None:
        with self._lock:
            self.counts.losses += state.kind == "camera_lost"
            if state.kind in STATES:
                self.state = STATES[state.kind]
                self.reason = str(state.facts.get("text", ""))
            if state.kind == "scene_change":
                self.trouble = "" if state.facts.get("over") else str(state.facts.get("kind", ""))

    def count_unrecorded(self) -> None:
        self.counts.unrecorded += 1

    def point_history(self) -> list[Point]:
        with self._lock:
            return list(self.history)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        now = self.clock.wall()
        with self._lock:
            recent = [t for t in self._arrived if 0 <= now - t < RATE_S]
            last = self.history[-1] if self.history else None
            return {
                "camera": self.name,
                "state": self.state,
                "reason": self.reason,
                "trouble": self.trouble,
                "fps": round(len(recent) / RATE_S, 1),
                "lag_ms": round(self.lag_s * 1000),
                "last_frame_wall": iso(self.seen.frame.time) if self.seen else None,
                "last_frame_age_s": round(now - self.seen.frame.time, 1) if self.seen else None,
                "score": round(last.value, 3) if last else None,
                "threshold": round(self.threshold, 3) if self.threshold else None,
                "open_events": dict(self.open_events),
                **{name: getattr(self.counts, name) for name in Counts.__slots__},
            }
