"""`memwatch info`: what a model file is, how it was trained and calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memwatch.model import load_model


def info(model: Path) -> dict[str, Any]:
    """The card of a model file; raises UsageError where it isn't one."""
    loaded = load_model(model)
    config, record = loaded.config, loaded.calibration
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
        "card": loaded.card,
    }
