"""The marked clip: the footage with its odd parts framed and its score underneath."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from memwatch.sinks.band import ScoreBand
from memwatch.sinks.base import Sink
from memwatch.sinks.style import ALARM, INK, bgr
from memwatch.types import Event, Frame, Image, Observation, Region
from memwatch.video.writer import VideoWriter

NARROWEST = 480
"""Narrower pictures are enlarged by a whole factor until they are this wide, or text could not be read."""
MOST_ENLARGED = 8


class Marked(Sink):
    """Writes every frame, with boxes and the score band, to an MP4 that browsers play.

    path: the clip, whole or not there; fps: the source's rate where it is known (frames keep
    their own times). Raises MemwatchError naming the file that can't be written.
    """

    def __init__(self, path: Path, fps: float = 25.0) -> None:
        self._writer = VideoWriter(path, fps=fps)
        self._band = ScoreBand()

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        score = observation.score if observation else None
        self._band.add(frame.seconds, score)
        picture = enlarged(frame.image)
        if observation:
            draw_boxes(picture, observation.regions, picture.shape[1] / frame.image.shape[1])
        band = self._band.draw(picture.shape[1], score)
        self._writer.write(np.vstack([picture, band]), frame.seconds)

    def on_event(self, event: Event) -> None:
        self._band.mark(event)

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.abort()


def enlarged(image: Image) -> Image:
    """A copy, enlarged by the smallest whole factor that makes it wide enough to be written on."""
    factor = min(MOST_ENLARGED, -(-NARROWEST // image.shape[1]))
    if factor == 1:
        return image.copy()
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)


def draw_boxes(picture: Image, regions: tuple[Region, ...], scale: float) -> None:
    """Frame `regions` (source pixels times `scale`) in place, with their tracks' numbers: bright on dark, to be seen on
    any ground."""
    thin = max(1, round(picture.shape[1] / 500))
    halo = max(1, thin // 2)
    for region in regions:
        x1, y1, x2, y2 = (round(edge * scale) for edge in region.box)
        corners = (x1, y1), (x2 - 1, y2 - 1)
        cv2.rectangle(picture, *corners, bgr(INK), thin + 2 * halo, cv2.LINE_AA)
        cv2.rectangle(picture, *corners, bgr(ALARM), thin, cv2.LINE_AA)
        if region.track is not None:
            _draw_number(picture, region.track, (x1, y1), thin)


def _draw_number(picture: Image, number: int, corner: tuple[int, int], thin: int) -> None:
    """A tag with a track's number on top of its box's left upper `corner`, or below it where there is no room."""
    font, size = cv2.FONT_HERSHEY_DUPLEX, picture.shape[1] / 1400
    (width, height), _ = cv2.getTextSize(str(number), font, size, 1)
    pad = 2 + thin
    left = min(corner[0], picture.shape[1] - width - 2 * pad)
    top = corner[1] - height - 2 * pad
    top = corner[1] if top < 0 else top
    cv2.rectangle(picture, (left, top), (left + width + 2 * pad, top + height + 2 * pad), bgr(ALARM), cv2.FILLED)
    cv2.putText(picture, str(number), (left + pad, top + height + pad), font, size, bgr(INK), 1, cv2.LINE_AA)
