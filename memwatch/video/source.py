"""A source of frames, and how a text names one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from memwatch.clock import Clock, SystemClock
from memwatch.errors import UsageError
from memwatch.types import Frame
from memwatch.video.base import Span
from memwatch.video.camera import CameraSource
from memwatch.video.images import ImageSource, list_clips
from memwatch.video.listing import images_in, is_image
from memwatch.video.recorded import RecordedSource
from memwatch.video.redaction import redact

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_STREAMS = ("rtsp", "rtsps", "http", "https")


class Source(Protocol):
    """Frames of one camera, in order. Recorded sources may be iterated again; a live one only once."""

    name: str
    """Short, without secrets: goes into results and events."""
    live: bool
    """Frames come at the camera's pace and the oldest are dropped; recorded ones are all delivered."""
    fps: float | None
    length: int | None
    """Frames, a hint that may be wrong."""
    about_s: float | None
    """Seconds of a recording, as its header has them, roughly; None where it says nothing, and of a live source."""
    size: tuple[int, int] | None
    """(width, height) of the first picture, a hint."""
    broken: int
    """Frames that could not be decoded, so far."""
    problems: list[str]
    """The first few problems, in words."""
    partial: bool
    """Stopped before its end because the rest could not be read."""

    def __iter__(self) -> Iterator[Frame]: ...
    def skimmed(self, spans: Sequence[Span]) -> Iterator[Frame]:
        """Only what lies in these spans, see `FrameSource.skimmed`."""
        ...

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


def open_source(text: str, *, fps: float | None = None, name: str | None = None, clock: Clock | None = None) -> Source:
    """Open what `text` names: a video, a folder of images, an image, `rtsp://`, `http(s)://`, `usb:0` or `0`.

    `fps` is the rate of a folder of images, which has no times of its own (10 unless given).
    Raises UsageError for a path that isn't there, an empty folder, a folder of clips, an address of another
    kind, or `fps` with a source that has its own times; SourceError for what is there and can't be read.
    """
    if fps is not None and not fps > 0:
        raise UsageError(f"fps must be above 0, not {fps}")
    address = camera_address(text)
    path = Path(text)
    if address is None and path.is_dir():
        return ImageSource(_folder_of_frames(path), fps=fps, name=name)
    if address is None and is_image(path) and path.is_file():
        return ImageSource(path, fps=fps, name=name)
    if fps is not None:
        raise UsageError(f"{redact(text)}: has its own frame times", "leave fps out; it is for folders of images")
    if address is not None:
        return CameraSource(address, name=name, clock=clock or SystemClock())
    if not path.exists():
        raise UsageError(f"{text}: no such file or folder", "check the path")
    if not path.is_file():  # a pipe would wait for ever
        raise UsageError(f"{text}: is neither a file nor a folder", "name a recording, or a camera's address")
    return RecordedSource(path, name=name)


def camera_address(text: str) -> str | None:
    """The live camera that `text` names, None where it names a file or a folder; UsageError for an address of
    another kind."""
    if text.isascii() and text.isdecimal() and not Path(text).exists():
        text = f"usb:{text}"
    if _ADDRESS.match(text) is None and not text.startswith("usb:"):
        return None
    if re.fullmatch(r"usb:\d+", text):
        return text
    scheme = text.split(":", 1)[0].lower()
    if scheme not in _STREAMS:
        raise UsageError(
            f"{redact(text)}: not a camera address", "use rtsp://, http://, https://, usb:0 or a file's path"
        )
    if re.search(r"\s", text):  # not echoed: what follows the blank could be half a password
        raise UsageError(f"the {scheme} address holds a blank", "percent-encode it (%20)")
    return text


def _folder_of_frames(folder: Path) -> Path:
    if images_in(folder):
        return folder
    clips = list_clips(folder)
    if clips:
        raise UsageError(
            f"{folder}: holds {len(clips)} clips, not the frames of one",
            f"name one of them, such as {clips[0]}, or give the folder to train, score or evaluate",
        )
    raise UsageError(
        f"{folder}: no frames in this folder", "give a folder of .jpg, .png, .tif or .bmp images, or a video"
    )
