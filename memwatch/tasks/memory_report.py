"""What `memwatch memory` says of a state file, as rows, as JSON and for its picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.clock import iso
from memwatch.pipeline.state_file import CameraState

LEAST_USED = 0.1
"""Of an even share of the picture: an item that is the nearest to less is hardly in use."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a memory has gone from where training left it."""

    items: NDArray[np.float32]
    """(M,), distances of unit vectors; M is 0 without items."""
    scene: float | None
    """Root of the mean squared change of brightness, of 1; None where the model knows no scene."""
    scene_most: float | None
    """The same around the cell where it is largest."""


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """A camera's memory at a glance."""

    path: Path
    state: CameraState
    drift: Drift | None
    picture: Path | None = None

    @property
    def use(self) -> NDArray[np.float32] | None:
        """(M,): the share of the picture to which each item was the nearest, of the lessons of late; None where nothing
        was counted."""
        use = self.state.arrays.get("use")
        return None if use is None or not use.any() else use / use.sum()

    @property
    def used(self) -> int | None:
        """Items in use; None where nothing was counted."""
        use = self.use
        return None if use is None else int((use >= LEAST_USED / len(use)).sum())

    def to_dict(self) -> dict[str, Any]:
        state, use = self.state, self.use
        told: dict[str, Any] = {
            "schema": "memwatch.memory/1",
            "state": str(self.path),
            "model": state.model,
            "memory": state.memory,
            "camera": state.camera,
            "begun": iso(state.begun),
            "saved": iso(state.saved),
            "frozen": state.frozen,
            "lessons": state.taken,
            "refused": asdict(state.refused),
            "undone": state.undone,
            "items_used": self.used,
            "use": None if use is None else [round(float(share), 5) for share in use],
        }
        if self.drift is not None:
            told["drift"] = {
                "items": [round(float(d), 4) for d in self.drift.items],
                "scene": self.drift.scene,
                "scene_most": self.drift.scene_most,
            }
        return told

    def rows(self) -> list[tuple[str, str]]:
        state, refused = self.state, self.state.refused
        use = self.use
        rows = [
            ("state", str(self.path)),
            ("model", f"{state.model}, memory {state.memory}"),
            ("camera", state.camera),
            ("age", f"since {iso(state.begun)}, saved {iso(state.saved)}" + (", frozen" if state.frozen else "")),
            ("lessons", f"{state.taken} learned"),
            (
                "refused",
                f"{refused.anomalous} over the threshold, {refused.irregular} too irregular, "
                f"{refused.quarantined} too near to an anomaly",
            ),
            ("", "but for what the light alone had changed there"),
            ("undone", f"{state.undone} lessons that came just before an anomaly"),
        ]
        if not state.arrays:
            return [*rows, ("memory", "as trained")]
        if use is not None:
            rows.append(("use", f"{self.used} of {len(use)} items; the most used for {float(use.max()):.0%}"))
        if drift := self.drift:
            if len(drift.items):
                rows.append(("items", f"moved by {drift.items.mean():.3f} on average, {drift.items.max():.3f} at most"))
            if drift.scene is not None and drift.scene_most is not None:
                changed = f"changed by {drift.scene:.1%} of full brightness, {drift.scene_most:.1%} at most"
                rows.append(("scene", changed))
        if self.picture:
            rows.append(("picture", str(self.picture)))
        return rows
