"""A folder of images as a source of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.errors import SourceError
from memwatch.types import Frame, Image
from memwatch.video.base import FrameSource, Span, check_size, span_of
from memwatch.video.listing import images_in, is_video, visible
from memwatch.video.quiet import decoder_errors

DEFAULT_FPS = 10.0
"""The rate at which the usual sets of frames were taken."""


def list_clips(folder: Path, depth: int = 3) -> list[Path]:
    """Video files and folders of frames in `folder`, or in its parts (Train, Test/frames) down to `depth`.

    Folders whose name ends in `_gt` hold truth, not frames.
    """
    clips = []
    for path in visible(folder):
        if is_video(path):
            clips.append(path)
        elif path.is_dir() and not path.name.endswith("_gt"):
            if images_in(path):
                clips.append(path)
            elif depth > 1:
                clips += list_clips(path, depth - 1)
    return clips


class ImageSource(FrameSource):
    """The images of a folder (or one image file) in natural order, as BGR uint8.

    Gray becomes three equal channels, alpha is dropped (a camera's picture has nothing behind it), and 16-bit
    pictures are scaled to 8 bits by one factor for the whole folder: their depth is judged from the first
    frame (10 bits if its highest value is at most 1023, 12 if at most 4095, else 16), never from a later one.
    A picture that does not decode whole is counted in `broken` and left out; its number stays taken.
    """

    def __init__(self, path: Path, *, fps: float | None = None, name: str | None = None) -> None:
        super().__init__(name or (path.stem if path.is_file() else path.resolve().name))
        self.kind = "images"
        self.path = path
        self.fps = fps or DEFAULT_FPS
        self.paths = [path] if path.is_file() else images_in(path)
        self.length = len(self.paths)
        self.about_s = self.length / self.fps
        self.bits: int | None = None
        """Bit depth judged from the first frame."""
        if not self.paths:
            raise SourceError(f"{path}: no images here", "give a folder of .jpg, .png, .tif or .bmp images")
        self.codec = self.paths[0].suffix.lower().lstrip(".")

    def __iter__(self) -> Iterator[Frame]:
        """Raises SourceError if frames differ in size, are too small, or if not one decodes."""
        return self._pictures(None)

    def skimmed(self, spans: Sequence[Span]) -> Iterator[Frame]:
        return self._pictures(spans)

    def _pictures(self, spans: Sequence[Span] | None) -> Iterator[Frame]:
        """All pictures, or those that lie in a span; only these are read."""
        self._forget_troubles()
        self.bits, self.size = None, None
        start, last = self.paths[0].stat().st_mtime, None if spans else 0
        for index, path in enumerate(self.paths):
            seconds = index / float(self.fps or DEFAULT_FPS)
            number = 0 if spans is None else span_of(seconds, spans)
            if number is None or (image := self._read(path)) is None:
                continue
            yield Frame(self.name, index, start + seconds, seconds, image, gap=number != last)
            last = number
        if self.size is None and self.broken:
            raise SourceError(
                f"{self.path}: not one of its {len(self.paths)} images decodes ({self.problems[0]})",
                "check that these are images",
            )

    def close(self) -> None:
        """Nothing is held open between frames."""

    def _read(self, path: Path) -> Image | None:
        try:
            picture = _decode(path)
        except _Undecodable as error:
            self.broken += 1
            self._note(f"{path.name}: {error}")
            return None
        height, width = picture.shape[:2]
        if self.size is None:
            check_size(width, height, str(path))
            self.size, self.bits = (width, height), _depth(picture)
        if self.size != (width, height):
            raise SourceError(
                f"{path}: is {width}x{height} pixels, the frames before it are {self.size[0]}x{self.size[1]}",
                "keep frames of one size in a folder, and one folder for each camera",
            )
        return self._to_8_bit(picture, path)

    def _to_8_bit(self, picture: NDArray[Any], path: Path) -> Image:
        if picture.dtype == np.uint8:
            return picture
        highest = (1 << max(self.bits or 16, 10)) - 1
        if picture.max() > highest:
            self._note(f"{path.name}: brighter than the first frame's {self.bits} bits, cut off")
        return cv2.convertScaleAbs(np.minimum(picture, highest), alpha=255 / highest)  # type: ignore[no-any-return]


class _Undecodable(Exception):
    pass


def _decode(path: Path) -> NDArray[Any]:
    """BGR (H, W, 3) uint8 or uint16; raises _Undecodable with the reason unless the picture decodes whole."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise _Undecodable(f"cannot be read ({error.strerror})") from None
    if not data.size:
        raise _Undecodable("the file is empty")
    try:
        with decoder_errors() as errors:
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        picture = None
    if picture is None:
        raise _Undecodable("does not decode")
    if errors:
        raise _Undecodable("decodes only in part")
    if picture.dtype not in (np.uint8, np.uint16):
        raise SourceError(f"{path}: holds {picture.dtype} values", "save frames with 8 or 16 bits a channel")
    return picture


def _depth(picture: NDArray[Any]) -> int:
    if picture.dtype == np.uint8:
        return 8
    highest = int(picture.max())
    return 10 if highest <= 1023 else 12 if highest <= 4095 else 16
