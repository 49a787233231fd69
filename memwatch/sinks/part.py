"""A text file that grows for as long as a source runs, and is whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from memwatch.files import write_error


class PartFile:
    """Written as `<name>.part`; `close` flushes it and renames it to `path`, `abort` removes it.

    Every method raises MemwatchError naming the file when it can't be written; the part is gone by then.
    It has a `write`, so that csv writers take it for a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # csv brings its own line ends; nothing may translate them.
            self._file = self._part.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise write_error(path, error) from None

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError as error:
            self.abort()
            raise write_error(self.path, error) from None

    def close(self) -> None:
        """Put the file in its place; a second call does nothing."""
        if self._file.closed:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._part, self.path)
        except OSError as error:
            self.abort()
            raise write_error(self.path, error) from None

    def abort(self) -> None:
        """Remove what was written; a file that is already in place stays."""
        try:
            self._file.close()
        except OSError:
            pass  # the rest of a buffer that a full disk did not take is not wanted
        finally:
            self._part.unlink(missing_ok=True)
