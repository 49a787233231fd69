"""`memwatch events`: what is in a data folder, and what a person does with it."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from memwatch.clock import iso
from memwatch.errors import UsageError
from memwatch.files import write_error, write_text
from memwatch.live.keeping import delete
from memwatch.sinks.evidence import files_of
from memwatch.sinks.index import Index, Row

UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
EVERY = 1_000_000_000


class Listed:
    """An event as it is listed."""

    def __init__(self, row: Row, data: Path) -> None:
        self.row = row
        self._data = data

    def cells(self) -> tuple[str, ...]:
        row = self.row
        when = datetime.fromtimestamp(row.start).isoformat(" ", "seconds")
        length = f"{row.stop - row.start:.0f} s" if row.stop is not None else "open"
        return row.id, when, row.camera, length, f"{row.score:.1f}", row.reason or "", row.label or ""

    def to_dict(self) -> dict[str, Any]:
        """The event line with its label and clip, and the files that are there."""
        row = self.row
        return row.to_dict() | {"files": [str(path) for path in _files(row, self._data)]}


def listed(data: Path, *, camera: str | None, since: str | None, label: str | None, most: int = EVERY) -> list[Listed]:
    """The newest first; `since` as in `seconds_of`; `label` none: those that have none."""
    with closing(Index(data, make=False)) as index:
        start = seconds_of(since) if since else None
        wanted = None if label == "none" else label
        rows = index.recent(camera=camera, since=start, label=wanted, most=most if label != "none" else EVERY)
    return [Listed(row, data) for row in rows if label != "none" or row.label is None][:most]


def shown(data: Path, event: str) -> dict[str, Any]:
    """One event, whole."""
    with closing(Index(data, make=False)) as index:
        return Listed(_found(index, event), data).to_dict()


def labelled(data: Path, event: str, label: str | None) -> dict[str, Any]:
    """Say what an event was, or take that back."""
    with closing(Index(data, make=False)) as index:
        row = _found(index, event)
        index.label(row.id, label)
        return {"id": row.id, "camera": row.camera, "label": label}


def exported(data: Path, out: Path, *, camera: str | None, since: str | None, label: str | None) -> dict[str, Any]:
    """Copy events with their files; the list is written last, so a folder with one is whole."""
    rows = listed(data, camera=camera, since=since, label=label)
    size = 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for one in rows:
            for path in _files(one.row, data):
                target = out / one.row.camera / path.name
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(path, target)
                size += target.stat().st_size
    except OSError as error:
        raise write_error(out, error) from None
    lines = [
        json.dumps(one.row.to_dict() | {"files": [f"{one.row.camera}/{p.name}" for p in _files(one.row, data)]})
        for one in rows
    ]
    write_text(out / "events.ndjson", "".join(line + "\n" for line in lines))
    return {"events": len(rows), "bytes": size, "folder": str(out)}


def deleted(data: Path, events: Sequence[str]) -> dict[str, Any]:
    """Remove events with their files. None is touched unless all are there and closed."""
    with closing(Index(data, make=False)) as index:
        rows = [_found(index, event) for event in events]
        for row in rows:
            if row.stop is None:
                raise UsageError(f"{row.id}: still going on", "wait for its end")
        return {"deleted": len(rows), "bytes": sum(delete(index, row) for row in rows)}


def seconds_of(text: str, now: float | None = None) -> float:
    """Unix seconds of a time (local unless it says otherwise), or of so long ago: 30m, 2h, 3d, 1w."""
    ago = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if ago:
        return (time.time() if now is None else now) - int(ago.group(1)) * UNITS[ago.group(2)]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        example = iso(time.time())[:16]
        raise UsageError(f"{text}: not a time", f"write 2h, 3d or {example}") from None


def _found(index: Index, event: str) -> Row:
    """The event of an id, or of the beginning of one that no other shares."""
    if not re.fullmatch(r"[0-9A-Za-z]{4,26}", event):
        raise UsageError(f"{event}: not an event's id", "`memwatch events list` shows them")
    rows = index.select("id >= ? AND id < ?", (event.upper(), event.upper() + "~"), most=2)
    if len(rows) > 1:
        raise UsageError(f"{event}: several events begin so", "give more of the id")
    return rows[0] if rows else index.get(event)


def _files(row: Row, data: Path) -> list[Path]:
    return [path for path in files_of(data, row.camera, row.id, row.start) if path.is_file()]
