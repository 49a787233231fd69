"""Events in footage that was given as normal: what stands far above the rest, and footage without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.config import EventConfig
from memwatch.scoring import EventRate
from memwatch.tasks.alarms import Trace, events_over
from memwatch.tasks.footage import Footage, Recording

IMPROBABLE = 0.001
"""Events as high as this one that the footage's length would be expected to hold, judged by the others."""
FEWEST_OTHERS = 5
"""Events without which nobody can say what is far above them."""
MOST_SHARE = 0.25
"""More events than this share of all are not the exception."""
MARGIN_S = 1.0
"""What is left out with an event, before and after."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A stretch of one clip that does not look like the rest."""

    clip: str
    start: float
    """Seconds into the clip, as `end`."""
    end: float
    score: float
    rest: float
    """The highest event of the rest."""
    recordings: tuple[int, ...]
    """Which recordings of the footage it touches."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "clip": self.clip,
            "start_s": round(self.start, 1),
            "end_s": round(self.end, 1),
            "score": round(self.score, 2),
            "rest": round(self.rest, 2),
        }

    def line(self) -> str:
        span = _minutes(self.start) if self.end - self.start < 1 else f"{_minutes(self.start)} to {_minutes(self.end)}"
        return f"{self.clip} {span}: far above the rest (score {self.score:.1f}, the next {self.rest:.1f})"


def suspects_of(found: Sequence[Trace], levels: NDArray[np.float64], config: EventConfig) -> list[Suspect]:
    """The events in normal footage that its other events say should not be there; `levels` are their `event_levels`."""
    exceptions = far_above(levels, sum(trace.length for trace in found))
    if not exceptions:
        return []
    rest = float(levels[-exceptions - 1])
    cut = (rest + float(levels[-exceptions])) / 2
    return [
        Suspect(
            trace.clip,
            event.start.seconds,
            event.last.seconds,
            event.peak.score.value,
            rest,
            tuple(np.unique(trace.recordings[_between(trace, event.start.seconds, event.last.seconds)]).tolist()),
        )
        for trace in found
        for event in events_over(trace, cut, config)
    ]


def suspect_stretches(footage: Footage, numbers: Sequence[int], levels: NDArray[np.floating[Any]]) -> list[Suspect]:
    """The recordings, of those `numbers`, whose `levels` (S,) the others say should not be there."""
    order = np.argsort(levels)[::-1]
    recordings = [footage.recordings[number] for number in numbers]
    count = far_above(levels, sum(r.times[-1] - r.times[0] for r in recordings))
    return [
        Suspect(
            recordings[at].name,
            recordings[at].times[0],
            recordings[at].times[-1],
            float(levels[at]),
            float(levels[order[count]]),
            (numbers[at],),
        )
        for at in sorted(order[:count])
    ]


def far_above(levels: NDArray[np.floating[Any]], seconds: float) -> int:
    """How many of the highest levels are improbable beside the others, by the rate that those alone make."""
    ordered = np.sort(levels)[::-1]
    most = min(int(len(ordered) * MOST_SHARE), len(ordered) - FEWEST_OTHERS)
    for count in range(most, 0, -1):
        others = EventRate.fit(ordered[count:], seconds)
        if others.per_day(float(ordered[count - 1])) * others.days < IMPROBABLE:
            return count
    return 0


def can_tell(levels: NDArray[np.float64]) -> bool:
    """Whether footage with events of these levels makes enough of them for one to stand out."""
    return min(int(len(levels) * MOST_SHARE), len(levels) - FEWEST_OTHERS) > 0


def without(footage: Footage, suspects: Sequence[Suspect]) -> Footage:
    """The footage with those stretches cut out, recordings broken there."""
    kept: list[Recording] = []
    for number, recording in enumerate(footage.recordings):
        spans = [(s.start - MARGIN_S, s.end + MARGIN_S) for s in suspects if number in s.recordings]
        kept += _pieces(recording, spans)
    return replace(footage, recordings=kept)


def _pieces(recording: Recording, spans: Sequence[tuple[float, float]]) -> list[Recording]:
    times = np.array(recording.times)
    good = np.ones(len(times), bool)
    for start, end in spans:
        good &= (times < start) | (times > end)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]])))
    return [
        Recording(
            recording.name,
            recording.times[a:b],
            recording.frames[a:b],
            max(0, min(b - a, recording.held_from - int(a))),
        )
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def _between(trace: Trace, start: float, end: float) -> slice:
    first, last = np.searchsorted(trace.seconds, (start, end))
    return slice(int(first), int(last) + 1)


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"
