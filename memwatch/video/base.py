"""What every source of frames shares: its facts, its count of what went wrong, and how it is let go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from memwatch.errors import SourceError
from memwatch.types import Frame

MIN_SIDE = 16
"""Pixels; a smaller picture holds nothing the network could predict."""
_PROBLEMS_KEPT = 5


class FrameSource(ABC):
    """Base of the sources in this room; others only need to fit the `Source` protocol."""

    live = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.fps: float | None = None
        self.length: int | None = None
        self.duration_s: float | None = None
        self.size: tuple[int, int] | None = None
        self.kind = ""
        self.codec: str | None = None
        self._forget_troubles()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    @abstractmethod
    def close(self) -> None: ...

    def skimmed(self, first_s: float, stretch_s: float, every_s: float) -> Iterator[Frame]:
        """Stretches of `stretch_s`, one every `every_s` seconds from `first_s` on, each begun by a gap. Recordings
        don't decode what lies between."""
        last = None
        for frame in self:
            if (stretch := stretch_of(frame.seconds, first_s, stretch_s, every_s)) is not None:
                yield replace(frame, gap=frame.gap or stretch != last)
                last = stretch

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


def stretch_of(seconds: float, first_s: float, stretch_s: float, every_s: float) -> int | None:
    """Which stretch of `FrameSource.skimmed` a moment lies in, counted from 0; None for one that is left out."""
    since = seconds - first_s + 1e-6
    stretch = int(since // every_s)
    return stretch if since >= 0 and since < stretch * every_s + stretch_s else None
