"""Does the demo's event list agree with what its clip is known to show?

python tests/check_demo.py runs/demo samples/walkway-test.json

An anomaly counts as found when an event has a box on it while it is there; an event with no box on any
anomaly is false. Exit code 1 when too few are found or too many are false.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIN_FOUND = 4
"""Anomalies of the clip that some event must touch."""
MAX_FALSE = 2
"""Events that touch none."""
MIN_OVERLAP = 0.1
"""Share of the smaller of two boxes that both must cover to count as touching."""
SLACK_FRAMES = 1
"""A box may be this many frames away from the truth it is compared with: its time is rounded."""

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Verdict:
    """Ids of the anomalies touched; the others, and the events that touch none, in words."""

    found: set[int]
    missed: list[str]
    false: list[str]

    @property
    def good(self) -> bool:
        return len(self.found) >= MIN_FOUND and len(self.false) <= MAX_FALSE


def read_events(path: Path) -> list[dict[str, Any]]:
    """The last line of each event, in order of first appearance."""
    events: dict[str, dict[str, Any]] = {}
    for line in path.read_text().splitlines():
        event = json.loads(line)
        events[event["id"]] = event
    return list(events.values())


def touched(event: dict[str, Any], truth: dict[str, Any]) -> set[int]:
    """Ids of the anomalies on which `event` has a box at the right moment."""
    ids = set()
    for box in event["boxes"]:
        left, top, width, height = box["xywh"]
        at = (event["start"]["stream_s"] + box["t"]) * truth["fps"]
        corners = (
            left * truth["width"],
            top * truth["height"],
            (left + width) * truth["width"],
            (top + height) * truth["height"],
        )
        for anomaly in truth["anomalies"]:
            if any(
                abs(frame - at) <= SLACK_FRAMES + 0.5 and overlap(corners, (x1, y1, x2, y2)) >= MIN_OVERLAP
                for frame, x1, y1, x2, y2 in anomaly["boxes"]
            ):
                ids.add(anomaly["id"])
    return ids


def overlap(one: Corners, other: Corners) -> float:
    """Common area as a share of the smaller box."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / smaller


def judge(events: list[dict[str, Any]], truth: dict[str, Any]) -> Verdict:
    found: set[int] = set()
    false = []
    for event in events:
        ids = touched(event, truth)
        found |= ids
        if not ids:
            last = (event["end"] or event["peak"])["stream_s"]
            false.append(f"{event['start']['stream_s']:.1f} to {last:.1f} s, score {event['peak']['score']}")
    missed = [
        f"{anomaly['kind']}, {anomaly['first'] / truth['fps']:.1f} to {anomaly['last'] / truth['fps']:.1f} s"
        for anomaly in truth["anomalies"]
        if anomaly["id"] not in found
    ]
    return Verdict(found, missed, false)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: check_demo.py RUN_FOLDER TRUTH.json", file=sys.stderr)
        return 2
    truth = json.loads(Path(arguments[1]).read_text())
    events = read_events(Path(arguments[0]) / "events.ndjson")
    verdict = judge(events, truth)
    of = len(truth["anomalies"])
    print(f"demo: {len(verdict.found)} of {of} anomalies found (at least {MIN_FOUND} wanted), ", end="")
    print(f"{len(verdict.false)} of {len(events)} events false (at most {MAX_FALSE} allowed)")
    for line in verdict.missed:
        print(f"  missed: {line}")
    for line in verdict.false:
        print(f"  false: {line}")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
