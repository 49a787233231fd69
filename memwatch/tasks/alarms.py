"""Alarms that normal footage raises, as `watch` would raise them, at any threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.scoring import LASTS, Persistence, join
from memwatch.tasks.footage import Footage
from memwatch.types import Event, Observation, Score

LEVELS = 200
"""Thresholds tried between the ordinary frame and the highest."""
ORDINARY = 0.5
"""Share of frames under the lowest threshold that is tried: below it all is one event."""
PAUSE_S = 2.0
"""A longer pause between two frames breaks a trace; of footage with a frame now and then, four of its own steps."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The scores of an unbroken piece of footage."""

    clip: str
    recordings: NDArray[np.int64]
    """(N,): which recording of the footage each frame is of."""
    seconds: NDArray[np.float64]
    """(N,), rising: when in the clip."""
    values: NDArray[np.float64]
    """(N,), of the moment."""
    lasting: NDArray[np.float64] | None = None
    """(N,), of what has lasted; None where nobody has asked."""

    @property
    def length(self) -> float:
        """Seconds from the first frame to the last."""
        return float(self.seconds[-1] - self.seconds[0])


def traces(
    footage: Footage,
    targets: Sequence[tuple[int, int]],
    rarity: Mapping[str, NDArray[np.float32]],
    half_life: float = 0.0,
    lasts: float = 0.0,
    trust: Mapping[str, float] | None = None,
) -> list[Trace]:
    """The scores that cues' rarities (N, gh, gw) make of `targets`, (recording, frame) pairs in the footage's order,
    cut where its time jumps; `half_life`, `lasts` and `trust` as a calibration has them."""
    numbers = np.array([number for number, _ in targets])
    seconds = np.array([footage.recordings[number].times[index] for number, index in targets])
    clips = [footage.recordings[number].name for number in numbers]
    step = np.diff(seconds)
    same = [a == b for a, b in pairwise(clips)]
    forward = step[np.array(same, bool) & (step > 0)]
    pause = max(PAUSE_S, 4 * float(np.median(forward))) if len(forward) else PAUSE_S
    cuts = [i + 1 for i in range(len(step)) if not same[i] or not 0 <= step[i] <= pause]
    found = []
    for a, b in pairwise([0, *cuts, len(targets)]):
        moment, lasting = Persistence(half_life), Persistence(lasts)
        values, lasted = [], []
        for i in range(a, b):
            grid = join(moment.push({name: some[i] for name, some in rarity.items()}, float(seconds[i])), trust)
            values.append(grid.max())
            lasted.append(lasting.push({LASTS: grid}, float(seconds[i]))[LASTS].max())
        if b > a:
            found.append(Trace(clips[a], numbers[a:b], seconds[a:b], np.array(values, float), np.array(lasted, float)))
    return found


def lasting_traces(found: Sequence[Trace]) -> list[Trace]:
    """The same with what has lasted for its values."""
    return [replace(trace, values=trace.lasting) for trace in found if trace.lasting is not None]


def event_levels(found: Sequence[Trace], config: EventConfig) -> NDArray[np.float64]:
    """The level of each event in normal footage: how high the threshold may be for it still to be raised.

    A lower threshold makes more events at first and fewer once they run together; so many as a higher one made are
    counted at least, each piece of footage by itself. Rising.
    """
    every = np.concatenate([trace.values for trace in found])
    tried = np.linspace(float(every.max()), float(np.quantile(every, ORDINARY)), LEVELS)
    levels: list[float] = []
    for trace in found:
        most = 0
        for level in tried:
            count = sum(1 for _ in events_over(trace, float(level), config))
            levels += [float(level)] * (count - most)
            most = max(most, count)
    return np.sort(levels or [float(tried[-1])])


def events_over(trace: Trace, threshold: float, config: EventConfig) -> Iterator[Event]:
    """The events that are raised on `trace` at `threshold`, closed."""
    for part in _islands(trace, threshold, config):
        builder = EventBuilder(trace.clip, config, ids=lambda: "")
        told: list[Event] = []
        for at, value in zip(trace.seconds[part], trace.values[part], strict=True):
            told += builder.push(_observation(trace.clip, float(at), float(value), threshold))
        yield from (event for event in [*told, *builder.finish("source_end")] if event.phase == "closed")


def _islands(trace: Trace, threshold: float, config: EventConfig) -> Iterator[slice]:
    """Parts of a trace that can be judged by themselves: calm frames far from any over the threshold do nothing."""
    over = np.flatnonzero(trace.values > threshold)
    if not len(over):
        return
    apart = (np.diff(trace.seconds[over]) > config.end_gap_s) & (np.diff(over) > config.start_window)
    ends = np.flatnonzero(apart)
    for first, last in zip(over[[0, *(ends + 1)]], over[[*ends, -1]], strict=True):
        yield slice(int(first), int(last) + 1)


_CALM = Observation("", 0, 0.0, 0.0, (1, 1), Score(value=0.0, threshold=0.0, anomalous=False), ())


def _observation(clip: str, seconds: float, value: float, threshold: float) -> Observation:
    score = replace(_CALM.score, value=value, threshold=threshold, anomalous=value > threshold)
    return replace(_CALM, source=clip, seconds=seconds, score=score)
