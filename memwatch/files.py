"""Files that are whole or not there: written beside, flushed, then renamed."""

from __future__ import annotations

import errno
import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memwatch.errors import MemwatchError, UsageError

PNG = b"\x89PNG\r\n\x1a\n"
"""How every PNG file begins."""


def write_bytes(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write `data` to `path` whole or not at all, with the permissions `mode` if given.

    Raises MemwatchError naming the file when the disk is full or the folder can't be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:  # Ctrl-C too
        if part.parent.is_dir():
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise write_error(path, error) from None
        raise


def write_text(path: Path, text: str) -> None:
    """UTF-8 form of `write_bytes`."""
    write_bytes(path, text.encode())


def write_error(path: Path, error: OSError) -> MemwatchError:
    """The one line for a file that could not be written."""
    remedies = {
        errno.ENOSPC: "free some space, or write elsewhere",
        errno.EACCES: "choose a folder you may write to",
        errno.EROFS: "choose a folder you may write to",
        errno.ENOTDIR: "a part of its path is a file; choose another",
        errno.EEXIST: "a part of its path is a file; choose another",
    }
    return MemwatchError(
        f"{path}: cannot be written ({error.strerror})", remedies.get(error.errno or 0, "write elsewhere")
    )


def check_picture(path: Path) -> None:
    """UsageError for the name of a picture to be written that does not end in .png, or that has another kind of file:
    it may be what somebody cannot have again."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: a picture's name ends in .png", f"write {path}.png")
    try:
        with path.open("rb") as file:
            other = file.read(len(PNG)) != PNG
    except OSError:  # not there, or told when it is written
        return
    if other:
        raise UsageError(f"{path}: exists and is no PNG picture", "choose another name")


def write_figure(figure: Any, path: Path, *, dpi: int = 150) -> None:
    """A matplotlib figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    write_bytes(path, buffer.getvalue())


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold `folder`, made if need be, for this process alone. Raises UsageError naming the process that has it."""
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a+")
    except OSError as error:
        raise write_error(folder, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise UsageError(
                f"{folder}: in use by process {file.read().strip() or 'unknown'}",
                "stop that one, or name another folder",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
