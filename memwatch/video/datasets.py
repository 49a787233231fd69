"""Folders of footage: which layout this is, which clips it holds in which order, and where their truth lies.

Layouts are told by what is in the folder, never by its name. Paths inside a data set (its `Test` folder, one
of its clips) are traced to the data set's root, so that the truth is found whichever of them a user names.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from memwatch.errors import UsageError
from memwatch.video.listing import images_in, is_image, is_video, visible
from memwatch.video.redaction import redact
from memwatch.video.truth import TruthRef

Part = Literal["train", "test", "any"]
Layout = Literal["ucsd", "avenue", "shanghaitech", "mnad", "plain"]

_CAMERA = re.compile(r"[a-z][a-z0-9+.-]*://|usb:\d+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClipRef:
    """One clip: a video file or a folder of frames."""

    name: str
    """Unique in its data set; fit for a folder's name."""
    path: Path
    truth: TruthRef | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """The clips that a path stands for, in natural order."""

    name: str
    layout: Layout
    clips: tuple[ClipRef, ...]


_Truths = Callable[[Path, list[Path]], list[TruthRef | None]]
"""(root, test clips) to a reference for each."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one layout is recognised and where its parts lie, relative to the root."""

    layout: Layout
    signs: tuple[str, ...]
    """Any of these patterns tells the layout."""
    train: tuple[str, ...]
    """The first that exists holds the training clips."""
    test: tuple[str, ...]
    truths: _Truths


def find_clips(path: str | Path, *, part: Part = "any") -> DataSet:
    """The clips under `path`: a data set's root, one of its parts, one clip, or a plain folder of clips.

    `part` chooses "train" or "test" where the layout has parts. A plain folder has none: there "test" is the
    clips with truth beside them and "train" those without, or all clips if that leaves none.

    Raises:
        UsageError: there is no such path, no clip in it, or none of the part asked for; or it is a camera's address.
    """
    text, path = str(path), Path(path)
    if not path.exists():
        if _CAMERA.match(text):
            raise UsageError(
                f"{redact(text)}: is a camera's address, and this takes recordings",
                "Name a file or folder; memwatch watch takes cameras",
            )
        raise UsageError(f"{path}: no such file or folder", "Check the path")
    if not (path.is_file() or path.is_dir()):
        raise UsageError(f"{path}: is neither a file nor a folder", "Name a recording or a folder of them")
    for root in (path, *_absolute(path).parents[:3]):
        rule = _rule_of(root)
        if rule and (found := _of_layout(rule, root, path, part)):
            return found
    return _plain(path, part)


def _rule_of(root: Path) -> _Rule | None:
    if not root.is_dir():
        return None
    return next((rule for rule in _RULES if any(_any(root, sign) for sign in rule.signs)), None)


def _of_layout(rule: _Rule, root: Path, path: Path, part: Part) -> DataSet | None:
    """The layout's clips at or under `path`; None if `path` is no part of this data set."""
    train = [ClipRef(_stem(p), p) for p in _clips_of(root, rule.train)]
    tests = _clips_of(root, rule.test)
    truths = rule.truths(root, tests) if tests else []
    test = [ClipRef(_stem(p), p, truth) for p, truth in zip(tests, truths, strict=True)]
    train, test = (
        [c for c in clips if _absolute(c.path).is_relative_to(_absolute(path))] for clips in (train, test)
    )
    if not train and not test:
        return None
    name = _absolute(root).name
    if part == "any":
        return DataSet(name, rule.layout, _together(train, test))
    chosen, other = (train, "test") if part == "train" else (test, "training")
    if not chosen:
        asked = "training" if part == "train" else "test"
        raise UsageError(
            f"{path} holds {len(train or test)} {other} clips of the data set {name} and no {asked} clips",
            f"Name its {asked} part or {root}",
        )
    return DataSet(name, rule.layout, tuple(chosen))


def _together(train: list[ClipRef], test: list[ClipRef]) -> tuple[ClipRef, ...]:
    """Both parts; clips of one name in both get the part's name in front."""
    if {clip.name for clip in train} & {clip.name for clip in test}:
        train = [replace(clip, name=f"train-{clip.name}") for clip in train]
        test = [replace(clip, name=f"test-{clip.name}") for clip in test]
    return (*train, *test)


def _clips_of(root: Path, folders: tuple[str, ...]) -> list[Path]:
    """Every clip of a part, empty folders included: truth that goes by number must not slip by one."""
    folder = next((root / name for name in folders if (root / name).is_dir()), None)
    if folder is None:
        return []
    return [p for p in visible(folder) if is_video(p) or (p.is_dir() and not p.name.endswith("_gt"))]


def _absolute(path: Path) -> Path:
    """Without `.` and `..`, which have no name. Links stay: a linked clip belongs where the link is."""
    return Path(os.path.abspath(path))


def _stem(clip: Path) -> str:
    """A folder's whole name (01.2 has no suffix), a file's without suffix."""
    clip = _absolute(clip)
    return clip.name if clip.is_dir() else clip.stem


def _any(root: Path, pattern: str) -> bool:
    return any(p.is_dir() for p in root.glob(pattern))


def _only(root: Path, folder: Path, pattern: str) -> Path | None:
    """The one file of this kind in a folder; among several, the one that bears the data set's name."""
    files = [p for p in visible(folder) if p.match(pattern) and p.is_file()] if folder.is_dir() else []
    name = _absolute(root).name
    named = [p for p in files if p.stem.casefold() == name.casefold()]
    if len(files) > 1 and len(named) != 1:
        raise UsageError(
            f"{folder} holds {len(files)} files {pattern} and it is not clear which is the truth",
            f"Keep one, or name it {name}{pattern[1:]}",
        )
    return next(iter(named or files), None)


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None


def _shared(labels: Path | None, clips: list[Path], masks: list[Path | None]) -> list[TruthRef | None]:
    """References into one file of labels that goes by the clip's number, or by masks alone without it."""
    starts, total = [0] * len(clips), None
    if labels and labels.suffix == ".npy":
        lengths = [len(images_in(clip)) if clip.is_dir() else 0 for clip in clips]
        starts, total = [sum(lengths[:i]) for i in range(len(clips))], sum(lengths)
    return [
        TruthRef(_stem(clip), labels, mask, index, len(clips), starts[index], total)
        if labels or mask
        else None
        for index, (clip, mask) in enumerate(zip(clips, masks, strict=True))
    ]


def _ucsd_truths(root: Path, clips: list[Path]) -> list[TruthRef | None]:
    masks = [_existing(clip.with_name(f"{clip.name}_gt")) for clip in clips]
    return _shared(_only(root, root / "Test", "*.m"), clips, masks)


def _mnad_truths(root: Path, clips: list[Path]) -> list[TruthRef | None]:
    labels = _only(root, root, "*.mat") or _only(root, root / "testing", "*.m") or _only(root, root, "*.npy")
    return _shared(labels, clips, [_existing(root / "testing" / "masks" / clip.name) for clip in clips])


def _avenue_truths(root: Path, clips: list[Path]) -> list[TruthRef | None]:
    folders = (root / "testing_label_mask", root / "ground_truth_demo" / "testing_label_mask")
    folder = next((f for f in folders if f.is_dir()), folders[0])
    # Clips are 01.avi, their truth 1_label.mat.
    return _shared(
        None, clips, [_existing(folder / f"{_stem(clip).lstrip('0')}_label.mat") for clip in clips]
    )


def _shanghaitech_truths(root: Path, clips: list[Path]) -> list[TruthRef | None]:
    refs: list[TruthRef | None] = []
    for clip in clips:
        labels = _existing(root / "testing" / "test_frame_mask" / f"{_stem(clip)}.npy")
        masks = _existing(root / "testing" / "test_pixel_mask" / f"{_stem(clip)}.npy")
        refs.append(TruthRef(_stem(clip), labels, masks) if labels or masks else None)
    return refs


_RULES = (
    _Rule("ucsd", ("Train/Train*", "Test/Test*"), ("Train",), ("Test",), _ucsd_truths),
    _Rule(
        "avenue",
        ("training_videos", "testing_videos"),
        ("training_videos",),
        ("testing_videos",),
        _avenue_truths,
    ),
    _Rule(
        "shanghaitech",
        ("training/videos", "testing/test_frame_mask", "testing/test_pixel_mask"),
        ("training/videos", "training/frames"),
        ("testing/frames", "testing/videos"),
        _shanghaitech_truths,
    ),
    _Rule(
        "mnad",
        ("training/frames", "testing/frames"),
        ("training/frames",),
        ("testing/frames",),
        _mnad_truths,
    ),
)


def _plain(path: Path, part: Part) -> DataSet:
    if path.is_file():
        paths, folder = [path], path.parent
    else:
        paths, folder = _plain_clips(path), path
    if paths == [path]:
        folder = _absolute(path).parent
    if not paths:
        raise _nothing_in(path)
    twice = {name for name, count in Counter(map(_stem, paths)).items() if count > 1}
    clips = [
        ClipRef(p.name if _stem(p) in twice else _stem(p), p, _plain_truth(p, folder, len(paths)))
        for p in paths
    ]
    if part != "any":
        clips = [c for c in clips if (c.truth is not None) == (part == "test")] or clips
    return DataSet(_stem(path), "plain", tuple(clips))


def _plain_clips(folder: Path) -> list[Path]:
    """Pictures and no video: they are one clip's frames. Else the videos and folders of frames are clips."""
    entries = visible(folder)
    videos = [p for p in entries if p.is_file() and is_video(p)]
    if not videos and any(is_image(p) for p in entries):
        return [folder]
    folders = [p for p in entries if p.is_dir() and not p.name.endswith("_gt") and images_in(p)]
    return [p for p in entries if p in videos or p in folders]


def _plain_truth(clip: Path, folder: Path, clips: int) -> TruthRef | None:
    """The clip's own truth if there is any, else the one in its folder (which must then name the clip)."""
    stem = _stem(clip)
    own = [folder / f"{stem}.json"]
    if clip.is_dir():
        own += [clip / "truth.json", clip / "labels.csv"]
    for path in own:
        if path.is_file():
            return TruthRef(stem, path, path if path.suffix == ".json" else None)
    for path in (folder / "truth.json", folder / "labels.csv"):
        if path.is_file():
            return TruthRef(stem, path, path if path.suffix == ".json" else None, clips=clips)
    return None


def _nothing_in(path: Path) -> UsageError:
    sets = [p.name for p in visible(path) if p.is_dir() and _rule_of(p)]
    if sets:
        return UsageError(f"{path} holds data sets and no clip of its own", f"Name one: {', '.join(sets)}")
    return UsageError(
        f"{path}: no clip in it", "Name a video file, a folder of frames or of clips, or a known data set"
    )
