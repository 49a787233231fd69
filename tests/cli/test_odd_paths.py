"""Paths that exist and are no footage, names that no file can have, numbers that no seed can be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome, Trained

Command = Callable[..., Outcome]
VERBS = ("train", "score", "evaluate", "calibrate", "watch", "probe")


def arguments(verb: str, source: str, model: Path, out: Path) -> list[str]:
    return {
        "train": ["train", source, "--out", str(out / "new.safetensors")],
        "score": ["score", source, "--model", str(model), "--out", str(out)],
        "evaluate": ["evaluate", source, "--model", str(model)],
        "calibrate": ["calibrate", str(model), source],
        "watch": ["watch", source, "--model", str(model)],
        "probe": ["probe", source],
    }[verb]


@pytest.mark.parametrize("verb", VERBS)
def test_a_pipe_is_refused_and_not_waited_for(
    verb: str, command: Command, gray_model: Trained, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = command(*arguments(verb, str(pipe), gray_model.path, tmp_path / "out"))
    assert done.code == 2
    assert "is neither a file nor a folder" in done.complaint()


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_too_long_for_a_file_is_one_line(
    verb: str, command: Command, gray_model: Trained, tmp_path: Path
) -> None:
    done = command(*arguments(verb, "x" * 300 + ".mp4", gray_model.path, tmp_path / "out"))
    assert done.code in (1, 2)
    assert "a bug" not in done.complaint()


def test_a_seed_has_an_end(command: Command, tmp_path: Path) -> None:
    done = command("train", "x.mp4", "--out", str(tmp_path / "m.safetensors"), "--seed", "9" * 23)
    assert done.code == 2
    assert "--seed" in done.complaint()


def test_a_folder_is_no_model(command: Command, tmp_path: Path) -> None:
    done = command("info", str(tmp_path))
    assert done.code == 2
    assert "is a folder" in done.complaint()
