"""Readers of the files in which data sets keep their truth. Each turns one file into plain arrays or spans.

Spans are (first, last) frames, inclusive and counted from 0, whatever the file counts from.
All readers raise `MemwatchError` with one line when a file is missing, damaged or not what its name says.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.errors import MemwatchError
from memwatch.types import Box

Span = tuple[int, int]
Labels = NDArray[np.bool_]
TRUTH_SCHEMA = "memwatch.truth/1"


@dataclass(frozen=True, slots=True)
class BoxTruth:
    """What a memwatch.truth/1 file says of one clip."""

    clip: str
    frames: int
    size: tuple[int, int]
    """(width, height) in pixels of the picture that the boxes were drawn on."""
    spans: tuple[Span, ...]
    boxes: dict[int, tuple[Box, ...]]
    """Boxes by frame; a frame of a span without boxes has no entry."""
    tracks: dict[int, tuple[int, ...]]
    """Which anomaly, counted from 0, each of those boxes belongs to."""


def unreadable(path: Path, why: str, remedy: str = "Fetch the file again or remove it") -> MemwatchError:
    return MemwatchError(f"{path}: cannot be read as truth: {why}", remedy)


def read_m_spans(path: Path) -> list[list[Span]]:
    """UCSD's script of `gt_frame = [5:90, 140:200]` lines, one list of spans a clip in the file's order."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise unreadable(path, error.strerror or "not readable") from None
    text = re.sub(r"%.*", "", text)  # MATLAB comments: an entry commented out is no entry
    clips: list[list[Span]] = []
    for body in re.findall(r"gt_frame\s*=\s*\[([^\]]*)\]", text):
        spans: list[Span] = []
        for item in re.split(r"[,;\s]+", re.sub(r"\s*:\s*", ":", body).strip()):
            match = re.fullmatch(r"(\d+)(?::(\d+))?", item)
            if match:
                spans.append(_from_one(int(match[1]), int(match[2] or match[1]), path))
            elif item:
                raise unreadable(path, f"'{item}' is not a range of frames", "Write ranges as 5:90")
        clips.append(spans)
    if not clips:
        raise unreadable(path, "it holds no gt_frame lines")
    return clips


def read_gt_cells(path: Path) -> list[list[Span]]:
    """The `gt` cell array of the FFP and MNAD sets: a 2×k matrix of first and last frames for each clip."""
    cells = np.ravel(_mat_variable(path, "gt"))
    clips: list[list[Span]] = []
    for number, cell in enumerate(cells, start=1):
        bounds = np.asarray(cell)
        if bounds.size == 2:  # also stored as a row or a flat pair
            bounds = bounds.reshape(2, 1)
        if bounds.size and (bounds.ndim != 2 or bounds.shape[0] != 2 or bounds.dtype.kind not in "iuf"):
            raise unreadable(path, f"cell {number} of 'gt' is not rows of first and last frames")
        pairs = bounds.T if bounds.size else ()
        clips.append([_from_one(int(first), int(last), path) for first, last in pairs])
    if not clips:
        raise unreadable(path, "'gt' is empty")
    return clips


def read_label_vector(path: Path) -> Labels:
    """A .npy vector of 0 and 1, (N,) or (1, N)."""
    values = np.atleast_1d(np.squeeze(_npy(path)))
    if values.ndim != 1 or values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise unreadable(path, "it is not a vector of 0 and 1")
    if not values.size:
        raise unreadable(path, "it is empty")
    return values.astype(bool)


def read_label_rows(path: Path, *, clip: str | None = None) -> Labels:
    """A CSV with columns frame (from 0) and label (0 or 1), and `clip` where one file serves several clips.

    `clip` selects the rows of that clip, or every row when None. Every frame must stand there once.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, str(error)) from None
    needed = {"frame", "label"} | ({"clip"} if clip is not None else set())
    if rows and not needed <= set(rows[0]):
        has = ", ".join(str(column) for column in rows[0])
        raise unreadable(path, f"its columns are {has}", f"Needed: {', '.join(sorted(needed))}")
    if clip is not None:
        rows = [row for row in rows if row["clip"] == clip]
    if not rows:
        why = "it is empty" if clip is None else f"it has no rows for clip {clip}"
        raise unreadable(path, why, "Add one row a frame")
    try:
        labels = {int(row["frame"]): int(row["label"]) for row in rows}
    except (TypeError, ValueError) as error:
        raise unreadable(path, str(error), "Write whole numbers, label 0 or 1") from None
    if sorted(labels) != list(range(len(rows))) or not set(labels.values()) <= {0, 1}:
        raise unreadable(path, "frames must run 0, 1, 2, … once each, with label 0 or 1", "Mend the file")
    return np.array([labels[i] for i in range(len(rows))], dtype=bool)


def read_boxes(path: Path) -> BoxTruth:
    """A memwatch.truth/1 file: spans (`first`, `last` inclusive, from 0) and half-open boxes in pixels."""
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            raise ValueError("it is empty")
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") != TRUTH_SCHEMA:
            raise ValueError(f"its schema is not {TRUTH_SCHEMA}")
        frames, width, height = (int(data[key]) for key in ("frames", "width", "height"))
        spans: list[Span] = []
        boxes: dict[int, tuple[Box, ...]] = {}
        tracks: dict[int, tuple[int, ...]] = {}
        for track, anomaly in enumerate(data["anomalies"]):
            span = (int(anomaly["first"]), int(anomaly["last"]))
            if not 0 <= span[0] <= span[1] < frames:
                raise ValueError(f"an anomaly runs from {span[0]} to {span[1]} of {frames} frames")
            spans.append(span)
            for row in anomaly.get("boxes", ()):
                frame, x1, y1, x2, y2 = (int(value) for value in row)
                if not span[0] <= frame <= span[1] or x1 >= x2 or y1 >= y2:
                    raise ValueError(f"box {row} is empty or outside its anomaly's frames")
                boxes[frame] = (*boxes.get(frame, ()), (x1, y1, x2, y2))
                tracks[frame] = (*tracks.get(frame, ()), track)
        return BoxTruth(str(data.get("clip", "")), frames, (width, height), tuple(spans), boxes, tracks)
    except KeyError as error:
        raise unreadable(path, f"{error} is missing", "See docs/metrics.md for the form") from None
    except (OSError, TypeError, ValueError) as error:
        raise unreadable(path, str(error), "See docs/metrics.md for the form") from None


def read_mask_volume(path: Path) -> NDArray[Any]:
    """A .npy of (N, H, W), mapped from disk so that only the frames asked for are read."""
    volume = _npy(path, mmap=True)
    if volume.ndim != 3 or not volume.size or volume.dtype.kind not in "biuf":
        raise unreadable(path, f"it is {volume.dtype} {volume.shape}, not frames × height × width")
    return volume


def read_vol_label(path: Path) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Avenue's `volLabel`: (bits (N, ceil(H·W/8)), (H, W)).

    A clip's masks are 300 MB as bytes, so they are kept as bits.
    """
    cells = np.ravel(_mat_variable(path, "volLabel"))
    masks = [np.asarray(cell) for cell in cells]
    if not masks or not masks[0].size:
        raise unreadable(path, "'volLabel' is empty")
    height_width = masks[0].shape
    if len(height_width) != 2 or any(mask.shape != height_width for mask in masks):
        raise unreadable(path, "'volLabel' is not one picture a frame, all of one size")
    return np.stack([np.packbits(mask != 0) for mask in masks]), (height_width[0], height_width[1])


def _from_one(first: int, last: int, path: Path) -> Span:
    if not 1 <= first <= last:
        raise unreadable(path, f"{first}:{last} is not a range of frames counted from 1", "Mend the range")
    return first - 1, last - 1


def _npy(path: Path, *, mmap: bool = False) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise unreadable(path, str(error)) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise unreadable(path, "it is an archive of arrays, not one array")
    return array


def _mat_variable(path: Path, name: str) -> NDArray[Any]:
    from scipy.io import loadmat  # the only user of scipy.io; most footage has no .mat

    try:
        contents: dict[str, Any] = loadmat(path, variable_names=[name])
    except NotImplementedError:
        raise unreadable(path, "MATLAB 7.3 files are not read", "Save it again with -v7") from None
    except Exception as error:  # a damaged file fails in scipy, zlib or struct, by no common class
        raise unreadable(path, str(error) or type(error).__name__) from None
    if name not in contents:
        raise unreadable(path, f"it has no variable '{name}'", "Keep only the truth's .mat there")
    return np.asarray(contents[name])
