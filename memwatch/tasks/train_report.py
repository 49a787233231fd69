"""What a training did, as a table and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memwatch.tasks.calibrate import Calibrated


@dataclass(slots=True)
class TrainReport:
    """What a training did."""

    model: Path
    model_id: str
    steps: int
    minutes: float
    loss: float
    held_out: Calibrated
    footage: dict[str, Any]
    pictures: list[Path]
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": "memwatch.train/1",
            "model": str(self.model),
            "model_id": self.model_id,
            "steps": self.steps,
            "minutes": round(self.minutes, 2),
            "loss": self.loss,
            "held_out": self.held_out.to_dict(),
            "footage": self.footage,
            "pictures": [str(path) for path in self.pictures],
            "problems": self.problems,
        }

    def rows(self) -> list[tuple[str, str]]:
        return [
            ("model", f"{self.model}  ({self.model.stat().st_size / 1e6:.1f} MB, id {self.model_id})"),
            ("trained", f"{self.steps} steps in {self.minutes:.1f} minutes, last loss {self.loss:.5f}"),
            *self.held_out.rows(),
            *(("picture", str(path)) for path in self.pictures),
            *(("problem", text) for text in self.problems[:3]),
        ]
