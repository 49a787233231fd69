"""Whether a budget of false alarms is kept: a model calibrated on one piece of normal footage, counted on others.

A budget of one a day can't be seen to be kept in less than days. One of so many a day that some are due in every hour
can, and it is the same rule (`scoring/rate.py`) that sets both thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cues import WithLasting
from benchmarks.figures import per_day
from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.pipeline import run_session
from memwatch.scoring import Calibration
from memwatch.scoring.calibration import SLOW
from memwatch.scoring.rate import DAY
from memwatch.sinks import Sink
from memwatch.tasks.progress import Silent
from memwatch.tasks.recalibrate import recalibrate
from memwatch.tasks.session import Loaded, load
from memwatch.types import Frame, Observation
from memwatch.video import open_source

BUDGETS = (1.0, 96.0, 384.0, 960.0)
"""False alarms a day: the default, and 2, 8 and 20 in half an hour."""


class AtBudget(Sink):
    """The alarms that a pass with a memory that learns nothing would have raised with the threshold of another budget;
    for scores of cues of the moment, as the default's are."""

    def __init__(self, source: str, calibration: Calibration) -> None:
        assert not set(calibration.cues) & set(SLOW), "a slow cue's rarity depends on the budget"
        self.calibration = calibration
        self.alarms = 0
        self._lasting = WithLasting(calibration)
        self._builder = EventBuilder(source, EventConfig())

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation is None:
            return
        grid = self._lasting(self.calibration.map(observation.cues), observation.seconds)
        value, threshold = float(grid.max()), self.calibration.threshold
        score = replace(observation.score, value=value, threshold=threshold, anomalous=value > threshold)
        events = self._builder.push(replace(observation, score=score))
        self.alarms += sum(event.phase == "opened" for event in events)


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
            counts[budget] += sink.alarms
    rows = [
        {"budget": budget, "due": budget * seconds / DAY, "threshold": loaded.calibration.at(budget).threshold}
        | per_day(counts[budget], seconds)
        for budget in BUDGETS
    ]
    return {"calibrated_s": loaded.calibration.seconds, "seconds": seconds, "budgets": rows}


def _watched(loaded: Loaded, path: Path, sinks: Sequence[Sink]) -> float:
    """Seconds of the footage that went by."""
    with open_source(str(path)) as source:
        return float(run_session(source, loaded.detector(learn=False), sinks=sinks).seconds)
