"""The command that the page prints is the one that makes it again."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchmarks.accuracy import _command, _options


def test_the_command_holds_all_that_changes_the_figures(tmp_path: Path) -> None:
    model, plain = tmp_path / "yard-1.safetensors", tmp_path / "plain.safetensors"
    model.touch()
    plain.touch()
    asked = ["--minutes", "24", "--seeds", "0", "1", "--paper-minutes", "60", "--normal-minutes", "30"]
    asked += ["--only", "ped2", "--only", "yard"]
    given = ["--model", f"yard={model}", "--plain", f"ped2={plain}", "--data", str(tmp_path), "--work", str(tmp_path)]
    line = _command(_options([*asked, *given]))
    assert str(tmp_path) not in line  # nobody else has that folder
    words = shlex.split(line)
    assert words[:5] == ["python", "-m", "benchmarks.accuracy", "--data", "PED2"]
    assert words[5:] == [*asked, "--model", "yard=yard-1.safetensors", "--plain", "ped2=plain.safetensors"]
