"""Divide-and-Assemble: Learning Block-wise Memory for Unsupervised Anomaly Detection: Hou et al., ICCV 2021, arXiv
2107.13118 (DAAD).

A map c × h × w is divided by rates (r_h, r_w, r_c) into blocks, each flattened to a query of L numbers; N items
(N, L), learned by gradient, rebuild it: w = softmax over items of cosine(q, m_i) / τ, q̂ = Σ w_i m_i, and the blocks,
put back in place, *replace* the map. Fine blocks copy what is odd, coarse ones lose what is normal: the rate is the
knob. One such memory lies on every skip and on the deepest features, so that no skip re-opens the way around it.

The paper is about pictures; we know of no figures for videos, nor its numbers of items and rates. Ours: a temperature
(cosines of a softmax without one read nearly the mean item, whatever N), and the same norm for the block that is handed
on as for the one that came, since a cosine knows no length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.config import Strict, check
from memwatch.model.memory.base import Features, Memory, MemoryState, Read, apart

GROUP = 16
"""Channels of a block, at most."""
LONGEST = 1e6
"""Blocks are no longer than this, so that broken features stay finite."""
MOST_NUMBERS = 20_000_000
"""All levels together: 80 MB in the model file, and three times that again while it trains."""


@dataclass(frozen=True, slots=True)
class BlockwiseConfig(Strict):
    """Options of `--memory blockwise`."""

    items: int = 100
    """Memory items N of each level."""
    temperature: float = 0.1
    """τ of the address; 1 as published."""
    block: int = 2
    """Side of a block in cells, on the deepest features; a level above doubles it."""
    sides: str = ""
    """Sides on every level instead, shallowest first, as 4+4+2."""

    def __post_init__(self) -> None:
        check(1 <= self.items <= 10_000, "items must be 1 … 10000")
        check(self.temperature > 0, "temperature must be above 0")
        check(1 <= self.block <= 64, "block must be 1 … 64")
        parts = self.sides.split("+") if self.sides else []
        check(
            all(part.isdecimal() and 1 <= int(part) <= 64 for part in parts),
            f"sides must be numbers from 1 to 64 joined by +, not '{self.sides}'",
            "give one for each level, as 4+4+2",
        )

    def of_levels(self, levels: int) -> list[int]:
        """The side of each level's blocks, shallowest first. UsageError where there are not so many `sides`."""
        if not self.sides:
            return [self.block << level for level in reversed(range(levels))]
        parts = [int(part) for part in self.sides.split("+")]
        check(
            len(parts) == levels,
            f"memory blockwise: {len(parts)} sides ({self.sides}) for a network of {levels} levels",
            f"give {levels}",
        )
        return parts


class BlockwiseMemory(Memory):
    """Items for the deepest features and for every skip, as weights."""

    def __init__(self, channels: Sequence[int], config: BlockwiseConfig) -> None:
        """`channels` of the skips, shallowest first, and of the query at the end.

        Raises UsageError where items and blocks would come to more than MOST_NUMBERS.
        """
        super().__init__()
        self.decoder_channels = channels[-1]
        self.temperature = config.temperature
        self.sides = config.of_levels(len(channels))
        lengths = [channel_group(count) * side * side for count, side in zip(channels, self.sides, strict=True)]
        check_size(config, sum(lengths))
        self.levels = nn.ParameterList(torch.empty(config.items, length).uniform_(-1, 1) for length in lengths)

    def read(self, features: Features, state: MemoryState) -> Read:
        maps = [*features.skips, features.query]
        levels = zip(maps, self.levels, self.sides, strict=True)
        read = [self._rebuilt(some, items, side) for some, items, side in levels]
        (rebuilt, weights), above = read[-1], tuple(some for some, _ in read[:-1])
        return Read(rebuilt, apart(features.query, rebuilt), above, {"weights": weights.transpose(1, 2)})

    def _rebuilt(self, some: Tensor, items: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """A level as its items rebuild it, (B, c, h, w), and the weights (B, Q, N) of the items for each block."""
        channels, height, width = some.shape[1:]
        full = F.pad(some, (0, -width % side, 0, -height % side))  # blocks at the edge may stand over it
        rates = (full.shape[2] // side, full.shape[3] // side, channels // channel_group(channels))
        blocks = divided(full, rates)
        weights = addressed(blocks, items, self.temperature)
        rebuilt = weights @ items
        rebuilt = F.normalize(rebuilt, dim=2) * blocks.norm(dim=2, keepdim=True).clamp_max(LONGEST)
        return assembled(rebuilt, rates, full.shape)[:, :, :height, :width], weights


def check_size(config: BlockwiseConfig, length: int) -> None:
    """UsageError where the items, so many numbers long on all levels together, are more than fits."""
    fitting = MOST_NUMBERS // length
    blocks = f"sides {config.sides}" if config.sides else f"block {config.block}"
    check(
        config.items <= fitting,
        f"memory blockwise: {config.items} items with {blocks} are {config.items * length:,} numbers, "
        f"more than {MOST_NUMBERS:,}",
        f"at most {fitting} items fit blocks of that side" if fitting else "choose a smaller block",
    )


def channel_group(channels: int) -> int:
    """The most channels of a block, at most GROUP, that divide all of them."""
    return max(count for count in range(1, min(GROUP, channels) + 1) if channels % count == 0)


def divided(maps: Tensor, rates: tuple[int, int, int]) -> Tensor:
    """Maps (B, c, h, w) to blocks (B, Q, L) by rates (r_h, r_w, r_c) that divide the sides."""
    batch, channels, height, width = maps.shape
    rows, columns, groups = rates
    parts = maps.reshape(batch, groups, channels // groups, rows, height // rows, columns, width // columns)
    return parts.permute(0, 1, 3, 5, 2, 4, 6).reshape(batch, groups * rows * columns, -1)


def assembled(blocks: Tensor, rates: tuple[int, int, int], shape: Sequence[int]) -> Tensor:
    """The reverse of `divided`, for maps of `shape` (B, c, h, w)."""
    batch, channels, height, width = shape
    rows, columns, groups = rates
    parts = blocks.reshape(batch, groups, rows, columns, channels // groups, height // rows, width // columns)
    return parts.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, channels, height, width)


def addressed(blocks: Tensor, items: Tensor, temperature: float = 1.0) -> Tensor:
    """The weights (B, Q, N) of items (N, L) for blocks (B, Q, L): a softmax of cosines."""
    cosine = F.normalize(blocks, dim=2) @ F.normalize(items, dim=1).T
    return (cosine / temperature).softmax(dim=2)
