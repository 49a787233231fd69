"""What labels say of a run: the ROC curve of its frames, and what its alarms cost at any threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import roc_curve

from memwatch.config import EventConfig
from memwatch.scoring import metrics
from memwatch.tasks.alarms import Trace, events_over
from memwatch.tasks.report_run import ClipRun, Span, event_span

DAY_S = 86_400.0
LEVELS = 40
"""Thresholds at which alarms are counted."""
LOWEST_SHARE = 0.1
"""Of normal frames that are over the lowest of them. Further down all is one long alarm that finds everything."""
ROC_POINTS = 200

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Alarms:
    """What one threshold gives."""

    threshold: float
    false: int
    """Events that touch no abnormal segment."""
    found: int
    """Segments that an event touches."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all labelled clips together, causal: one threshold for all."""

    clips: int
    auc: float | None
    eer: float | None
    roc: list[Point]
    """(false-positive rate, true-positive rate), rising; empty where frames are of one class."""
    segments: int
    normal_s: float
    """Seconds in which nothing is abnormal."""
    alarms: list[Alarms]
    """The best thresholds, from the highest down: none finds more with as few false alarms, and both counts rise."""
    chosen: Alarms
    """What the run itself gave."""

    def false_per_day(self, alarms: Alarms) -> float | None:
        return alarms.false / self.normal_s * DAY_S if self.normal_s else None


def figures(clips: Sequence[ClipRun]) -> Figures | None:
    """None where no clip has labels. An alarm and a segment match when they overlap in time."""
    known = [clip for clip in clips if clip.labels is not None and not np.isnan(clip.scores).all()]
    if not known:
        return None
    # A clip's first frames carry its first score, as in `evaluate`; rows are filled so already.
    values = np.concatenate([clip.scores for clip in known])
    labels = np.concatenate([clip.labels for clip in known if clip.labels is not None])
    segments = [clip.segments() for clip in known]
    abnormal = sum(end - start for spans in segments for start, end in spans)
    threshold = next((clip.threshold for clip in known if clip.threshold is not None), math.nan)
    told = [[event_span(event) for event in clip.events] for clip in known]
    chosen = _count(threshold, list(zip(told, segments, strict=True)))
    return Figures(
        clips=len(known),
        auc=metrics.auc(values, labels),
        eer=metrics.eer(values, labels),
        roc=_roc(values, labels),
        segments=sum(map(len, segments)),
        normal_s=max(0.0, sum(clip.length for clip in known) - abnormal),
        alarms=_best([chosen, *_rising([_alarms_at(level, known, segments) for level in _levels(values, labels)])]),
        chosen=chosen,
    )


def overlap(event: Span, segment: Span) -> bool:
    """Whether an event, its last moment included, shares a moment with a segment."""
    return event[0] < segment[1] and event[1] >= segment[0]


def _roc(values: metrics.Values, labels: metrics.Labels) -> list[Point]:
    if not metrics.has_both(labels):
        return []
    false, true, _ = roc_curve(labels, values)
    shown = np.unique(np.linspace(0, len(false) - 1, ROC_POINTS).round().astype(int))
    return [(float(false[i]), float(true[i])) for i in shown]


def _levels(values: metrics.Values, labels: metrics.Labels) -> list[float]:
    """Thresholds from the highest score down."""
    normal = values[~labels] if not labels.all() else values
    lowest = float(np.quantile(normal, 1 - LOWEST_SHARE))
    return [float(level) for level in np.linspace(float(values.max()), lowest, LEVELS)]


def _alarms_at(level: float, clips: Sequence[ClipRun], segments: Sequence[list[Span]]) -> Alarms:
    pairs = []
    for clip, spans in zip(clips, segments, strict=True):
        whole = np.zeros(len(clip.seconds), np.int64)
        told = events_over(Trace(clip.name, whole, clip.seconds, clip.scores), level, EventConfig())
        pairs.append(([(event.start.seconds, event.last.seconds) for event in told], spans))
    return _count(level, pairs)


def _rising(counts: Sequence[Alarms]) -> list[Alarms]:
    """From the highest threshold down, each with as many false alarms as any before: that a lower threshold merges them
    into one long alarm makes them no fewer."""
    false = np.maximum.accumulate([count.false for count in counts])
    return [replace(count, false=int(most)) for count, most in zip(counts, false, strict=True)]


def _best(counts: Sequence[Alarms]) -> list[Alarms]:
    best: list[Alarms] = []
    for count in sorted(counts, key=lambda count: (count.false, -count.found)):
        if not best or count.found > best[-1].found:
            best.append(count)
    return best


def _count(level: float, pairs: Sequence[tuple[list[Span], list[Span]]]) -> Alarms:
    return Alarms(
        level,
        false=sum(not any(overlap(event, span) for span in spans) for events, spans in pairs for event in events),
        found=sum(any(overlap(event, span) for event in events) for events, spans in pairs for span in spans),
    )
