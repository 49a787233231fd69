"""Frames to an H.264 clip that a browser plays."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import av.error
import cv2
import numpy as np
from av.video.frame import VideoFrame

from memwatch.errors import MemwatchError
from memwatch.files import write_error
from memwatch.types import Image, Packet

_TICKS = 1000
"""Of the time base a second: variable rates need no more than milliseconds."""
_PACKET_TICKS = 90_000
"""As transport streams have it."""


class VideoWriter:
    """An MP4 (H.264, yuv420p, index in front) that is whole or not there.

    Frames go to `<name>.part`, which `close` renames and `abort` removes; leaving the context by an exception
    aborts. Odd sides lose their last row or column (4:2:0 needs even ones). A frame of another size than the
    first is scaled to it. Without any frame, `close` leaves no file.

    Every method raises MemwatchError naming the file when it can't be written (disk full, folder read-only);
    the part is gone by then. With `growing` the part can be played at any moment but for its last second, and
    `salvage` makes a clip of what a killed process left.
    """

    def __init__(self, path: Path, *, fps: float, crf: int = 23, growing: bool = False) -> None:
        """`fps` paces frames written without a time; `crf` is x264's rate factor (lower is better)."""
        if not fps > 0:
            raise ValueError(f"fps must be above 0, not {fps}")
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._fps, self._crf = fps, crf
        self._growing = growing
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)
        self._last: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, image: Image, seconds: float | None = None) -> None:
        """Append a BGR (H, W, 3) uint8 picture shown from `seconds` on, or one frame after the last without.

        Times are kept strictly rising: one at or before the last becomes a millisecond later than it.
        """
        height, width = image.shape[0] & ~1, image.shape[1] & ~1
        try:
            if self._container is None:
                self._open(width, height)
            if (width, height) != self._size:
                image = cast(Image, cv2.resize(image, self._size, interpolation=cv2.INTER_AREA))
            even = np.ascontiguousarray(image[: self._size[1], : self._size[0]])
            frame = VideoFrame.from_ndarray(even, format="bgr24")
            frame.pts, frame.time_base = self._stamp(seconds), Fraction(1, _TICKS)
            self._container.mux(self._stream.encode(frame))
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Finish the file and put it in place; a second call does nothing."""
        if self._container is None:
            return
        try:
            self._container.mux(self._stream.encode(None))
            container, self._container = self._container, None
            container.close()
            if self._growing:
                salvage(self._part, self.path)
                self._part.unlink()
                return
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(self._part, self.path)
        except OSError as error:
            raise self._failed(error) from None

    def abort(self) -> None:
        """Leave nothing."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(OSError):  # what it could not finish is removed next
                container.close()
            self._part.unlink(missing_ok=True)

    def _open(self, width: int, height: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Without flush_packets the library holds 256 KiB back, and a killed process leaves an unreadable file.
        growing = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
        options = growing if self._growing else {"movflags": "+faststart"}
        self._container = av.open(str(self._part), "w", format="mp4", options=options)
        rate = Fraction(self._fps).limit_denominator(1001)
        stream = self._container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(self._crf), "preset": "veryfast"}
        if self._growing:  # beside a camera that is being scored
            stream.codec_context.thread_count = 1
            # A fragment ends at a keyframe, and only whole fragments survive.
            stream.codec_context.gop_size = max(1, round(self._fps))
        stream.codec_context.time_base = Fraction(1, _TICKS)
        self._stream, self._size = stream, (width, height)

    def _stamp(self, seconds: float | None) -> int:
        if seconds is None:
            stamp = 0 if self._last is None else self._last + round(_TICKS / self._fps)
        else:
            stamp = round(seconds * _TICKS)
        self._last = stamp if self._last is None else max(stamp, self._last + 1)
        return self._last

    def _failed(self, error: OSError) -> MemwatchError:
        self.abort()
        self._part.unlink(missing_ok=True) if self._part.parent.is_dir() else None
        return write_error(self.path, error)


class PacketWriter:
    """A camera's own pictures to an MP4, without decoding or encoding any: as exact, and nearly for free.

    Like a growing `VideoWriter`: the part can be played at any moment, and `salvage` makes a clip of it. Methods raise
    MemwatchError naming the file when it can't be written.
    """

    def __init__(self, path: Path, *, size: tuple[int, int], fps: float) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._begun = False
        self._last = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A transport stream takes packets as they are and may be cut anywhere.
            self._container: Any = av.open(str(self._part), "w", format="mpegts", options={"flush_packets": "1"})
            rate = Fraction(fps).limit_denominator(1001)
            self._stream = self._container.add_mux_stream("h264", rate=rate, width=size[0], height=size[1])
        except OSError as error:
            raise write_error(path, error) from None

    def write(self, packet: Packet, seconds: float) -> None:
        """Append a packet shown from `seconds` on; what comes before the first keyframe is left out."""
        self._begun = self._begun or packet.keyframe
        if not self._begun:
            return
        self._last = max(self._last + 1, round(seconds * _PACKET_TICKS))
        copy = av.Packet(packet.data)
        copy.pts = copy.dts = self._last
        copy.time_base, copy.is_keyframe, copy.stream = Fraction(1, _PACKET_TICKS), packet.keyframe, self._stream
        try:
            self._container.mux(copy)
        except OSError as error:
            self.abort()
            raise write_error(self.path, error) from None

    def close(self) -> None:
        """Put the clip in its place; without a packet there is none."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.close()
            if self._begun:
                salvage(self._part, self.path)
        except OSError as error:
            raise write_error(self.path, error) from None
        finally:
            self._part.unlink(missing_ok=True)

    def abort(self) -> None:
        """Leave nothing."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(OSError):
                container.close()
            self._part.unlink(missing_ok=True)


def salvage(part: Path, path: Path) -> float:
    """Copy the pictures of `part`, whole or cut short, to `path` as an MP4 with its index in front.

    Answers its seconds. Raises MemwatchError when there is no picture in it or `path` can't be written; nothing is left
    at `path` then.
    """
    beside = path.with_name(path.name + ".new")
    last = 0.0
    first: int | None = None
    try:
        with av.open(str(part)) as source, av.open(
            str(beside), "w", format="mp4", options={"movflags": "+faststart"}
        ) as target:
            stream = source.streams.video[0]
            copied = target.add_stream_from_template(stream)
            with contextlib.suppress(av.error.InvalidDataError, EOFError):  # where it was cut
                for packet in source.demux(stream):
                    if packet.is_corrupt:  # its end is missing
                        break
                    if packet.dts is None or packet.pts is None:
                        continue
                    first = packet.pts if first is None else first
                    packet.pts -= first  # an encoder that looks ahead begins later than at 0
                    packet.dts -= first
                    last = float(packet.pts * packet.time_base)
                    packet.stream = copied
                    target.mux(packet)
            if first is None:
                raise ValueError("no pictures")
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except (OSError, av.error.FFmpegError, ValueError, IndexError) as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and not isinstance(error, av.error.FFmpegError):
            raise write_error(path, error) from None
        raise MemwatchError(f"{part}: holds no pictures that could be kept", "delete it") from None
    return last
