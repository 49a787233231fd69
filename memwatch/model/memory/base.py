"""The seam of all memories, and the choice of having none.

A memory's *state* is a value that travels beside the network, never a field of it: one network serves many cameras,
each with a state of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MemoryState = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Read:
    """What a memory answers for a batch of queries."""

    decoder_input: Tensor
    """(B, decoder_channels, h, w)."""
    distance: Tensor
    """(B, h, w), squared distance of each query to its nearest item, >= 0; zeros where there is no memory."""


class Memory(nn.Module, ABC):
    """Reads normality into the decoder's input, and learns from frames that were normal."""

    decoder_channels: int
    """Channels that `read` hands to the decoder."""

    @abstractmethod
    def new_state(self) -> MemoryState:
        """The state before any frame was seen; empty where the memory doesn't adapt."""

    @abstractmethod
    def read(self, query: Tensor, state: MemoryState) -> Read:
        """`query` is (B, D, h, w). Reading changes nothing."""

    @abstractmethod
    def similarity(self, query: Tensor, state: MemoryState) -> Tensor:
        """Cosine of each place's query (B, D, h, w) and each item, (B, M, h, w); M is 0 where there are no items."""

    @abstractmethod
    def write(self, query: Tensor, state: MemoryState, rate: float | None = None) -> MemoryState:
        """The state after having learned from `query`; the one given is left as it was. `rate` overrides the
        configured one."""

    @abstractmethod
    def losses(self, query: Tensor, state: MemoryState) -> dict[str, Tensor]:
        """Weighted training terms by name."""


class NoMemory(Memory):
    """Plain future-frame prediction: the baseline (Liu et al., CVPR 2018, without its flow and adversary)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.decoder_channels = channels

    def new_state(self) -> MemoryState:
        return {}

    def read(self, query: Tensor, state: MemoryState) -> Read:
        return Read(query, torch.zeros_like(query[:, 0]))

    def similarity(self, query: Tensor, state: MemoryState) -> Tensor:
        return query[:, :0]

    def write(self, query: Tensor, state: MemoryState, rate: float | None = None) -> MemoryState:
        return state

    def losses(self, query: Tensor, state: MemoryState) -> dict[str, Tensor]:
        return {}
