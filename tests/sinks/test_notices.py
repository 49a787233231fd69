"""What people are told: posted with a signature and tried again, or given to a program that cannot run for ever."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memwatch.sinks import notices
from memwatch.sinks.notices import Hooks, Notices, Webhook
from memwatch.types import Event, StateEvent

from .listening import Listening, wait_until
from .stream import WALL, frame, observe

RECORD: dict[str, Any] = {"camera": "yard", "id": "e1", "text": "größer"}
SECRET = "hush-hush"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next try comes at once."""
    monkeypatch.setattr(notices, "FIRST_WAIT_S", 0.01)


def webhook(url: str, told: list[str] | None = None, **settings: Any) -> Webhook:
    given = {"secret": SECRET, "timeout_s": 5.0, "retries": 3} | settings
    return Webhook(url, note=(told if told is not None else []).append, **given)


def ended(hook: Webhook | Hooks, count: int = 1) -> None:
    done = (lambda: hook.sent + hook.failed) if isinstance(hook, Webhook) else (lambda: hook.ran + hook.failed)
    wait_until(lambda: done() >= count, 10)
    hook.close()


def test_a_notice_is_json_signed_with_the_secret() -> None:
    with Listening() as server:
        hook = webhook(server.url)
        hook.send("event_start", RECORD)
        ended(hook)
        ((path, headers, body),) = server.got
    assert path == "/hook"
    assert json.loads(body) == RECORD
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Memwatch-Type"] == "event_start"
    right = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Memwatch-Signature"] == f"sha256={right}"
    assert SECRET not in repr(headers)


def test_without_a_secret_there_is_no_signature() -> None:
    with Listening() as server:
        hook = webhook(server.url, secret=None)
        hook.send("event_start", RECORD)
        ended(hook)
        assert "X-Memwatch-Signature" not in server.got[0][1]


@pytest.mark.parametrize("first", [[500, 503], [429, 408], [-1, 500]])
def test_it_is_tried_again_until_it_is_taken(first: Sequence[int]) -> None:
    with Listening(*first, 200) as server:
        hook = webhook(server.url, told := [])
        hook.send("event_start", RECORD)
        ended(hook)
        assert [body for _, _, body in server.got] == [server.got[0][2]] * 3
    assert (hook.sent, hook.failed, told) == (1, 0, [])


def test_it_is_given_up_after_its_tries_and_the_next_one_goes_out() -> None:
    with Listening(500, 500, 500, 200) as server:
        hook = webhook(server.url, told := [], retries=2)
        hook.send("event_start", RECORD)
        hook.send("event_end", RECORD)
        ended(hook, 2)
        assert [headers["X-Memwatch-Type"] for _, headers, _ in server.got] == ["event_start"] * 3 + ["event_end"]
    assert (hook.sent, hook.failed) == (1, 1)
    assert len(told) == 1
    assert "answers 500" in told[0]


@pytest.mark.parametrize("code", [400, 401, 404, 410])
def test_what_is_refused_is_not_tried_again(code: int) -> None:
    with Listening(code) as server:
        hook = webhook(server.url, told := [])
        hook.send("event_start", RECORD)
        ended(hook)
        assert len(server.got) == 1
    assert (hook.sent, hook.failed) == (0, 1)
    assert f"answers {code}" in told[0]


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(code: int) -> None:
    with Listening() as elsewhere, Listening(code, location=elsewhere.url) as server:
        hook = webhook(server.url, told := [], retries=0)
        hook.send("event_start", RECORD)
        ended(hook)
        assert len(server.got) == 1
        assert elsewhere.got == []
    assert f"answers {code}" in told[0]


def test_while_a_server_hangs_nothing_waits_and_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "WAITING", 5)
    with Listening(0) as server:
        hook = webhook(server.url, timeout_s=10.0)
        hook.send("event_start", RECORD)
        wait_until(lambda: len(server.got) == 1)
        began = time.monotonic()
        for _ in range(20):
            hook.send("event_start", RECORD)
        assert time.monotonic() - began < 0.5
        assert hook.dropped == 15
        hook._stop.set()


def test_a_server_that_hangs_is_left_after_its_time() -> None:
    with Listening(0) as server:
        hook = webhook(server.url, told := [], timeout_s=0.2, retries=1)
        began = time.monotonic()
        hook.send("event_start", RECORD)
        ended(hook)
        assert 0.3 < time.monotonic() - began < 3
        assert len(server.got) == 2
    assert "timed out" in told[0]


@pytest.mark.parametrize("answer", [404, 500, -1, None], ids=["refused", "error", "nonsense", "nobody"])
def test_no_note_holds_a_secret(answer: int | None) -> None:
    with Listening(*([answer] if answer else [])) as server:
        host = server.url.removeprefix("http://").removesuffix("/hook")
        if answer is None:
            with socket.create_server(("127.0.0.1", 0)) as free:
                host = f"127.0.0.1:{free.getsockname()[1]}"
        hook = webhook(f"http://{host}/services/T0PS3CRET?token=hidden", told := [], retries=1)
        hook.send("event_start", RECORD)
        ended(hook)
    (note,) = told
    assert note.startswith("webhook 127.0.0.1: ")
    for secret in ("T0PS3CRET", "hidden", SECRET):
        assert secret not in note


def an_event(phase: str = "opened", **changes: Any) -> Event:
    seen = observe(frame(20), 5.0)
    event = Event("e1", "yard", phase, seen, seen, seen, 3, 3, "motion", "moves")
    return replace(event, **changes)


def test_only_starts_and_ends_that_nothing_suppresses_are_told() -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    front = Notices(lambda kind, record: sent.append((kind, record)), model={"id": "m"})
    for phase in ("opened", "updated", "closed"):
        front.on_event(an_event(phase, end_reason="quiet" if phase == "closed" else None))
    front.on_event(an_event(suppressed_by="cooldown"))
    assert [(kind, record["seq"]) for kind, record in sent] == [("event_start", 1), ("event_end", 2)]
    assert sent[1][1]["schema"] == "memwatch.event/1"


def test_cameras_lost_and_found_are_told_and_other_states_are_not() -> None:
    sent: list[str] = []
    front = Notices(lambda kind, record: sent.append(f"{kind} {record['camera']}"), model={"id": "m"})
    for kind in ("camera_connecting", "camera_lost", "camera_back", "scene_change", "disk_full", "digest"):
        front.on_state(StateEvent("yard", kind, WALL))
    assert sent == ["camera_lost yard", "camera_back yard", "disk_full yard", "digest yard"]


def hooks(command: Sequence[str], told: list[str], **settings: Any) -> Hooks:
    return Hooks({"event_start": command}, **({"timeout_s": 10.0, "note": told.append} | settings))


COPY = "import os, sys; open(sys.argv[1], 'w').write(sys.stdin.read() + os.environ['MEMWATCH_CAMERA'])"


def test_a_program_has_the_line_on_its_input(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hook = hooks([sys.executable, "-c", COPY, str(out)], told := [])
    hook.send("event_start", RECORD)
    hook.send("camera_lost", RECORD)  # nothing is run for it
    ended(hook)
    text = out.read_text()
    assert json.loads(text.removesuffix("yard")) == RECORD
    assert (hook.ran, hook.failed, told) == (1, 0, [])


@pytest.mark.parametrize("name", ["$(touch x)", "; touch x", "`touch x`", "\n touch x", "' || touch x"])
def test_no_shell_reads_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out $HOME; touch x"
    hook = hooks([sys.executable, "-c", COPY, str(out)], told := [])
    hook.send("event_start", RECORD | {"camera": name})
    ended(hook)
    assert told == []
    assert out.read_text().endswith(name)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_program_is_ended_after_its_time_with_all_that_it_started(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    child = f"import time\nwhile True: open({str(beat)!r}, 'a').write('x'); time.sleep(0.02)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    hook = hooks([sys.executable, "-c", parent], told := [], timeout_s=1.0)
    began = time.monotonic()
    hook.send("event_start", RECORD)
    ended(hook)
    assert time.monotonic() - began < 4
    assert (hook.ran, hook.failed) == (0, 1)
    assert "still ran after 1 s and was ended" in told[0]
    time.sleep(0.1)
    size = beat.stat().st_size
    time.sleep(0.2)
    assert beat.stat().st_size == size > 0


def test_a_program_that_reads_nothing_is_no_trouble() -> None:
    hook = hooks([sys.executable, "-c", "pass"], told := [])
    hook.send("event_start", RECORD | {"text": "x" * 300_000})
    ended(hook)
    assert (hook.ran, told) == (1, [])


def test_what_fails_is_told_with_its_last_line_and_without_passwords() -> None:
    words = "import sys; sys.exit('first\\ncannot reach rtsp://me:secret@cam/live')"
    hook = hooks([sys.executable, "-c", words], told := [])
    hook.send("event_start", RECORD)
    ended(hook)
    assert "ended with 1 cannot reach rtsp://***@cam/live" in told[0]
    assert "secret" not in told[0]


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    hook = hooks([str(tmp_path / "none")], told := [])
    hook.send("event_start", RECORD)
    ended(hook)
    assert "does not start" in told[0]
    assert hook.failed == 1
