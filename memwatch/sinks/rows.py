"""Score files: one row for every frame of a source, and one for every region."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Literal

from memwatch.sinks.base import Sink
from memwatch.sinks.part import PartFile
from memwatch.types import Frame, Observation, Region, Score

RowFormat = Literal["csv", "ndjson"]

SCORE_COLUMNS = ("frame", "seconds", "raw", "score", "state")
REGION_COLUMNS = ("frame", "x", "y", "width", "height", "score", "track", "cue", "ratio")
"""Columns are only ever added, at the end: readers of older files stay right."""


class ScoreRows(Sink):
    """Writes `scores.csv` and `regions.csv`, or `scores.ndjson` with each frame's regions inside.

    Columns: frame (from 0), seconds (by the source's own timestamps), raw (MNAD's regularity error), score
    (calibrated; the threshold belongs to it) and state: `scored`; `filled`, a frame before the network has
    seen enough, which carries the score that follows it (the one before where none follows); `broken`, a
    frame that could not be decoded, with nothing but its number; `unscored`, in a source without a single
    score. Rows count every frame: numbers that the source skips are broken ones. A region's are its box in source
    pixels, its score, its track's number, and the cue that says most in it with that cue's size as a multiple of
    what is usual there.

    folder: made when missing; its score files are replaced when the sink closes.
    Raises MemwatchError naming the file that can't be written.
    """

    def __init__(self, folder: Path, *, format: RowFormat = "csv") -> None:
        self._rows = _Csv(folder) if format == "csv" else _Ndjson(folder)
        self._next = 0
        self._waiting: list[tuple[int, float | None]] = []
        self._latest: Score | None = None

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        self.pad(frame.index)
        self._next = frame.index + 1
        if observation is None:
            self._waiting.append((frame.index, frame.seconds))
            return
        self._fill(observation.score)
        self._latest = observation.score
        self._rows.write(frame.index, frame.seconds, observation.score, "scored", observation.regions)

    def pad(self, length: int) -> None:
        """Rows up to `length` frames: a source that knows its length may have broken frames at its end."""
        for index in range(self._next, length):
            # Kept in line behind frames that wait for a score, or rows would change places.
            if self._waiting:
                self._waiting.append((index, None))
            else:
                self._rows.write(index, None, None, "broken", ())
        self._next = max(self._next, length)

    def close(self) -> None:
        self._fill(self._latest)
        self._rows.close()

    def abort(self) -> None:
        self._rows.abort()

    def _fill(self, score: Score | None) -> None:
        for index, seconds in self._waiting:
            if seconds is None:
                self._rows.write(index, None, None, "broken", ())
            else:
                self._rows.write(index, seconds, score, "filled" if score else "unscored", ())
        self._waiting.clear()


class _Csv:
    def __init__(self, folder: Path) -> None:
        self._scores = PartFile(folder / "scores.csv")
        try:
            self._regions = PartFile(folder / "regions.csv")
        except BaseException:
            self._scores.abort()
            raise
        self._score_writer = csv.writer(self._scores, lineterminator="\n")
        self._region_writer = csv.writer(self._regions, lineterminator="\n")
        # Two short lines stay in the buffers, so nothing can fail here.
        self._score_writer.writerow(SCORE_COLUMNS)
        self._region_writer.writerow(REGION_COLUMNS)

    def write(
        self, index: int, seconds: float | None, score: Score | None, state: str, regions: tuple[Region, ...]
    ) -> None:
        raw, value = (score.error, score.value) if score else (None, None)
        self._score_writer.writerow((index, _text(seconds, ".3f"), _text(raw), _text(value), state))
        for region in regions:
            x1, y1, x2, y2 = region.box
            box = (x1, y1, x2 - x1, y2 - y1)
            why = (region.track, region.cue, _text(region.ratio, ".4g"))
            self._region_writer.writerow((index, *box, _text(region.peak), *why))

    def close(self) -> None:
        # Scores last: where scores.csv is, everything is.
        try:
            self._regions.close()
            self._scores.close()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        self._scores.abort()
        self._regions.abort()


class _Ndjson:
    def __init__(self, folder: Path) -> None:
        self._file = PartFile(folder / "scores.ndjson")

    def write(
        self, index: int, seconds: float | None, score: Score | None, state: str, regions: tuple[Region, ...]
    ) -> None:
        row = {
            "frame": index,
            "seconds": _number(seconds, ".3f"),
            "raw": _number(score.error if score else None),
            "score": _number(score.value if score else None),
            "state": state,
            "regions": [_region(region) for region in regions],
        }
        self._file.write(json.dumps(row, allow_nan=False) + "\n")

    def close(self) -> None:
        self._file.close()

    def abort(self) -> None:
        self._file.abort()


def _region(region: Region) -> dict[str, float | str | None]:
    x1, y1, x2, y2 = region.box
    return {
        "x": x1,
        "y": y1,
        "width": x2 - x1,
        "height": y2 - y1,
        "score": _number(region.peak),
        "track": region.track,
        "cue": region.cue or None,
        "ratio": _number(region.ratio, ".4g"),
    }


def _text(value: float | None, format: str = ".9g") -> str:
    """Enough digits for any float32; nothing for what is missing or not finite."""
    return "" if value is None or not math.isfinite(value) else f"{value:{format}}"


def _number(value: float | None, format: str = ".9g") -> float | None:
    text = _text(value, format)
    return float(text) if text else None
