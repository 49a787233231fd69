"""Tiny data sets for tests: files whose names tell a layout, and the truth beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from memwatch.video.datasets import ClipRef, find_clips
from memwatch.video.truth import Truth, load_truth

SIZE = (32, 24)
"""Width and height of every clip here."""


def frames(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"")  # layouts are told by names alone


def bitmap(path: Path, *, odd: bool, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((size[1], size[0]), np.uint8)
    if odd:
        picture[size[1] // 4 : size[1] // 2, size[0] // 2 :] = 255
    assert cv2.imwrite(str(path), picture)


def numbered(count: int, suffix: str, first: int = 0) -> list[str]:
    return [f"{i:03d}{suffix}" for i in range(first, first + count)]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def cells(*values: ArrayLike) -> np.ndarray:
    out = np.empty((1, len(values)), dtype=object)
    for i, value in enumerate(values):
        out[0, i] = np.asarray(value)
    return out


def truth_of(clip: ClipRef, count: int, size: tuple[int, int] = SIZE) -> Truth:
    assert clip.truth is not None
    return load_truth(clip.truth, frames=count, size=size)


def marked(truth: Truth) -> list[int]:
    return np.flatnonzero(truth.labels).tolist()


def names(path: Path, part: Any = "any") -> list[str]:
    return [clip.name for clip in find_clips(path, part=part).clips]


def drawn(path: Path, **changes: Any) -> None:
    """A memwatch.truth/1 file: one anomaly in frames 2 to 4, with a box in two of them."""
    boxes = [[2, 4, 3, 10, 9], [3, 30, 20, 40, 30]]
    anomaly = {"id": "a", "kind": "cyclist", "first": 2, "last": 4, "boxes": boxes}
    truth = {
        "schema": "memwatch.truth/1",
        "clip": "walk",
        "fps": 25,
        "frames": 6,
        "width": SIZE[0],
        "height": SIZE[1],
        "anomalies": [anomaly],
    }
    path.write_text(json.dumps({key: value for key, value in (truth | changes).items() if value is not None}))
