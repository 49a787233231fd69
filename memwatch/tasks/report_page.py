"""A run's page: what the template shows, in words and geometry."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import jinja2

from memwatch import __version__
from memwatch.sinks.style import clock_text
from memwatch.tasks.report_chart import TALL, WIDE, Band, Timeline, band, timeline
from memwatch.tasks.report_facts import clip_facts, facts, figure, moment, tiles
from memwatch.tasks.report_figures import figures, overlap
from memwatch.tasks.report_run import ClipRun, Span, event_span
from memwatch.tasks.report_truth import figures_view

MARK = "memwatch report"
"""Stands at the head of every page."""
MOST_CARDS = 120
"""Events shown with their pictures, the strongest of all clips; the others have a line each."""
CHIP_APART = 4.5
"""Percent of a timeline's width between two events' numbers."""
MOST_LINES = 1000
"""Of a clip's events without a card."""


@dataclass(frozen=True, slots=True)
class EventView:
    """An event as the page shows it."""

    id: str
    number: int
    when: str
    wall: str
    length: str
    score: str
    reason: str
    matched: bool | None
    """Whether it touches the truth; None where that is not known."""
    picture: str
    heat: str
    """data: addresses; empty without a picture."""
    boxes: tuple[tuple[float, float, float, float], ...]
    """x, y, width, height as shares of the picture, at its peak."""

    @property
    def summary(self) -> str:
        return f"Event {self.number}, {self.when}, score {self.score}"


@dataclass(frozen=True, slots=True)
class ClipView:
    """A clip as the page shows it."""

    anchor: str
    name: str
    facts: str
    timeline: Timeline
    threshold: str
    bands: tuple[Band, ...]
    chips: tuple[Band, ...]
    """Those of the bands that have room for their number."""
    truth: tuple[Band, ...]
    cards: tuple[EventView, ...]
    lines: tuple[EventView, ...]
    hidden: int
    """Events that are only counted."""
    length: str
    events: int
    highest: str
    """Its largest score."""
    notes: tuple[str, ...]


def page(clips: Sequence[ClipRun], *, title: str) -> str:
    """The page as HTML. Everything is in it; a string from a run is escaped wherever it stands."""
    found = figures(clips)
    shown = _strongest(clips)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    folder = files("memwatch") / "pages"
    template = environment.from_string((folder / "report.html").read_text(encoding="utf-8"))
    script = (folder / "report.js").read_text(encoding="utf-8")
    views = [_clip_view(clip, n, shown) for n, clip in enumerate(clips, 1)]
    return template.render(
        mark=MARK,
        title=clips[0].name if len(clips) == 1 else title,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        style=(folder / "report.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        clips=views,
        tiles=tiles(clips, found),
        facts=facts(clips),
        figures=None if found is None else figures_view(found),
        wide=WIDE,
        tall=TALL,
    )


def _strongest(clips: Sequence[ClipRun]) -> set[str]:
    events = [event for clip in clips for event in clip.events]
    events.sort(key=lambda event: -(event["peak"]["score"] or 0.0))
    return {event["id"] for event in events[:MOST_CARDS]}


def _clip_view(clip: ClipRun, number: int, shown: set[str]) -> ClipView:
    drawn = timeline(clip.seconds, clip.scores, clip.threshold)
    segments = clip.segments()
    known = clip.labels is not None
    spans = [event_span(event) for event in clip.events]
    matched = [any(overlap(span, segment) for segment in segments) if known else None for span in spans]
    views = [
        _event_view(clip, event, n, matched[n - 1], with_picture=event["id"] in shown)
        for n, event in enumerate(clip.events, 1)
    ]
    bands = tuple(
        band(span, drawn, view.summary, number=view.number, id=view.id, matched=view.matched)
        for span, view in zip(spans, views, strict=True)
        if view.id in shown
    )
    cards = tuple(view for view in views if view.id in shown)
    lines = tuple(view for view in views if view.id not in shown)
    return ClipView(
        anchor=f"clip-{number}",
        name=clip.name,
        facts=clip_facts(clip),
        timeline=drawn,
        threshold=figure(clip.threshold),
        bands=bands,
        chips=_with_room(bands),
        truth=tuple(
            band(segment, drawn, _truth_text(segment, spans), matched=any(overlap(span, segment) for span in spans))
            for segment in segments
        ),
        cards=cards,
        lines=lines[:MOST_LINES],
        hidden=max(0, len(lines) - MOST_LINES),
        length=clock_text(clip.length, 0),
        events=len(views),
        highest=figure(float(clip.scores.max()) if len(clip.scores) else None),
        notes=tuple(clip.notes),
    )


def _with_room(bands: Sequence[Band]) -> tuple[Band, ...]:
    """The bands whose numbers stand far enough from each other to be read on a phone."""
    kept: list[Band] = []
    for each in bands:
        if not kept or each.middle - kept[-1].middle >= CHIP_APART:
            kept.append(each)
    return tuple(kept)


def _event_view(
    clip: ClipRun, event: dict[str, Any], number: int, matched: bool | None, *, with_picture: bool
) -> EventView:
    start, last = event_span(event)
    picture, heat = clip.picture(event) if with_picture else (None, None)
    reason = event.get("reason")
    return EventView(
        id=event["id"],
        number=number,
        when=f"{clock_text(start)} – {clock_text(last)}",
        wall=moment(event["start"].get("wall")) if clip.about.get("live") else "",
        length=f"{last - start:.1f} s",
        score=figure(event["peak"]["score"]),
        reason=str(reason.get("text", "") if isinstance(reason, dict) else reason or ""),
        matched=matched,
        picture=_data(picture),
        heat=_data(heat),
        boxes=_peak_boxes(event),
    )


def _peak_boxes(event: dict[str, Any]) -> tuple[tuple[float, float, float, float], ...]:
    at = float(event["peak"]["stream_s"]) - float(event["start"]["stream_s"])
    near = [box["xywh"] for box in event.get("boxes", ()) if abs(float(box["t"]) - at) < 0.002]
    return tuple((float(x), float(y), float(w), float(h)) for x, y, w, h in near)


def _truth_text(segment: Span, spans: Sequence[Span]) -> str:
    found = "found" if any(overlap(span, segment) for span in spans) else "missed"
    return f"Known anomaly, {clock_text(segment[0])} – {clock_text(segment[1])}, {found}"


def _data(jpeg: bytes | None) -> str:
    return "" if jpeg is None else "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
