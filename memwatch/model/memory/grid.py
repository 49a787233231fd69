"""Continuous memory for reconstruction: Lee et al., *Continuous Memory Representation for Anomaly Detection*,
arXiv 2402.18293 (GRAD, later CRAD).

What is normal lies on learned grids, sampled between their nodes, so that the memory has no discrete items:

* local: each position's features go through 1 × 1 convolutions and tanh to a point (x, y) of a grid (D, R, R);
* global: their mean goes to a point of a grid whose nodes are whole maps (D, h, w);
* both, side by side, are fused by convolutions to f;
* refinement: S = 0.3 · [mse(f, q) small] + 0.7 · cosine(f, q), and q̂ = S q + (1 - S) f goes on;
* jitter of the local points in training; loss: the mean squared q̂ - q.

Two numbers a position is the whole bottleneck: it cannot be copied through. Ours: the encoder learns with it, so as the
target its features get no gradient from this loss (through their points they do); "small" is under a high quantile of
the error in training (10, the authors' constant, is in units of their backbone); sampling pads with the border (with
zeros, a point near the edge would be half of nothing); the global grid is kept at a few cells and stretched; fewer
fusing layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.config import Strict, check
from memwatch.model.memory.base import Features, Memory, MemoryState, Read, apart

CELLS = 8
"""Side of the maps that the global grid's nodes hold."""
JITTER = 0.05
JITTER_SHARE = 0.5
SMALL_QUANTILE = 0.9
INDICATOR, COSINE = 0.3, 0.7
PACE = 0.01
"""How fast the threshold of what is small follows the training."""


@dataclass(frozen=True, slots=True)
class GridConfig(Strict):
    """Options of `--memory grid`."""

    local: int = 8
    """Nodes of the local grid's side."""
    whole: int = 4
    """Nodes of the global grid's side."""

    def __post_init__(self) -> None:
        check(2 <= self.local <= 64, "local must be 2 … 64")
        check(2 <= self.whole <= 16, "whole must be 2 … 16")


class GridMemory(Memory):
    """Two continuous grids, as weights."""

    small: Tensor
    """The error under which the refinement takes a position for normal."""

    def __init__(self, channels: int, config: GridConfig) -> None:
        super().__init__()
        self.decoder_channels = channels
        self.where = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Tanh(), nn.Conv2d(channels, 2, 1), nn.Tanh())
        self.which = nn.Sequential(nn.Linear(channels, channels), nn.Tanh(), nn.Linear(channels, 2), nn.Tanh())
        self.local = nn.Parameter(torch.empty(1, channels, config.local, config.local))
        self.whole = nn.Parameter(torch.empty(1, channels * CELLS * CELLS, config.whole, config.whole))
        for grid in (self.local, self.whole):
            nn.init.xavier_normal_(grid.data[0])
        self.fuse = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.register_buffer("small", torch.ones(()))

    def read(self, features: Features, state: MemoryState) -> Read:
        query = features.query
        points = self.where(query)
        if self.training and float(torch.rand(())) < JITTER_SHARE:
            points = points + JITTER * torch.randn_like(points)
        local = sampled(self.local, points)
        scene = sampled(self.whole, self.which(query.mean(dim=(2, 3)))[..., None, None])
        scene = scene.reshape(-1, query.shape[1], CELLS, CELLS)
        scene = F.interpolate(scene, size=query.shape[2:], mode="bilinear", align_corners=False)
        normal = self.fuse(torch.cat((scene, local), dim=1))
        share = refinement(normal, query, float(self.small))
        refined = share * query + (1 - share) * normal
        return Read(refined, apart(normal, query), features.skips, {"normal": normal})

    def losses(self, features: Features, read: Read, state: MemoryState) -> dict[str, Tensor]:
        target = features.query.detach()
        error = (read.trace["normal"] - target).square().mean(dim=1)
        if self.training:
            with torch.no_grad():
                self.small.lerp_(error.detach().float().quantile(SMALL_QUANTILE), PACE)
        share = refinement(read.trace["normal"], target, float(self.small))
        return {"rebuilding": ((1 - share) * (read.trace["normal"] - target)).square().mean()}


def sampled(grid: Tensor, points: Tensor) -> Tensor:
    """Values (B, C, h, w) of a grid (1, C, R, R) at points (B, 2, h, w), x before y, in -1 … 1."""
    at = points.movedim(1, 3)
    return F.grid_sample(
        grid.expand(len(points), -1, -1, -1), at.to(grid.dtype), padding_mode="border", align_corners=False
    )


def refinement(normal: Tensor, query: Tensor, small: float) -> Tensor:
    """S (B, 1, h, w): how much of the query itself goes on, for maps (B, D, h, w)."""
    error = (normal - query).square().mean(dim=1, keepdim=True)
    return INDICATOR * (error <= small) + COSINE * F.cosine_similarity(normal, query, dim=1)[:, None]
