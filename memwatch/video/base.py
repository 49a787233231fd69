"""What every source of frames shares: its facts, its count of what went wrong, and how it is let go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from memwatch.errors import SourceError
from memwatch.types import Frame

MIN_SIDE = 16
"""Pixels; a smaller picture holds nothing the network could predict."""
_PROBLEMS_KEPT = 5
EPSILON = 1e-6
"""Seconds by which frames' times are rounded."""

Span = tuple[float, float]
"""A recording's seconds from the first to before the second."""


class FrameSource(ABC):
    """Base of the sources in this room; others only need to fit the `Source` protocol."""

    live = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.fps: float | None = None
        self.length: int | None = None
        self.about_s: float | None = None
        self.size: tuple[int, int] | None = None
        self.kind = ""
        self.codec: str | None = None
        self._forget_troubles()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    @abstractmethod
    def close(self) -> None: ...

    def skimmed(self, spans: Sequence[Span]) -> Iterator[Frame]:
        """The frames that lie in one of these spans, which rise and don't touch; each span is begun by a gap.
        Recordings don't decode what lies between. A span in which nothing is, is left out."""
        last = None
        for frame in self:
            if (span := span_of(frame.seconds, spans)) is not None:
                yield replace(frame, gap=frame.gap or span != last)
                last = span

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forget_troubles(self) -> None:
        self.broken = 0
        self.partial = False
        self.problems: list[str] = []

    def _note(self, problem: str) -> None:
        """Keep the first few problems, each once: enough to act on, and bounded on a bad camera."""
        if len(self.problems) < _PROBLEMS_KEPT and problem not in self.problems:
            self.problems.append(problem)


def check_size(width: int, height: int, what: str) -> None:
    """Raise SourceError naming `what` if the picture is too small to watch."""
    if min(width, height) < MIN_SIDE:
        raise SourceError(
            f"{what}: the picture is {width}x{height} pixels, too small to watch",
            f"give footage of at least {MIN_SIDE}x{MIN_SIDE} pixels",
        )


def span_of(seconds: float, spans: Sequence[Span]) -> int | None:
    """Which of some rising spans a moment lies in; None for one between them."""
    number = bisect_right(spans, (seconds + EPSILON, float("inf"))) - 1
    return number if number >= 0 and seconds < spans[number][1] - EPSILON else None
