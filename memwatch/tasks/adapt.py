"""`memwatch adapt`: a model of one camera and a minute of another's footage in, a model of the other out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memwatch.errors import UsageError
from memwatch.model import load_model
from memwatch.tasks.presets import PRESETS
from memwatch.tasks.train import train
from memwatch.tasks.train_report import TrainReport

MINUTES = 3.0
"""Length, calibration included, where nothing is said."""


def adapt(
    model: Path, footage: list[str], out: Path, *, minutes: float | None = None, steps: int | None = None, **how: Any
) -> TrainReport:
    """A model of another camera from `model` and about a minute of its normal `footage`; `how` as for `train`.

    A model whose prototypes have learned to adapt takes one fast step first (`fast_weights.py`).
    """
    if minutes is None and steps is None:
        minutes = MINUTES
    config = load_model(model).config
    if config.preset not in PRESETS or PRESETS[config.preset].epochs:
        raise UsageError(
            f"{model}: a model of the preset {config.preset} cannot be adapted", "train one with --preset base"
        )
    if config.head_width and not config.head_scene:
        raise UsageError(f"{model}: a model of an older version cannot be adapted", "train one with this version")
    return train(footage, out, preset=config.preset, minutes=minutes, steps=steps, start=model, **how)
