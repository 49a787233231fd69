"""Training students: what their teacher is taken or learns from, and when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from memwatch.errors import UsageError
from memwatch.model import load_model
from memwatch.model.memory import students
from memwatch.tasks.progress import Silent
from memwatch.tasks.train import TrainReport, train
from tests.conftest import TRAINING, Trained, weights_of
from tests.tasks.listeners import CtrlC, Recorder


def again(model: Trained, out: Path, **changes: Any) -> TrainReport:
    """The training of `model` once more, to `out`."""
    return train(model.footage, out, **(TRAINING | {"progress": Silent()} | changes))


def test_a_teacher_s_file_is_looked_at_when_a_training_begins_and_never_again(
    colour_model: Trained, tmp_path: Path
) -> None:
    teacher, out = tmp_path / "teacher.safetensors", tmp_path / "b.safetensors"
    options = ["width=2", "dimensions=2", "students=1"]
    choice: dict[str, Any] = {"memory": "students", "memory_options": [*options, f"teacher={teacher}"], "steps": 9}
    with pytest.raises(UsageError, match="no such teacher file"):
        again(colour_model, out, **choice, progress=Recorder())
    assert list(tmp_path.iterdir()) == []
    again(colour_model, out, memory="students", memory_options=options, steps=1)
    out.rename(teacher)
    again(colour_model, whole := tmp_path / "whole.safetensors", **choice)
    with pytest.raises(KeyboardInterrupt):
        again(colour_model, out, **choice, progress=CtrlC("training", 5))
    known = load_model(teacher).net.memory.state_dict()
    teacher.unlink()
    again(colour_model, out, **choice, resume=True)
    assert weights_of(out) == weights_of(whole)
    learned = load_model(out).net.memory.state_dict()
    for name in known:
        if name.startswith(("teacher.", "students.")):
            assert torch.equal(known[name], learned[name]) == name.startswith("teacher."), name
    again(colour_model, tmp_path / "c.safetensors", start=out, steps=1)  # another camera's model begins with weights


def test_what_a_teacher_learns_from_is_asked_for_while_a_model_is_made_and_not_when_it_is_adapted(
    colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped or not, with the file gone: the adapted model's teacher is the one that was distilled."""
    asked: list[Path] = []

    class Known:
        def __init__(self, path: Path) -> None:
            asked.append(path)

        def says(self, patches: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(patches), 512)

    monkeypatch.setattr(students, "Source", Known)
    options = ["width=2", "dimensions=2", "students=1", "distil=resnet18.safetensors"]
    choice: dict[str, Any] = {"memory": "students", "memory_options": options, "steps": 9}
    again(colour_model, whole := tmp_path / "whole.safetensors", **choice)
    with pytest.raises(KeyboardInterrupt):
        again(colour_model, out := tmp_path / "a.safetensors", **choice, progress=CtrlC("training", 2))
    again(colour_model, out, **choice, resume=True)
    assert weights_of(out) == weights_of(whole)
    assert asked == [Path("resnet18.safetensors")] * 3

    adapted, stopped = tmp_path / "b.safetensors", tmp_path / "c.safetensors"
    again(colour_model, adapted, start=out, steps=9)
    with pytest.raises(KeyboardInterrupt):
        again(colour_model, stopped, start=out, steps=9, progress=CtrlC("training", 2))
    again(colour_model, stopped, start=out, steps=9, resume=True)
    assert len(asked) == 3
    assert weights_of(stopped) == weights_of(adapted)
    before, after = (load_model(path).net.memory.state_dict() for path in (out, adapted))
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("teacher."))
