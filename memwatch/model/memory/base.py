"""The seam of all memories, and the choice of having none.

A memory's *state* is a value that travels beside the network, never a field of it: one network serves many cameras,
each with a state of its own. What a memory learns by gradient is a weight like any other, and no state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MemoryState = dict[str, Tensor]


FAST = ("memory.attention.weight", "decoder.last.weight", "decoder.last.bias")
"""Weights of a network that a memory with step sizes can adapt at once to a few frames: what it knows of a scene first
hand, where its items come from and how a picture is made of them."""


@dataclass(frozen=True, slots=True)
class Features:
    """What the encoder says of a batch of clips."""

    query: Tensor
    """(B, D, h, w), the deepest."""
    skips: tuple[Tensor, ...] = ()
    """Those that the decoder gets beside it, shallowest first."""
    judged: Tensor | None = None
    """(B, C, H, W) in [-1, 1], the frame that is to be judged, for memories that know how pictures look. A `distance`
    may depend on it; nothing that the decoder gets may."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a memory answers for a batch of features."""

    decoder_input: Tensor
    """(B, decoder_channels, h, w)."""
    distance: Tensor
    """(B, h, w), how far each place is from what the memory knows, >= 0: a squared distance of unit vectors (students
    have a measure of their own). Zeros where there is no memory."""
    skips: tuple[Tensor, ...] = ()
    """What the decoder gets in the skips' place: the skips themselves, unless the memory lies on them."""
    trace: dict[str, Tensor] = field(default_factory=dict)
    """How it came about: what `losses` needs and, where it is a mixture of items, their "weights" (B, M, ...)."""


class Memory(nn.Module, ABC):
    """Reads normality into the decoder's input, and may learn from frames that were normal."""

    decoder_channels: int
    """Channels that `read` hands to the decoder."""

    def new_state(self) -> MemoryState:
        """The state before any frame was seen; empty where the memory doesn't adapt."""
        return {}

    @abstractmethod
    def read(self, features: Features, state: MemoryState) -> Read:
        """Reading changes nothing."""

    def similarity(self, query: Tensor, state: MemoryState) -> Tensor:
        """Cosine of each place's query (B, D, h, w) and each item, (B, M, h, w); M is 0 where there are no items to
        compare a query with."""
        return query[:, :0]

    def write(self, query: Tensor, state: MemoryState, rate: float | None = None) -> MemoryState:
        """The state after having learned from `query`; the one given is left as it was. `rate` overrides the
        configured one."""
        return state

    def bounded(self, state: MemoryState, anchor: MemoryState) -> MemoryState:
        """After learning on: no farther from `anchor`, the state that training left, than the memory allows."""
        return state

    def drift(self, state: MemoryState, anchor: MemoryState) -> Tensor:
        """How far each item, (M,), has gone from where training left it; M is 0 where there are none."""
        return torch.zeros(0)

    def meet(self, last: nn.Conv2d) -> None:
        """Once, while a network is made: the decoder's last convolution, for memories that keep something for it."""

    def step_sizes(self) -> list[Tensor]:
        """α for each number of the weights FAST, in their order; none where the memory does not learn to adapt."""
        return []

    def tend(self, query: Tensor, state: MemoryState) -> MemoryState:
        """In training, after `write`: put to use what of the state is of none."""
        return state

    def begin(self, *, resumed: bool = False) -> None:
        """Before a training: take in files that the options name. One that was `resumed`, and a model that is read,
        have what was taken from them as weights. Raises UsageError for a file that doesn't serve."""

    def at(self, done: float) -> None:
        """In training, before each step: how much of it is done, 0 … 1."""

    def settle(self, held_out: Iterable[Features]) -> None:
        """After training: learn from held-out normal footage how large its distances are."""

    def losses(self, features: Features, read: Read, state: MemoryState) -> dict[str, Tensor]:
        """Weighted training terms by name."""
        return {}


class NoMemory(Memory):
    """Plain prediction; with skips the baseline of Liu et al., CVPR 2018, without its flow and adversary."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.decoder_channels = channels

    def read(self, features: Features, state: MemoryState) -> Read:
        query = features.query
        return Read(query, torch.zeros_like(query[:, 0]), features.skips)


def apart(one: Tensor, other: Tensor) -> Tensor:
    """(B, h, w), squared distance of two maps (B, D, h, w) whose vectors are made unit vectors: 0 … 4."""
    return (F.normalize(one, dim=1) - F.normalize(other, dim=1)).square().sum(dim=1)
