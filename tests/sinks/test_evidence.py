"""What an event leaves on disk: its clip with what came before and after, its best frame, its record."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from memwatch.errors import MemwatchError
from memwatch.sinks.evidence import files_of
from memwatch.sinks.index import Index
from memwatch.types import StateEvent
from memwatch.video.writer import VideoWriter

from .kept import Kept, pictures, place
from .stream import FPS, WALL, frame


def test_a_clip_begins_before_and_ends_after_its_event(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.play("?" * 5 + "." * 20 + "3485" + "." * 25)
    index = kept.close()
    (event,) = kept.events
    row = index.get(event)
    assert (row.clip, row.end_reason, row.camera) == ("ready", "quiet", "yard")
    seen = pictures(files_of(tmp_path, "yard", event, row.start)[0])
    # From one second before frame 25 to half a second after frame 28.
    assert len(seen) == 10 + 4 + 5
    assert [round(seconds, 2) for seconds, _ in seen] == [round(n / FPS, 2) for n in range(19)]
    assert [place(image) for _, image in seen] == pytest.approx([index % 52 for index in range(15, 34)], abs=1)


def test_pictures_and_record_lie_beside_it_and_the_index_counts_their_bytes(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.play("." * 20 + "3485" + "." * 25)
    index = kept.close()
    (event,) = kept.events
    row = index.get(event)
    day = tmp_path / "events" / "yard" / time.strftime("%Y/%m/%d", time.gmtime(WALL))
    names = [f"{event}{ending}" for ending in ("-clean.jpg", ".jpg", ".json", ".mp4")]
    assert kept.files() == [day / name for name in names]
    assert row.bytes == sum(path.stat().st_size for path in kept.files())
    record = json.loads((day / names[2]).read_text())
    assert record == row.record
    assert (record["id"], record["state"], record["peak"]["frame"]) == (event, "closed", 22)

    clean, boxed = cv2.imread(str(day / names[0])), cv2.imread(str(day / names[1]))
    assert clean is not None
    assert boxed is not None
    true = frame(22).image
    assert clean.shape == true.shape
    assert np.abs(clean.astype(int) - true).mean() < 6
    # The boxed one has a frame in colour around the square, which the clean one, being gray, hasn't.
    assert np.ptp(clean, axis=2).max() < 40
    assert np.ptp(boxed, axis=2).max() > 80


def test_several_events_have_a_clip_each_though_their_rolls_overlap(tmp_path: Path) -> None:
    kept = Kept(tmp_path, post_roll_s=2.0)
    kept.play("." * 15 + "555" + "." * 8 + "666" + "." * 40 + "777" + "." * 30)
    index = kept.close()
    assert len(kept.events) == 3
    rows = [index.get(event) for event in kept.events]
    assert [row.clip for row in rows] == ["ready"] * 3
    for row in rows:
        seen = pictures(files_of(tmp_path, "yard", row.id, row.start)[0])
        assert len(seen) == 10 + 3 + 20


@pytest.mark.parametrize("reason", ["camera_lost", "source_end", "shutdown"])
def test_what_cuts_an_event_off_ends_its_clip_at_once(tmp_path: Path, reason: str) -> None:
    kept = Kept(tmp_path)
    kept.play("." * 15 + "5555")
    kept.end(reason)
    kept.settle()
    time.sleep(0.05)
    until = time.monotonic() + 5
    while kept.index.get(next(iter(kept.events))).clip == "recording" and time.monotonic() < until:
        time.sleep(0.01)
    row = kept.index.get(next(iter(kept.events)))
    assert (row.clip, row.end_reason) == ("ready", reason)
    assert len(pictures(files_of(tmp_path, "yard", row.id, row.start)[0])) == 14
    kept.close()


def test_closing_in_the_post_roll_keeps_what_there_is(tmp_path: Path) -> None:
    kept = Kept(tmp_path, post_roll_s=30.0)
    kept.play("." * 15 + "555" + "." * 12)
    index = kept.close()
    row = index.get(next(iter(kept.events)))
    assert row.clip == "ready"
    assert len(pictures(files_of(tmp_path, "yard", row.id, row.start)[0])) == 10 + 3 + 12


def test_while_it_is_recorded_the_index_says_so(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.play("." * 15 + "55555")
    kept.settle()
    row = kept.index.get(next(iter(kept.events)))
    assert (row.clip, row.stop) == ("recording", None)
    kept.close()


def test_without_recording_only_the_index_knows(tmp_path: Path) -> None:
    kept = Kept(tmp_path, record=False)
    kept.play("." * 15 + "555" + "." * 20)
    index = kept.close()
    assert index.get(next(iter(kept.events))).clip == "none"
    assert kept.files() == []


def test_a_writer_that_fails_is_told_once_and_the_next_clip_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, broken = VideoWriter.write, True

    def sometimes(self: VideoWriter, *given: Any) -> None:
        if broken:
            raise MemwatchError("clip: cannot be written (No space left on device)", "free some space")
        write(self, *given)

    monkeypatch.setattr(VideoWriter, "write", sometimes)
    kept = Kept(tmp_path)
    kept.play("." * 15 + "555" + "." * 20 + "555" + "." * 20)
    kept.settle()
    first, second = kept.events
    assert [kept.index.get(one).clip for one in (first, second)] == ["failed", "failed"]
    assert [state.kind for state in kept.states] == ["evidence_failed"]
    assert "No space left" in kept.states[0].facts["text"]
    broken = False
    kept.play("555" + "." * 20)
    index = kept.close()
    assert index.get(list(kept.events)[2]).clip == "ready"
    assert [state.kind for state in kept.states] == ["evidence_failed", "disk_ok"]
    assert index.get(first).end_reason == "quiet"  # what is known of it is there all the same


def test_a_record_that_cannot_be_written_does_not_leave_a_clip_that_grows_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise MemwatchError(f"{path}: cannot be written", "free some space")

    monkeypatch.setattr("memwatch.sinks.evidence.write_text", full)
    kept = Kept(tmp_path)
    kept.play("." * 15 + "555" + "." * 60)
    kept.settle()
    row = kept.index.get(next(iter(kept.events)))
    assert row.clip == "ready"
    assert len(pictures(files_of(tmp_path, "yard", row.id, row.start)[0])) == 10 + 3 + 5
    assert [state.kind for state in kept.states][:1] == ["evidence_failed"]
    kept.close()


def test_without_room_no_clip_is_begun_and_that_is_told_once(tmp_path: Path) -> None:
    room = False
    kept = Kept(tmp_path, room=lambda: room)
    kept.play("." * 15 + "555" + "." * 20 + "555" + "." * 20)
    kept.settle()
    assert [kept.index.get(one).clip for one in kept.events] == ["none", "none"]
    assert [state.kind for state in kept.states] == ["disk_full"]
    room = True
    kept.play("555" + "." * 20)
    kept.close()
    assert [state.kind for state in kept.states] == ["disk_full", "disk_ok"]


def test_a_slow_disk_never_holds_up_the_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = VideoWriter.write

    def slowly(self: VideoWriter, *given: Any) -> None:
        time.sleep(0.02)
        write(self, *given)

    monkeypatch.setattr(VideoWriter, "write", slowly)
    kept = Kept(tmp_path)
    kept.play("." * 15 + "5555")
    took = []
    for number in range(500):
        began = time.monotonic()
        kept.evidence.on_frame(frame(100 + number), None)
        took.append(time.monotonic() - began)
    assert sum(took) < 1.0
    assert kept.lost > 0


def test_states_of_the_camera_are_in_the_index(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.evidence.on_state(StateEvent("yard", "camera_lost", WALL, {"reason": "eof"}))
    index = kept.close()
    (state,) = index.states(camera="yard")
    assert (state["type"], state["reason"]) == ("camera_lost", "eof")


def test_a_stream_whose_time_jumps_back_begins_its_ring_anew(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.play("." * 30)
    kept.settle()
    kept.evidence.on_frame(frame(3), None)
    kept.settle()
    time.sleep(0.05)
    assert [one.index for one in kept.evidence._ring] == [3]
    assert kept.evidence._bytes == len(kept.evidence._ring[0].jpeg)
    kept.close()


def test_the_row_of_an_event_is_there_before_anything_of_its_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a crash in between leaves a file that nobody knows of."""
    known: list[bool] = []
    write = VideoWriter.write

    def watched(self: VideoWriter, *given: Any) -> None:
        known.append(self.path.stem in {row.id for row in index.recent()})
        write(self, *given)

    kept = Kept(tmp_path)
    index: Index = kept.index
    monkeypatch.setattr(VideoWriter, "write", watched)
    kept.play("." * 15 + "555" + "." * 20)
    kept.close()
    assert known
    assert all(known)
