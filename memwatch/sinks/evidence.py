"""What an event leaves on disk: a clip from some seconds before to some seconds after, its best frame, its record.

Everything is done in a thread of its own from a bounded queue, and nothing that goes wrong there reaches the camera.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from memwatch.errors import MemwatchError
from memwatch.events import event_record, state_record
from memwatch.events.builder import EPSILON_S
from memwatch.files import write_bytes, write_text
from memwatch.sinks.base import Sink
from memwatch.sinks.index import Index
from memwatch.sinks.jpeg import jpeg as encoded
from memwatch.sinks.marked import draw_boxes, enlarged
from memwatch.sinks.worker import Worker, told
from memwatch.types import Event, Frame, Image, Observation, Packet, Region, StateEvent
from memwatch.video.writer import PacketWriter, VideoWriter

KINDS = (".mp4", ".jpg", "-clean.jpg", ".json")
"""An event's files, its id and one of these: the clip, its best frame boxed and as it was, its record."""
LEFTOVERS = (".mp4.new", *(f"{kind}.part" for kind in KINDS if kind != ".mp4"))
"""What a process that is killed while it writes one of them leaves beside it; an ".mp4.part" can still be a clip."""
WAITING = 50
"""Frames that may wait for the disk, each a whole picture."""
MOST_BYTES = 64_000_000
"""Of the ring of frames that a pre-roll is taken from."""
OPENING_S = 3.0
"""The ring is so much longer than the pre-roll: an event is told some frames after its start, and names its best frame
once a second."""
QUALITY = 88


def folder_of(data: Path, camera: str, start: float) -> Path:
    """Where the files of a camera's event lie: a folder a day (UTC). `camera` is a checked name."""
    return data / "events" / camera / time.strftime("%Y/%m/%d", time.gmtime(start))


def files_of(data: Path, camera: str, event: str, start: float) -> list[Path]:
    """All files that an event may have; not all need be there."""
    folder = folder_of(data, camera, start)
    return [folder / f"{event}{ending}" for ending in (*KINDS, ".mp4.part", *LEFTOVERS)]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame of the ring."""

    index: int
    seconds: float
    size: tuple[int, int]
    jpeg: bytes
    """Empty where the camera's own packets are kept and nothing is odd."""
    regions: tuple[Region, ...]
    packets: tuple[Packet, ...]

    @property
    def starts(self) -> bool:
        """Whether a clip of packets may begin here."""
        return any(packet.keyframe for packet in self.packets)

    @property
    def bytes(self) -> int:
        return len(self.jpeg) + sum(len(packet.data) for packet in self.packets)


@dataclass(slots=True)
class _Clip:
    """A clip that is being written."""

    event: Event
    folder: Path
    writer: VideoWriter | PacketWriter
    first: float
    """Stream seconds of its first frame."""
    until: float | None = None
    """Where it ends; None while its event is open."""
    best: _Kept | None = None
    failed: bool = False


class Evidence(Sink):
    """Of one camera.

    room: whether there is space for another clip; asked in the thread before each. tell: hears of what went wrong, as
    state events, once until it goes well again. lost: called for each frame that found the queue full.
    """

    def __init__(
        self,
        index: Index,
        camera: str,
        *,
        model: dict[str, Any],
        pre_roll_s: float,
        post_roll_s: float,
        fps: float | None,
        record: bool,
        room: Callable[[], bool],
        tell: Callable[[StateEvent], None],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._index = index
        self._camera = camera
        self._model = model
        self._pre, self._post = pre_roll_s, post_roll_s
        self._fps = fps or 10.0
        self._record = record
        self._room = room
        self._tell = tell
        self._lost = lost
        self._ring: deque[_Kept] = deque()
        self._bytes = 0
        self._clips: dict[str, _Clip] = {}
        self._seq = 0
        self._broken = False
        self._worker = Worker(f"evidence-{camera}", most=WAITING, failed=self._trouble)

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if self._record:
            regions = observation.regions if observation else ()
            if not self._worker.put(lambda: self._frame(frame, regions)):
                self._lost()

    def on_event(self, event: Event) -> None:
        self._worker.put(lambda: self._event(event), needed=True)

    def on_state(self, state: StateEvent) -> None:
        self._worker.put(lambda: self._state(state), needed=True)

    def close(self) -> None:
        self._worker.put(self._finish_all, needed=True)
        self._worker.close()

    def abort(self) -> None:
        self.close()

    def _frame(self, frame: Frame, regions: tuple[Region, ...]) -> None:
        if self._ring and frame.seconds < self._ring[-1].seconds:
            self._ring.clear()
            self._bytes = 0
        jpeg = b"" if frame.packets and not regions else encoded(frame.image, QUALITY)
        size = frame.image.shape[1], frame.image.shape[0]
        kept = _Kept(frame.index, frame.seconds, size, jpeg, regions, frame.packets)
        self._ring.append(kept)
        self._bytes += kept.bytes
        oldest = frame.seconds - self._pre - OPENING_S - EPSILON_S
        while len(self._ring) > 1 and (self._dispensable(oldest) or self._bytes > MOST_BYTES):
            self._bytes -= self._ring.popleft().bytes
        for clip in list(self._clips.values()):
            if clip.until is not None and frame.seconds > clip.until + EPSILON_S:
                self._finish(clip)
            else:
                self._write(clip, kept, frame.image)

    def _dispensable(self, oldest: float) -> bool:
        """Whether no clip of what is newer than `oldest` needs the ring's first frame: packets begin at a keyframe."""
        first = self._ring[0]
        if first.seconds >= oldest or not first.packets:
            return first.seconds < oldest
        return any(kept.starts and kept.seconds <= oldest for kept in islice(self._ring, 1, None))

    def _state(self, state: StateEvent) -> None:
        if state.kind == "camera_lost":  # nothing follows that a post-roll could show
            for clip in [clip for clip in self._clips.values() if clip.until is not None]:
                self._finish(clip)
        self._index.add_state(state_record(state), state.time)

    def _event(self, event: Event) -> None:
        self._seq += 1
        record = event_record(event, seq=self._seq, model=self._model)
        new = self._opened(event) if event.phase == "opened" and self._record else None
        clip = new or self._clips.get(event.id)
        try:
            # Known before anything of it is written: a crash leaves no file that nobody knows of.
            state = "recording" if new else None
            self._index.put(record, start=event.start.time, stop=event.last.time, clip=state)
            if new is not None:
                for kept in self._ring:
                    if kept.seconds >= new.first - EPSILON_S:
                        self._write(new, kept)
            if clip is not None:
                self._follow(clip, event, record)
        finally:  # whatever could not be written, a clip ends
            if clip is not None and event.phase == "closed":
                clip.until = event.last.seconds + self._post
                if event.end_reason != "quiet":  # nothing follows that belongs to it
                    self._finish(clip)

    def _opened(self, event: Event) -> _Clip | None:
        """A clip without pictures yet; None where there is no room for it."""
        if not self._room():
            self._say("disk_full", text="no room for another clip; scoring goes on")
            return None
        folder = folder_of(self._index.data, self._camera, event.start.time)
        path, wanted = folder / f"{event.id}.mp4", event.start.seconds - self._pre
        starts = [kept for kept in self._ring if kept.starts]
        first = next((kept for kept in reversed(starts) if kept.seconds <= wanted + EPSILON_S), None)
        first = first or next(iter(starts), None)
        if first is not None and all(kept.packets for kept in self._ring):
            clip = _Clip(event, folder, PacketWriter(path, size=first.size, fps=self._fps), first.seconds)
        else:
            begin = next((k.seconds for k in self._ring if k.seconds >= wanted - EPSILON_S), event.start.seconds)
            clip = _Clip(event, folder, VideoWriter(path, fps=self._fps, growing=True), begin)
        self._clips[event.id] = clip
        return clip

    def _follow(self, clip: _Clip, event: Event, record: dict[str, Any]) -> None:
        """Take the best frame while the ring has it; once the event is over, write it and the record."""
        clip.event = event
        clip.best = next((kept for kept in self._ring if kept.index == event.peak.index and kept.jpeg), clip.best)
        if event.phase == "closed":
            if clip.best is not None:
                self._pictures(clip, clip.best)
            write_text(clip.folder / f"{event.id}.json", json.dumps(record, ensure_ascii=False) + "\n")

    def _write(self, clip: _Clip, kept: _Kept, image: Image | None = None) -> None:
        """Append a frame as the camera sent it, or encoded anew; `image` where it is at hand."""
        if clip.failed:
            return
        try:
            if isinstance(clip.writer, PacketWriter):
                for packet in kept.packets:
                    clip.writer.write(packet, max(0.0, packet.seconds - clip.first))
            elif kept.jpeg or image is not None:
                clip.writer.write(_picture(kept) if image is None else image, kept.seconds - clip.first)
        except MemwatchError as error:
            clip.failed = True
            self._index.set_clip(clip.event.id, "failed", 0)
            self._trouble(error)

    def _finish(self, clip: _Clip) -> None:
        """Put the clip in its place and say so in the index."""
        self._clips.pop(clip.event.id, None)
        try:
            if not clip.failed:
                clip.writer.close()
        except MemwatchError as error:
            clip.failed = True
            self._trouble(error)
        files = files_of(self._index.data, self._camera, clip.event.id, clip.event.start.time)
        there = [path for path in files if path.exists()]
        state = "failed" if clip.failed else "ready" if files[0] in there else "none"
        self._index.set_clip(clip.event.id, state, sum(path.stat().st_size for path in there))
        if not clip.failed and self._broken:
            self._broken = False
            self._tell(StateEvent(self._camera, "disk_ok", time.time(), {}))

    def _finish_all(self) -> None:
        for clip in list(self._clips.values()):
            self._finish(clip)

    def _pictures(self, clip: _Clip, best: _Kept) -> None:
        write_bytes(clip.folder / f"{clip.event.id}-clean.jpg", best.jpeg)
        clean = _picture(best)
        boxed = enlarged(clean)
        draw_boxes(boxed, best.regions, boxed.shape[1] / clean.shape[1])
        write_bytes(clip.folder / f"{clip.event.id}.jpg", encoded(boxed, QUALITY))

    def _trouble(self, error: Exception) -> None:
        self._say("evidence_failed", text=told(error))

    def _say(self, kind: str, **facts: str) -> None:
        if not self._broken:
            self._broken = True
            self._tell(StateEvent(self._camera, kind, time.time(), dict(facts)))


def _picture(kept: _Kept) -> Image:
    decoded = cv2.imdecode(np.frombuffer(kept.jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.uint8)
