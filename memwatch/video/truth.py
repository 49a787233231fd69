"""A clip's truth: which frames are abnormal and, where the data set says so, which pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.errors import MemwatchError
from memwatch.types import Box
from memwatch.video import truth_files
from memwatch.video.listing import visible
from memwatch.video.quiet import decoder_errors
from memwatch.video.truth_files import BoxTruth, Labels, Span

Mask = NDArray[np.bool_]
MaskReader = Callable[[int], Mask]
"""Frame index (from 0) to bool (H, W) at the source's size; reads from disk when called."""
BoxReader = Callable[[int], tuple[tuple[int, Box], ...]]
"""Frame index (from 0) to (anomaly, box) pairs: anomalies counted from 0, boxes inside the picture."""

_ASPECT_TOLERANCE = 0.02
"""Rounding to whole (or even) pixels changes an aspect ratio by less than this."""
_MASK_SUFFIXES = {".bmp", ".png"}
"""Lossless only: a JPEG mask has grey fringes."""


@dataclass(frozen=True, slots=True)
class TruthRef:
    """Where a clip's truth lies. Nothing is opened before `load_truth`."""

    clip: str
    labels: Path | None = None
    """.m, .mat (`gt`), .npy, .json or .csv; None where the masks alone are the truth."""
    masks: Path | None = None
    """Folder of bitmaps, .npy (N, H, W), .mat (`volLabel`) or .json (boxes)."""
    index: int = 0
    """Which of the file's clips this is, from 0."""
    clips: int = 1
    """How many clips the file of labels must hold."""
    start: int = 0
    """First frame of this clip in a vector of labels that runs through all clips."""
    total: int | None = None
    """Length of such a vector; None where the vector is this clip's own."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is abnormal in one clip."""

    labels: Labels
    """bool (N,), one a frame."""
    masks: MaskReader | None
    """None where only frames are labelled."""
    boxes: BoxReader | None = None
    """Which anomaly is where; None where the masks do not say which pixels belong to one."""


def load_truth(ref: TruthRef, *, frames: int, size: tuple[int, int]) -> Truth:
    """Read and check the truth of a clip of `frames` frames and `size` (width, height) pixels.

    Labels come from the labels' file, else from the masks (a frame is abnormal if any pixel is). Masks stay
    on disk and are read one at a time; stored at another size they are resized to the nearest pixel.

    Raises:
        MemwatchError: the truth is damaged or empty, or its count of frames or clips, or its picture's shape,
            is not the clip's.
    """
    masks = _masks(ref, frames=frames, size=size) if ref.masks else None
    boxes = None
    if ref.masks and ref.masks.suffix.casefold() == ".json":
        boxes = _reader_of_boxes(_boxes(ref, ref.masks, frames=frames, size=size), size)
    if ref.labels:
        return Truth(_labels(ref, frames=frames, size=size), masks, boxes)
    if masks is None:
        raise MemwatchError(f"Clip {ref.clip} has neither labels nor masks", "Add <clip>.json or labels.csv")
    return Truth(np.array([masks(i).any() for i in range(frames)], dtype=bool), masks, boxes)


def _labels(ref: TruthRef, *, frames: int, size: tuple[int, int]) -> Labels:
    path = _present(ref.labels)
    match path.suffix.casefold():
        case ".m":
            return _labels_of_spans(_own(truth_files.read_m_spans(path), ref), ref, frames)
        case ".mat":
            return _labels_of_spans(_own(truth_files.read_gt_cells(path), ref), ref, frames)
        case ".npy":
            return _labels_of_vector(truth_files.read_label_vector(path), ref, frames)
        case ".csv":
            labels = truth_files.read_label_rows(path, clip=ref.clip if ref.clips > 1 else None)
            return _agreed(labels, ref, frames)
        case ".json":
            return _labels_of_spans(_boxes(ref, path, frames=frames, size=size).spans, ref, frames)
        case _:
            raise truth_files.unreadable(path, "unknown kind of file", "Known: .m .mat .npy .csv .json")


def _masks(ref: TruthRef, *, frames: int, size: tuple[int, int]) -> MaskReader:
    path = _present(ref.masks)
    if path.is_dir():
        return _masks_of_folder(ref, path, frames=frames, size=size)
    match path.suffix.casefold():
        case ".json":
            return _masks_of_boxes(_boxes(ref, path, frames=frames, size=size), size)
        case ".npy":
            volume = truth_files.read_mask_volume(path)
            _check_count(ref, path, truth=len(volume), frames=frames)
            _check_shape(path, (volume.shape[2], volume.shape[1]), size)
            return lambda index: _sized(np.asarray(volume[index]) != 0, size)
        case ".mat":
            return _masks_of_cells(ref, path, frames=frames, size=size)
        case _:
            raise truth_files.unreadable(path, "unknown kind of masks", "Known: a folder, .npy .mat .json")


def _masks_of_folder(ref: TruthRef, path: Path, *, frames: int, size: tuple[int, int]) -> MaskReader:
    files = [p for p in visible(path) if p.suffix.casefold() in _MASK_SUFFIXES]
    _check_count(ref, path, truth=len(files), frames=frames)

    def read(index: int) -> Mask:
        with decoder_errors():  # a damaged PNG or BMP comes back as None; only its noise needs catching
            picture = cv2.imread(str(files[index]), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise truth_files.unreadable(files[index], "it does not decode")
        height, width = picture.shape[:2]
        _check_shape(files[index], (width, height), size)
        return _sized(picture != 0, size)

    return read


def _masks_of_cells(ref: TruthRef, path: Path, *, frames: int, size: tuple[int, int]) -> MaskReader:
    # No check of shape: Avenue's masks may be stored at a working size that is not the video's.
    bits, (height, width) = truth_files.read_vol_label(path)
    _check_count(ref, path, truth=len(bits), frames=frames)

    def read(index: int) -> Mask:
        flat = np.unpackbits(bits[index], count=height * width)
        return _sized(flat.reshape(height, width) != 0, size)

    return read


def _masks_of_boxes(boxes: BoxTruth, size: tuple[int, int]) -> MaskReader:
    def read(index: int) -> Mask:
        mask = np.zeros((size[1], size[0]), dtype=bool)
        for x1, y1, x2, y2 in boxes.boxes.get(index, ()):
            mask[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = True
        return mask

    return read


def _reader_of_boxes(truth: BoxTruth, size: tuple[int, int]) -> BoxReader:
    def read(index: int) -> tuple[tuple[int, Box], ...]:
        inside = (
            (track, (max(x1, 0), max(y1, 0), min(x2, size[0]), min(y2, size[1])))
            for track, (x1, y1, x2, y2) in zip(truth.tracks.get(index, ()), truth.boxes.get(index, ()), strict=True)
        )
        return tuple((track, box) for track, box in inside if box[0] < box[2] and box[1] < box[3])

    return read


def _boxes(ref: TruthRef, path: Path, *, frames: int, size: tuple[int, int]) -> BoxTruth:
    boxes = truth_files.read_boxes(path)
    if ref.clips > 1 and ref.clip not in (boxes.clip, Path(boxes.clip).stem):
        raise MemwatchError(
            f"{path} is the truth of '{boxes.clip}', not of clip {ref.clip}",
            "Name each clip's truth <clip>.json",
        )
    _check_count(ref, path, truth=boxes.frames, frames=frames)
    if boxes.size != size:
        raise _other_size(path, boxes.size, size)
    return boxes


def _own(clips: list[list[Span]], ref: TruthRef) -> list[Span]:
    if len(clips) != ref.clips:
        raise MemwatchError(
            f"{ref.labels} holds the truth of {len(clips)} clips, but there are {ref.clips} test clips "
            f"({abs(len(clips) - ref.clips)} {'more' if len(clips) > ref.clips else 'fewer'})",
            "Complete the footage or use the truth that belongs to it",
        )
    return clips[ref.index]


def _labels_of_spans(spans: list[Span] | tuple[Span, ...], ref: TruthRef, frames: int) -> Labels:
    labels = np.zeros(frames, dtype=bool)
    reach = max((last + 1 for _, last in spans), default=0)
    if reach > frames:
        raise MemwatchError(
            f"Clip {ref.clip} has {frames} frames, but {ref.labels} marks frames up to {reach} "
            f"({reach - frames} too many)",
            "Complete the footage or use the truth that belongs to it",
        )
    for first, last in spans:
        labels[first : last + 1] = True
    return labels


def _labels_of_vector(labels: Labels, ref: TruthRef, frames: int) -> Labels:
    if ref.total is None:
        return _agreed(labels, ref, frames)
    if len(labels) != ref.total:
        raise MemwatchError(
            f"{ref.labels} labels {len(labels)} frames, but the test clips have {ref.total} "
            f"({len(labels) - ref.total:+d})",
            "Complete the footage or use the truth that belongs to it",
        )
    return _agreed(labels[ref.start : ref.start + frames], ref, frames)


def _agreed(labels: Labels, ref: TruthRef, frames: int) -> Labels:
    _check_count(ref, _present(ref.labels), truth=len(labels), frames=frames)
    return labels


def _present(path: Path | None) -> Path:
    if path is None or not path.exists():
        raise MemwatchError(f"{path}: the truth is no longer there", "Put it back or evaluate again")
    return path


def _check_count(ref: TruthRef, path: Path, *, truth: int, frames: int) -> None:
    if truth == 0:
        raise truth_files.unreadable(path, "it is empty")
    if truth != frames:
        raise MemwatchError(
            f"Clip {ref.clip} has {frames} frames, but its truth {path} has {truth} ({truth - frames:+d})",
            "Complete the footage or use the truth that belongs to it",
        )


def _check_shape(path: Path, stored: tuple[int, int], size: tuple[int, int]) -> None:
    ratio = (stored[0] * size[1]) / (stored[1] * size[0])
    if abs(ratio - 1) > _ASPECT_TOLERANCE:
        raise _other_size(path, stored, size)


def _other_size(path: Path, stored: tuple[int, int], size: tuple[int, int]) -> MemwatchError:
    return MemwatchError(
        f"{path} was drawn on pictures of {stored[0]}×{stored[1]}, the clip's are {size[0]}×{size[1]}",
        "Use footage and truth of one size",
    )


def _sized(mask: Mask, size: tuple[int, int]) -> Mask:
    if mask.shape == (size[1], size[0]):
        return mask
    resized = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, dtype=bool)
