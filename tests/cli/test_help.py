"""Help is quick, complete and quiet about colours."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import fields

import pytest

from memwatch import __version__
from tests.conftest import Memwatch

COMMANDS = (
    "train", "adapt", "score", "watch", "evaluate", "calibrate", "probe", "info", "report", "explain", "memory",
    "replay", "events", "config", "zones",
)  # fmt: skip
HEAVY = ("av", "cv2", "matplotlib", "numpy", "rich", "safetensors", "scipy", "sklearn", "torch")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_each_command_has_help_with_an_example_of_itself(memwatch: Memwatch, command: str, flag: str) -> None:
    done = memwatch(command, flag)
    assert done.returncode == 0
    assert done.stderr == ""
    example = done.stdout.split("Example:", 1)[1].strip().splitlines()[0]
    assert example.startswith(f"memwatch {command} ")


def test_every_option_says_what_it_is(memwatch: Memwatch) -> None:
    import typer

    from memwatch.cli import app

    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert name in COMMANDS
        verbs = getattr(command, "commands", {})
        for verb in (command, *verbs.values()):
            for parameter in verb.params:
                assert parameter.help, f"{name} {verb.name}: {parameter.name}"


def test_train_explains_each_memory_in_a_line_and_names_its_options(memwatch: Memwatch) -> None:
    from memwatch.cli_train import MEMORY_OPTIONS
    from memwatch.config import MEMORIES
    from memwatch.model import options_of
    from memwatch.tasks.presets import MNAD_OPTIONS

    own = {name: [f.name for f in fields(options)] for name in MEMORIES if (options := options_of(name))}
    assert {name: text.split(", ") for name, text in MEMORY_OPTIONS.items()} == own | {"mnad": list(MNAD_OPTIONS)}
    lines = [line.strip() for line in [*memwatch("train", "--help").stdout.splitlines(), ""]]
    for name, what in MEMORIES.items():
        at = next(number for number, line in enumerate(lines) if line.startswith(name) and line.endswith(what))
        assert lines[at + 1] == MEMORY_OPTIONS.get(name, "")


def test_the_front_page_names_every_command(memwatch: Memwatch) -> None:
    page = memwatch("--help").stdout
    assert all(f"\n  {command} " in page for command in COMMANDS)


def test_no_arguments_show_the_front_page_as_an_error(memwatch: Memwatch) -> None:
    done = memwatch()
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Commands:" in done.stderr


def test_version(memwatch: Memwatch) -> None:
    assert memwatch("--version").stdout == f"memwatch {__version__}\n"


def test_help_starts_fast(memwatch: Memwatch) -> None:
    """At most 0.25 s is wanted; three times that here, as a test machine may be busy."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        memwatch("--help")
        took.append(time.perf_counter() - began)
    assert min(took) <= 0.75


def test_the_command_line_imports_nothing_heavy() -> None:
    code = f"import sys, memwatch.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_help_has_no_colour(memwatch: Memwatch, env: dict[str, str]) -> None:
    assert "\x1b" not in memwatch("--help", env=env).stdout
