"""The data folder over time: what is deleted when, and what is put right after a crash."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from memwatch.errors import MemwatchError
from memwatch.live.settings import Retention
from memwatch.sinks.evidence import LEFTOVERS, files_of
from memwatch.sinks.index import Index, Row
from memwatch.video import salvage

GB = 1e9
ID_LENGTH = 26
AT_ONCE = 1000
"""Events that one round deletes at most."""


@dataclass(frozen=True, slots=True)
class Deleted:
    count: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a crash had left."""

    closed: int = 0
    """Events that were still open."""
    salvaged: int = 0
    """Clips put in place from what had been written of them."""
    lost: int = 0
    """Clips of which nothing could be kept."""
    found: int = 0
    """Events whose files were there and that the index did not know."""


def delete(index: Index, row: Row) -> int:
    """Remove an event with its files; answers the bytes freed. Only files named after it are touched."""
    freed = 0
    for path in files_of(index.data, row.camera, row.id, row.start):
        if path.is_symlink() or not path.is_file():
            continue
        freed += path.stat().st_size
        path.unlink(missing_ok=True)
    index.forget(row.id)
    folder = files_of(index.data, row.camera, row.id, row.start)[0].parent
    with contextlib.suppress(OSError):  # others' files are still in it
        for parent in (folder, folder.parent, folder.parent.parent):
            parent.rmdir()
    return freed


def enforce(index: Index, retention: Retention, *, now: float, free: float | None = None) -> Deleted:
    """Delete what is too old, too much, or in the way, the oldest first; open events and, if so wished, labelled ones
    stay. `free`: bytes left on the disk, asked of the system unless given."""
    limit = now - retention.days * 86400 if retention.days is not None else float("-inf")
    most = retention.max_gb * GB if retention.max_gb is not None else float("inf")
    left = _free(index.data) if free is None else free
    total = index.total_bytes()
    may_go = "stop IS NOT NULL AND clip != 'recording'" + (" AND label IS NULL" if retention.keep_labelled else "")
    done = Deleted()
    for row in index.select(may_go, (), most=AT_ONCE, oldest=True):
        too_much = total - done.bytes > most or left + done.bytes < retention.min_free_gb * GB
        if not too_much and row.start >= limit:
            break
        done = Deleted(done.count + 1, done.bytes + delete(index, row))
    return done


def has_room(index: Index, retention: Retention) -> bool:
    """Whether another clip may be begun, what may be deleted for it being deleted first."""
    least = retention.min_free_gb * GB
    if _free(index.data) >= least:
        return True
    enforce(index, retention, now=time.time())
    return _free(index.data) >= least


def repair(index: Index) -> Repaired:
    """At a start: close what a crash left open, put clips in place, and enter events that the index lost."""
    done = Repaired()
    for row in index.select("stop IS NULL OR clip = 'recording'", (), most=1_000_000):
        clip, part, *_ = (p for p in files_of(index.data, row.camera, row.id, row.start) if ".mp4" in p.name)
        state = row.clip
        if state == "recording":
            state = _mended(clip, part)
            done = replace(done, salvaged=done.salvaged + (state != "failed"), lost=done.lost + (state == "failed"))
        if row.stop is None:
            record = row.record | {"type": "end", "state": "closed", "end_reason": "crash"}
            record["end"] = record["end"] or {k: v for k, v in record["peak"].items() if k != "score"}
            stop = _seconds(record["end"]["wall"], row.start)
            index.put(record, start=row.start, stop=stop, clip=state)
            done = replace(done, closed=done.closed + 1)
        for path in files_of(index.data, row.camera, row.id, row.start):
            if path.name.removeprefix(row.id) in LEFTOVERS:
                path.unlink(missing_ok=True)
        there = [path for path in files_of(index.data, row.camera, row.id, row.start) if path.exists()]
        index.set_clip(row.id, state, sum(path.stat().st_size for path in there))
    return replace(done, found=_enter_lost(index))


def _mended(clip: Path, part: Path) -> str:
    """The state of a clip whose writing was cut off."""
    clip.with_name(clip.name + ".new").unlink(missing_ok=True)
    if clip.exists():  # killed between the last two steps
        part.unlink(missing_ok=True)
        return "ready"
    try:
        salvage(part, clip)
    except MemwatchError:
        part.unlink(missing_ok=True)
        return "failed"
    part.unlink(missing_ok=True)
    return "partial"


def _enter_lost(index: Index) -> int:
    """Read the records beside the clips back into an index that doesn't know them."""
    known = index.ids()
    found = 0
    for path in sorted((index.data / "events").glob("*/*/*/*/*.json")):
        if path.stem in known or len(path.stem) != ID_LENGTH or path.is_symlink():
            continue
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            start = _seconds(record["start"]["wall"], None)
            files = files_of(index.data, path.parents[3].name, path.stem, start)
            if record["id"] != path.stem or record["camera"] != path.parents[3].name or path not in files:
                continue
            clip = "ready" if files[0].exists() else "none"
            index.put(record, start=start, stop=_seconds(record["end"]["wall"], start), clip=clip)
            index.set_clip(path.stem, clip, sum(p.stat().st_size for p in files if p.exists()))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not one of ours
        found += 1
    return found


def _seconds(wall: str | None, otherwise: float | None) -> float:
    if wall is None:
        if otherwise is None:
            raise ValueError("no time")
        return otherwise
    return datetime.fromisoformat(wall).timestamp()


def _free(data: Path) -> float:
    return float(shutil.disk_usage(data).free)
