"""What `memwatch explain` says of one frame, as rows, as JSON and for its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.events.reasons import reason
from memwatch.types import Clip, Grid, Observation, Prediction


@dataclass(frozen=True, slots=True)
class Item:
    """A memory item as this frame reads it."""

    number: int
    share: float
    """Of the frame's places, those whose nearest item this is."""
    similarity: float
    """Cosine at the place of this frame that is most like it."""
    patch: NDArray[np.float32] | None
    """(C, h, w) in [-1, 1]: around the place most like it in all frames up to this one."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that went into one frame's score."""

    clip: Clip
    prediction: Prediction
    error: Grid
    """(h, w), squared error of the prediction in [0, 1] units, mean over channels."""
    observation: Observation
    items: tuple[Item, ...]
    """The most read first; empty without a memory."""
    path: Path | None = None
    """The picture."""

    def to_dict(self) -> dict[str, Any]:
        seen = self.observation
        return {
            "schema": "memwatch.explain/1",
            "picture": str(self.path),
            "source": seen.source,
            "frame": seen.index,
            "seconds": round(seen.seconds, 3),
            "score": round(seen.score.value, 4),
            "threshold": round(seen.score.threshold, 4),
            "anomalous": seen.score.anomalous,
            "cues": {name: round(float(grid.max()), 4) for name, grid in seen.cues.items()},
            "boxes": [
                {"box": region.box, "score": round(region.peak, 4), "cue": region.cue, "reason": words(region)}
                for region in seen.regions
            ],
            "items": [{"item": i.number, "share": round(i.share, 4)} for i in self.items if i.share],
        }

    def rows(self) -> Sequence[tuple[str, str]]:
        seen = self.observation
        return [
            ("score", verdict(seen)),
            *((name, f"{grid.max():.1f}") for name, grid in seen.cues.items()),
            ("together", f"{seen.score.value:.1f}, what has lasted half a second counted for itself"),
            *((f"box {n}", words(region)) for n, region in enumerate(seen.regions, 1)),
            ("picture", str(self.path)),
        ]


def verdict(seen: Observation) -> str:
    """A frame's score against the threshold, in words."""
    score = seen.score
    side = "over" if score.anomalous else "not over"
    return f"frame {seen.index} scores {score.value:.1f}, {side} the threshold of {score.threshold:.1f}"


def words(region: Any) -> str:
    """Why a region is odd."""
    return reason(region.cue, ratio=region.ratio, age=region.age)
