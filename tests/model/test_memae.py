"""MemAE's address, shrinkage and entropy against numbers worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memwatch.model import Features
from memwatch.model.memory.memae import MemaeConfig, MemaeMemory, entropy, shrunk

EXACT: dict[str, Any] = {"atol": 1e-6, "rtol": 0.0}
ITEMS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.0]])
QUERY = torch.tensor([2.0, 1.0]).reshape(1, 2, 1, 1)


def memory(**options: Any) -> MemaeMemory:
    made = MemaeMemory(2, MemaeConfig(items=4, **options))
    with torch.no_grad():
        made.items.copy_(ITEMS)
    return made


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float32)


def test_shrinkage_and_entropy_by_hand() -> None:
    weights = row(0.5, 0.3, 0.15, 0.05)
    kept = shrunk(weights, 0.2)
    torch.testing.assert_close(kept, row(0.625, 0.375, 0, 0), **EXACT)
    assert float(entropy(weights)) == pytest.approx(1.142120, abs=1e-6)
    assert float(entropy(kept)) == pytest.approx(0.661563, abs=1e-6)


def test_a_row_that_would_be_empty_keeps_its_best_item() -> None:
    """Published, all four would be zero: no read, no entropy, no gradient."""
    torch.testing.assert_close(shrunk(row(0.3, 0.3, 0.2, 0.2), 0.35), row(1, 0, 0, 0), **EXACT)
    made = memory(temperature=1.0, shrink=3.9).train()
    read = made.read(Features(QUERY), {})
    torch.testing.assert_close(read.trace["weights"].flatten(), row(0, 0, 1, 0)[0], **EXACT)
    read.decoder_input.sum().backward()
    assert made.items.grad is not None
    assert float(made.items.grad[2].abs().sum()) > 0


def test_the_published_address_shrunk_by_hand() -> None:
    """What inner products give, as the authors' code takes them; ours are cosines."""
    torch.testing.assert_close(shrunk(row(0.243636, 0.089629, 0.662272, 0.004462), 0.25), row(0, 0, 1, 0), **EXACT)


def test_the_address_by_cosine_by_hand() -> None:
    found = memory(temperature=1.0, shrink=0.0).read(Features(QUERY), {}).trace["weights"][:, :, 0, 0]
    torch.testing.assert_close(found, row(0.349368, 0.223388, 0.368847, 0.058397), **EXACT)
    cosines = memory().similarity(QUERY, {})[:, :, 0, 0]
    torch.testing.assert_close(cosines, row(0.894427, 0.447214, 0.948683, -0.894427), **EXACT)


def test_what_is_read_replaces_the_query() -> None:
    """λ = 1.45 / 4 = 0.3625: the third item alone."""
    with torch.no_grad():
        read = memory(temperature=1.0, shrink=1.45).read(Features(QUERY), {})
    torch.testing.assert_close(read.decoder_input.flatten(), torch.tensor([1.0, 1.0]), **EXACT)
    assert float(read.distance) == pytest.approx(2 - 2 * 0.948683, abs=1e-5)
    assert float(memory().losses(Features(QUERY), read, {})["entropy"]) == pytest.approx(0, abs=1e-9)


def test_hundreds_of_cosines_pass_no_threshold_without_a_temperature() -> None:
    """The largest possible weight of 2,000, one cosine 1 and the others 0, is 0.001358, under 3/M."""
    best: list[float] = []
    for shrink, temperature in ((0.0, 1.0), (3.0, 1.0), (0.0, 0.1)):
        made = MemaeMemory(2, MemaeConfig(items=2000, temperature=temperature, shrink=shrink))
        with torch.no_grad():
            made.items.copy_(torch.tensor([[0.0, 1.0]]).expand(2000, 2))
            made.items[7] = torch.tensor([1.0, 0.0])
        weights = made.read(Features(torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1)), {}).trace["weights"].flatten()
        assert int(weights.argmax()) == 7
        best.append(float(weights.detach().max()))
    # e / (e + 1999); the only one left, since none is over the threshold; e^10 / (e^10 + 1999)
    assert best == pytest.approx([0.001358, 1.0, 0.916797], abs=1e-6)


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=20), st.floats(0.0, 1.0))
def test_what_is_kept_sums_to_one_and_is_never_nothing(values: list[float], threshold: float) -> None:
    weights = torch.tensor([values]) / sum(values)
    kept = shrunk(weights, threshold)
    assert float(kept.sum()) == pytest.approx(1, abs=1e-5)
    assert bool((kept >= 0).all())
    assert int(kept.argmax()) == int(weights.argmax())
