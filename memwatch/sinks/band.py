"""The band under the marked clip: state, time, the last seconds of the score, and why there is an event."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.sinks.style import ALARM, FILLING, INK, MUTED, NORMAL, PANEL, TEXT, TRACE, bgr, clock_text
from memwatch.types import Event, Image, Score

SPAN_S = 10.0
"""Seconds of score that the trace shows."""
HEIGHT = 92
"""Of the band, at a width of `WIDTH`; everything in it scales with the picture's width."""
WIDTH = 800

_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates: the trace glides instead of jumping by pixels."""


class ScoreBand:
    """Keeps the last seconds of one source's score and draws them."""

    def __init__(self) -> None:
        self._trace: deque[tuple[float, float]] = deque()
        self._spans: dict[str, tuple[float, float]] = {}
        self._open: dict[str, str] = {}
        """The reason of each open event."""
        self._threshold: float | None = None

    def add(self, seconds: float, score: Score | None) -> None:
        """Take a frame's score; None interrupts the trace, a step back in time starts it anew."""
        if self._trace and seconds < self._trace[-1][0]:
            self._trace.clear()
        self._trace.append((seconds, score.value if score else float("nan")))
        if score:
            self._threshold = score.threshold
        while self._trace[0][0] < seconds - SPAN_S:
            self._trace.popleft()
        self._spans = {
            id: span for id, span in self._spans.items() if id in self._open or span[1] >= seconds - SPAN_S
        }

    def mark(self, event: Event) -> None:
        """An event's time, underlined in the trace."""
        self._spans[event.id] = (event.start.seconds, event.last.seconds)
        if event.phase == "closed":
            self._open.pop(event.id, None)
        else:
            self._open[event.id] = event.reason

    def draw(self, width: int, score: Score | None) -> Image:
        """The band for the newest frame: uint8 (h, width, 3), h about a tenth of the width."""
        scale = width / WIDTH
        height = round(HEIGHT * scale) // 2 * 2
        band = np.full((height, width, 3), bgr(INK), np.uint8)
        state, colour = _state(score)
        pen = _Pen(band, scale)
        pen.dot(22, 25, 6, colour)
        pen.text(38, 32, state, TEXT, bold=True)
        pen.text(38, 56, clock_text(self._trace[-1][0]) if self._trace else "", MUTED)
        if score:
            pen.text(724, 32, f"{score.value:.1f}", colour if score.anomalous else TEXT, bold=True)
            pen.text(724, 56, f"limit {score.threshold:.1f}", MUTED, size=0.42)
        for reason in self._open.values():  # one at most, as a source's events do not overlap
            pen.text(150, 82, reason, TEXT, size=0.5)
        self._draw_trace(band[round(8 * scale) : round(64 * scale), _across(150, 708, scale)], scale)
        return band

    def _draw_trace(self, area: NDArray[np.uint8], scale: float) -> None:
        area[:] = bgr(PANEL)
        if not self._trace or self._threshold is None:
            return
        height, width = area.shape[:2]
        now = self._trace[-1][0]
        values = np.array(self._trace)
        top = max(1.7 * self._threshold, 1.1 * float(np.nanmax(values[:, 1], initial=0.0)))
        x = (values[:, 0] - (now - SPAN_S)) / SPAN_S * (width - 1)
        y = (height - 1) - np.clip(values[:, 1] / top, 0.0, 1.0) * (height - 1)
        limit = round((height - 1) * (1 - min(1.0, self._threshold / top)))

        alarmed = area.copy()
        thick = max(1, round(1.4 * scale))
        for part in _unbroken(x, y):
            _curve(area, part, bgr(TRACE), thick)
            _curve(alarmed, part, bgr(ALARM), thick)
        # The same curve in two colours, parted where the threshold lies.
        area[:limit] = alarmed[:limit]
        dash = slice(limit, limit + max(1, round(0.8 * scale)))
        for left in range(0, width, max(4, round(9 * scale))):
            area[dash, left : left + max(2, round(5 * scale))] = bgr(TEXT)
        foot = max(2, round(3 * scale))
        for id, (start, last) in self._spans.items():
            end = now if id in self._open else last
            left, right = (int((at - now + SPAN_S) / SPAN_S * (width - 1)) for at in (start, end))
            area[height - foot :, max(0, left) : max(0, right) + 1] = bgr(ALARM)


class _Pen:
    """Draws in units of a band `WIDTH` wide."""

    def __init__(self, band: Image, scale: float) -> None:
        self._band = band
        self._scale = scale

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        centre = (round(x * self._scale * 16), round(y * self._scale * 16))
        reach = round(radius * self._scale * 16)
        cv2.circle(self._band, centre, reach, bgr(colour), -1, cv2.LINE_AA, _SHIFT)

    def text(
        self, x: float, y: float, text: str, colour: str, *, size: float = 0.55, bold: bool = False
    ) -> None:
        font = cv2.FONT_HERSHEY_DUPLEX if bold else cv2.FONT_HERSHEY_SIMPLEX
        at = (round(x * self._scale), round(y * self._scale))
        thick = max(1, round(self._scale))
        cv2.putText(self._band, text, at, font, size * self._scale, bgr(colour), thick, cv2.LINE_AA)


def _state(score: Score | None) -> tuple[str, str]:
    if score is None:
        return "filling", FILLING
    return ("anomaly", ALARM) if score.anomalous else ("normal", NORMAL)


def _across(left: float, right: float, scale: float) -> slice:
    return slice(round(left * scale), round(right * scale))


def _unbroken(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[NDArray[np.int32]]:
    """The trace's parts between frames without a score, as points for OpenCV."""
    points = np.stack([x, np.nan_to_num(y)], axis=1) * (1 << _SHIFT)
    edges = np.flatnonzero(np.diff(np.isnan(y), prepend=True, append=True))
    return [
        np.round(points[start:end]).astype(np.int32)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def _curve(
    area: NDArray[np.uint8], points: NDArray[np.int32], colour: tuple[int, int, int], thick: int
) -> None:
    """The curve and a faint filling under it."""
    height = area.shape[0] << _SHIFT
    foot = np.array([[points[-1, 0], height], [points[0, 0], height]], np.int32)
    filled = area.copy()
    cv2.fillPoly(filled, [np.concatenate([points, foot])], colour, cv2.LINE_AA, _SHIFT)
    cv2.addWeighted(filled, 0.22, area, 0.78, 0, dst=area)
    cv2.polylines(area, [points], False, colour, thick, cv2.LINE_AA, _SHIFT)
