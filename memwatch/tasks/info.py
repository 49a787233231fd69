"""`memwatch info`: what a model file is, how it was trained and calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memwatch.model import load_model
from memwatch.scoring import Calibration
from memwatch.tasks.budget import NO_BUDGET, NO_CALIBRATION, Budget


def info(model: Path) -> dict[str, Any]:
    """The card of a model file; raises UsageError where it isn't one."""
    loaded = load_model(model)
    config, record = loaded.config, loaded.calibration
    budget = Budget.of(Calibration.from_record(record, str(model))) if record else None
    return {
        "schema": "memwatch.info/1",
        "model": str(model),
        "id": loaded.id,
        "bytes": model.stat().st_size,
        "parameters": sum(p.numel() for p in loaded.net.parameters()),
        "picture": f"{config.width}×{config.height} {config.colour}",
        "config": config.to_dict(),
        "calibration": record
        and {key: value for key, value in record.items() if isinstance(value, int | float | list)},
        "false_alarms": budget.to_dict() if budget else {"in_words": NO_CALIBRATION if record is None else NO_BUDGET},
        "card": loaded.card,
    }
