"""What a run left behind, read back: rows, events, pictures, and the truth if it lies beside the footage."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.errors import MemwatchError, UsageError
from memwatch.sinks.event_pictures import PICTURES, picture_paths
from memwatch.sinks.run_file import RUN
from memwatch.video import find_clips, load_truth
from memwatch.video.listing import visible

Values = NDArray[np.float64]
Labels = NDArray[np.bool_]
Span = tuple[float, float]
"""(start, end) in seconds, end excluded."""

JOINED_S = 0.5
"""Runs of abnormal frames nearer to each other than this are one segment (docs/metrics.md)."""
_ROWS = ("scores.csv", "scores.ndjson")


@dataclass(frozen=True, slots=True)
class ClipRun:
    """One clip of a run. Frames without a time or a score of their own carry those of a neighbour."""

    name: str
    folder: Path
    about: dict[str, Any]
    """run.json; empty where an older memwatch left none."""
    seconds: Values
    """(N,), rising."""
    scores: Values
    """(N,); NaN throughout in a clip without a single score."""
    states: dict[str, int]
    """How many frames were scored, filled, broken, unscored."""
    events: list[dict[str, Any]]
    """Each event's last line, in the order of their starts."""
    labels: Labels | None = None
    """(N,), true where abnormal; None where the truth is not known."""
    notes: list[str] = field(default_factory=list)
    """What a reader should know about what is missing."""

    @property
    def length(self) -> float:
        """Seconds, the last frame's own time included."""
        if len(self.seconds) < 2:
            return 0.0
        return float(self.seconds[-1] - self.seconds[0] + self.step)

    @property
    def step(self) -> float:
        """Usual seconds between two frames."""
        return float(np.median(np.diff(self.seconds))) if len(self.seconds) > 1 else 0.0

    @property
    def threshold(self) -> float | None:
        """The score that a frame had to exceed, if the run says so anywhere."""
        value = self.about.get("threshold")
        if value is None:
            value = next((event["threshold"]["score"] for event in self.events), None)
        return None if value is None else float(value)

    def segments(self) -> list[Span]:
        """The truth as stretches of time, short gaps closed."""
        if self.labels is None or not self.labels.any():
            return []
        edges = np.diff(np.concatenate(([False], self.labels, [False])).astype(np.int8))
        spans: list[Span] = []
        for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            start, stop = float(self.seconds[first]), float(self.seconds[end - 1] + self.step)
            if spans and start - spans[-1][1] < JOINED_S:
                start = spans.pop()[0]
            spans.append((start, stop))
        return spans

    def picture(self, event: dict[str, Any]) -> tuple[bytes | None, bytes | None]:
        """The event's picture and its heat map, as JPEG."""
        picture, hot = (
            path.read_bytes() if path.is_file() else None
            for path in picture_paths(self.folder / PICTURES, str(event["id"]))
        )
        return picture, hot


def event_span(event: dict[str, Any]) -> Span:
    """First and last moment of an event; one that was never closed ends at its peak."""
    start = float(event["start"]["stream_s"])
    return start, float((event["end"] or event["peak"])["stream_s"])


def read_runs(run: Path) -> list[ClipRun]:
    """The clips of `run`: a folder that `watch` or `score` left, or one clip's folder in it.

    Raises UsageError where there are no scores, MemwatchError where a file of the run is damaged.
    """
    if not run.is_dir():
        what = "is a file" if run.exists() else "no such folder"
        raise UsageError(f"{run}: {what}", "give the folder that watch or score wrote with --out")
    folders = [run] if _rows_of(run) else [p for p in visible(run) if p.is_dir() and _rows_of(p)]
    if not folders:
        if any((run / f"{name}.part").exists() for name in _ROWS):
            raise UsageError(f"{run}: its scores are still being written", "wait until the run has ended")
        raise UsageError(f"{run}: holds no scores", "give the folder that watch or score wrote with --out")
    return [_read_clip(folder) for folder in folders]


def _rows_of(folder: Path) -> Path | None:
    return next((folder / name for name in _ROWS if (folder / name).is_file()), None)


def _read_clip(folder: Path) -> ClipRun:
    path = _rows_of(folder)
    assert path is not None
    try:
        about = _read_about(folder / RUN)
        seconds, scores, states = _read_rows(path)
        events = _read_events(folder / "events.ndjson")
    except (ValueError, LookupError, TypeError, UnicodeError, csv.Error) as error:
        raise MemwatchError(f"{folder}: the run is damaged ({error})", "score the footage again") from None
    if not len(seconds) or np.isnan(seconds).all():
        raise MemwatchError(f"{path}: holds no frames", "score the footage again")
    name = str(about.get("name") or folder.resolve().name)
    labels, notes = _truth(about, len(seconds))
    if not about:
        notes.append("This run was made by an older memwatch: it names no model and holds no pictures.")
    return ClipRun(name, folder, about, seconds, scores, states, events, labels, notes)


def _read_about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    about = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(about, dict) or not isinstance(about.get("model", {}), dict):
        raise ValueError(f"{path.name} is of another kind")
    return about


def _read_rows(path: Path) -> tuple[Values, Values, dict[str, int]]:
    seconds: list[float] = []
    scores: list[float] = []
    states: dict[str, int] = {}
    for row in _rows(path):
        seconds.append(_number(row["seconds"]))
        scores.append(_number(row["score"]))
        states[row["state"]] = states.get(row["state"], 0) + 1
    return _held(np.array(seconds)), _held(np.array(scores)), states


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            yield from csv.DictReader(file)
        else:
            for line in file:
                yield json.loads(line)


def _number(value: str | float | None) -> float:
    return float("nan") if value is None or value == "" else float(value)


def _held(values: Values) -> Values:
    """Each NaN replaced by the number before it, at the head by the first one."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return values
    return np.asarray(values[known[np.maximum(np.searchsorted(known, np.arange(len(values)), side="right") - 1, 0)]])


def _read_events(path: Path) -> list[dict[str, Any]]:
    """The last line of each id wins."""
    if not path.is_file():
        return []
    latest = {event["id"]: event for event in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    return sorted(latest.values(), key=lambda event: event_span(event))


def _truth(about: dict[str, Any], frames: int) -> tuple[Labels | None, list[str]]:
    """The labels of the clip that was run, and what stood in the way of them."""
    source, size = about.get("source"), about.get("size")
    if not source or not size or about.get("live") or not Path(source).exists():
        return None, []
    try:
        ref = next((clip.truth for clip in find_clips(source).clips if clip.path.absolute() == Path(source)), None)
        if ref is None:
            return None, []
        return load_truth(ref, frames=frames, size=(size[0], size[1])).labels, []
    except MemwatchError as error:
        return None, [f"The truth beside the footage is left out: {error.line()}"]
