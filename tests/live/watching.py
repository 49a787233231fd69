"""`memwatch watch` as a user has it, in a process of its own, its lines read as they come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.conftest import ROOT

Line = dict[str, Any]


class Watching:
    """Lines with the monotonic time at which they came."""

    def __init__(self, *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path = ROOT) -> None:
        self.lines: list[tuple[float, Line]] = []
        self.errors: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "memwatch", "watch", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | (env or {}),
        )
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, wanted: Callable[[Line], bool], timeout: float, since: float = 0.0) -> tuple[float, Line]:
        """The first line that is wanted and came after `since`; fails after `timeout` seconds."""
        until = time.monotonic() + timeout
        while True:
            for at, line in list(self.lines):
                if at >= since and wanted(line):
                    return at, line
            ended = self.process.poll() is not None
            assert not ended, self.errors[-5:]
            assert time.monotonic() < until, (self.told(), self.errors[-5:])
            time.sleep(0.05)

    def state(self, camera: str, kind: str, timeout: float, since: float = 0.0) -> tuple[float, Line]:
        return self.wait_for(lambda line: line["camera"] == camera and line["type"] == kind, timeout, since)

    def told(self) -> Sequence[tuple[str, str]]:
        return [(line["camera"], line["type"]) for _, line in self.lines]

    def end(self, number: int, timeout: float = 20) -> int:
        """Send a signal and answer the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout)
        for thread in self._threads:
            thread.join(5)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for thread in self._threads:
            thread.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.lines.append((time.monotonic(), json.loads(text)))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self.errors.append(text.rstrip("\n"))
