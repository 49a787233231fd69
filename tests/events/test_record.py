"""The event line: what a reader of the NDJSON may rely on."""

from __future__ import annotations

import json
from dataclasses import replace

from memwatch.config import EventConfig
from memwatch.events import event_record
from memwatch.types import Event, Region

from .sequences import events

MODEL = {"id": "walkway"}


def told() -> list[Event]:
    config = EventConfig(start_hits=3, start_window=5, end_gap_s=0.5, min_length_s=0.0)
    return events("..#" + "5" + "#" * 12 + "......", config)


def test_an_end_in_full() -> None:
    line = event_record(told()[-1], seq=3, model=MODEL)
    boxes = line.pop("boxes")
    assert line == {
        "schema": "memwatch.event/1",
        "type": "end",
        "id": "e1",
        "seq": 3,
        "camera": "yard",
        "state": "closed",
        "parent": None,
        "start": {"wall": "2026-03-01T21:04:11.200Z", "stream_s": 0.2, "frame": 2},
        "end": {"wall": "2026-03-01T21:04:12.500Z", "stream_s": 1.5, "frame": 15},
        "end_reason": "quiet",
        "peak": {"wall": "2026-03-01T21:04:11.300Z", "stream_s": 0.3, "frame": 3, "score": 5.0},
        "threshold": {"score": 2.0},
        "frames": {"scored": 14, "over": 14},
        "reason": {"cue": "motion", "text": "moves 2.4 times faster than usual here"},
        "zones": [],
        "suppressed_by": None,
        "model": {"id": "walkway"},
    }
    assert boxes[0] == {"t": 0.0, "xywh": [0.1, 0.1, 0.2, 0.4], "score": 3.0, "track": 1}
    assert boxes[1] == {"t": 0.1, "xywh": [0.1, 0.1, 0.2, 0.4], "score": 5.0, "track": 1}


def test_what_is_open_has_no_end() -> None:
    lines = [event_record(event, seq=n, model=MODEL) for n, event in enumerate(told(), 1)]
    assert [(line["type"], line["state"]) for line in lines] == [
        ("start", "open"),
        ("update", "open"),
        ("end", "closed"),
    ]
    assert [line["end"] is None for line in lines] == [True, True, False]
    assert [line["end_reason"] for line in lines] == [None, None, "quiet"]


def test_no_nan_and_no_infinity() -> None:
    event = told()[-1]
    peak = replace(
        event.peak,
        seconds=float("nan"),
        time=float("inf"),
        score=replace(event.peak.score, value=float("inf")),
    )
    line = event_record(replace(event, peak=peak), seq=1, model=MODEL)
    assert line["peak"] == {"wall": None, "stream_s": None, "frame": 3, "score": None}
    json.dumps(line, allow_nan=False)


def test_boxes_are_shares_of_the_picture() -> None:
    region = Region(box=(0, 33, 200, 100), area=13400, peak=3.14159265, track=7)
    event = replace(told()[-1], regions=((1.23456, region),))
    (box,) = event_record(event, seq=1, model=MODEL)["boxes"]
    assert box == {"t": 1.235, "xywh": [0.0, 0.33, 1.0, 0.67], "score": 3.1416, "track": 7}


def test_an_event_without_a_cue_gives_no_reason() -> None:
    line = event_record(replace(told()[-1], cue="", reason=""), seq=1, model=MODEL)
    assert line["reason"] is None
