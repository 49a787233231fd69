"""`memwatch calibrate`: fit a model's score, gate and threshold anew, on other normal footage or by newer rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memwatch.errors import UsageError
from memwatch.model import load_model, save_model
from memwatch.tasks.calibrate import calibrate
from memwatch.tasks.footage import read_footage
from memwatch.tasks.progress import Progress


@dataclass(frozen=True, slots=True)
class CalibrateReport:
    """What a calibration saw."""

    model: Path
    held_out: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return {"schema": "memwatch.calibrate/1", "model": str(self.model), "held_out": self.held_out}

    def rows(self) -> list[tuple[str, str]]:
        held = self.held_out
        return [
            ("model", str(self.model)),
            ("normal footage", f"{held['frames']:.0f} frames, {held['seconds']:.0f} s, {held['psnr']:.1f} dB"),
            ("gate", f"{held['gate']:.5f}"),
            ("threshold", f"{held['threshold']:.2f}"),
        ]


def recalibrate(
    model: Path,
    footage: list[str],
    *,
    out: Path | None = None,
    held_out: bool = False,
    fps: float | None = None,
    progress: Progress,
) -> CalibrateReport:
    """Calibrate `model` on normal `footage` and write it to `out`, or back to where it was.

    All of the footage counts as unseen; with `held_out` it is what the model was trained on, and only the part that
    training kept apart is used.
    """
    loaded = load_model(model)
    target = out or model
    if target.suffix != ".safetensors":
        raise UsageError(f"{target}: a model's name ends in .safetensors", f"write --out {target}.safetensors")
    clips = read_footage(footage, loaded.config, fps=fps, progress=progress, unseen=not held_out)
    held = calibrate(loaded, clips, progress=progress)
    save_model(loaded, target)
    return CalibrateReport(target, held)
