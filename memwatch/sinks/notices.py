"""What people are told of: the start and end of events that nothing suppresses, and cameras lost and found."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memwatch.errors import MemwatchError
from memwatch.events import event_record, state_record
from memwatch.sinks.base import Sink
from memwatch.sinks.worker import Worker, told
from memwatch.types import Event, StateEvent
from memwatch.video.redaction import redact

WAITING = 500
"""Notices that may wait for an address or a program that does not answer."""
STATES = (
    "camera_lost", "camera_back", "camera_frozen", "camera_failed", "flood", "digest", "disk_full", "evidence_failed",
)  # fmt: skip
"""States that are told as well."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Between tries, doubled each time."""

Record = dict[str, Any]
Send = Callable[[str, Record], None]
"""Is given the kind (event_start, event_end or a state's) and the line."""


class Notices(Sink):
    """One camera's front of what is told of all."""

    def __init__(self, send: Send, *, model: dict[str, Any]) -> None:
        self._send = send
        self._model = model
        self._seq = 0

    def on_event(self, event: Event) -> None:
        if event.suppressed_by or event.phase == "updated":
            return
        self._seq += 1
        kind = "event_start" if event.phase == "opened" else "event_end"
        self._send(kind, event_record(event, seq=self._seq, model=self._model))

    def on_state(self, state: StateEvent) -> None:
        if state.kind in STATES:
            self._send(state.kind, state_record(state))


class Webhook:
    """Posts each notice as JSON to `url`, signed with `secret`, tried again until it is taken.

    The body's HMAC-SHA256 stands in X-Memwatch-Signature as `sha256=HEX`. While the address does not answer, later
    notices wait; more than the queue holds are dropped and counted.
    """

    def __init__(
        self, url: str, *, secret: str | None, timeout_s: float, retries: int, note: Callable[[str], None]
    ) -> None:
        self.sent = self.failed = 0
        self._url = url
        self._shown = _host(url)
        self._secret = secret.encode() if secret else None
        self._timeout = timeout_s
        self._retries = retries
        self._note = note
        self._stop = threading.Event()
        self._worker = Worker("webhook", most=WAITING, failed=self._give_up)

    @property
    def dropped(self) -> int:
        return self._worker.dropped

    def send(self, kind: str, record: Record) -> None:
        self._worker.put(lambda: self._deliver(kind, record))

    def close(self) -> None:
        """Send what waits, if that is quick."""
        if not self._worker.close(2.0):
            self._stop.set()

    def _deliver(self, kind: str, record: Record) -> None:
        body = json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "memwatch", "X-Memwatch-Type": kind}
        if self._secret:
            digest = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
            headers["X-Memwatch-Signature"] = f"sha256={digest}"
        wait = FIRST_WAIT_S
        for left in range(self._retries, -1, -1):
            try:
                request = urllib.request.Request(self._url, data=body, headers=headers, method="POST")
                with _OPENER.open(request, timeout=self._timeout):
                    self.sent += 1
                    return
            except urllib.error.HTTPError as error:
                final = 400 <= error.code < 500 and error.code not in (408, 429)
                reason = f"answers {error.code}"
                error.close()
            except http.client.HTTPException as error:  # its words may hold the address
                final, reason = False, f"answers nonsense ({type(error).__name__})"
            except OSError as error:
                final, reason = False, redact(str(getattr(error, "reason", error)))
            if final or not left or self._stop.wait(wait):
                raise MemwatchError(f"webhook {self._shown}: {reason}", "the notice is given up")
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _give_up(self, error: Exception) -> None:
        self.failed += 1
        self._note(told(error))


def _host(url: str) -> str:
    """As much of an address as may be shown: what follows is a secret with many services."""
    try:
        return urllib.parse.urlsplit(url).hostname or "address"
    except ValueError:
        return "address"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed notice goes where the user said, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class Hooks:
    """Runs a program for a notice, the line on its standard input; no shell, and never longer than `timeout_s`."""

    def __init__(self, commands: Mapping[str, Sequence[str]], *, timeout_s: float, note: Callable[[str], None]) -> None:
        """`commands`: notices' kinds to programs with their arguments, which are passed as they are."""
        self.ran = self.failed = 0
        self._commands = commands
        self._timeout = timeout_s
        self._note = note
        self._worker = Worker("hooks", most=WAITING, failed=self._give_up)

    @property
    def dropped(self) -> int:
        return self._worker.dropped

    def send(self, kind: str, record: Record) -> None:
        if kind in self._commands:
            self._worker.put(lambda: self._run(kind, record))

    def close(self) -> None:
        self._worker.close(2.0)

    def _run(self, kind: str, record: Record) -> None:
        command = list(self._commands[kind])
        about = {"MEMWATCH_TYPE": kind, "MEMWATCH_CAMERA": str(record["camera"])}
        started = time.monotonic()
        try:
            running = subprocess.Popen(
                command,
                env=os.environ | about,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise MemwatchError(f"hook {command[0]}: does not start ({error.strerror})", "check its path") from None
        with running:
            try:
                line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
                _, said = running.communicate(line, timeout=self._timeout)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):  # with all that it started
                    os.killpg(running.pid, signal.SIGKILL)
                took = time.monotonic() - started
                raise MemwatchError(f"hook {command[0]}: still ran after {took:.0f} s and was ended") from None
        if running.returncode:
            last = said.decode(errors="replace").strip().rpartition("\n")[2][:200]
            raise MemwatchError(f"hook {command[0]}: ended with {running.returncode} {redact(last)}".rstrip())
        self.ran += 1

    def _give_up(self, error: Exception) -> None:
        self.failed += 1
        self._note(told(error))
