"""What a timeline tells, between the sink that gathers it and its picture."""

from __future__ import annotations

from dataclasses import dataclass, field

from memwatch.types import Image

Truth = tuple[float, float, str]
"""(start, end, label) in seconds of the source, end excluded."""


@dataclass(frozen=True, slots=True)
class Span:
    """What the picture shows of an event; its observations would keep their maps in memory."""

    start: float
    last: float
    peak: float
    score: float
    """At the peak."""
    reason: str = ""


@dataclass(slots=True)
class Story:
    """What the picture tells; times in seconds of the source."""

    title: str = ""
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    """NaN where nothing was scored."""
    threshold: float | None = None
    spans: dict[str, Span] = field(default_factory=dict)
    """By the event's id, in the order of their starts."""
    events: int = 0
    thumbnails: dict[str, Image] = field(default_factory=dict)
    truth: tuple[Truth, ...] = ()
