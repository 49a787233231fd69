"""A small scene, drawn in no time: figures that cross textured ground, and now and then a thing that flickers."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.video.drawn import write_video

Picture = NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 96, 64, 10
ODD_BOX = (36, 20, 68, 52)
"""Where `odd` frames show what no other shows: x1, y1, x2, y2."""


def film(
    count: int, *, seed: int = 0, colour: bool = True, odd: Collection[int] = (), moving: bool = True
) -> list[Picture]:
    """BGR frames of one camera, gray unless `colour`; in the frames `odd` a checkered patch flickers.

    The ground and the walkers' lanes are the same for every seed, which says where they start and draws the noise.
    """
    rng = np.random.default_rng(seed)
    ground = np.random.default_rng(7).uniform(40, 180, (HEIGHT, WIDTH, 3)).astype(np.float32)
    ground = cv2.GaussianBlur(ground, (0, 0), 1.5) + np.float32([20, 0, -20])
    walkers = [(rng.uniform(0, WIDTH), y, speed) for y, speed in ((12, -1.2), (24, 0.8), (36, 1.1), (46, -0.9))]
    frames = []
    for index in range(count):
        image = ground.copy()
        for number, (x, y, speed) in enumerate(walkers if moving else ()):
            at = int(x + speed * index) % (WIDTH + 16) - 8
            cv2.ellipse(image, (at, int(y)), (3, 7), 0, 0, 360, (30 + 25 * number, 40, 90), -1)
            cv2.line(image, (at, int(y) + 6), (at + int(3 * np.sin(index + number)), int(y) + 13), (30, 30, 40), 1)
        if index in odd:
            x1, y1, x2, y2 = ODD_BOX
            checks = np.indices((y2 - y1, x2 - x1)).sum(axis=0) // 4 + index
            image[y1:y2, x1:x2] = np.where(checks % 2, 250, 5)[..., None]
        image += rng.normal(0, 2, image.shape)
        picture = np.clip(image, 0, 255).astype(np.uint8)
        frames.append(
            picture if colour else cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        )
    return frames


def video(path: Path, frames: Sequence[Picture], **how: Any) -> Path:
    """An H.264 clip of `frames` at FPS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(path, frames, fps=FPS, **how)


def folder(path: Path, frames: Sequence[NDArray[Any]], suffix: str = ".png") -> Path:
    """A folder of numbered pictures."""
    path.mkdir(parents=True)
    for index, frame in enumerate(frames, 1):
        assert cv2.imwrite(str(path / f"{index:03d}{suffix}"), frame)
    return path


def labels(path: Path, count: int, odd: Collection[int] = ()) -> Path:
    """The truth of one clip, frame by frame, as labels.csv."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("frame", "label"))
        rows.writerows((index, int(index in odd)) for index in range(count))
    return path


def ucsd(root: Path, clips: Sequence[tuple[int, Collection[int]]]) -> Path:
    """A data set in UCSD's layout: for each (frames, odd ones) a `Test` clip of gray TIFFs and its bitmaps."""
    for number, (count, odd) in enumerate(clips, 1):
        name = f"Test{number:03d}"
        gray = [frame[..., 0] for frame in film(count, seed=number, colour=False, odd=odd)]
        folder(root / "Test" / name, gray, ".tif")
        masks = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(count)]
        for index in odd:
            x1, y1, x2, y2 = ODD_BOX
            masks[index][y1:y2, x1:x2] = 255
        folder(root / "Test" / f"{name}_gt", masks, ".bmp")
    return root


def without_index(path: Path) -> Path:
    """A video cut in half whose index lay at its end: nothing of it can be read."""
    video(path, film(30))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def cut_short(path: Path, frames: Sequence[Picture], share: float = 0.6) -> Path:
    """A video that plays up to about `share` of its length."""
    video(path, frames, options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def damage_tiff(path: Path) -> None:
    """Turn a picture into a TIFF that OpenCV hands back decoded in part."""
    picture = cv2.imread(str(path))
    assert cv2.imwrite(str(path), picture, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 40] = b"\xff" * 40
    path.write_bytes(data)
    assert cv2.imread(str(path)) is not None, "what OpenCV refuses outright is another case"
