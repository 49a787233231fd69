"""The page of `make bench-drift`, from results alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.altered import Case
from benchmarks.results import Record
from memwatch.pipeline import Updates

HEAD = """\
# A scene that changes

Drawn scenes, altered by rule from the first minute on (`benchmarks/altered.py`), watched with a memory that is
frozen, one that learns behind the gate (the default), and one that learns from every frame at once. **False** is the
share of normal frames over the threshold, farther than two seconds from any anomaly: before the change, during it,
and after. **Found** counts the anomalies of which an event told, and says whether the last was among them; **last**
is the highest score of the last one as a share of the first one's, where any was found; **at the end** is the share of
frames over the threshold in the last 20 seconds of something that stays. Each model's own threshold, for the budget
that the command names. What moves the score is the scene behind the figures, which learns with the network's items
behind one gate; the items themselves only bear on that gate."""


def page(records: Sequence[Record], cases: Sequence[Case], *, command: str) -> str:
    """Markdown."""
    parts = [HEAD, f"`{command}`"]
    for scene in dict.fromkeys(record["scene"] for record in records):
        mine = {record["job"]: record["figures"] for record in records if record["scene"] == scene}
        threshold = next(iter(mine.values()))["threshold"]
        lines = [
            f"## {scene} (threshold {threshold:.2f})",
            "",
            "| case | memory | false before | during | after | found | last | at the end |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for case in cases:
            for updates in Updates:
                if figures := mine.get(f"{case.name}-{updates}"):
                    told = case.what if updates == Updates.frozen else ""
                    lines.append(f"| {told} | {updates} | " + " | ".join(_cells(figures)) + " |")
        parts.append("\n".join(lines))
    if records:
        commits = ", ".join(sorted({record["commit"] for record in records}))
        parts.append(f"Commit {commits}; {records[0]['machine']}; footage of seed 60, which no training saw.")
    return "\n\n".join(parts) + "\n"


def _cells(figures: dict[str, Any]) -> list[str]:
    shares = [figures["false_share"][name] for name in ("before", "during", "after")]
    told = figures["anomalies"]
    found = f"{sum(one['found'] for one in told)} of {len(told)}"
    if len(told) > 1:
        found += ", the last too" if told[-1]["found"] else ", not the last"
    several = len(told) > 1 and any(one["found"] for one in told)
    last = f"{told[-1]['peak'] / told[0]['peak']:.2f}" if several else "–"
    stays = [one["over_share_at_end"] for one in told if one["seconds"] > 60]
    return [*(_share(share) for share in shares), found, last, _share(stays[-1]) if stays else "–"]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
