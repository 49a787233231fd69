"""The process around a command: signals in, exit code and at most one line of error out."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

import typer

from memwatch.console import say
from memwatch.errors import EXIT_FAILED, EXIT_INTERRUPTED, MemwatchError

EXIT_TERMINATED = 143
"""128 + SIGTERM, as shells count it."""

Command = Callable[..., object]
"""A Typer command object: called with args, prog_name and standalone_mode."""

# Typer's exceptions were click's until 0.2x and are its own since; both descend like this.
_CommandLineError = typer.BadParameter.__mro__[2]


class Terminated(KeyboardInterrupt):
    """SIGTERM. A task that cleans up on Ctrl-C does so on this as well."""


def asked_to_stop(stop: KeyboardInterrupt) -> bool:
    """Whether `stop`, or what it was raised from, is SIGTERM and not the user's Ctrl-C."""
    link: BaseException | None = stop
    while link is not None:
        if isinstance(link, Terminated):
            return True
        link = link.__cause__
    return False


def run(command: Command, argv: Sequence[str]) -> int:
    """Run `command` on `argv` and give the exit code.

    Whatever goes wrong becomes one line on stderr; `--debug`, anywhere before a bare `--`, shows the
    traceback too. Ctrl-C gives 130, SIGTERM 143 (or what the command itself returns after it), a second
    signal ends the process at once.
    """
    args, debug = without_debug(argv)
    with listening() as received:
        try:
            result = command(args=args, prog_name="memwatch", standalone_mode=False)
            code = result if isinstance(result, int) else 0
            sys.stdout.flush()
        except BaseException as error:
            if isinstance(error, SystemExit) and not isinstance(error.code, str):
                code = error.code or 0
            else:
                code = _explain(error)
            if debug and not isinstance(error, (KeyboardInterrupt, SystemExit)):
                traceback.print_exc()
    _abandon_broken_stdout()
    code = _after_signals(code, received)
    _leave_readers_behind(code)
    return code


def without_debug(argv: Sequence[str]) -> tuple[list[str], bool]:
    """`argv` less `--debug`, and whether it was there: it may be put at the end of a line that failed."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    kept = [arg for arg in argv[:end] if arg != "--debug"]
    return [*kept, *argv[end:]], len(kept) < end


@contextlib.contextmanager
def listening() -> Iterator[list[int]]:
    """SIGINT and SIGTERM as KeyboardInterrupt in the main thread; yields the list of those received.

    The second one ends the process: what did not stop on the first won't stop on an exception either.
    """
    received: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            os._exit(EXIT_INTERRUPTED)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_readers_behind(code: int) -> None:
    """End the process here if a camera's reader is stuck in a read: it would come back while the interpreter is being
    taken down, and abort it."""
    if any(thread.daemon and thread.name.startswith("camera") for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _after_signals(code: int, received: Sequence[int]) -> int:
    """The code to end with when signals came, whatever the layers between made of the exception."""
    if signal.SIGINT in received:
        return EXIT_INTERRUPTED
    if signal.SIGTERM in received and code == EXIT_INTERRUPTED:  # Typer's answer to a KeyboardInterrupt
        return EXIT_TERMINATED
    return code


def _explain(error: BaseException) -> int:
    """Say the one line for `error`, and give its exit code."""
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, MemwatchError):
        _complain(error.line())
        return error.code
    if isinstance(error, BrokenPipeError):  # the reader left; telling it would fail as well
        return EXIT_FAILED
    if isinstance(error, _CommandLineError):
        return _explain_usage(error)
    if isinstance(error, OSError) and error.errno in _MENDABLE:
        name = f"{error.filename}: " if error.filename else ""
        _complain(f"{name}{error.strerror}. {_MENDABLE[error.errno]}")
        return EXIT_FAILED
    if isinstance(error, MemoryError):
        _complain("out of memory. Close other programs, or use smaller footage or a smaller preset")
        return EXIT_FAILED
    what = " ".join(f"{type(error).__name__}: {error}".split())
    _complain(f"a bug: {what}; run again with --debug to see where")
    return EXIT_FAILED


_MENDABLE = {
    errno.ENOSPC: "Free some space, or write elsewhere",
    errno.EDQUOT: "Free some space, or write elsewhere",
    errno.EACCES: "Choose a file or folder that you may use",
    errno.EPERM: "Choose a file or folder that you may use",
    errno.EROFS: "Choose a folder that you may write to",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ENOTDIR: "A part of its path is a file; choose another",
    errno.ELOOP: "Its links lead in a circle; choose another",
    errno.EMFILE: "Raise the limit on open files (ulimit -n)",
}
"""What the user can do about an operating system's refusal that no task put into better words."""


def _explain_usage(error: BaseException) -> int:
    """A wrong command line: Typer's own sentence, and where the help is, on one line."""
    message = " ".join(str(error.format_message()).split()).rstrip(".")  # type: ignore[attr-defined]
    message = message.replace("Value error, ", "")  # the checker's own preface, of no use to the reader
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "memwatch"
    closing = "" if message.endswith("?") else "."
    _complain(f"{message}{closing} See: {path} --help")
    return int(getattr(error, "exit_code", 2))


def _complain(line: str) -> None:
    say(f"memwatch: {line}")


def _abandon_broken_stdout() -> None:
    """Keep the interpreter's last flush from complaining when stdout's reader has gone or its disk is full."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
