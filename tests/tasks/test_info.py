"""The card of a model file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memwatch.errors import UsageError
from memwatch.tasks.info import info
from tests.conftest import Trained


def test_the_card_says_what_the_model_is(colour_model: Trained) -> None:
    card = json.loads(json.dumps(info(colour_model.path), allow_nan=False))
    assert card["schema"] == "memwatch.info/1"
    assert card["id"] == colour_model.id
    assert card["bytes"] == colour_model.path.stat().st_size
    assert card["picture"] == "96×64 colour"
    assert card["config"]["preset"] == "small"
    assert card["calibration"]["threshold"] > 0
    assert card["card"]["seed"] == 3
    assert card["parameters"] * 4 < card["bytes"]


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_text("not a model at all")
    with pytest.raises(UsageError, match=r"m\.safetensors: not a memwatch model"):
        info(tmp_path / "m.safetensors")
