"""Draws surveillance footage of which everything is known: `python samples/draw.py` redraws the shipped clips.

    from samples.draw import render
    for image, boxes in render(seconds=10, seed=1, anomalies=["cyclist"]): ...
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

if __package__ in (None, ""):  # run as a script: let the package be found
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av

from samples.indoor import indoor
from samples.schedule import Planned
from samples.stage import Annotation, Box, Drawn, Scene, film
from samples.walkway import walkway
from samples.yard import yard

__all__ = ["SCENES", "Annotation", "Box", "Drawn", "Planned", "render", "truth", "write_clip"]

SCENES: dict[str, Callable[[tuple[int, int]], Scene]] = {"walkway": walkway, "indoor": indoor, "yard": yard}
"""Scene to its maker for a picture size."""
SIZE = (360, 240)
TRUTH_SCHEMA = "memwatch.truth/1"


def render(scene: str = "walkway", *, seconds: float, seed: int, fps: float = 10.0,
           size: tuple[int, int] = SIZE, anomalies: Sequence[str | Planned] = ()) -> Iterator[Drawn]:
    """Draw a clip frame by frame, before compression; the same arguments give the same bytes.

    `size` is (width, height); `anomalies` are kinds that the scene knows, in the order in which they happen,
    spaced evenly with ordinary traffic before, between and after, or `Planned` ones. Yields `(image, boxes)`:
    uint8 (H, W, 3) BGR, and an `Annotation` for each anomaly in view. Raises ValueError, at the call, for an unknown
    scene or kind, a clip too short for its anomalies, or settings that leave nothing to draw.
    """
    if min(size) < 32:
        raise ValueError(f"{size[0]}×{size[1]} is too small to draw in; take 32×32 or more")
    if fps <= 0 or round(seconds * fps) < 1:
        raise ValueError(f"{seconds:g} s at {fps:g} frames/s is not one frame")
    return film(_scene(scene, size), seconds=seconds, seed=seed, fps=fps, anomalies=anomalies)


def _scene(name: str, size: tuple[int, int]) -> Scene:
    if name not in SCENES:
        raise ValueError(f"no scene '{name}'; known: {', '.join(SCENES)}")
    return SCENES[name](size)


def truth(frames: Sequence[Sequence[Annotation]], *, clip: str, fps: float, size: tuple[int, int],
          seed: int) -> dict[str, object]:
    """The truth of a clip as JSON-ready values; `frames` holds each frame's annotations, in order."""
    rows: dict[int, list[list[int]]] = {}
    kinds: dict[int, str] = {}
    for index, notes in enumerate(frames):
        for note in notes:
            kinds[note.id] = note.kind
            rows.setdefault(note.id, []).append([index, *note.box])
    anomalies = [{"id": n, "kind": kinds[n], "first": rows[n][0][0], "last": rows[n][-1][0], "boxes": rows[n]}
                 for n in sorted(rows)]
    return {"schema": TRUTH_SCHEMA, "clip": clip, "fps": fps, "frames": len(frames), "width": size[0],
            "height": size[1], "seed": seed, "anomalies": anomalies}


def write_clip(path: Path, drawn: Iterator[Drawn], *, fps: float, size: tuple[int, int],
               crf: int = 27) -> list[list[Annotation]]:
    """Encode frames as H.264 (yuv420p, playable while it loads); returns each frame's annotations.

    The file appears whole or not at all.
    """
    part = path.with_name(path.name + ".part")
    notes: list[list[Annotation]] = []
    try:
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            # One thread and a fixed key interval: the same file from the same frames.
            stream.options = {"crf": str(crf), "preset": "slow", "threads": "1", "g": "50"}
            for image, boxes in drawn:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
                notes.append(boxes)
            container.mux(stream.encode())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return notes


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw a scene's normal clip, and its test clip with the truth beside it."""
    parser = argparse.ArgumentParser(description="Redraw the sample clips.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder (default: this one)")
    parser.add_argument("--scene", choices=sorted(SCENES), default="walkway")
    parser.add_argument("--seed", type=int, default=20, help="the normal clip's; the test clip has the next")
    parser.add_argument("--normal-seconds", type=float, help="default: the scene's own")
    parser.add_argument("--test-seconds", type=float, help="default: the scene's own")
    parser.add_argument("--crf", type=int, default=27, help="H.264 quality, lower is better and larger")
    given = parser.parse_args(arguments)
    out, scene, fps = given.out, given.scene, 10.0
    try:
        name, seed = f"{scene}-test.mp4", given.seed + 1
        kinds = _scene(scene, SIZE).kinds
        normal_seconds, test_seconds = _scene(scene, SIZE).clip_seconds
        normal = render(scene, seconds=given.normal_seconds or normal_seconds, seed=given.seed, fps=fps)
        test = render(scene, seconds=given.test_seconds or test_seconds, seed=seed, fps=fps, anomalies=kinds)
        out.mkdir(parents=True, exist_ok=True)
        write_clip(out / f"{scene}-normal.mp4", normal, fps=fps, size=SIZE, crf=given.crf)
        notes = write_clip(out / name, test, fps=fps, size=SIZE, crf=given.crf)
        told = truth(notes, clip=name, fps=fps, size=SIZE, seed=seed)
        _write_whole(out / f"{scene}-test.json", json.dumps(told, separators=(",", ":")) + "\n")
    except (OSError, ValueError) as error:
        print(f"draw.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
