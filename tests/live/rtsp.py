"""Cameras that tests can kill, freeze, lock and bring back: GStreamer's RTSP server in processes of their own."""

from __future__ import annotations

import functools
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

SYSTEM_PYTHON = "/usr/bin/python3"
CHECK = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


@functools.cache
def missing() -> str:
    """Why no such camera can be started here; empty where one can."""
    try:
        done = subprocess.run([SYSTEM_PYTHON, "-c", CHECK], capture_output=True, timeout=60, check=False)
    except OSError:
        return "no system Python"
    return "" if done.returncode == 0 else "GStreamer's RTSP server is not installed (tests/live/parts.sh)"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class RtspCamera:
    """One camera at one port; `account` is USER:PASSWORD where it asks for one."""

    def __init__(self, clip: Path, account: str = "") -> None:
        self.clip = clip
        self.account = account
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    def url(self, account: str = "") -> str:
        return f"rtsp://{account + '@' if account else ''}127.0.0.1:{self.port}/live"

    def start(self) -> None:
        line = [SYSTEM_PYTHON, str(Path(__file__).with_name("rtsp_server.py")), str(self.port), str(self.clip)]
        line += [self.account] if self.account else []
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
