"""What the report says of a run in words: its figures, its model, its clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from memwatch.sinks.style import clock_text
from memwatch.tasks.report_figures import Figures
from memwatch.tasks.report_run import ClipRun

MOST_NAMES = 4


def tiles(clips: Sequence[ClipRun], found: Figures | None) -> list[tuple[str, str, str]]:
    """The head of the page: (figure, its name, a word more) of the whole run."""
    events = sum(len(clip.events) for clip in clips)
    frames = sum(len(clip.seconds) for clip in clips)
    broken = sum(clip.states.get("broken", 0) for clip in clips)
    seconds = sum(clip.length for clip in clips)
    over = [clip.scores > clip.threshold for clip in clips if clip.threshold is not None]
    share = sum(int(part.sum()) for part in over) / max(1, frames)
    shown = [
        (str(events), "event" if events == 1 else "events", f"in {len(clips)} clips" if len(clips) > 1 else ""),
        (clock_text(seconds, 0), "footage", f"{frames:,} frames" + (f", {broken:,} broken" if broken else "")),
        (figure(clips[0].threshold), "threshold", f"{share:.1%} of frames over it"),
    ]
    if found is not None and found.segments:
        chosen = found.chosen
        false = f"{chosen.false} false alarm{'' if chosen.false == 1 else 's'}"
        shown.append((f"{chosen.found} of {found.segments}", "known anomalies found", false))
    return shown


def facts(clips: Sequence[ClipRun]) -> list[tuple[str, str]]:
    """The run and its model, for who wants to know."""
    about = clips[0].about
    if not about:
        return []
    model = about.get("model") or {}
    card = model.get("card") or {}
    size, fps, memory = about.get("size"), about.get("fps"), about.get("memory", "")
    took = "camera" if about.get("live") else "recorded"
    words = {
        "gated": "goes on learning from calm footage",
        "frozen": "frozen: as it was trained",
        "none": "the model has none",
    }
    named = [
        ("Source", f"{size[0]}×{size[1]} pixels" + (f", {fps:g} frames/s" if fps else "") if size else ""),
        ("Seen" if about.get("live") else "File dated", _between(about.get("first"), about.get("last"))),
        ("Run by", f"memwatch {about.get('verb', '')}, {took}"),
        ("Memory", words.get(memory, memory)),
        ("Model", f"{model.get('file', '')} ({model.get('id', '')}), preset {model.get('preset', '')}"),
        ("It sees", f"{model.get('picture', '')}; cues: {', '.join(model.get('cues', ()))}"),
        ("Trained on", _trained(card)),
        ("Calibrated on", _seconds(model.get("calibrated_on_s"))),
        ("Made by", ", commit ".join(filter(None, (f"memwatch {card.get('memwatch', '')}", card.get("commit"))))),
    ]
    return [(name, text) for name, text in named if text]


def _trained(card: dict[str, Any]) -> str:
    names = [str(name) for name in card.get("footage", ())]
    footage = ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names)} clips, {names[0]} … {names[-1]}"
    parts = [footage, _seconds(card.get("footage_seconds"))]
    if card.get("steps"):
        parts.append(f"{card['steps']:,} steps" + (f" in {card['minutes']:.0f} minutes" if card.get("minutes") else ""))
    return "; ".join(filter(None, parts))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{clock_text(float(value), 0)} of footage"


def clip_facts(clip: ClipRun) -> str:
    """One line on a clip."""
    events = len(clip.events)
    parts = [clock_text(clip.length, 0), f"{len(clip.seconds):,} frames", f"{events} event{'' if events == 1 else 's'}"]
    if clip.labels is not None:
        segments = len(clip.segments())
        parts.append(f"{segments} known anomal{'y' if segments == 1 else 'ies'}")
    return " · ".join(parts)


def _between(first: str | None, last: str | None) -> str:
    if not first or not last:
        return ""
    same = first[:10] == last[:10]
    return f"{first[:10]} {first[11:19]} – {last[11:19] if same else f'{last[:10]} {last[11:19]}'} UTC"


def moment(text: str | None) -> str:
    """A wall-clock time of an event line, for reading."""
    return f"{text[:10]} {text[11:19]} UTC" if text else ""


def figure(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
