"""What is this source, and is anything wrong with it?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.errors import MemwatchError
from memwatch.types import Frame, Image
from memwatch.video import ImageSource, RecordedSource, Source, list_clips, open_source, redact
from memwatch.video.listing import images_in

_BLACK = 20
"""Of 255; video black is 16 in the limited range, and compression leaves a few levels."""
_BLACK_SHARE = 0.25
"""Of the picture; less can be a mask or a frame around it."""
_JUDGED = 5
"""Frames needed before a lasting black part is believed."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """Facts of one source; None is unknown or does not apply."""

    source: str
    """As given, without secrets."""
    kind: str
    """video, images, rtsp, http, usb … or clips for a folder of clips."""
    codec: str | None = None
    """Of a video, or the image type (jpg, tif …)."""
    width: int | None = None
    height: int | None = None
    fps_declared: float | None = None
    fps_measured: float | None = None
    """Frames a second by the timestamps of what was read; None for images, which have none."""
    frames: int | None = None
    """In all, by the header; a hint."""
    length_s: float | None = None
    colour: str | None = None
    """gray where the three channels are equal in every frame read, else colour."""
    bits: int | None = None
    """Depth of a channel; of images only."""
    clips: int | None = None
    """How many clips a folder of clips holds; the rest is then said of the first."""
    frames_read: int = 0
    broken: int = 0
    problem: str | None = None
    """The first problem found, in words."""

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def probe(text: str, *, seconds: float = 5.0) -> ProbeReport:
    """Look at the first `seconds` of what `text` names (see `open_source`), or at a folder of clips.

    Raises UsageError or SourceError if it can't be opened or gives not one frame.
    """
    folder = Path(text)
    clips = list_clips(folder) if folder.is_dir() and not images_in(folder) else []
    with open_source(str(clips[0]) if clips else text) as source:
        report = _look(source, redact(text), seconds)
    if not clips:
        return report
    return ProbeReport(**{**report.to_dict(), "kind": "clips", "clips": len(clips)})


def _look(source: Source, shown: str, seconds: float) -> ProbeReport:
    seen = _Seen()
    failure: MemwatchError | None = None
    try:
        for frame in source:
            seen.add(frame)
            if frame.seconds >= seconds:
                break
    except MemwatchError as error:
        if not seen.count:
            raise
        failure = error
    width, height = source.size or (None, None)
    images = isinstance(source, ImageSource)
    length = getattr(source, "duration_s", None)
    if images and source.length and source.fps:
        length = source.length / source.fps
    return ProbeReport(
        source=shown,
        kind=getattr(source, "kind", "live" if source.live else "recorded"),
        codec=getattr(source, "codec", None),
        width=width,
        height=height,
        fps_declared=source.fps,
        fps_measured=None if images else seen.rate(),
        frames=source.length,
        length_s=length,
        colour="colour" if seen.coloured else "gray",
        bits=getattr(source, "bits", None),
        frames_read=seen.count,
        broken=source.broken,
        problem=_first_problem(source, seen, failure),
    )


class _Seen:
    """What the frames so far have in common."""

    def __init__(self) -> None:
        self.count = 0
        self.coloured = False
        self._first: Frame | None = None
        self._last: Frame | None = None
        self._brightest: NDArray[np.uint8] | None = None

    def add(self, frame: Frame) -> None:
        self.count += 1
        self._first = self._first or frame
        self._last = frame
        self.coloured = self.coloured or _is_coloured(frame.image)
        bright = frame.image.max(axis=2)
        if self._brightest is None or self._brightest.shape != bright.shape:
            self._brightest = bright
        else:
            np.maximum(self._brightest, bright, out=self._brightest)

    def rate(self) -> float | None:
        """Frames a second by timestamps; dropped frames count, since they came."""
        if self._first is None or self._last is None or self._last.seconds <= self._first.seconds:
            return None
        return (self._last.index - self._first.index) / (self._last.seconds - self._first.seconds)

    def black_share(self) -> float:
        """Share of the picture that was black in every frame."""
        if self._brightest is None or self.count < _JUDGED:
            return 0.0
        return float((self._brightest <= _BLACK).mean())


def _is_coloured(image: Image) -> bool:
    blue, green, red = image[..., 0], image[..., 1], image[..., 2]
    return not (np.array_equal(blue, green) and np.array_equal(green, red))


def _first_problem(source: Source, seen: _Seen, failure: MemwatchError | None) -> str | None:
    if failure is not None:
        return failure.line()
    if source.problems:
        return source.problems[0]
    share = seen.black_share()
    if share >= _BLACK_SHARE:
        return (
            f"{share:.0%} of the picture stays black: a covered or dark camera, or slices that never arrive "
            "(look at a snapshot; turn sliced encoding off)"
        )
    if isinstance(source, RecordedSource) and not source.ends_whole():
        return f"the file ends before the {source.duration_s:.2f} s that its header promises"
    return None
