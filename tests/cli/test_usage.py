"""A wrong command line, an error and a signal each end in the promised code and at most one line."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memwatch import process
from memwatch.errors import MemwatchError, SourceError, UsageError
from tests.conftest import ROOT, Memwatch


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("wach clip.mp4", "Did you mean 'watch'?"),
        ("watch", "Missing argument 'SOURCE'"),
        ("watch clip.mp4 --modl m", "--model"),
        ("watch clip.mp4 --model m --rate 2", "--rate"),
        ("watch clip.mp4 --model m --fps 0", "--fps"),
        ("train a --out b --preset bse", "'small', 'base', 'predictor', 'plain', 'paper'"),
        ("train a --out b --minutes 1 --steps 2", "not both"),
        ("train a --out b --seed one", "--seed"),
        ("evaluate d --model m --format csv", "'auto', 'table', 'json'"),
        ("score a --model m", "Missing option '--out'"),
    ],
)
def test_a_wrong_line_is_told_in_one(memwatch: Memwatch, line: str, says: str) -> None:
    done = memwatch(*line.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("memwatch: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert "--help" in done.stderr


BUFFERED = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
"""Unbuffered, a broken stdout is met by print and not by the last flush, which is the harder case."""


def failing(error: BaseException) -> process.Command:
    def command(**_: object) -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (MemwatchError("a.mp4: torn", "Copy it again"), 1, "memwatch: a.mp4: torn. Copy it again\n"),
        (SourceError("cam: silent", "Check\nthe cable"), 1, "memwatch: cam: silent. Check the cable\n"),
        (UsageError("x: no such file"), 2, "memwatch: x: no such file\n"),
        (MemwatchError("some clips failed", "", 3), 3, "memwatch: some clips failed\n"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "o.csv"), 1,
         "memwatch: o.csv: No space left on device. Free some space, or write elsewhere\n"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "o"), 1,
         "memwatch: o: Permission denied. Choose a file or folder that you may use\n"),
        (BrokenPipeError(), 1, ""),
        (KeyboardInterrupt(), 130, ""),
        (ValueError("odd\nthing"), 1,
         "memwatch: a bug: ValueError: odd thing; run again with --debug to see where\n"),
    ],
)  # fmt: skip
def test_each_error_has_its_code_and_line(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    assert process.run(failing(error), []) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", line)


def test_debug_shows_the_traceback_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    assert process.run(failing(ValueError("odd")), ["watch", "clip.mp4", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_debug_is_taken_off_the_line_but_not_behind_the_dashes() -> None:
    assert process.without_debug(["--debug", "a", "--", "--debug"]) == (["a", "--", "--debug"], True)
    assert process.without_debug(["a"]) == (["a"], False)


def test_a_number_from_the_command_is_the_exit_code() -> None:
    assert process.run(lambda **_: 3, []) == 3
    assert process.run(lambda **_: None, []) == 0


SIGNALLED = """
import os, signal, sys
from memwatch.process import asked_to_stop, run

def command(**_):
    try:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    except KeyboardInterrupt as error:
        print("cleaned up", flush=True)
        if sys.argv[2] == "again":
            os.kill(os.getpid(), signal.SIGINT)
        told = KeyboardInterrupt("with what was seen")
        told.__cause__ = error
        if sys.argv[2] == "graceful" and asked_to_stop(told):
            return 0
        raise

sys.exit(run(command, []))
"""


@pytest.mark.parametrize(
    ("name", "how", "code"),
    [
        ("SIGINT", "raise", 130),
        ("SIGTERM", "raise", 143),
        ("SIGTERM", "graceful", 0),
        ("SIGINT", "graceful", 130),
        ("SIGINT", "again", 130),
        ("SIGTERM", "again", 130),
    ],
)
def test_signals_end_quietly_after_clean_up(name: str, how: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, name, how], capture_output=True, text=True, cwd=ROOT, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "cleaned up\n", "")


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    process.run(lambda **_: 0, [])
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    code = (
        "import sys; from memwatch.process import run\n"
        "sys.exit(run(lambda **_: [print('x' * 100) for _ in range(10_000)] and 0, []))"
    )
    with (tmp_path / "err").open("w+") as err:
        writer = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=err, cwd=ROOT, env=BUFFERED
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.stdout.close()
        assert writer.wait(30) == 1
        err.seek(0)
        assert err.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "memwatch", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=BUFFERED,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "memwatch: No space left on device. Free some space, or write elsewhere\n"
