"""A model of another camera: what it starts from, what it leaves behind, and what cannot be adapted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from memwatch.errors import UsageError
from memwatch.model import Model, load_model, save_model
from memwatch.tasks.adapt import adapt
from memwatch.tasks.presets import model_config
from memwatch.tasks.progress import Silent
from memwatch.tasks.train import _elsewhere
from tests import tiny
from tests.conftest import Trained
from tests.scene import HEIGHT, WIDTH, film, folder


def test_a_model_goes_on_from_another_and_says_from_which(colour_model: Trained, tmp_path: Path) -> None:
    other = folder(tmp_path / "gate", film(220, seed=21))
    before = load_model(colour_model.path)
    out = tmp_path / "gate.safetensors"
    report = adapt(colour_model.path, [str(other)], out, steps=1, progress=Silent())
    made = load_model(out)
    assert report.model_id == made.id != before.id
    assert made.card["adapted_from"] == before.id
    assert made.config == before.config
    assert made.calibration is not None
    near = [(a - b).abs().max() < 0.05 for a, b in zip(made.net.parameters(), before.net.parameters(), strict=True)]
    assert all(near)  # one step from where the other was
    assert load_model(colour_model.path).id == before.id


def test_what_it_knew_of_the_other_scene_s_places_is_gone() -> None:
    net = tiny.network(tiny.config(head_scene=True, head_place=3))
    assert net.head is not None
    torch.nn.init.normal_(net.head.places)
    told = _elsewhere(net).head
    assert told is not None
    assert not bool(told.places.any())


def test_a_published_schedule_is_no_adaptation(tmp_path: Path) -> None:
    config = model_config("paper", (WIDTH, HEIGHT), gray=True, memory=None)
    small = tiny.network(tiny.config(preset=config.preset))
    path = tmp_path / "paper.safetensors"
    save_model(Model(small, small.memory.new_state(), {"cues": []}), path)
    with pytest.raises(UsageError, match="preset paper cannot be adapted"):
        adapt(path, [str(tmp_path)], tmp_path / "b.safetensors", progress=Silent())


def test_a_model_that_is_none_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such model file"):
        adapt(tmp_path / "none.safetensors", [str(tmp_path)], tmp_path / "b.safetensors", progress=Silent())
