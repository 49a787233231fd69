"""Keeps decoders from writing on the user's terminal, and hears what they would have said.

OpenCV's image decoders have no strict mode: a damaged TIFF comes back partly decoded, with no error but a
line on file descriptor 2. That line is the only sign, so it is caught here while one picture is decoded.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import atexit
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

import cv2

_ERRORS = (b"[ERROR:", b"[FATAL:", b"libpng error", b"Premature end of JPEG")
_CHATTER = (b"[ WARN:", b"[ INFO:", b"libpng warning", b"Corrupt JPEG data", b"OpenCV TIFF")
_lock = threading.Lock()


@contextlib.contextmanager
def decoder_errors() -> Iterator[list[str]]:
    """Collect what image decoders complain of inside the block; the list is filled when the block ends.

    Only errors are collected (a warning is said of sound pictures too); warnings are dropped. What another
    thread writes on stderr meanwhile is handed on afterwards. One block at a time in a process; keep it as
    short as one decode.
    """
    errors: list[str] = []
    with _lock:
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        sink = _divert_stderr()
        try:
            yield errors
        finally:
            said = sink()
            cv2.utils.logging.setLogLevel(level)
    if said:
        errors.extend(_sort(said))


class _Diversion:
    """File descriptor 2 pointed at a scratch file until called, which answers with what was written."""

    def __init__(self, scratch: IO[bytes], saved: int | None) -> None:
        self._scratch, self._saved = scratch, saved

    def __call__(self) -> bytes:
        if self._saved is None:  # the process was started without a stderr
            os.close(2)
        else:
            os.dup2(self._saved, 2)
            os.close(self._saved)
        end = os.lseek(self._scratch.fileno(), 0, os.SEEK_CUR)
        if not end:
            return b""
        os.lseek(self._scratch.fileno(), 0, os.SEEK_SET)
        said = os.read(self._scratch.fileno(), end)
        os.lseek(self._scratch.fileno(), 0, os.SEEK_SET)
        return said


_scratch: IO[bytes] | None = None


def _divert_stderr() -> _Diversion:
    global _scratch
    if _scratch is None:
        # One scratch file for the life of the process: making one a frame would cost more than the decode.
        _scratch = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        atexit.register(_scratch.close)
    try:
        saved = os.dup(2)
    except OSError:
        saved = None
    os.dup2(_scratch.fileno(), 2)
    return _Diversion(_scratch, saved)


def _sort(said: bytes) -> list[str]:
    """The errors among the lines; lines that no decoder wrote go on to the real stderr."""
    errors, others = [], []
    for line in said.splitlines(keepends=True):
        if line.startswith(_ERRORS):
            errors.append(line.decode(errors="replace").strip())
        elif line.strip() and not line.startswith(_CHATTER):
            others.append(line)
    if others:
        with contextlib.suppress(OSError):
            os.write(2, b"".join(others))
    return errors
