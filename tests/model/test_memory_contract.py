"""What every memory owes: reading changes nothing, state is a value, losses are finite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from memwatch.cli_train import MemoryKind
from memwatch.config import MEMORIES
from memwatch.errors import UsageError
from memwatch.model import Features, Memory, MemoryState, build_memory
from memwatch.model.memory.students import StudentsMemory
from tests import tiny

WIDTHS = (3, 4, 6)
CHANNELS = WIDTHS[-1]
KINDS: dict[str, dict[str, Any]] = {
    "mnad, nudge": {"memory": "mnad", "update": "nudge"},
    "mnad, published": {"memory": "mnad", "update": "published"},
    "mnad, one item": {"memory": "mnad", "items": 1},
    "mnad, alone": {"memory": "mnad", "recall": "alone", "temperature": 0.1},
    "memae": {"memory": "memae", "options": {"items": 20}},
    "memae, one item": {"memory": "memae", "options": {"items": 1, "shrink": 0.0}},
    "prototypes": {"memory": "prototypes"},
    "prototypes, one": {"memory": "prototypes", "options": {"items": 1}},
    "prototypes, meta": {"memory": "prototypes", "options": {"meta": True}},
    "blockwise": {"memory": "blockwise", "options": {"items": 7}},
    "blockwise, coarse": {"memory": "blockwise", "options": {"items": 7, "block": 3}},
    "grid": {"memory": "grid"},
    "students": {"memory": "students", "options": {"width": 4, "dimensions": 3}},
    "students, patches larger than the picture": {
        "memory": "students",
        "options": {"width": 2, "dimensions": 3, "students": 1, "patch": "65+33", "stride": 1},
    },
    "none": {"memory": "none"},
}
ADAPT = ("mnad",)
"""Memories with a state, which go on learning."""
JUDGES = (StudentsMemory,)
"""Memories that know pictures, whose losses are of these and not of the query."""


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def memory(request: pytest.FixtureRequest) -> Memory:
    torch.manual_seed(1)
    return build_memory(tiny.config(**request.param), WIDTHS).eval()


@pytest.fixture
def query() -> Tensor:
    return torch.randn(3, CHANNELS, 4, 5, generator=torch.Generator().manual_seed(2))


def features(query: Tensor) -> Features:
    """The query with two skips above it, and the picture that is judged."""
    batch, _, height, width = query.shape
    seeded = torch.Generator().manual_seed(3)
    first, second = (
        torch.randn(1, count, height * times, width * times, generator=seeded).expand(batch, -1, -1, -1)
        for count, times in zip(WIDTHS, (4, 2), strict=False)
    )
    judged = torch.rand(batch, 1, height * 8, width * 8, generator=seeded) * 2 - 1
    return Features(query, (first, second), judged)


def copied(state: MemoryState) -> MemoryState:
    return {name: value.clone() for name, value in state.items()}


def _one(many: Features, i: int) -> Features:
    assert many.judged is not None
    return Features(many.query[i : i + 1], tuple(skip[i : i + 1] for skip in many.skips), many.judged[i : i + 1])


def same(one: MemoryState, other: MemoryState) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_reading_changes_nothing(memory: Memory, query: Tensor) -> None:
    state = memory.new_state()
    before, asked = copied(state), query.clone()
    first, again = memory.read(features(query), state), memory.read(features(query), state)
    assert same(state, before)
    assert torch.equal(query, asked)
    assert torch.equal(first.decoder_input, again.decoder_input)


def test_a_read_has_the_promised_shapes(memory: Memory, query: Tensor) -> None:
    read = memory.read(features(query), memory.new_state())
    assert read.decoder_input.shape == (3, memory.decoder_channels, 4, 5)
    assert read.distance.shape == (3, 4, 5)
    assert (read.distance >= 0).all()
    assert [skip.shape for skip in read.skips] == [skip.shape for skip in features(query).skips]


def test_the_decoder_is_told_nothing_of_the_picture_that_is_judged(memory: Memory, query: Tensor) -> None:
    given, state = features(query), memory.new_state()
    assert given.judged is not None
    first, other = (memory.read(replace(given, judged=judged), state) for judged in (given.judged, -given.judged))
    assert torch.equal(first.decoder_input, other.decoder_input)
    assert all(torch.equal(one, two) for one, two in zip(first.skips, other.skips, strict=True))
    assert torch.equal(first.distance, other.distance) != isinstance(memory, JUDGES)


def test_each_picture_of_a_batch_is_read_alone(memory: Memory, query: Tensor) -> None:
    state = memory.new_state()
    whole = memory.read(features(query), state)
    for i in range(3):
        alone = memory.read(_one(features(query), i), state)
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


def test_a_memory_with_a_state_learns_by_writing_alone(memory: Memory) -> None:
    """Nothing of a state is kept in the network."""
    if memory.new_state():
        assert not list(memory.parameters())
        assert not list(memory.buffers())


def test_every_choice_is_tried_here() -> None:
    assert {kind["memory"] for kind in KINDS.values()} == set(MEMORIES)
    stateful = {kind["memory"] for kind in KINDS.values() if build_memory(tiny.config(**kind), WIDTHS).new_state()}
    assert stateful == set(ADAPT)


@pytest.mark.parametrize("kind", MEMORIES)
def test_an_option_that_a_choice_does_not_have_is_refused_by_name(kind: str) -> None:
    with pytest.raises(UsageError, match=r"colour|has no options"):
        build_memory(tiny.config(memory=kind, options={"colour": 3}), WIDTHS)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("memae", {"items": 0}),
        ("memae", {"shrink": 600.0}),
        ("memae", {"temperature": 0.0}),
        ("prototypes", {"items": 0}),
        ("blockwise", {"block": 0}),
        ("grid", {"local": 1}),
        ("students", {"patch": "17+16"}),
        ("students", {"patch": "33+33"}),
        ("students", {"stride": 3}),
        ("students", {"reduce": 0}),
        ("students", {"students": 0}),
        ("students", {"dimensions": 1}),
        ("students", {"width": 0}),
    ],
)
def test_options_out_of_range_are_refused_by_name(kind: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        build_memory(tiny.config(memory=kind, options=options), WIDTHS)


def test_a_rate_of_zero_teaches_nothing(memory: Memory, query: Tensor) -> None:
    state = memory.new_state()
    for name, value in memory.write(query, state, 0.0).items():
        torch.testing.assert_close(value, state[name], atol=1e-6, rtol=0)


def test_losses_are_finite_and_reach_the_query(memory: Memory, query: Tensor) -> None:
    asked = query.requires_grad_()
    given, state = features(asked), memory.new_state()
    losses = memory.losses(given, memory.read(given, state), state)
    assert all(value.ndim == 0 and torch.isfinite(value) for value in losses.values())
    if losses:
        (gradient,) = torch.autograd.grad(sum(losses.values(), torch.zeros(())), asked, allow_unused=True)
        if isinstance(memory, JUDGES):
            assert gradient is None
            return
        assert torch.isfinite(gradient).all()
        assert gradient.any() or not any(losses.values())  # one item leaves no choice


@pytest.mark.parametrize("value", [0.0, 1e30])
def test_extreme_features_stay_finite(memory: Memory, value: float) -> None:
    query = torch.full((1, CHANNELS, 2, 2), value)
    state = memory.new_state()
    assert torch.isfinite(memory.read(features(query), state).distance).all()
    assert all(torch.isfinite(v).all() for v in memory.write(query, state).values())


def test_the_command_line_offers_every_choice() -> None:
    assert [kind.value for kind in MemoryKind] == list(MEMORIES)
