"""The timeline: a source's score over time, its events, and a thumbnail of each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from memwatch.files import write_figure
from memwatch.sinks.base import Sink
from memwatch.sinks.jpeg import jpeg
from memwatch.sinks.marked import draw_boxes
from memwatch.sinks.story import Span, Story, Truth
from memwatch.types import Event, Frame, Image, Observation

MOST_POINTS = 20_000
"""Of the curve, a multiple of what can be seen; a longer source keeps the highest of each few frames."""
MOST_EVENTS = 2000
"""Beyond these the weakest are counted but not drawn."""
MOST_THUMBNAILS = 12
RECENT = 256
"""Frames over the threshold kept (small, as JPEG) until an event says which of them was its peak."""
THUMBNAIL_WIDTH = 480
DPI = 200


class Timeline(Sink):
    """Draws `path` (PNG) when it closes.

    truth: known anomalies, drawn as a strip under the score; title: by default the source's name. Memory
    stays bounded however long the source runs. Raises MemwatchError naming the file that can't be written.
    """

    def __init__(self, path: Path, *, truth: Sequence[Truth] = (), title: str | None = None) -> None:
        self.path = path
        self._title = title
        self._story = Story(title=title or "", truth=tuple(truth))
        self._stride = 1
        self._pending: list[tuple[float, float]] = []
        self._recent: OrderedDict[int, bytes] = OrderedDict()
        self._jpegs: dict[str, bytes] = {}

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if self._title is None:
            self._story.title = frame.source
        score = observation.score if observation else None
        self._add(frame.seconds, score.value if score else float("nan"))
        if score:
            self._story.threshold = score.threshold
        if observation and observation.score.anomalous:
            self._recent[frame.index] = _thumbnail(frame.image, observation)
            while len(self._recent) > RECENT:
                self._recent.popitem(last=False)

    def on_event(self, event: Event) -> None:
        story = self._story
        story.events += event.phase == "opened"
        story.spans[event.id] = Span(
            event.start.seconds, event.last.seconds, event.peak.seconds, event.peak.score.value, event.reason
        )
        jpeg = self._recent.get(event.peak.index)
        if jpeg is not None:
            self._jpegs[event.id] = jpeg
        for kept, most in ((story.spans, MOST_EVENTS), (self._jpegs, MOST_THUMBNAILS)):
            while len(kept) > most:
                del kept[min(kept, key=lambda id: story.spans[id].score)]

    def close(self) -> None:
        # Matplotlib takes half a second to load; only who draws pays for it.
        from memwatch.sinks.timeline_picture import draw

        self._flush()
        self._story.thumbnails = {
            id: np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
            for id, jpeg in self._jpegs.items()
        }
        write_figure(draw(self._story), self.path, dpi=DPI)

    def _add(self, seconds: float, value: float) -> None:
        self._pending.append((seconds, value))
        if len(self._pending) < self._stride:
            return
        self._flush()
        story = self._story
        if len(story.values) > MOST_POINTS:
            # Halve: of each two neighbours the higher stays, so that no peak is lost.
            pairs = list(zip(story.seconds, story.values, strict=True))
            kept = [_highest(pairs[i : i + 2]) for i in range(0, len(pairs), 2)]
            story.seconds = [at for at, _ in kept]
            story.values = [value for _, value in kept]
            self._stride *= 2

    def _flush(self) -> None:
        if self._pending:
            at, value = _highest(self._pending)
            self._story.seconds.append(at)
            self._story.values.append(value)
            self._pending.clear()


def _highest(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The point of the highest value; NaN only where there is nothing else."""
    return max(points, key=lambda point: -np.inf if np.isnan(point[1]) else point[1])


def _thumbnail(image: Image, observation: Observation) -> bytes:
    scale = THUMBNAIL_WIDTH / image.shape[1]
    size = (THUMBNAIL_WIDTH, max(1, round(image.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
    # An event has a number of its own here, beside which its tracks' would mislead.
    draw_boxes(small, tuple(replace(region, track=None) for region in observation.regions), scale)
    return jpeg(small, 92)
