"""What a run was: one small JSON file beside its scores, for whoever reads them later."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from memwatch.clock import iso
from memwatch.files import write_text
from memwatch.sinks.base import Sink
from memwatch.types import Frame, Observation

RUN = "run.json"
"""Its name in a folder of results."""
RUN_SCHEMA = "memwatch.run/1"


class RunFile(Sink):
    """Writes `path` when it closes: `about`, and what only the frames themselves tell.

    Fields of its own: schema, name, size [width, height], first and last (wall clock, UTC), frames, threshold.
    Raises MemwatchError naming the file that can't be written.
    """

    def __init__(self, path: Path, *, about: dict[str, Any]) -> None:
        self.path = path
        self._about = about
        self._name: str | None = None
        self._size: tuple[int, int] | None = None
        self._first = self._last = math.nan
        self._frames = 0
        self._threshold: float | None = None

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if self._name is None:
            self._name, self._first = frame.source, frame.time
            self._size = (frame.image.shape[1], frame.image.shape[0])
        self._last = frame.time
        self._frames += 1
        if observation is not None:
            self._threshold = observation.score.threshold

    def close(self) -> None:
        record = {
            "schema": RUN_SCHEMA,
            "name": self._name,
            "size": self._size,
            "first": _wall(self._first),
            "last": _wall(self._last),
            "frames": self._frames,
            "threshold": self._threshold,
        }
        write_text(self.path, json.dumps(record | self._about, indent=1, ensure_ascii=False) + "\n")


def _wall(time: float) -> str | None:
    return iso(time) if math.isfinite(time) else None
