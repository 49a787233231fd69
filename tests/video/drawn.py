"""Small footage drawn for the tests of the video room."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Picture = NDArray[Any]


def draw(index: int, *, width: int = 96, height: int = 64) -> Picture:
    """BGR ramp with a bright block that moves one pixel a frame; its place tells the frame's number."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(0, 100, width)
    image[..., 1] = np.linspace(0, 100, height)[:, None]
    image[8:24, index : index + 16] = (60, 220, 255)
    return image


def block_at(image: Picture) -> int:
    """The number of a drawn frame, from its pixels."""
    bright = np.flatnonzero(image[8:24, :, 1].mean(axis=0) > 160)
    return int(bright[0])


def write_video(
    path: Path,
    images: Sequence[Picture],
    *,
    times: Sequence[float] | None = None,
    fps: int = 25,
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """An H.264 clip with a keyframe every 10 frames and no reordering, so damage stays where it is put."""
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        stream: Any = output.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "10", "g": "10", "bf": "0", "preset": "ultrafast"}
        ticks = 1000 if times else fps
        stream.codec_context.time_base = Fraction(1, ticks)
        for index, image in enumerate(images):
            frame = VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = round(times[index] * ticks) if times else index
            frame.time_base = Fraction(1, ticks)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def turned(clip: bytes) -> bytes:
    """An MP4 with its picture declared as turned by a quarter, as phones and some cameras do."""
    upright = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    quarter = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    at = clip.index(upright, clip.index(b"tkhd"))
    return clip[:at] + quarter + clip[at + len(upright) :]


class _Feed(BaseHTTPRequestHandler):
    """Sends one clip at a pace, as a camera would; then hangs up, or falls silent."""

    data: ClassVar[bytes]
    pieces: ClassVar[int]
    pause_s: ClassVar[float]
    silent: ClassVar[bool]
    over: ClassVar[threading.Event]

    def do_GET(self) -> None:
        if "missing" in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        step = -(-len(self.data) // self.pieces)
        try:
            for start in range(0, len(self.data), step):
                self.wfile.write(self.data[start : start + step])
                self.wfile.flush()
                time.sleep(self.pause_s)
            if self.silent:
                self.over.wait(20)
        except OSError:
            pass  # the reader has left

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def camera_feed(data: bytes, *, pieces: int = 10, pause_s: float = 0.02, silent: bool = False) -> Iterator[str]:
    """`host:port` of a loopback server that plays `data` as a live stream."""
    over = threading.Event()
    facts = {"data": data, "pieces": pieces, "pause_s": pause_s, "silent": silent, "over": over}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Feed", (_Feed,), facts))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
