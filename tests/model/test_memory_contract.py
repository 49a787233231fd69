"""What every memory owes: reading changes nothing, state is a value, losses are finite."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from memwatch.model import Memory, MemoryState, build_memory
from tests import tiny

CHANNELS = 6
KINDS: dict[str, dict[str, Any]] = {
    "mnad, nudge": {"memory": "mnad", "update": "nudge"},
    "mnad, published": {"memory": "mnad", "update": "published"},
    "mnad, one item": {"memory": "mnad", "items": 1},
    "none": {"memory": "none"},
}


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def memory(request: pytest.FixtureRequest) -> Memory:
    torch.manual_seed(1)
    return build_memory(tiny.config(**request.param), CHANNELS)


@pytest.fixture
def query() -> Tensor:
    return torch.randn(3, CHANNELS, 4, 5, generator=torch.Generator().manual_seed(2))


def copied(state: MemoryState) -> MemoryState:
    return {name: value.clone() for name, value in state.items()}


def same(one: MemoryState, other: MemoryState) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_reading_changes_nothing(memory: Memory, query: Tensor) -> None:
    state = memory.new_state()
    before, asked = copied(state), query.clone()
    first, again = memory.read(query, state), memory.read(query, state)
    assert same(state, before)
    assert torch.equal(query, asked)
    assert torch.equal(first.decoder_input, again.decoder_input)


def test_a_read_has_the_promised_shapes(memory: Memory, query: Tensor) -> None:
    read = memory.read(query, memory.new_state())
    assert read.decoder_input.shape == (3, memory.decoder_channels, 4, 5)
    assert read.distance.shape == (3, 4, 5)
    assert (read.distance >= 0).all()


def test_each_picture_of_a_batch_is_read_alone(memory: Memory, query: Tensor) -> None:
    state = memory.new_state()
    whole = memory.read(query, state)
    for i in range(3):
        alone = memory.read(query[i : i + 1], state)
        torch.testing.assert_close(alone.decoder_input[0], whole.decoder_input[i])
        torch.testing.assert_close(alone.distance[0], whole.distance[i])


def test_writing_returns_a_new_state_and_leaves_the_old_one(memory: Memory, query: Tensor) -> None:
    state = memory.new_state()
    before = copied(state)
    written = memory.write(query, state)
    assert same(state, before)
    assert {name: value.shape for name, value in written.items()} == {n: v.shape for n, v in before.items()}
    assert not state or not same(written, before)
    assert same(memory.write(query, state), written)


def test_nothing_of_a_state_is_kept_in_the_network(memory: Memory) -> None:
    assert not list(memory.parameters())
    assert not list(memory.buffers())


def test_a_rate_of_zero_teaches_nothing(memory: Memory, query: Tensor) -> None:
    state = memory.new_state()
    for name, value in memory.write(query, state, 0.0).items():
        torch.testing.assert_close(value, state[name], atol=1e-6, rtol=0)


def test_losses_are_finite_and_reach_the_query(memory: Memory, query: Tensor) -> None:
    asked = query.requires_grad_()
    losses = memory.losses(asked, memory.new_state())
    assert all(value.ndim == 0 and torch.isfinite(value) for value in losses.values())
    if losses:
        (gradient,) = torch.autograd.grad(sum(losses.values(), torch.zeros(())), asked)
        assert torch.isfinite(gradient).all()
        assert gradient.any()


@pytest.mark.parametrize("value", [0.0, 1e30])
def test_extreme_features_stay_finite(memory: Memory, value: float) -> None:
    query = torch.full((1, CHANNELS, 2, 2), value)
    state = memory.new_state()
    assert torch.isfinite(memory.read(query, state).distance).all()
    assert all(torch.isfinite(v).all() for v in memory.write(query, state).values())
