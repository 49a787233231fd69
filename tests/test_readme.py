"""The README says only what is there: its commands parse, its links lead somewhere, its targets exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from memwatch.cli import app
from tests.conftest import ROOT, Command

README = (ROOT / "README.md").read_text()
BLOCKS = [
    line.strip()
    for fenced, indented in re.findall(r"^```[^\n]*\n(.*?)^```|((?:^ {4}[^\n]*\n)+)", README, re.M | re.S)
    for line in (fenced or indented).splitlines()
    if line.strip()
]
"""Every line of every code block, fenced or indented."""
COMMANDS = [line.removeprefix("$ ") for line in BLOCKS if line.removeprefix("$ ").startswith("memwatch ")]
MENTIONED = re.findall(r"`(memwatch [a-z][^`]*)`", README)
TARGETS = re.findall(r"^(?:\$ )?make ([a-z0-9-]+)", "\n".join(BLOCKS), re.M) + re.findall(r"`make ([a-z0-9-]+)", README)
LINKS = [
    link.split("#")[0]
    for link in re.findall(r"\]\(([^)\s]+)[^)]*\)|<img[^>]*\bsrc=\"([^\"]+)\"", README)
    for link in link
    if link and not re.match(r"[a-z]+:|#", link)
]

VERBS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
"""Commands of the click that typer brings along, which has no public name."""


def verb_of(line: str) -> str:
    verb = shlex.split(line, comments=True)[1]
    assert verb in VERBS
    return verb


def help_of(line: str, command: Command) -> str:
    done = command(verb_of(line), "--help")
    assert done.code == 0
    return done.out


def test_there_is_something_to_check() -> None:
    assert len(COMMANDS) >= 3
    assert len(LINKS) >= 3


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_parse(line: str) -> None:
    """Up to the shell's redirections: with every argument they need and no option that does not exist."""
    verb = verb_of(line)
    words = shlex.split(re.split(r"\s[>|]", line)[0], comments=True)[2:]
    VERBS[verb].make_context(verb, words)


@pytest.mark.parametrize("line", [*COMMANDS, *MENTIONED])
def test_the_help_lists_every_option_used(line: str, command: Command) -> None:
    used, listed = (set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) for text in (line, help_of(line, command)))
    assert used <= listed


@pytest.mark.parametrize("link", dict.fromkeys(LINKS))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_make_targets_exist() -> None:
    rules = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {"demo", "test"} <= set(TARGETS)
    assert set(TARGETS) <= rules


@pytest.mark.parametrize("path", dict.fromkeys(re.findall(r"`((?:samples|models|docs|benchmarks)/[\w./-]+)`", README)))
def test_files_named_in_the_text_exist(path: str) -> None:
    assert Path(ROOT / path).exists()
