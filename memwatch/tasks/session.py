"""What every scoring verb sets up alike: a model's runtime and calibration, and a detector for each stream."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memwatch.config import RegionConfig
from memwatch.errors import UsageError
from memwatch.events import Zones
from memwatch.model import Model, load_model
from memwatch.pipeline import Detector, Knowledge, Updates
from memwatch.runtime import Runtime, open_runtime
from memwatch.scoring import Calibration
from memwatch.tasks.budget import check_budget


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to score with."""

    model: Model
    runtime: Runtime
    calibration: Calibration
    path: Path

    @property
    def trained_on(self) -> str | None:
        """colour or gray: the footage's kind. `paper` takes three channels whatever its footage is, so there only the
        card knows; None where it doesn't say."""
        config = self.model.config
        return self.model.card.get("footage_colour") or (None if config.preset == "paper" else config.colour)

    def detector(
        self,
        *,
        learn: bool,
        rate: float | None = None,
        knowledge: Knowledge | None = None,
        sizes: RegionConfig | None = None,
        zones: Zones | None = None,
        thrifty: bool = False,
    ) -> Detector:
        """A detector for one stream, which knows what training left unless more is given; `sizes` of regions, and
        `zones` of the picture, that count. `thrifty`, where nobody asks for what is no part of the score."""
        updates = Updates.gated if learn else Updates.frozen
        more: dict[str, Any] = {"knowledge": knowledge, "rate": rate, "sizes": sizes, "zones": zones}
        return Detector(self.runtime, self.calibration, updates=updates, thrifty=thrifty, **more)

    def about(self) -> dict[str, Any]:
        """What events say of the model."""
        return {"id": self.model.id, "preset": self.model.config.preset}


def load(path: Path, *, per_day: float | None = None) -> Loaded:
    """Read a model file, its threshold as stored or meant for `per_day` false alarms a day.

    Raises UsageError when it can't be scored with.
    """
    if per_day is not None:
        check_budget(per_day)
    model = load_model(path)
    if model.calibration is None:
        raise UsageError(
            f"{path}: the model has no calibration, so nothing is watched or scored",
            f"calibrate it on normal footage of this camera: memwatch calibrate {path} FOOTAGE",
        )
    calibration = Calibration.from_record(model.calibration, str(path))
    grid = (model.config.height // 8, model.config.width // 8)
    if any(cue.usual.shape != grid for cue in calibration.cues.values()):
        raise UsageError(f"{path}: its calibration is of another picture size", "train the model anew")
    if per_day is not None:
        if not calibration.rates:
            raise UsageError(
                f"{path}: calibrated before thresholds were set in false alarms, so only its own can be used",
                f"leave out --false-alarms-per-day, or first run: memwatch calibrate {path} FOOTAGE",
            )
        calibration = calibration.at(per_day)
    return Loaded(model, open_runtime(model), calibration, path)
