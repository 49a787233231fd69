"""Folders as `watch` and `score` leave them, made in no time from a line of text."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.sinks import EventFile, RowFormat, ScoreRows
from memwatch.sinks.event_pictures import PICTURES, EventPictures
from memwatch.sinks.run_file import RUN, RunFile
from memwatch.types import Frame, Observation
from tests.sinks import stream

MODEL = {
    "id": "21ca5a988f05", "preset": "base", "file": "yard.safetensors", "picture": "240×160 colour",
    "cues": ["prediction", "motion"], "calibrated_on_s": 24.0,
    "card": {"memwatch": "0.1.0", "footage": ["monday.mp4"], "footage_seconds": 159.2, "steps": 5110, "minutes": 24.2},
}  # fmt: skip


def make_run(
    folder: Path,
    text: str,
    *,
    source: Path | str = "",
    size: tuple[int, int] = (64, 48),
    fmt: RowFormat = "csv",
    **about: Any,
) -> Path:
    """The results of a clip of 10 frames a second with a score for each mark of `text`, in which 2 is the threshold:
    `?` not scored, `x` broken, `.` scores 0.5, `+` scores 12, a digit itself."""
    facts = {"verb": "watch", "source": str(source), "live": False, "fps": 10.0, "memory": "gated", "model": MODEL}
    builder = EventBuilder("yard", EventConfig(end_gap_s=0.5))
    with ExitStack() as stack:
        sinks = [
            stack.enter_context(ScoreRows(folder, format=fmt)),
            stack.enter_context(EventFile(folder / "events.ndjson", model={"id": MODEL["id"]})),
            stack.enter_context(EventPictures(folder / PICTURES)),
            stack.enter_context(RunFile(folder / RUN, about=facts | about)),
        ]
        told = []
        for index, mark in enumerate(text):
            if mark == "x":
                continue
            frame = stream.frame(index, size)
            seen = None if mark == "?" else _observe(frame, {".": 0.5, "+": 12.0}.get(mark) or float(mark))
            for sink in sinks:
                sink.on_frame(frame, seen)
            told = builder.push(seen) if seen else []
            for sink in sinks:
                for event in told:
                    sink.on_event(event)
        sinks[0].pad(len(text))  # type: ignore[attr-defined]
        for event in builder.finish("source_end"):
            for sink in sinks:
                sink.on_event(event)
    return folder


def _observe(frame: Frame, value: float) -> Observation:
    """With a map that is hottest where the square is."""
    seen = stream.observe(frame, value)
    grid = np.full((6, 8), 0.2, np.float32)
    for region in seen.regions:
        grid[1:3, min(7, region.box[0] * 8 // frame.image.shape[1])] = value
    return replace(seen, map=grid)
