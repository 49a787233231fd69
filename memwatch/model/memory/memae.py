"""Memorizing Normality to Detect Anomaly: Gong et al., ICCV 2019, arXiv 1904.02639 (MemAE).

M items m_i are weights, learned by gradient and fixed afterwards. Every position of the encoder's output is a query z:

* address (eq. 3-4): w_i = softmax over i of cosine(z, m_i) / τ;
* hard shrinkage (eq. 6-7): ŵ_i = max(w_i - λ, 0) · w_i / (|w_i - λ| + ε), then ŵ / Σ ŵ;
* read: ẑ = Σ ŵ_i m_i *replaces* the query;
* entropy (eq. 9): mean over queries of -Σ ŵ_i log ŵ_i, weighted 0.0002.

Ours: a temperature τ, for with τ = 1 hundreds of cosines have nearly equal weights, of which a threshold of a few times
1/M lets none pass (the authors' code takes inner products instead); λ is a multiple of 1/M; a row that the shrinkage
empties keeps its best item, because an empty one passes no gradient and the entropy rewards it; prediction from frames
before instead of 16 frames at once, so that the score looks at nothing later. Skips, if any, stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.config import Strict, check
from memwatch.model.memory.base import Features, Memory, MemoryState, Read, apart

ENTROPY_WEIGHT = 0.0002
EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class MemaeConfig(Strict):
    """Options of `--memory memae`."""

    items: int = 500
    """Memory items M."""
    temperature: float = 0.1
    """τ of the address; 1 as published."""
    shrink: float = 1.0
    """λ in multiples of 1/M (published: 1 to 3)."""

    def __post_init__(self) -> None:
        check(1 <= self.items <= 100_000, "items must be 1 … 100000")
        check(self.temperature > 0, "temperature must be above 0")
        check(0 <= self.shrink < self.items, "shrink must be at least 0 and under the number of items")


class MemaeMemory(Memory):
    """Items (M, D) as weights; reads few of them."""

    def __init__(self, channels: int, config: MemaeConfig) -> None:
        super().__init__()
        self.decoder_channels = channels
        self.temperature = config.temperature
        self.threshold = config.shrink / config.items
        self.items = nn.Parameter(torch.empty(config.items, channels).uniform_(-1, 1) / channels**0.5)

    def read(self, features: Features, state: MemoryState) -> Read:
        weights = shrunk((self.similarity(features.query, state) / self.temperature).softmax(dim=1), self.threshold)
        recalled = torch.einsum("bmhw,md->bdhw", weights, self.items)
        return Read(recalled, apart(features.query, recalled), features.skips, {"weights": weights})

    def similarity(self, query: Tensor, state: MemoryState) -> Tensor:
        return torch.einsum("bdhw,md->bmhw", F.normalize(query, dim=1), F.normalize(self.items, dim=1))

    def losses(self, features: Features, read: Read, state: MemoryState) -> dict[str, Tensor]:
        return {"entropy": ENTROPY_WEIGHT * entropy(read.trace["weights"])}


def shrunk(weights: Tensor, threshold: float) -> Tensor:
    """Weights (B, M, ...) that sum to 1 over M: those over the threshold, scaled to sum to 1 again; the best one alone
    where none is over it."""
    kept = F.relu(weights - threshold) * weights / ((weights - threshold).abs() + EPSILON)
    best = F.one_hot(weights.argmax(dim=1), weights.shape[1]).movedim(-1, 1) * weights
    kept = torch.where(kept.sum(dim=1, keepdim=True) > 0, kept, best)
    return kept / kept.sum(dim=1, keepdim=True)


def entropy(weights: Tensor) -> Tensor:
    """Mean over queries of -Σ w log w (eq. 9), for weights (B, M, ...)."""
    return -(weights * (weights + EPSILON).log()).sum(dim=1).mean()
