"""A picture and a heat map of each event's peak, small enough to keep thousands of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from memwatch.files import write_bytes
from memwatch.sinks.base import Sink
from memwatch.sinks.heat import heat
from memwatch.sinks.jpeg import jpeg
from memwatch.types import Event, Frame, Grid, Image, Observation

PICTURES = "pictures"
"""The folder of a run's event pictures."""
WIDEST = 480
RECENT = 128
"""Small frames over the threshold that wait for an event to name one of them its peak. An open event is told once a
second, so that this serves sources of up to RECENT frames a second."""
QUALITY = 85


def picture_paths(folder: Path, event: str) -> tuple[Path, Path]:
    """Where the picture and the heat map of the event of this id lie."""
    return folder / f"{event}.jpg", folder / f"{event}-map.jpg"


@dataclass(frozen=True, slots=True)
class _Seen:
    image: Image
    """At most WIDEST wide."""
    map: Grid | None
    threshold: float


class EventPictures(Sink):
    """Writes `<id>.jpg` and `<id>-map.jpg` into `folder` when an event closes.

    The picture is the frame as it was: boxes are in the event's line and are drawn by who shows it. The folder is made
    with the first event. Raises MemwatchError naming the file that can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._recent: OrderedDict[int, _Seen] = OrderedDict()
        self._peaks: dict[str, _Seen] = {}

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation is None or not observation.score.anomalous:
            return
        self._recent[frame.index] = _Seen(_small(frame.image), observation.map, observation.score.threshold)
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def on_event(self, event: Event) -> None:
        seen = self._recent.get(event.peak.index)
        if seen is not None:
            self._peaks[event.id] = seen
        if event.phase == "closed" and event.id in self._peaks:
            self._write(event.id, self._peaks.pop(event.id))

    def _write(self, event: str, seen: _Seen) -> None:
        picture, hot = picture_paths(self.folder, event)
        write_bytes(picture, jpeg(seen.image, QUALITY))
        if seen.map is not None:
            write_bytes(hot, jpeg(heat(seen.image, seen.map, seen.threshold), QUALITY))


def _small(image: Image) -> Image:
    if image.shape[1] <= WIDEST:
        return image.copy()  # a source may use its buffer again
    height = max(1, round(image.shape[0] * WIDEST / image.shape[1]))
    return np.asarray(cv2.resize(image, (WIDEST, height), interpolation=cv2.INTER_AREA), np.uint8)
