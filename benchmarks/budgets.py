"""Whether a budget of false alarms is kept: a model calibrated on one piece of normal footage, counted on others.

A budget of one a day can't be seen to be kept in less than days. One of so many a day that some are due in every hour
can, and it is the same rule (`scoring/rate.py`) that sets both thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.cues import WithLasting
from benchmarks.figures import per_day
from benchmarks.scenes import LabelledClip
from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.pipeline import run_session
from memwatch.scoring import Calibration
from memwatch.scoring.calibration import SLOW
from memwatch.scoring.rate import DAY
from memwatch.scoring.segments import Alarm, Outcome, judge
from memwatch.sinks import Sink
from memwatch.tasks.progress import Silent
from memwatch.tasks.recalibrate import recalibrate
from memwatch.tasks.session import Loaded, load
from memwatch.types import Event, Frame, Observation
from memwatch.video import open_source

BUDGETS = (1.0, 96.0, 384.0, 960.0)
"""False alarms a day: the default, and 1, 4 and 10 in a quarter of an hour."""
CURVE = (1.0, 10.0, 100.0, 1000.0)
"""Budgets by which labelled clips are judged."""


class AtBudget(Sink):
    """The alarms that a pass with a memory that learns nothing would have raised with the threshold of another budget;
    for scores of cues of the moment, as the default's are."""

    def __init__(self, source: str, calibration: Calibration) -> None:
        assert not set(calibration.cues) & set(SLOW), "a slow cue's rarity depends on the budget"
        self.calibration = calibration
        self.alarms: list[Alarm] = []
        """Told so far; those that are over with their last frame."""
        self.over: list[int] = []
        """Frames over the threshold."""
        self.first: int | None = None
        """The first frame that was scored."""
        self._lasting = WithLasting(calibration)
        self._builder = EventBuilder(source, EventConfig())

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation is None:
            return
        grid = self._lasting(self.calibration.map(observation.cues), observation.seconds)
        value, threshold = float(grid.max()), self.calibration.threshold
        score = replace(observation.score, value=value, threshold=threshold, anomalous=value > threshold)
        self.over += [observation.index] if score.anomalous else []
        self.first = observation.index if self.first is None else self.first
        self._take(self._builder.push(replace(observation, score=score)))

    def finish(self) -> None:
        """End what is open: the clip has ended."""
        self._take(self._builder.finish("source_end"))

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.phase == "opened":
                self.alarms.append(Alarm(event.start.index, event.last.index, event.last.index))
            else:
                self.alarms[-1] = self.alarms[-1]._replace(last=event.last.index)


def kept_budgets(model: Path, learned: Path, counted: Sequence[Path]) -> dict[str, Any]:
    """`model` calibrated anew on the footage `learned`; for each of BUDGETS how many alarms were due on the footage
    `counted`, how many there were, and as a rate a day with the exact 95 % interval."""
    with TemporaryDirectory() as folder:
        again = Path(folder) / "model.safetensors"
        recalibrate(model, [str(learned)], out=again, per_day=BUDGETS[0], progress=Silent())
        loaded = load(again)
    counts, seconds = dict.fromkeys(BUDGETS, 0), 0.0
    for path in counted:
        sinks = {budget: AtBudget(path.name, loaded.calibration.at(budget)) for budget in BUDGETS}
        seconds += _watched(loaded, path, tuple(sinks.values()))
        for budget, sink in sinks.items():
            counts[budget] += len(sink.alarms)
    rows = [
        {"budget": budget, "due": budget * seconds / DAY, "threshold": loaded.calibration.at(budget).threshold}
        | per_day(counts[budget], seconds)
        for budget in BUDGETS
    ]
    return {"calibrated_s": loaded.calibration.seconds, "seconds": seconds, "budgets": rows}


def kept_in_turn(model: Path, pieces: Sequence[Path]) -> dict[str, Any]:
    """`kept_budgets` with each of two or more pieces of footage learned once, and counted once after the one before it
    was; all together. The thresholds are means."""
    told = [kept_budgets(model, learned, [counted]) for learned, counted in pairwise([pieces[-1], *pieces])]
    seconds = sum(one["seconds"] for one in told)
    rows = [
        {
            "budget": same[0]["budget"],
            "due": sum(row["due"] for row in same),
            "threshold": float(np.mean([row["threshold"] for row in same])),
        }
        | per_day(sum(row["events"] for row in same), seconds)
        for same in zip(*(one["budgets"] for one in told), strict=True)
    ]
    return {"calibrated_s": float(np.mean([one["calibrated_s"] for one in told])), "seconds": seconds, "budgets": rows}


def found_at(loaded: Loaded, clips: Sequence[LabelledClip], budgets: Sequence[float] = CURVE) -> list[dict[str, Any]]:
    """What labelled clips come to with the threshold of each of `budgets`: abnormal segments found and how soon, false
    alarms, and the share of each kind's frames over it. By frames alone: where the boxes lie is not asked."""
    outcomes = {budget: Outcome() for budget in budgets}
    over: dict[float, dict[str, list[bool]]] = {budget: {} for budget in budgets}
    for clip in clips:
        sinks = {budget: AtBudget(clip.name, loaded.calibration.at(budget)) for budget in budgets}
        seconds = np.arange(clip.frames) * _watched(loaded, clip.path, tuple(sinks.values())) / max(1, clip.frames - 1)
        for budget, sink in sinks.items():
            sink.finish()
            frames = np.zeros(clip.frames, dtype=bool)
            frames[sink.over] = True
            told = judge(sink.alarms, frames & clip.labels, labels=clip.labels, seconds=seconds, scored=sink.first or 0)
            outcomes[budget].merge(told)
            for kind, seen in clip.kinds.items():
                over[budget].setdefault(kind, []).extend(frames[seen].tolist())
    return [
        {
            "budget": budget,
            "threshold": loaded.calibration.at(budget).threshold,
            "segments_found": outcome.segments_found,
            "median_delay_s": outcome.median_delay_s,
            "median_delay_scored_s": outcome.median_delay_scored_s,
            "false_alarms": outcome.false,
            "over": {kind: float(np.mean(some)) for kind, some in over[budget].items()},
        }
        for budget, outcome in outcomes.items()
    ]


def _watched(loaded: Loaded, path: Path, sinks: Sequence[Sink]) -> float:
    """Seconds of the footage that went by."""
    with open_source(str(path)) as source:
        return float(run_session(source, loaded.detector(learn=False), sinks=sinks).seconds)
