"""`memwatch calibrate`: fit a model's score, gate and threshold anew, on other normal footage or by newer rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memwatch.errors import UsageError
from memwatch.model import Model, load_model, save_model
from memwatch.runtime import open_runtime
from memwatch.scoring import FALSE_ALARMS_PER_DAY, Calibration
from memwatch.tasks.budget import Budget, check_budget
from memwatch.tasks.calibrate import MOST_TOLD, Calibrated, calibrate
from memwatch.tasks.counted import count_events
from memwatch.tasks.footage import clip_paths, read_footage
from memwatch.tasks.progress import Progress
from memwatch.tasks.scenes import learn_scene
from memwatch.tasks.suspects import Suspect, without

CUT_OUT = "if one is not, cut it out of the footage: it counts as a false alarm"
MOST_LEFT_OUT = 20
"""Stretches after which the footage is taken as it is: what keeps turning up is no exception."""


@dataclass(frozen=True, slots=True)
class CalibrateReport:
    """What a calibration saw."""

    model: Path
    held_out: Calibrated
    left_out: list[Suspect]
    """What was left out because it looks like no normal footage."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": "memwatch.calibrate/1",
            "model": str(self.model),
            "held_out": self.held_out.to_dict(),
            "left_out": [suspect.to_dict() for suspect in self.left_out],
        }

    def rows(self) -> list[tuple[str, str]]:
        return [
            ("model", str(self.model)),
            *self.held_out.rows(),
            *(("left out", suspect.line()) for suspect in self.left_out[:MOST_TOLD]),
        ]


def recalibrate(
    model: Path,
    footage: list[str],
    *,
    out: Path | None = None,
    per_day: float = FALSE_ALARMS_PER_DAY,
    held_out: bool = False,
    leave_out_events: bool = False,
    every_event: bool = False,
    fps: float | None = None,
    progress: Progress,
) -> CalibrateReport:
    """Calibrate `model` on normal `footage`, for `per_day` false alarms a day, and write it to `out`, or back to where
    it was.

    All of the footage counts as unseen; with `held_out` it is what the model was trained on, and only the part that
    training kept apart is used. `leave_out_events` cuts out what looks like no normal footage and calibrates again.
    With `every_event` the threshold rests on the events of all the footage, however long, instead of what is kept of
    it; one that is no false alarm is then counted as one.
    """
    check_budget(per_day)
    if every_event and (held_out or leave_out_events):
        raise UsageError("--all counts every event of all the footage", "leave out --held-out and --leave-out-events")
    loaded = load_model(model)
    target = out or model
    if target.suffix != ".safetensors":
        raise UsageError(f"{target}: a model's name ends in .safetensors", f"write --out {target}.safetensors")
    clips = read_footage(footage, loaded.config, fps=fps, progress=progress, unseen=not held_out)
    trained_on = set(clips.names) & set(map(str, loaded.card.get("footage", ())))
    if trained_on and not held_out:
        name = min(trained_on)
        progress.note(f"{name}: the model was trained on footage of that name; if it is the same, add --held-out")
    held = calibrate(loaded, clips, learn_scene(clips), per_day=per_day, progress=progress)
    left: list[Suspect] = []
    while leave_out_events and held.suspects and len(left) < MOST_LEFT_OUT:
        left += held.suspects
        clips = without(clips, held.suspects)
        held = calibrate(loaded, clips, learn_scene(clips), per_day=per_day, progress=progress)
    if every_event and clips.thinned > 1:
        held = _counted(loaded, held, footage, fps=fps, progress=progress)
    elif every_event:
        progress.note("all of this footage is kept anyway: --all adds nothing")
    if held.suspects:
        several = len(held.suspects) > 1
        what = f"{len(held.suspects)} stretches look" if several else "a stretch looks"
        progress.note(f"{what} like no normal footage; {held.remedy}")
    save_model(loaded, target)
    return CalibrateReport(target, held, left)


def _counted(
    model: Model, held: Calibrated, footage: list[str], *, fps: float | None, progress: Progress
) -> Calibrated:
    """The model's calibration, and what is said of it, with the events of all of `footage`."""
    assert model.calibration is not None
    before = Calibration.from_record(model.calibration, "the model")
    found = count_events(open_runtime(model), before, clip_paths(footage), fps=fps, progress=progress)
    model.calibration = found.calibration.to_record()
    budget = Budget.of(found.calibration)
    assert budget is not None
    return replace(
        held,
        frames=found.frames,
        seconds=found.seconds,
        threshold=found.calibration.threshold,
        budget=budget,
        suspects=found.suspects,
        judged=found.judged,
        remedy=CUT_OUT,
    )
