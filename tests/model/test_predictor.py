"""What the parts of a predictor owe one another: nothing."""

from __future__ import annotations

import pytest
import torch

from memwatch.config import MEMORIES
from memwatch.model import Predictor
from memwatch.tasks.presets import model_config


@pytest.mark.parametrize("memory", [name for name in MEMORIES if name != "mnad"])
def test_one_seed_makes_one_head_whatever_the_memory(memory: str) -> None:
    """So that two trainings with equal steps differ by their memories alone."""
    heads = []
    for name in ("mnad", memory):
        torch.manual_seed(3)
        heads.append(Predictor(model_config("base", (96, 64), gray=True, memory=name)).head)
    one, other = (head.state_dict() for head in heads if head)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
