"""The index of a data folder: every event and state in one SQLite file, for whoever asks what happened."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memwatch.errors import MemwatchError, UsageError

NAME = "events.sqlite"
VERSION = 1
"""`user_version` of the file; raised with each change of the tables."""
TABLES = """
CREATE TABLE events (
  id TEXT PRIMARY KEY,         -- ULID
  camera TEXT NOT NULL,
  start REAL NOT NULL,         -- Unix seconds, UTC, as all times here
  stop REAL,                   -- last frame over the threshold; NULL while the event is open
  end_reason TEXT,             -- NULL while open; crash: memwatch was killed meanwhile
  score REAL,                  -- the peak's
  cue TEXT,
  reason TEXT,                 -- in words
  suppressed_by TEXT,          -- why nobody was told; NULL if notices went out
  label TEXT,                  -- normal or anomaly, by a person
  clip TEXT NOT NULL,          -- none, recording, ready, partial or failed
  bytes INTEGER NOT NULL,      -- of all its files
  record TEXT NOT NULL         -- the newest event line, JSON
) STRICT;
CREATE INDEX events_by_time ON events (start);
CREATE INDEX events_by_camera ON events (camera, start);
CREATE TABLE states (
  id INTEGER PRIMARY KEY,
  camera TEXT NOT NULL,
  time REAL NOT NULL,
  kind TEXT NOT NULL,
  record TEXT NOT NULL         -- the state line, JSON
) STRICT;
CREATE INDEX states_by_time ON states (time);
"""
KEEP_STATES_S = 90 * 86400.0
LABELS = ("normal", "anomaly")


@dataclass(frozen=True, slots=True)
class Row:
    """One event."""

    id: str
    camera: str
    start: float
    stop: float | None
    end_reason: str | None
    score: float | None
    cue: str | None
    reason: str | None
    suppressed_by: str | None
    label: str | None
    clip: str
    bytes: int
    record: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The event line, and what has come to it since."""
        return self.record | {"label": self.label, "clip": self.clip, "bytes": self.bytes}


class Index:
    """Of the folder `data`; any number of threads may use one. Made if it isn't there, unless `make` is False.

    Raises UsageError for a file that is no index of ours, MemwatchError where it can't be written.
    """

    def __init__(self, data: Path, *, make: bool = True) -> None:
        self.data = data
        self.path = data / NAME
        if not make and not self.path.is_file():
            raise UsageError(f"{data}: no events here", "name the data folder of `memwatch watch`")
        self._lock = threading.RLock()
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._base = sqlite3.connect(self.path, timeout=10, check_same_thread=False, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._upgrade()
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{self.path}: not an index of events ({error})", "name another data folder") from None
        except OSError as error:
            raise MemwatchError(f"{data}: cannot be written ({error.strerror})", "name another data folder") from None

    def close(self) -> None:
        with self._lock:
            self._base.close()

    def put(self, record: dict[str, Any], *, start: float, stop: float | None, clip: str | None = None) -> None:
        """Write an event as its newest line has it; the clip's state stays as it is unless given."""
        reason = record["reason"] or {}
        values = (
            record["id"], record["camera"], start, stop if record["state"] == "closed" else None, record["end_reason"],
            record["peak"]["score"], reason.get("cue"), reason.get("text"), record["suppressed_by"], clip or "none",
            json.dumps(record, ensure_ascii=False),
        )  # fmt: skip
        with self._writing() as base:
            base.execute(
                "INSERT INTO events (id, camera, start, stop, end_reason, score, cue, reason, suppressed_by, clip,"
                " record, bytes) VALUES (?,?,?,?,?,?,?,?,?,?,?,0) ON CONFLICT (id) DO UPDATE SET stop=excluded.stop,"
                " end_reason=excluded.end_reason, score=excluded.score, cue=excluded.cue, reason=excluded.reason,"
                " record=excluded.record" + (", clip=excluded.clip" if clip else ""),
                values,
            )

    def set_clip(self, event: str, clip: str, size: int) -> None:
        with self._writing() as base:
            base.execute("UPDATE events SET clip=?, bytes=? WHERE id=?", (clip, size, event))

    def label(self, event: str, label: str | None) -> None:
        """What a person says of it; None takes that back."""
        if label is not None and label not in LABELS:
            raise UsageError(f"{label}: not a label", f"choose one of {', '.join(LABELS)}")
        with self._writing() as base:
            if not base.execute("UPDATE events SET label=? WHERE id=?", (label, event)).rowcount:
                raise UsageError(f"{event}: no such event", "`memwatch events list` shows them")

    def forget(self, event: str) -> None:
        """Take it out of the index; its files are the caller's to remove."""
        with self._writing() as base:
            base.execute("DELETE FROM events WHERE id=?", (event,))

    def add_state(self, record: dict[str, Any], time: float) -> None:
        with self._writing() as base:
            line = json.dumps(record, ensure_ascii=False)
            base.execute(
                "INSERT INTO states (camera, time, kind, record) VALUES (?,?,?,?)",
                (record["camera"], time, record["type"], line),
            )
            base.execute("DELETE FROM states WHERE time < ?", (time - KEEP_STATES_S,))

    def get(self, event: str) -> Row:
        """Raises UsageError where there is none of this id."""
        found = self.select("id = ?", (event,), most=1)
        if not found:
            raise UsageError(f"{event}: no such event", "`memwatch events list` shows them")
        return found[0]

    def recent(
        self,
        *,
        camera: str | None = None,
        since: float | None = None,
        until: float | None = None,
        label: str | None = None,
        most: int = 100,
    ) -> list[Row]:
        """The newest first."""
        terms = {"camera = ?": camera, "start >= ?": since, "start < ?": until, "label = ?": label}
        given = {term: value for term, value in terms.items() if value is not None}
        return self.select(" AND ".join(given) or "1", tuple(given.values()), most=most)

    def select(self, where: str, values: Sequence[Any], *, most: int, oldest: bool = False) -> list[Row]:
        """Rows for a condition of our own making; `values` fill its question marks."""
        order = "ASC" if oldest else "DESC"
        columns = "id, camera, start, stop, end_reason, score, cue, reason, suppressed_by, label, clip, bytes, record"
        with self._lock:
            found = self._base.execute(
                f"SELECT {columns} FROM events WHERE {where} ORDER BY start {order}, id {order} LIMIT ?",
                (*values, most),
            ).fetchall()
        return [Row(*(*row[:-1], json.loads(row[-1]))) for row in found]

    def states(self, *, camera: str | None = None, most: int = 100) -> list[dict[str, Any]]:
        """State lines, the newest first."""
        where, values = ("camera = ?", (camera,)) if camera else ("1", ())
        with self._lock:
            found = self._base.execute(
                f"SELECT record FROM states WHERE {where} ORDER BY time DESC, id DESC LIMIT ?", (*values, most)
            ).fetchall()
        return [json.loads(line) for (line,) in found]

    def ids(self) -> set[str]:
        """Of all events."""
        with self._lock:
            return {event for (event,) in self._base.execute("SELECT id FROM events")}

    def total_bytes(self) -> int:
        with self._lock:
            return int(self._base.execute("SELECT coalesce(sum(bytes), 0) FROM events").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with self._base:
                    yield self._base
            except sqlite3.Error as error:
                raise MemwatchError(f"{self.path}: cannot be written ({error})", "free some space") from None

    def _upgrade(self) -> None:
        found = int(self._base.execute("PRAGMA user_version").fetchone()[0])
        if found > VERSION:
            raise UsageError(f"{self.path}: made by a newer version of memwatch", "update memwatch")
        if found == 0:
            if self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise UsageError(f"{self.path}: not an index of events", "name another data folder")
            self._base.executescript(f"BEGIN; {TABLES} PRAGMA user_version={VERSION}; COMMIT;")
