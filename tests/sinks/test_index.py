"""The index of a data folder: what is put in comes out, and files that are not ours are refused."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from memwatch.errors import MemwatchError, UsageError
from memwatch.sinks.index import KEEP_STATES_S, NAME, Index


def record(event: str, *, camera: str = "yard", closed: bool = True, score: float = 3.0) -> dict[str, Any]:
    return {
        "id": event,
        "camera": camera,
        "state": "closed" if closed else "open",
        "end_reason": "quiet" if closed else None,
        "peak": {"score": score},
        "reason": {"cue": "motion", "text": "moves"},
        "suppressed_by": None,
    }


def test_an_event_is_updated_in_place_and_keeps_its_label_and_clip(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.put(record("a", closed=False), start=5.0, stop=6.0, clip="recording")
    assert (index.get("a").stop, index.get("a").clip) == (None, "recording")
    index.label("a", "normal")
    index.put(record("a", score=4.5), start=5.0, stop=9.0)
    row = index.get("a")
    assert (row.stop, row.score, row.label, row.clip, row.reason) == (9.0, 4.5, "normal", "recording", "moves")
    index.set_clip("a", "ready", 1234)
    assert index.get("a").to_dict() == record("a", score=4.5) | {"label": "normal", "clip": "ready", "bytes": 1234}
    assert index.total_bytes() == 1234
    index.label("a", None)
    assert index.get("a").label is None
    index.forget("a")
    with pytest.raises(UsageError, match="no such event"):
        index.get("a")


def test_recent_events_can_be_asked_by_camera_time_and_label(tmp_path: Path) -> None:
    index = Index(tmp_path)
    for number in range(6):
        camera = "yard" if number % 2 else "door"
        index.put(record(f"e{number}", camera=camera), start=float(number), stop=float(number) + 0.5)
    index.label("e3", "anomaly")
    assert [row.id for row in index.recent(most=2)] == ["e5", "e4"]
    assert [row.id for row in index.recent(camera="yard")] == ["e5", "e3", "e1"]
    assert [row.id for row in index.recent(since=2, until=4)] == ["e3", "e2"]
    assert [row.id for row in index.recent(label="anomaly")] == ["e3"]
    assert index.recent(camera="'; DROP TABLE events; --") == []
    assert len(index.recent()) == 6


def test_only_labels_that_exist_for_events_that_exist(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.put(record("a"), start=1.0, stop=2.0)
    with pytest.raises(UsageError, match="not a label"):
        index.label("a", "fine")
    with pytest.raises(UsageError, match="no such event"):
        index.label("b", "normal")


def test_states_are_kept_for_ninety_days(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.add_state({"camera": "yard", "type": "camera_lost"}, 100.0)
    index.add_state({"camera": "door", "type": "camera_lost"}, 101.0)
    assert [one["camera"] for one in index.states()] == ["door", "yard"]
    assert [one["camera"] for one in index.states(camera="yard")] == ["yard"]
    index.add_state({"camera": "yard", "type": "camera_back"}, 100.5 + KEEP_STATES_S)
    assert [(one["camera"], one["type"]) for one in index.states()] == [
        ("yard", "camera_back"),
        ("door", "camera_lost"),
    ]


def test_threads_share_one(tmp_path: Path) -> None:
    index = Index(tmp_path)

    def write(name: str) -> None:
        for number in range(40):
            index.put(record(f"{name}{number}", camera=name), start=float(number), stop=None)
            index.recent(camera=name, most=3)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(index.recent(most=1000)) == 160


def test_a_second_opens_what_a_first_wrote_meanwhile(tmp_path: Path) -> None:
    first = Index(tmp_path)
    second = Index(tmp_path, make=False)
    first.put(record("a"), start=1.0, stop=2.0)
    second.label("a", "normal")
    assert first.get("a").label == "normal"


def test_others_users_cannot_look_into_the_folder(tmp_path: Path) -> None:
    Index(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_folder_without_events_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no events here"):
        Index(tmp_path, make=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["text", "other", "newer"])
def test_files_that_are_not_ours_are_refused_and_stay(tmp_path: Path, what: str) -> None:
    path = tmp_path / NAME
    if what == "text":
        path.write_text("shopping list " * 100)
    else:
        base = sqlite3.connect(path)
        base.execute("CREATE TABLE mine (a)")
        base.execute(f"PRAGMA user_version={99 if what == 'newer' else 0}")
        base.commit()
        base.close()
    before = path.read_bytes() if what == "text" else b""
    with pytest.raises(UsageError, match=str(path)):
        Index(tmp_path)
    if what == "text":
        assert path.read_bytes() == before
    else:
        assert [name for (name,) in sqlite3.connect(path).execute("SELECT name FROM sqlite_master")] == ["mine"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemwatchError, match="cannot be written"):
        Index(tmp_path / "file" / "data")
