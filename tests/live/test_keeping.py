"""The data folder over time: what retention deletes and never touches, and what is put right after a crash."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from memwatch.clock import iso
from memwatch.events.builder import ulid
from memwatch.live.keeping import GB, Deleted, enforce, has_room, repair
from memwatch.live.settings import Retention
from memwatch.sinks.evidence import files_of
from memwatch.sinks.index import NAME, Index
from tests.sinks.kept import Kept, pictures

NOW = 1_772_400_000.0
DAY = 86400.0
UNLIMITED = {"days": None, "max_gb": None, "min_free_gb": 0.0}


def stored(index: Index, start: float, *, clip: str = "ready", closed: bool = True, camera: str = "yard") -> str:
    """An event with files of 100 bytes each; answers its id."""
    event = ulid(start)
    moment = {"wall": iso(start), "stream_s": 1.0, "frame": 10}
    record: dict[str, Any] = {
        "id": event,
        "camera": camera,
        "type": "end" if closed else "update",
        "state": "closed" if closed else "open",
        "start": moment,
        "end": moment | {"wall": iso(start + 2)} if closed else None,
        "end_reason": "quiet" if closed else None,
        "peak": moment | {"score": 3.0},
        "reason": None,
        "suppressed_by": None,
    }
    index.put(record, start=start, stop=start + 2, clip=clip)
    paths = files_of(index.data, camera, event, start)[:4]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    for path in paths:
        path.write_bytes(json.dumps(record).encode() if path.suffix == ".json" else b"x" * 100)
    index.set_clip(event, clip, 400)
    return event


def ids(index: Index) -> set[str]:
    return {row.id for row in index.recent(most=1000)}


def files(index: Index) -> set[str]:
    return {path.name for path in (index.data / "events").rglob("*") if path.is_file()}


def retention(**settings: Any) -> Retention:
    return Retention(**(UNLIMITED | settings))


def test_without_limits_nothing_is_deleted(tmp_path: Path) -> None:
    index = Index(tmp_path)
    stored(index, NOW - 9999 * DAY)
    assert enforce(index, retention(), now=NOW) == Deleted(0, 0)
    assert len(files(index)) == 4


def test_events_go_when_they_are_too_old_with_all_their_files_and_folders(tmp_path: Path) -> None:
    index = Index(tmp_path)
    old, new = stored(index, NOW - 8 * DAY), stored(index, NOW - 6 * DAY)
    done = enforce(index, retention(days=7.0), now=NOW)
    assert done.count == 1
    assert done.bytes > 300
    assert ids(index) == {new}
    assert not any(name.startswith(old) for name in files(index))
    assert not files_of(tmp_path, "yard", old, NOW - 8 * DAY)[0].parent.exists()
    assert len(files(index)) == 4


def test_the_oldest_go_when_there_is_too_much(tmp_path: Path) -> None:
    index = Index(tmp_path)
    events = [stored(index, NOW - 1000 + number) for number in range(5)]
    for event in events:
        index.set_clip(event, "ready", int(0.4 * GB))
    for number, event in enumerate(events):  # what is freed is what the files take
        with files_of(tmp_path, "yard", event, NOW - 1000 + number)[0].open("wb") as file:
            file.truncate(int(0.4 * GB))
    assert enforce(index, retention(max_gb=1.0), now=NOW).count == 3
    assert ids(index) == set(events[3:])


def test_the_oldest_go_until_enough_is_free(tmp_path: Path) -> None:
    index = Index(tmp_path)
    events = [stored(index, NOW - 1000 + number) for number in range(5)]
    for number, event in enumerate(events):
        with files_of(tmp_path, "yard", event, NOW - 1000 + number)[0].open("wb") as file:
            file.truncate(int(0.4 * GB))
    assert enforce(index, retention(min_free_gb=2.0), now=NOW, free=1.3 * GB).count == 2
    assert ids(index) == set(events[2:])


@pytest.mark.parametrize("keep", [True, False])
def test_labelled_events_stay_if_so_wished(tmp_path: Path, keep: bool) -> None:
    index = Index(tmp_path)
    labelled, other = stored(index, NOW - 9 * DAY), stored(index, NOW - 8 * DAY)
    index.label(labelled, "anomaly")
    enforce(index, retention(days=7.0, keep_labelled=keep), now=NOW)
    assert ids(index) == ({labelled} if keep else set())
    assert other not in ids(index)


def test_open_events_and_clips_that_are_written_stay(tmp_path: Path) -> None:
    index = Index(tmp_path)
    going = stored(index, NOW - 9 * DAY, closed=False)
    written = stored(index, NOW - 9 * DAY, clip="recording")
    stored(index, NOW - 9 * DAY)
    assert enforce(index, retention(days=7.0), now=NOW).count == 1
    assert ids(index) == {going, written}


def test_links_and_files_of_others_are_never_touched(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside.mp4"
    index = Index(data)
    event = stored(index, NOW - 9 * DAY)
    clip = files_of(data, "yard", event, NOW - 9 * DAY)[0]
    outside.write_bytes(b"precious")
    clip.unlink()
    clip.symlink_to(outside)
    beside = [clip.with_name(f"{event}.txt"), clip.with_name(f"{event}x.mp4"), clip.parent / "notes.md", data / "a.mp4"]
    for path in beside:
        path.write_text("mine")
    enforce(index, retention(days=7.0), now=NOW)
    assert ids(index) == set()
    assert outside.read_bytes() == b"precious"
    assert clip.is_symlink()
    assert all(path.read_text() == "mine" for path in beside)
    assert not clip.with_name(f"{event}.json").exists()


def test_a_folder_in_the_place_of_a_file_stays(tmp_path: Path) -> None:
    index = Index(tmp_path)
    event = stored(index, NOW - 9 * DAY)
    clip = files_of(tmp_path, "yard", event, NOW - 9 * DAY)[0]
    clip.unlink()
    clip.mkdir()
    (clip / "mine").write_text("")
    enforce(index, retention(days=7.0), now=NOW)
    assert (clip / "mine").exists()
    assert ids(index) == set()


def test_room_is_made_before_a_clip_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(tmp_path)
    stored(index, NOW - 1000)
    used = shutil.disk_usage(tmp_path)

    def usage(path: Path) -> Any:
        return used._replace(free=int((1.5 if not ids(index) else 0.5) * GB))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert has_room(index, retention(min_free_gb=1.0))
    assert ids(index) == set()
    assert not has_room(index, retention(min_free_gb=2.0))


def cut_off(folder: Path, text: str, **settings: Any) -> tuple[Index, str]:
    """A data folder as a process leaves it that is killed at the end of `text`, and the event's id."""
    kept = Kept(folder / "running", **settings)
    kept.play(text)
    kept.settle()
    shutil.copytree(folder / "running", folder / "killed")
    kept.close()
    return Index(folder / "killed"), next(iter(kept.events))


def test_an_event_that_was_open_is_closed_and_its_clip_salvaged(tmp_path: Path) -> None:
    index, event = cut_off(tmp_path, "." * 15 + "5" * 40)
    assert index.get(event).clip == "recording"
    done = repair(index)
    assert (done.closed, done.salvaged, done.lost, done.found) == (1, 1, 0, 0)
    row = index.get(event)
    assert (row.clip, row.end_reason, row.record["state"], row.record["type"]) == ("partial", "crash", "closed", "end")
    assert row.stop is not None
    assert row.stop >= row.start
    clip, part, *_ = (path for path in files_of(index.data, "yard", event, row.start) if ".mp4" in path.name)
    assert len(pictures(clip)) >= 20
    assert not part.exists()
    assert row.bytes == clip.stat().st_size
    assert repair(index).closed == 0


def test_a_clip_cut_off_in_its_post_roll_is_salvaged(tmp_path: Path) -> None:
    index, event = cut_off(tmp_path, "." * 15 + "5" * 20 + "." * 8, post_roll_s=3.0)
    assert index.get(event).stop is not None
    done = repair(index)
    assert (done.closed, done.salvaged) == (0, 1)
    assert (index.get(event).clip, index.get(event).end_reason) == ("partial", "quiet")


def test_a_clip_of_which_nothing_is_left_has_failed(tmp_path: Path) -> None:
    index, event = cut_off(tmp_path, "." * 15 + "5" * 20)
    part = next(index.data.rglob("*.mp4.part"))
    part.write_bytes(part.read_bytes()[:100])
    assert repair(index).lost == 1
    assert index.get(event).clip == "failed"
    assert files(index) == set()


def test_a_clip_that_was_never_begun_has_failed(tmp_path: Path) -> None:
    index = Index(tmp_path)
    event = stored(index, NOW, clip="recording", closed=False)
    files_of(tmp_path, "yard", event, NOW)[0].unlink()
    assert repair(index).lost == 1
    assert (index.get(event).clip, index.get(event).end_reason) == ("failed", "crash")


def test_a_clip_that_was_in_its_place_already_is_ready(tmp_path: Path) -> None:
    index = Index(tmp_path)
    event = stored(index, NOW, clip="recording")
    clip, part, _ = (path for path in files_of(tmp_path, "yard", event, NOW) if ".mp4" in path.name)
    part.write_bytes(b"left over")
    clip.with_name(clip.name + ".new").write_bytes(b"half")
    assert repair(index).salvaged == 1
    assert index.get(event).clip == "ready"
    assert clip.read_bytes() == b"x" * 100
    assert len(files(index)) == 4


def test_events_of_a_lost_index_are_entered_from_their_records(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.play("." * 15 + "555" + "." * 20 + "666" + "." * 20)
    before = kept.close().recent()
    kept.index.close()
    for path in tmp_path.glob(f"{NAME}*"):
        path.unlink()
    index = Index(tmp_path)
    assert repair(index).found == 2
    after = index.recent()
    assert [row.to_dict() for row in after] == [row.to_dict() for row in before]
    assert [row.start for row in after] == pytest.approx([row.start for row in before], abs=0.002)
    assert repair(index).found == 0


@pytest.mark.parametrize("what", ["broken", "other id", "other camera", "other day", "link", "list", "short name"])
def test_records_that_are_not_ours_are_not_entered(tmp_path: Path, what: str) -> None:
    index = Index(tmp_path / "data")
    event = stored(index, NOW)
    path = files_of(index.data, "yard", event, NOW)[3]
    record = json.loads(path.read_text())
    index.forget(event)
    if what == "broken":
        path.write_text(path.read_text()[:50])
    elif what == "other id":
        path.write_text(json.dumps(record | {"id": ulid(NOW)}))
    elif what == "other camera":
        path.write_text(json.dumps(record | {"camera": "../../door"}))
    elif what == "other day":
        path.write_text(json.dumps(record | {"start": record["start"] | {"wall": iso(NOW - DAY)}}))
    elif what == "list":
        path.write_text("[1, 2]")
    elif what == "short name":
        path.rename(path.with_name("a.json"))
    else:
        path.rename(tmp_path / "elsewhere.json")
        path.symlink_to(tmp_path / "elsewhere.json")
    assert repair(index).found == 0
    assert ids(index) == set()


def test_a_part_that_ends_anywhere_gives_a_clip_that_plays_or_none(tmp_path: Path) -> None:
    index, event = cut_off(tmp_path, "." * 15 + "5" * 40)
    start = index.get(event).start
    clip, part, _ = (path for path in files_of(index.data, "yard", event, start) if ".mp4" in path.name)
    whole = part.read_bytes()
    outcomes = set()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        clip.unlink(missing_ok=True)
        part.write_bytes(whole[:length])
        index.set_clip(event, "recording", 0)
        repair(index)
        outcomes.add(index.get(event).clip)
        if index.get(event).clip == "partial":
            assert pictures(clip), length
        else:
            assert not clip.exists()
    assert outcomes == {"partial", "failed"}
