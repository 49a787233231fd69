"""GRAD's sampling and refinement against numbers worked by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from memwatch.model import Features
from memwatch.model.memory.grid import GridConfig, GridMemory, refinement, sampled

EXACT: dict[str, Any] = {"atol": 1e-6, "rtol": 0.0}


@pytest.mark.parametrize(
    ("x", "y", "wanted"), [(0, 0, 1.5), (0.5, -0.25, 1.5), (0.5, 0.5, 3.0), (1, 1, 3.0), (0.9, 0, 2.0)]
)
def test_sampling_between_nodes_and_at_the_border_by_hand(x: float, y: float, wanted: float) -> None:
    """Padded with zeros, (1, 1) would be 0.75 and (0.9, 0) 1.2."""
    grid = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
    assert float(sampled(grid, torch.tensor([x, y]).reshape(1, 2, 1, 1))) == pytest.approx(wanted, abs=1e-6)


def test_refinement_by_hand() -> None:
    """Three positions of two channels; an error is small up to 10."""
    query = torch.tensor([[3.0, 0.0, 6.0], [4.0, 8.0, 0.0]])[None, :, None]
    normal = torch.tensor([[3.0, 0.0, 0.0], [4.0, 2.0, 6.0]])[None, :, None]
    share = refinement(normal, query, 10.0)
    torch.testing.assert_close(share.flatten(), torch.tensor([1.0, 0.7, 0.0]), **EXACT)
    left = ((1 - share) * (normal - query)).norm(dim=1).flatten()
    torch.testing.assert_close(left, torch.tensor([0.0, 1.8, 8.485281]), **EXACT)


def test_what_counts_as_small_follows_the_training() -> None:
    torch.manual_seed(0)
    memory = GridMemory(4, GridConfig())
    given = Features(torch.randn(2, 4, 6, 6) * 10)
    for _ in range(800):
        memory.losses(given, memory.read(given, {}), {})
    error = (memory.eval().read(given, {}).trace["normal"] - given.query).square().mean(dim=1)
    assert float(memory.small) == pytest.approx(float(error.detach().quantile(0.9)), rel=0.2)
    before = float(memory.small)
    memory.losses(given, memory.read(given, {}), {})
    assert float(memory.small) == before  # watching teaches it nothing


def test_the_points_tremble_in_training_alone() -> None:
    torch.manual_seed(0)
    memory = GridMemory(4, GridConfig())
    given = Features(torch.randn(1, 4, 6, 6))
    seen = {float(memory.read(given, {}).decoder_input.detach().sum()) for _ in range(12)}
    assert len(seen) > 2
    memory.eval()
    assert len({float(memory.read(given, {}).decoder_input.detach().sum()) for _ in range(5)}) == 1
