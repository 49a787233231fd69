"""Calibration: held-out normal footage to what is usual, how rare the rest is, the gate and the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.config import EventConfig
from memwatch.model import Model
from memwatch.runtime import open_runtime
from memwatch.scoring import (
    CUES,
    FALSE_ALARMS_PER_DAY,
    HALF_LIFE_S,
    LASTS,
    LASTS_S,
    MOMENT,
    SLOW,
    STAYS,
    WHOLE,
    Calibration,
    CueCalibration,
    EventRate,
    Expected,
    peaks,
    psnr,
    read_cues,
    regularity_error,
    squared_error,
    unseen_rarity,
)
from memwatch.tasks.alarms import Trace, event_levels, lasting_traces, traces
from memwatch.tasks.budget import Budget
from memwatch.tasks.footage import Footage
from memwatch.tasks.progress import Progress
from memwatch.tasks.scenes import FootageScene
from memwatch.tasks.suspects import Suspect, can_tell, suspect_stretches, suspects_of
from memwatch.tasks.trust import trust_in
from memwatch.types import ANSWERS, Grid

BATCH = 8
EVENTS = EventConfig()
"""The rule by which `watch` makes events."""
EXPECTED = {MOMENT: Expected(0.77, 12.2), LASTS: Expected(0.58, 10.2)}
"""The scales are what twenty minutes of other normal footage of the drawn lobby and yard came to, in the mean. The
levels are among those tried the nearest to as many alarms as were due, over pieces of half a minute, of four and a half
and of fifteen, of three scenes (docs/log.md)."""
MOST_TOLD = 5
"""Lines about footage that looks like no normal footage."""
LEAVE_OUT = "if it is not: `memwatch calibrate MODEL FOOTAGE --leave-out-events`, with --held-out if it was trained on"
UNTOLD = "too little was held out to say whether an event is among it: look at it, or hold out more"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration saw, and came to."""

    frames: int
    """Held-out normal frames."""
    seconds: float
    psnr: float
    """Mean, in dB."""
    gate: float
    threshold: float
    budget: Budget
    suspects: tuple[Suspect, ...] = ()
    """What of the footage looks like no normal footage."""
    judged: bool = True
    """Whether there was enough of it for an event in it to be told from the rest."""
    remedy: str = LEAVE_OUT
    """What to do with what is no normal footage."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "seconds": round(self.seconds, 1),
            "psnr": self.psnr,
            "gate": self.gate,
            "threshold": self.threshold,
            "false_alarms": self.budget.to_dict(),
            "suspects": [suspect.to_dict() for suspect in self.suspects],
            "suspects_judged": self.judged,
        }

    def rows(self) -> list[tuple[str, str]]:
        return [
            ("held out", f"{self.frames} normal frames, {self.seconds:.0f} s, {self.psnr:.1f} dB"),
            ("gate", f"{self.gate:.5f}"),
            ("threshold", f"{self.threshold:.2f}, {self.budget.sentence()}"),
            *(("not normal?", suspect.line()) for suspect in self.suspects[:MOST_TOLD]),
            *([("", self.remedy)] if self.suspects else []),
            *([] if self.judged or self.suspects else [("not normal?", UNTOLD)]),
        ]


@dataclass(slots=True)
class _Read:
    """What the network and the cues say of some frames."""

    cues: dict[str, list[Grid]] = field(default_factory=dict)
    regularity: list[float] = field(default_factory=list)
    decibels: list[float] = field(default_factory=list)

    def values(self) -> dict[str, NDArray[np.float32]]:
        return {name: np.stack(grids) for name, grids in self.cues.items()}


def calibrate(
    model: Model,
    footage: Footage,
    scene: FootageScene,
    *,
    per_day: float = FALSE_ALARMS_PER_DAY,
    progress: Progress,
    cues: Sequence[str] | None = None,
) -> Calibrated:
    """Fit `model.calibration` on the held-out part of `footage`, the memory frozen as trained, its threshold meant
    for `per_day` false alarms a day. `cues` are what the score is made of: the answers of a head that knows its scene
    and the picture as a whole, or all that a model without one has, unless said."""
    if cues is None:
        remembers = model.config.memory != "none"
        every = [name for name in CUES if name != "memory" or remembers]
        cues = (*ANSWERS, WHOLE) if model.config.head_scene else every
    targets = footage.targets(model.config, held=True)
    read = _read(model, footage, scene, targets, set(cues) - set(SLOW), progress)
    progress.done()
    seconds = sum(r.times[-1] - r.times[r.held_from] for r in footage.recordings if r.held_from < len(r.times))
    values = read.values()
    if STAYS in values and not values[STAYS].any():  # else whatever a head says of it would be unheard of
        del values[STAYS]
        progress.note("what stays is not asked for: no held-out footage goes on for long enough to tell")
    fitted_answers = {name: CueCalibration.fit(values[name], placed=False) for name in ANSWERS if name in values}
    trust = trust_in(model, footage, scene, fitted_answers)
    found = traces(footage, targets, unseen_rarity(values), HALF_LIFE_S, LASTS_S, trust)
    moments = event_levels(found, EVENTS)
    rates = event_rates(found, moments)
    suspects = suspects_of(found, moments, EVENTS)
    stretches = {}
    if scene.stretches is not None:
        levels = peaks(unseen_rarity({"scene": scene.stretches})["scene"])
        suspects += suspect_stretches(footage, scene.recordings, levels)
        if "scene" in cues:
            stretches["scene"] = scene.stretches
            rates["scene"] = EventRate.fit(levels, sum(r.times[-1] - r.times[0] for r in footage.recordings))
    fitted = Calibration.fit(
        values,
        np.asarray(read.regularity),
        seconds=seconds,
        scene=scene.memory,
        stretches=stretches,
        rates=rates,
        per_day=per_day,
        half_life=HALF_LIFE_S,
        lasts=LASTS_S,
        trust=trust,
    )
    model.calibration = fitted.to_record()
    budget = Budget.of(fitted)
    assert budget is not None
    decibels = float(np.mean(read.decibels))
    return Calibrated(
        fitted.frames,
        seconds,
        decibels,
        fitted.gate,
        fitted.threshold,
        budget,
        tuple(suspects),
        can_tell(moments),
    )


def event_rates(found: Sequence[Trace], moments: NDArray[np.float64]) -> dict[str, EventRate]:
    """How often normal footage makes events at which level, of the moment, whose `event_levels` are `moments`, and of
    what lasts."""
    length = sum(trace.length for trace in found)
    return {
        MOMENT: EventRate.fit(moments, length, EXPECTED[MOMENT]),
        LASTS: EventRate.fit(event_levels(lasting_traces(found), EVENTS), length, EXPECTED[LASTS]),
    }


def _read(
    model: Model,
    footage: Footage,
    scene: FootageScene,
    targets: Sequence[tuple[int, int]],
    cues: set[str],
    progress: Progress,
) -> _Read:
    config = model.config
    runtime = open_runtime(model)
    memory = runtime.new_state()
    read = _Read()
    progress.start("calibrating", len(targets))
    for first in range(0, len(targets), BATCH):
        some = targets[first : first + BATCH]
        clips = [
            replace(
                footage.recordings[n].clip(i, config),
                scene=scene.rest(n, i, footage.recordings[n].frames[i]),
                settled=scene.settled[n][i],
            )
            for n, i in some
        ]
        for clip, prediction in zip(clips, runtime.predict(clips, [memory] * len(clips)), strict=True):
            error = squared_error(prediction.frame, clip.target)
            for name, grid in read_cues(cues, clip, prediction, error, None).items():
                read.cues.setdefault(name, []).append(grid)
            read.regularity.append(regularity_error(error))
            read.decibels.append(psnr(error))
        progress.step(len(clips))
    return read
