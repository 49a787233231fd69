"""The scenes of the benchmark: UCSD Ped2, and three that `samples/` draws, each with normal footage to learn from.

Drawn footage depends on seeds alone: TRAIN_SEED for the normal footage that is trained on, TEST_SEED for the test clip
with every kind of anomaly that the scene knows, UNSEEN_SEED and the following for normal footage that counts false
alarms.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from memwatch.files import write_text
from memwatch.scoring.metrics import Labels
from memwatch.video import ClipRef, find_clips, load_truth, open_source
from memwatch.video.truth import BoxReader, MaskReader
from samples.draw import SCENES, SIZE, render, truth, write_clip

FPS = 10.0
TRAIN_SEED, TEST_SEED, UNSEEN_SEED = 20, 21, 30
TRAIN_SECONDS = {"walkway": 240.0, "indoor": 1800.0, "yard": 1800.0}
"""Half an hour is what the README asks of a user as a start; of the walkway four minutes, to see what too little
does."""
PIECE_MINUTES = 15.0
"""Unseen footage is drawn in clips of this length, each with a seed of its own; the last may be shorter."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One camera: what is learned from, what is tested on, and what should raise no alarm."""

    name: str
    train: Path
    test: Path
    unseen: tuple[Path, ...] = ()
    """Normal footage that was not trained on; none for Ped2, which has no more of it."""
    drawn: bool = True

    @property
    def there(self) -> bool:
        """Whether its training and test footage exist (unseen footage is asked for apart)."""
        return self.train.exists() and self.test.exists()


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A test clip and its truth."""

    name: str
    path: Path
    frames: int
    labels: Labels
    masks: MaskReader | None
    kinds: dict[str, Labels] = field(default_factory=dict)
    """Kind of anomaly to the frames in which it is seen, bool (frames,)."""
    boxes: BoxReader | None = None
    size: tuple[int, int] = SIZE
    """(width, height) of its pictures."""


def ped2(folder: Path) -> Scene:
    """UCSD Ped2 in any layout that `find_clips` knows; `folder` is its root."""
    return Scene("ped2", folder, folder, drawn=False)


def drawn(name: str, folder: Path, *, unseen_minutes: float) -> Scene:
    """A drawn scene whose footage lies, or will lie, in `folder`/`name`."""
    home = folder / name
    unseen = tuple(home / f"unseen-{seed}-{seconds:.0f}s.mp4" for seed, seconds in _pieces(unseen_minutes))
    return Scene(name, home / f"normal-{TRAIN_SECONDS[name]:.0f}s.mp4", home / "test.mp4", unseen)


def scenes(data: Path | None, folder: Path, *, unseen_minutes: float) -> list[Scene]:
    """All scenes, Ped2 first where its folder is given."""
    return [
        *([ped2(data)] if data else []),
        *(drawn(name, folder, unseen_minutes=unseen_minutes) for name in SCENES),
    ]


def draw(scene: Scene, *, unseen: bool) -> Iterator[Path]:
    """Draw what is missing of a drawn scene, a file at a time; yields each before it is drawn."""
    if not scene.drawn:
        return
    scene.train.parent.mkdir(parents=True, exist_ok=True)
    if not scene.train.exists():
        yield scene.train
        _draw_normal(scene.name, scene.train, seed=TRAIN_SEED, seconds=TRAIN_SECONDS[scene.name])
    told = scene.test.with_suffix(".json")
    if not scene.test.exists() or not told.exists():
        yield scene.test
        made = SCENES[scene.name](SIZE)
        pictures = render(
            scene.name, seconds=made.clip_seconds[1], seed=TEST_SEED, fps=FPS, size=SIZE, anomalies=made.kinds
        )
        notes = write_clip(scene.test, pictures, fps=FPS, size=SIZE)
        record = truth(notes, clip=scene.test.name, fps=FPS, size=SIZE, seed=TEST_SEED)
        write_text(told, json.dumps(record, separators=(",", ":")) + "\n")
    for path in scene.unseen if unseen else ():
        if not path.exists():
            yield path
            _, seed, length = path.stem.split("-")
            _draw_normal(scene.name, path, seed=int(seed), seconds=float(length.removesuffix("s")))


def labelled_clips(scene: Scene) -> list[LabelledClip]:
    """The test clips with their truth. Of a drawn scene each anomaly has a kind; of Ped2 each clip counts as one, for
    its truth names none."""
    clips = [clip for clip in find_clips(scene.test, part="test").clips if clip.truth is not None]
    return [_labelled(clip, drawn=scene.drawn) for clip in clips]


def footage_id(*paths: Path) -> str:
    """Twelve hex digits of the footage: a file's bytes, a folder's names and sizes."""
    digest = hashlib.sha256()
    for path in paths:
        if path.is_dir():
            for file in sorted(p for p in path.rglob("*") if p.is_file()):
                digest.update(f"{file.relative_to(path)} {file.stat().st_size}\n".encode())
        else:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _pieces(minutes: float) -> Iterator[tuple[int, float]]:
    """(seed, seconds) of each clip of unseen footage."""
    seed = UNSEEN_SEED
    while minutes > 1e-6:
        yield seed, 60 * min(minutes, PIECE_MINUTES)
        seed, minutes = seed + 1, minutes - PIECE_MINUTES


def _draw_normal(name: str, path: Path, *, seed: int, seconds: float) -> None:
    write_clip(path, render(name, seconds=seconds, seed=seed, fps=FPS, size=SIZE), fps=FPS, size=SIZE)


def _labelled(clip: ClipRef, *, drawn: bool) -> LabelledClip:
    assert clip.truth is not None
    with open_source(str(clip.path)) as source:
        frames, image = source.length, next(iter(source)).image
    assert frames is not None, "recordings know their length"
    size = (image.shape[1], image.shape[0])
    told = load_truth(clip.truth, frames=frames, size=size)
    kinds = kinds_of(clip.path.with_suffix(".json"), frames) if drawn else {f"clip {clip.name}": told.labels}
    return LabelledClip(clip.name, clip.path, frames, told.labels, told.masks, kinds, told.boxes, size)


def kinds_of(path: Path, frames: int) -> dict[str, Labels]:
    """Kind of anomaly to its frames, from a truth file of drawn footage (`memwatch.truth/1`)."""
    kinds: dict[str, Labels] = {}
    for anomaly in json.loads(path.read_text())["anomalies"]:
        seen = kinds.setdefault(anomaly["kind"], np.zeros(frames, dtype=bool))
        seen[[row[0] for row in anomaly["boxes"]]] = True
    return kinds
