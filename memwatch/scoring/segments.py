"""Alarms against the truth: which abnormal stretches raised one, how soon, and how many alarms were false.

An alarm is an event as `watch` tells it. Frames are counted by their position in the clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from memwatch.scoring.metrics import Labels, Values

CLOSED_GAP_S = 0.5
"""Shorter normal stretches between abnormal ones belong to them."""
CONFIDENCE = 0.95
DAY_S = 86_400.0


class Alarm(NamedTuple):
    """An event, in frames of its clip."""

    first: int
    last: int
    """The last frame over the threshold; inclusive."""
    told: int
    """The frame at which the event was opened: `first` is only known in hindsight."""


@dataclass(slots=True)
class Outcome:
    """What the alarms of one clip, or of several together, amount to."""

    delays: list[float | None] = field(default_factory=list)
    """For each abnormal segment the seconds from its start to its alarm; None where it raised none."""
    unscored: list[float] = field(default_factory=list)
    """For each abnormal segment how many of its first seconds came before the clip's first score."""
    alarms: int = 0
    false: int = 0
    """Alarms that touch no abnormal frame."""
    misplaced: int = 0
    """Alarms in abnormal frames whose boxes touch no true region."""
    normal_s: float = 0.0
    """Seconds of normal footage."""

    def merge(self, other: Outcome) -> None:
        """Add another clip's."""
        self.delays += other.delays
        self.unscored += other.unscored
        self.alarms += other.alarms
        self.false += other.false
        self.misplaced += other.misplaced
        self.normal_s += other.normal_s

    @property
    def segments_found(self) -> float | None:
        """Share of segments that raised an alarm; None where there is no segment."""
        return sum(d is not None for d in self.delays) / len(self.delays) if self.delays else None

    @property
    def median_delay_s(self) -> float | None:
        """Over the segments found; None where none was."""
        found = [delay for delay in self.delays if delay is not None]
        return float(np.median(found)) if found else None

    @property
    def median_delay_scored_s(self) -> float | None:
        """The same from the first of a segment's frames that was scored: a clip may begin with one, a camera hardly
        ever does."""
        found = [d - late for d, late in zip(self.delays, self.unscored, strict=True) if d is not None]
        return float(np.median(found)) if found else None

    @property
    def false_alarms_per_day(self) -> float | None:
        """None without normal footage."""
        return self.false / self.normal_s * DAY_S if self.normal_s > 0 else None

    @property
    def false_alarms_per_day_bounds(self) -> tuple[float, float] | None:
        """Between which the true rate lies, at 95 % confidence, if false alarms come independently."""
        if self.normal_s <= 0:
            return None
        low, high = poisson_bounds(self.false)
        return low / self.normal_s * DAY_S, high / self.normal_s * DAY_S


def segments(labels: Labels, seconds: Values) -> list[tuple[int, int]]:
    """Runs of abnormal frames, (first, last) inclusive, with gaps under half a second closed.

    labels: bool (N,); seconds: float (N,), when each frame is.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], labels, [False])).astype(np.int8)))
    found: list[tuple[int, int]] = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        # Half a second to the microsecond: sums of frame times miss it by less.
        if found and seconds[first] - seconds[found[-1][1] + 1] < CLOSED_GAP_S - 1e-6:
            found[-1] = (found[-1][0], int(end) - 1)
        else:
            found.append((int(first), int(end) - 1))
    return found


def judge(
    alarms: Iterable[Alarm], touching: NDArray[np.bool_], *, labels: Labels, seconds: Values, scored: int = 0
) -> Outcome:
    """Hold one clip's alarms against its truth.

    touching: bool (N,), frames over the threshold with a box that shares a pixel with a true region (where only frames
    are labelled: abnormal frames over the threshold); labels: bool (N,); seconds: float (N,), when each frame is;
    scored: the first frame with a score.

    A segment is found by an alarm with a touching frame in it; its delay ends when both have come: the alarm has been
    told, and has touched.
    """
    outcome = Outcome(normal_s=normal_seconds(labels, seconds))
    stretches = segments(labels, seconds)
    outcome.delays = [None] * len(stretches)
    outcome.unscored = [float(seconds[max(first, min(scored, last))] - seconds[first]) for first, last in stretches]
    for alarm in alarms:
        outcome.alarms += 1
        inside = slice(alarm.first, alarm.last + 1)
        if not labels[inside].any():
            outcome.false += 1
            continue
        outcome.misplaced += not touching[inside].any()
        for number, (first, last) in enumerate(stretches):
            reach = np.arange(max(first, alarm.first), min(last, alarm.last) + 1)
            touched = reach[touching[reach]] if len(reach) else reach
            if len(touched):
                delay = float(seconds[max(int(touched[0]), alarm.told)] - seconds[first])
                known = outcome.delays[number]
                outcome.delays[number] = delay if known is None else min(known, delay)
    return outcome


def normal_seconds(labels: Labels, seconds: Values) -> float:
    """Seconds that the normal frames of a clip last, each until the next; the last one as long as most do."""
    if len(seconds) < 2:
        return 0.0
    lengths = np.diff(seconds)
    lengths = np.append(lengths, np.median(lengths))
    return float(lengths[~labels].sum())


def poisson_bounds(count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact two-sided bounds on the mean of a Poisson variable that was `count` once (Garwood 1936)."""
    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * count) / 2) if count else 0.0
    return low, float(chi2.ppf(1 - tail, 2 * (count + 1)) / 2)


def times(frames: int, at: Sequence[int], seconds: Sequence[float]) -> Values:
    """When each of `frames` frames is, (frames,), from those whose time is known; a frame that did not decode lies
    evenly between its neighbours."""
    return np.interp(np.arange(frames), at, seconds)
