"""MPN's prototypes against numbers worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from memwatch.model import Features
from memwatch.model.memory.prototypes import (
    DIVERSITY_WEIGHT,
    PrototypeConfig,
    PrototypeMemory,
    compactness,
    diversity,
)

EXACT: dict[str, Any] = {"atol": 1e-6, "rtol": 0.0}
ROWS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])


@pytest.fixture
def memory() -> PrototypeMemory:
    made = PrototypeMemory(2, PrototypeConfig(items=2))
    with torch.no_grad():
        made.attention.weight.copy_(torch.diag(torch.tensor([2.0, 1.0])))
    return made


def picture(rows: torch.Tensor) -> Features:
    return Features(rows.T[None, :, None])


def test_prototypes_and_read_by_hand(memory: PrototypeMemory) -> None:
    read = memory.read(picture(ROWS), {})
    wanted = torch.tensor([[[0.931740, 0.363126], [0.460730, 0.887540]]])
    torch.testing.assert_close(read.trace["prototypes"], wanted, **EXACT)
    weights = torch.tensor([[0.615623, 0.384377], [0.371821, 0.628179], [0.465822, 0.534178]])
    torch.testing.assert_close(read.trace["weights"][0].T, weights, **EXACT)
    attention = memory.attention(ROWS).softmax(dim=0).T
    wanted = torch.tensor([[0.631049, 0.085403, 0.283548], [0.168242, 0.457329, 0.374429]])
    torch.testing.assert_close(attention, wanted, **EXACT)
    torch.testing.assert_close(attention @ ROWS, torch.tensor([[0.801178, 0.312242], [0.392899, 0.756872]]), **EXACT)
    recalled = torch.tensor([[0.799142, 0.601142], [0.676315, 0.736612], [0.726531, 0.687134]])
    torch.testing.assert_close(read.decoder_input[0, :, 0].T, recalled + ROWS, **EXACT)


def test_the_losses_by_hand(memory: PrototypeMemory) -> None:
    with torch.no_grad():
        read = memory.read(picture(ROWS), {})
        losses = memory.losses(picture(ROWS), read, {})
    assert float(compactness(read.trace["rows"], read.trace["prototypes"])) == pytest.approx(0.064750, abs=1e-6)
    assert float(diversity(read.trace["prototypes"])) == pytest.approx(0.503139, abs=1e-6)
    assert float(losses["compactness"]) == pytest.approx(0.064750, abs=1e-6)
    assert float(losses["diversity"]) == pytest.approx(DIVERSITY_WEIGHT * 0.503139, abs=1e-9)


def test_prototypes_are_the_frame_s_own_and_of_no_order(memory: PrototypeMemory) -> None:
    """Another frame of the batch has other ones; where a feature stands changes nothing."""
    other = F.normalize(torch.randn(3, 2, generator=torch.Generator().manual_seed(0)), dim=1)
    both = Features(torch.cat((picture(ROWS).query, picture(other).query)))
    alone, together = memory.read(picture(ROWS), {}), memory.read(both, {})
    torch.testing.assert_close(together.trace["prototypes"][:1], alone.trace["prototypes"])
    turned = memory.read(picture(ROWS.flip(0)), {})
    torch.testing.assert_close(turned.trace["prototypes"], alone.trace["prototypes"])


def test_a_single_prototype_has_nothing_to_differ_from() -> None:
    assert float(diversity(torch.ones(1, 1, 2))) == 0
