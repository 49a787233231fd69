"""A live camera: one thread drains the stream, the consumer always gets the newest frame.

The buffers of network, server and driver cannot be asked to keep only the newest picture: a consumer that
reads the stream itself falls behind by almost a second a second. And a read may block for ever, so the wait
for a frame is bounded here, beside the reader, not in it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import av.container
import av.error
from av.video.frame import VideoFrame

from memwatch.clock import Clock, SystemClock
from memwatch.errors import SourceError
from memwatch.types import Frame, Packet
from memwatch.video.base import FrameSource, check_size
from memwatch.video.recorded import ToBgr
from memwatch.video.redaction import redact

_SLICE_S = 0.2
"""The consumer waits in slices this long, so that Ctrl-C is heard at once."""
_MOST_PACKETS = 500
"""That wait for a slow consumer; what is older is of no use to it."""
_HEADER, _FIRST = re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67]"), 256
"""A sequence parameter set, which decoding begins with, and in how many bytes it is looked for."""
_RTSP_PROBES: tuple[dict[str, str], ...] = (
    {"analyzeduration": "0", "probesize": "32"},
    {"analyzeduration": "300000"},
    {},
)
"""An RTSP stream's description usually says all, and probing costs a second; where it doesn't, probe more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds a camera may take; all waits are bounded by these."""

    open_s: float = 10.0
    read_s: float = 10.0
    """Between packets, inside the reader."""
    stall_s: float = 6.0
    """Between frames, seen by the consumer; must exceed the camera's keyframe interval."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    frame: VideoFrame
    number: int
    wall: float
    monotonic: float
    stamp: float | None


class CameraSource(FrameSource):
    """One connection to a camera: `rtsp(s)://`, `http(s)://` or `usb:N`. The oldest waiting frame is dropped.

    `dropped` counts frames that came and were not delivered; they keep their number. Frame.time is when the
    frame arrived, Frame.seconds comes from the stream's timestamps.

    Raises SourceError if the camera can't be reached within `limits.open_s`; iterating raises it when the
    stream ends, fails or stalls. It can be iterated once.
    """

    live = True

    def __init__(
        self,
        address: str,
        *,
        name: str | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(name or redact(address))
        self.kind = "usb" if address.startswith("usb:") else address.split(":", 1)[0].lower()
        self.shown = redact(address)
        self.limits = limits or Limits()
        self.dropped = 0
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._newest: _Arrival | None = None
        self._number = 0
        self._last_stamp: float | None = None
        self._packets: list[tuple[bytes, float | None, bool]] = []
        """Encoded pictures that no frame has been handed out with: data, stamp, whether it is a keyframe."""
        self._keeps_packets = False
        self._headers = b""
        self._failure: SourceError | None = None
        self._opened = self._stopped = False
        self._thread = threading.Thread(target=self._drain, args=(address,), name="camera", daemon=True)
        self._thread.start()
        self._await_opening()

    def __iter__(self) -> Iterator[Frame]:
        to_bgr, seconds, times = ToBgr(), 0.0, _Times()
        while (arrival := self._next_arrival()) is not None:
            image = to_bgr(arrival.frame)
            size = (image.shape[1], image.shape[0])
            check_size(*size, self.shown)
            gap = self.size is not None and times.begun and size != self.size
            if gap:
                self._note(f"the picture's size changed to {size[0]}x{size[1]}")
            self.size = size
            seconds = max(seconds, times.of(arrival))
            packets = self._taken_packets(times)
            yield Frame(self.name, arrival.number, arrival.wall, seconds, image, gap, packets)

    def close(self) -> None:
        """Tell the reader to stop and give it a second.

        The container is closed by the thread that reads it (elsewhere would be a use after free); a reader
        stuck in a read ends at `limits.read_s`, or with the process.
        """
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(timeout=1.0)

    def _await_opening(self) -> None:
        deadline = self._clock.monotonic() + self.limits.open_s + 1.0
        try:
            with self._changed:
                while not (self._opened or self._failure):
                    if self._clock.monotonic() > deadline:
                        self._failure = self._silent("did not answer", self.limits.open_s)
                    self._changed.wait(_SLICE_S)
                if self._failure:
                    raise self._failure
        except BaseException:
            self.close()
            raise

    def _next_arrival(self) -> _Arrival | None:
        """The newest frame, as soon as there is one; None once closed."""
        since = self._clock.monotonic()
        with self._changed:
            while not self._stopped:
                if self._newest is not None:
                    arrival, self._newest = self._newest, None
                    return arrival
                if self._failure:
                    raise self._failure
                if self._clock.monotonic() - since > self.limits.stall_s:
                    raise self._silent("the camera stalled: no frame", self.limits.stall_s)
                self._changed.wait(_SLICE_S)
        return None

    def _silent(self, what: str, seconds: float) -> SourceError:
        reason = "stalled" if self._opened else "timeout"
        return SourceError(
            f"{self.shown}: {what} for {seconds:g} s", "check the camera and the network", reason=reason
        )

    def _drain(self, address: str) -> None:
        """The reader: opens, reads and closes the container, all in this thread."""
        started = self._clock.monotonic()
        try:
            container = _open(address, self.limits)
        except Exception as error:  # none may leave this thread: its text would show the address
            late = self._clock.monotonic() - started >= self.limits.open_s  # told by other errors as well
            self._fail(*_reason(TimeoutError() if late else error, self.limits.open_s))
            return
        try:
            self._drain_open(container)
        except av.error.ExitError:
            self._fail(f"no data for {self.limits.read_s:g} s", "stalled")
        except Exception:
            self._fail(f"the connection broke off after {self._number} frames", "eof")
        finally:
            container.close()

    def _drain_open(self, container: Any) -> None:
        if not container.streams.video:
            self._fail("sends no pictures", "decode")
            return
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"  # frame threads would add a frame of delay each
        stream.codec_context.thread_count = 1
        with self._changed:
            self.codec = stream.codec_context.name
            rate = stream.average_rate or stream.guessed_rate
            self.fps = float(rate) if rate else None
            self._opened = True
            self._changed.notify_all()
        coded = stream.codec_context
        self._headers = bytes(coded.extradata or b"")
        # Other codecs, and pictures that are shown out of order, would need more than being copied.
        self._keeps_packets = coded.name == "h264" and not coded.has_b_frames and self.kind.startswith("rtsp")
        for packet in container.demux(stream):
            self._keep(packet)
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.broken += 1
                self._note("a frame did not decode")
                self._number += 1
                continue
            for frame in frames:
                self._deliver(frame)
            if self._stopped:
                return
        self._fail(f"the stream ended after {self._number} frames", "eof")

    def _keep(self, packet: Any) -> None:
        """Remember a packet as it came; one before its time ends that for good."""
        if not self._keeps_packets or not packet.size:
            return
        # The first packet of a stream often has no time yet.
        stamp = float(packet.pts * packet.time_base) if packet.pts is not None else self._last_stamp
        with self._changed:
            before = self._packets[-1][1] if self._packets else None
            if before is not None and (stamp is None or stamp < before):
                self._keeps_packets, self._packets = False, []
                return
            data, key = bytes(packet), bool(packet.is_keyframe)
            if key and not _HEADER.search(data[:_FIRST]):  # told once in the stream's description, needed in each clip
                data = self._headers + data
            self._packets = [*self._packets[-_MOST_PACKETS:], (data, stamp, key)]

    def _taken_packets(self, times: _Times) -> tuple[Packet, ...]:
        with self._changed:
            kept, self._packets = self._packets, []
        return tuple(Packet(data, times.of_stamp(stamp), key) for data, stamp, key in kept)

    def _deliver(self, frame: VideoFrame) -> None:
        arrival = _Arrival(frame, self._number, self._clock.wall(), self._clock.monotonic(), frame.time)
        self._number += 1
        with self._changed:
            if self._newest is not None:
                self.dropped += 1
            if arrival.stamp is not None:
                if self._last_stamp is not None and arrival.stamp <= self._last_stamp:
                    self._note("timestamps that do not rise")
                self._last_stamp = arrival.stamp
            self._newest = arrival
            self._changed.notify_all()

    def _fail(self, what: str, reason: str) -> None:
        with self._changed:
            self.partial = self._opened
            remedy = _REMEDIES.get(what, "check the camera")
            self._failure = SourceError(f"{self.shown}: {what}", remedy, reason=reason)
            self._changed.notify_all()


_REMEDIES = {
    "refuses the user name or password": "check them; percent-encode @ : / % in a password",
    "has no such stream": "check the part of the address after the host",
    "refuses the connection": "check that the camera is on, and the port",
    "cannot be reached, or sends no video": "check the host's name, the network, and what is served there",
    "no such device": "plug it in, or see /dev/video* for its number",
}


def _open(address: str, limits: Limits) -> Any:
    timeout = (limits.open_s, limits.read_s)
    if address.startswith("usb:"):
        return av.open(f"/dev/video{address[4:]}", format="v4l2", timeout=timeout)
    if not address.lower().startswith("rtsp"):
        options = {"protocol_whitelist": "http,https,tcp,tls,crypto", "analyzeduration": "300000"}
        return av.open(address, options=options, timeout=timeout)
    # The socket's own limit stops a dead peer, the tuple also one that only keeps the connection alive.
    options = {"rtsp_transport": "tcp", "timeout": str(int(limits.read_s * 1e6))}
    for probe in _RTSP_PROBES:
        container = av.open(address, options=options | probe, timeout=timeout)
        video = container.streams.video
        if (video and video[0].codec_context.width) or not probe:
            break
        container.close()
    return container


class _Times:
    """Seconds since a stream's first frame, by its own stamps; by arrival as long as it has none."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._anchor: tuple[float, float] | None = None
        """The first stamp there was, and its seconds."""

    @property
    def begun(self) -> bool:
        return self._first is not None

    def of(self, arrival: _Arrival) -> float:
        self._first = arrival.monotonic if self._first is None else self._first
        if arrival.stamp is None:
            return arrival.monotonic - self._first
        if self._anchor is None:
            self._anchor = arrival.stamp, arrival.monotonic - self._first
        return self.of_stamp(arrival.stamp)

    def of_stamp(self, stamp: float | None) -> float:
        """Of a stamp after the first one; what came before it has 0."""
        if stamp is None or self._anchor is None:
            return 0.0
        first, seconds = self._anchor
        return seconds + stamp - first


def _reason(error: Exception, limit_s: float) -> tuple[str, str]:
    """Why a camera can't be opened, in our words (the library's text holds the address with its password), and in a
    word for machines."""
    match error:
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return "refuses the user name or password", "unauthorized"
        case av.error.HTTPNotFoundError():
            return "has no such stream", "not_found"
        case ConnectionRefusedError():
            return "refuses the connection", "refused"
        case av.error.ExitError() | TimeoutError():
            return f"did not answer for {limit_s:g} s", "timeout"
        case FileNotFoundError():
            return "no such device", "not_found"
        case PermissionError():
            return "may not be opened by this user", "unauthorized"
        case av.error.InvalidDataError() | ValueError():
            return "sends nothing that can be read as video", "decode"
        case av.error.HTTPError():
            return "answers with an HTTP error", "unknown"
    return "cannot be reached, or sends no video", "unknown"
