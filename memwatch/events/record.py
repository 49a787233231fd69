"""An event as one JSON object, schema memwatch.event/1 (docs/events.md describes every field)."""

from __future__ import annotations

import math
from typing import Any

from memwatch.clock import iso
from memwatch.types import Box, Event, Observation, StateEvent

EVENT_SCHEMA = "memwatch.event/1"
STATE_SCHEMA = "memwatch.state/1"

_TYPES = {"opened": "start", "updated": "update", "closed": "end"}


def event_record(event: Event, *, seq: int, model: dict[str, Any]) -> dict[str, Any]:
    """What is told of an event, ready for `json.dumps(..., allow_nan=False)`.

    seq: the line's number in its stream, from 1; model: what names the model, at least {"id": ...}.
    Numbers that are not finite become None.
    """
    closed = event.phase == "closed"
    return {
        "schema": EVENT_SCHEMA,
        "type": _TYPES[event.phase],
        "id": event.id,
        "seq": seq,
        "camera": event.source,
        "state": "closed" if closed else "open",
        "parent": event.parent or None,
        "start": _moment(event.start),
        "end": _moment(event.last) if closed else None,
        "end_reason": event.end_reason,
        "peak": _moment(event.peak) | {"score": _number(event.peak.score.value, 4)},
        "threshold": {"score": _number(event.peak.score.threshold, 4)},
        "frames": {"scored": event.frames_scored, "over": event.frames_over},
        "reason": {"cue": event.cue, "text": event.reason} if event.cue else None,
        "boxes": [
            {
                "t": _number(at, 3),
                "xywh": _relative(region.box, event.start.size),
                "score": _number(region.peak, 4),
                "track": region.track,
                **({"zones": list(region.zones)} if region.zones else {}),
            }
            for at, region in event.regions
        ],
        "zones": sorted({name for _, region in event.regions for name in region.zones}),
        "suppressed_by": event.suppressed_by or None,
        "model": model,
    }


def state_record(state: StateEvent) -> dict[str, Any]:
    """What became of a camera, as one JSON object, schema memwatch.state/1 (docs/events.md)."""
    told = {"schema": STATE_SCHEMA, "type": state.kind, "camera": state.source, "wall": iso(state.time)}
    return told | {key: value for key, value in state.facts.items() if key not in told}


def _moment(observation: Observation) -> dict[str, Any]:
    return {
        "wall": iso(observation.time) if math.isfinite(observation.time) else None,
        "stream_s": _number(observation.seconds, 3),
        "frame": observation.index,
    }


def _relative(box: Box, size: tuple[int, int]) -> list[float]:
    """x, y, width, height as shares of the picture, 0 to 1."""
    (x1, y1, x2, y2), (width, height) = box, size
    values = (x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)
    return [round(value, 4) for value in values]


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
