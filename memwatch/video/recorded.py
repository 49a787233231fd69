"""A video file as a source of frames, read packet by packet so that damage costs only itself."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import av.container
import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from memwatch.errors import SourceError
from memwatch.types import Frame, Image
from memwatch.video.base import EPSILON, FrameSource, Span, check_size

_TEXT = frozenset({"ansi", "bintext", "idf", "xbin"})
"""Text files that the library would gladly draw as pictures."""
SEEK_BACK_S = (0.0, 2.0, 10.0, 60.0)
"""So far before a moment a search for it begins, if what was asked for was passed."""


class ToBgr:
    """Decoded frames to BGR uint8 (H, W, 3), turned upright; keeps one converter, which is twice as fast."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Image:
        image = cast(Image, self._reformatter.reformat(frame, format="bgr24").to_ndarray())
        turns = (round(frame.rotation / 90)) % 4  # cameras and phones store the turn beside the picture
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


class RecordedSource(FrameSource):
    """All frames of a video file, at the times its own timestamps say (variable rates come out right).

    Packets that don't decode are counted in `broken` and keep their number. A file that ends before the
    length its header states, or can't be read to its end, is `partial`.

    Raises SourceError on opening if the file is no video, and on iterating if not one frame decodes.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        super().__init__(name or path.stem)
        self.kind = "video"
        self.path = path
        self._frames: Generator[Frame, None, None] | None = None
        with self._open() as container:
            stream = self._video(container)
            self.codec = stream.codec_context.name
            rate = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate else None
            self.length = stream.frames or None
            self.duration_s = _duration(container, stream)
            self.about_s = self.duration_s or (container.duration or 0) / av.time_base or None
            width, height = stream.codec_context.width, stream.codec_context.height
            if width and height:
                self.size = (width, height)
                check_size(width, height, str(path))
            self._start = _recorded_at(container, path)
        if not self.length and self.fps and self.duration_s:
            self.length = round(self.fps * self.duration_s)

    def __iter__(self) -> Iterator[Frame]:
        self.close()
        self._forget_troubles()
        self._frames = self._read()
        return self._frames

    def skimmed(self, spans: Sequence[Span]) -> Iterator[Frame]:
        if self.about_s is None:  # a bare stream: nothing to seek by
            return super().skimmed(spans)
        self.close()
        self._forget_troubles()
        self._frames = self._skim(spans)
        return self._frames

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def ends_whole(self) -> bool:
        """Whether the last pictures that the header promises are there; only the file's end is read."""
        if self.duration_s is None:
            return True
        end = 0.0
        with self._open() as container:
            stream = self._video(container)
            first = (stream.start_time or 0) * stream.time_base
            try:
                container.seek(round((self.duration_s + float(first)) * av.time_base))
                for packet in container.demux(stream):
                    if packet.pts is not None and not packet.is_corrupt:
                        end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base - first))
            except (av.error.FFmpegError, OSError):
                return False
        return end >= self.duration_s - self._forgiven_s()

    def _forgiven_s(self) -> float:
        """Headers round, and the last frame's own duration is not always known: three frames are forgiven."""
        return max(0.3, 3 / self.fps if self.fps else 0.3)

    def _open(self) -> Any:
        try:
            # Only plain files: a playlist in an untrusted folder must not make us read other places.
            return av.open(str(self.path), options={"protocol_whitelist": "file"})
        except (av.error.FFmpegError, OSError) as error:
            if isinstance(error, PermissionError):
                raise SourceError(f"{self.path}: cannot be read", "check its permissions") from None
            size = self.path.stat().st_size if self.path.exists() else 0
            what = "is not a video, or its end is missing" if size else "is empty (0 bytes)"
            raise SourceError(f"{self.path}: {what}", "give a video that plays, or copy it again") from None

    def _video(self, container: Any) -> Any:
        if not container.streams.video or container.streams.video[0].codec_context.name in _TEXT:
            raise SourceError(f"{self.path}: has no video stream", "give a file with pictures")
        stream = container.streams.video[0]
        # Frame threads would report damage late and against the wrong packet.
        stream.thread_type = "SLICE"
        return stream

    def _read(self) -> Generator[Frame, None, None]:
        with self._open() as container:
            stream = self._video(container)
            times, to_bgr = _Times(self.fps), ToBgr()
            index = 0
            for decoded in self._decode(container, stream):
                if decoded is None:
                    index += 1
                    continue
                yield self._frame(to_bgr(decoded), index, times.of(decoded), first=times.count == 1)
                index += 1
            self._conclude(times)

    def _skim(self, spans: Sequence[Span]) -> Generator[Frame, None, None]:
        with self._open() as container:
            stream = self._video(container)
            shown = (frame for frame in self._decode(container, stream) if frame and frame.time is not None)
            zero = next((frame.time for frame in shown), 0.0)  # headers of AVI are a frame off
            times, to_bgr = _Times(self.fps, zero), ToBgr()
            for start, end in spans:
                gap = True
                for decoded in self._decode_from(container, stream, start + zero):
                    if decoded.time - zero >= end - EPSILON:
                        break
                    seconds = times.of(decoded)
                    index = round(seconds * self.fps) if self.fps else times.count - 1
                    frame = self._frame(to_bgr(decoded), index, seconds, first=times.count == 1)
                    yield replace(frame, gap=frame.gap or gap)
                    gap = False
                if gap:
                    self._note(f"nothing can be read at {start:.0f} s")
                    self.partial = True
            for problem in times.problems:
                self._note(problem)

    def _frame(self, image: Image, index: int, seconds: float, *, first: bool) -> Frame:
        size = (image.shape[1], image.shape[0])
        check_size(*size, str(self.path))
        resized = not first and self.size != size
        if resized:
            self._note(f"the picture's size changes to {size[0]}x{size[1]} at {seconds:.2f} s")
        self.size = size
        return Frame(self.name, index, self._start + seconds, seconds, image, resized)

    def _decode(self, container: Any, stream: Any) -> Iterator[VideoFrame | None]:
        """Frames in order of display, and None for each packet that does not decode."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError) as error:
                self.partial = True
                self._note(f"cannot be read on ({error.strerror})")
                return
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self.broken += 1
                where = f" at {float(packet.pts * packet.time_base):.2f} s" if packet.pts is not None else ""
                self._note(f"a frame does not decode{where}")
                yield None

    def _decode_from(self, container: Any, stream: Any, stamp: float) -> Iterator[VideoFrame]:
        """Frames from a time stamp on. Some containers land behind what they are asked for: then from further back."""
        for back in SEEK_BACK_S:
            try:
                container.seek(round(max(0.0, stamp - back) * av.time_base))
            except (av.error.FFmpegError, OSError):
                return
            frames = (frame for frame in self._decode(container, stream) if frame and frame.time is not None)
            first = next(frames, None)
            if first is not None and (first.time <= stamp + EPSILON or back == SEEK_BACK_S[-1]):
                yield from (frame for frame in chain((first,), frames) if frame.time >= stamp - EPSILON)
                return

    def _conclude(self, times: _Times) -> None:
        if not times.count:
            raise SourceError(f"{self.path}: not one frame decodes", "the file is damaged; copy it again")
        for problem in times.problems:
            self._note(problem)
        if self.duration_s is not None and times.end < self.duration_s - self._forgiven_s():
            self.partial = True
        if self.partial:
            of = f" of {self.duration_s:.2f} s" if self.duration_s is not None else ""
            ended = f"ends early: {times.count} frames read, the last at {times.last:.2f} s{of}"
            self.problems.insert(0, ended)


class _Times:
    """Seconds since the first frame, from timestamps; never falling."""

    def __init__(self, fps: float | None, first: float | None = None) -> None:
        self._step = 1 / fps if fps else 0.04
        self._first = first
        self.last = self.end = 0.0
        self.count = 0
        self.problems: list[str] = []

    def of(self, frame: VideoFrame) -> float:
        stamp = frame.time
        if stamp is None:  # bare streams (.h264) carry none: all that is left is the rate
            seconds = self.last + self._step if self.count else 0.0
            self._note("frames without timestamps; times follow from the rate")
        else:
            if self._first is None:
                self._first = stamp - (self.last + self._step if self.count else 0.0)
            seconds = stamp - self._first
            if self.count and seconds <= self.last:
                self._note(f"timestamps that do not rise, first at {self.last:.2f} s")
                seconds = self.last
        self.count += 1
        self.last = seconds
        length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else self._step
        self.end = max(self.end, seconds + length)
        return seconds

    def _note(self, problem: str) -> None:
        if all(problem.split(",")[0] != known.split(",")[0] for known in self.problems):
            self.problems.append(problem)


def _duration(container: Any, stream: Any) -> float | None:
    """Seconds that the header promises of the video stream, None if it does not say."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and len(container.streams) == 1:
        return float(container.duration / av.time_base)
    return None


def _recorded_at(container: Any, path: Path) -> float:
    """Unix seconds of the first frame: the recorder's own note if it left one, else the file's date."""
    noted = container.metadata.get("creation_time", "")
    try:
        return datetime.fromisoformat(noted).timestamp()
    except ValueError:
        return path.stat().st_mtime
