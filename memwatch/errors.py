"""The one family of errors that users see: a line that says what, where, and what to do about it."""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTIAL = 3
EXIT_INTERRUPTED = 130


class MemwatchError(Exception):
    """Something the user can mend.

    `message` names the thing and the place, `remedy` what to do; `code` is the process's exit code
    (1 failed, 2 wrong options, config or files, 3 partly done).
    """

    def __init__(self, message: str, remedy: str = "", code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code

    def line(self) -> str:
        """The single line that the command line prints on stderr."""
        text = f"{self.message}. {self.remedy}" if self.remedy else self.message
        return " ".join(text.split())


class UsageError(MemwatchError):
    """Wrong options, config or input files: exit code 2."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy, EXIT_USAGE)


class SourceError(MemwatchError):
    """A source of frames that can't be opened or read. `reason` says why in a word, for machines: one of those of
    `camera_lost` in docs/events.md."""

    def __init__(self, message: str, remedy: str = "", *, reason: str = "unknown") -> None:
        super().__init__(message, remedy)
        self.reason = reason
