"""Memory-guided Normality for Anomaly Detection: Park, Noh, Ham, CVPR 2020, arXiv 2003.13228.

M unit items p_m; every position of the encoder's output, made a unit vector, is a query q_k.

* read (eq. 1-3): w_km = softmax over m of q_k·p_m / τ, r_k = Σ_m w_km p_m, and the decoder gets [q_k, r_k].
* update (eq. 4-6): v_km = softmax over k of q_k·p_m; U_m are the queries whose nearest item is m;
  p_m ← unit(p_m + Σ_{k∈U_m} v'_km q_k), v' being v over its maximum.
* losses (eq. 10-11): compactness pulls each query to its nearest item, separateness keeps the second one away by a
  margin of 1.

As in the authors' code, not the paper's text: items and read weights are constants to the optimiser, compactness
is a mean over elements, separateness a mean over queries, and the maximum in v' runs over all queries
(`own_maximum=True` gives the paper's: over U_m).

Ours: a temperature τ (1 is the paper's), and the `nudge` update. The published one adds a sum of hundreds of queries
to one unit vector, so a single accepted frame replaces the items it touches; the nudge moves them by a stated rate η:
p_m ← unit((1-η) p_m + η unit(Σ v'_km q_k)), and no farther than `drift` from where training left them.

Ours too: `recall="alone"`. Beside the query what is recalled is a constant to within a percent, and the decoder does as
well without it. Alone, it is all that the decoder gets at that level, so the weights pass the gradient on to the
encoder; queries are pulled to their items, which is compactness, and nothing keeps second items away: a soft read needs
neighbours. An item to which no query of a training batch is nearest may be moved to where one is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from memwatch.model.memory.base import Features, Memory, MemoryState, Read

COMPACTNESS_WEIGHT = 0.1
SEPARATENESS_WEIGHT = 0.1
MARGIN = 1.0
RESEED = 0.01
"""Chance that an item without a query in a training batch is put where a query is: after a hundred such batches most
are, while one that is only rare lives on."""
RESEED_UNTIL = 0.7
"""Share of the training after which items stay, so that none is left as it was put."""


class MnadMemory(Memory):
    """Items (M, D) as state; reads a softmax mixture; may go on learning at test time."""

    def __init__(
        self,
        channels: int,
        *,
        items: int,
        temperature: float = 1.0,
        update: str = "nudge",
        rate: float = 0.02,
        recall: str = "beside",
        drift: float = 0.5,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.items = items
        self.temperature = temperature
        self.update = update
        self.rate = rate
        self.alone = recall == "alone"
        self.farthest = drift
        self.decoder_channels = channels if self.alone else 2 * channels
        self._done = 0.0

    def new_state(self) -> MemoryState:
        """Unit vectors: of uniform positive numbers, as the authors start, or alone in every direction."""
        start = torch.randn if self.alone else torch.rand
        return {"items": F.normalize(start(self.items, self.channels), dim=1)}

    def read(self, features: Features, state: MemoryState) -> Read:
        items = state["items"]
        unit = F.normalize(features.query, dim=1)
        cosine = torch.einsum("bdhw,md->bmhw", unit, items)
        weights = ((cosine if self.alone else cosine.detach()) / self.temperature).softmax(dim=1)
        recalled = torch.einsum("bmhw,md->bdhw", weights, items)
        nearest = cosine.amax(dim=1)  # unit vectors: |q-p|² = 2 - 2 q·p
        handed = recalled if self.alone else torch.cat((unit, recalled), dim=1)
        return Read(handed, (2 - 2 * nearest).clamp_min(0), features.skips, {"weights": weights})

    def similarity(self, query: Tensor, state: MemoryState) -> Tensor:
        return torch.einsum("bdhw,md->bmhw", F.normalize(query, dim=1), state["items"])

    def write(self, query: Tensor, state: MemoryState, rate: float | None = None) -> MemoryState:
        rows = _rows(query.detach())
        if self.update == "published" and rate is None:
            return {"items": published_update(rows, state["items"])}
        return {"items": nudge(rows, state["items"], self.rate if rate is None else rate)}

    def bounded(self, state: MemoryState, anchor: MemoryState) -> MemoryState:
        if self.update == "published":
            return state
        return {"items": within(state["items"], anchor["items"], self.farthest)}

    def drift(self, state: MemoryState, anchor: MemoryState) -> Tensor:
        moved: Tensor = (state["items"] - anchor["items"]).norm(dim=1)
        return moved

    def at(self, done: float) -> None:
        self._done = done

    def tend(self, query: Tensor, state: MemoryState) -> MemoryState:
        if not self.alone or self._done > RESEED_UNTIL:
            return state
        rows, items = _rows(query.detach()), state["items"]
        used = torch.bincount((rows @ items.T).argmax(dim=1), minlength=len(items)) > 0
        moved = ~used & (torch.rand(len(items)) < RESEED)
        there = rows[torch.randint(len(rows), (len(items),))]
        return {"items": torch.where(moved[:, None], there, items)}

    def losses(self, features: Features, read: Read, state: MemoryState) -> dict[str, Tensor]:
        rows, items = _rows(features.query), state["items"]
        if self.alone:
            return {"compactness": COMPACTNESS_WEIGHT * read.distance.mean()}
        return {
            "compactness": COMPACTNESS_WEIGHT * compactness(rows, items),
            "separateness": SEPARATENESS_WEIGHT * separateness(rows, items),
        }


def _rows(query: Tensor) -> Tensor:
    """(B, D, h, w) to unit rows (K, D)."""
    return F.normalize(query, dim=1).permute(0, 2, 3, 1).reshape(-1, query.shape[1])


def addressed(cosine: Tensor) -> Tensor:
    """v (K, M): for each item, how the queries share it, a softmax over them of their cosines (K, M) (eq. 5)."""
    return cosine.softmax(dim=0)


def gathered(queries: Tensor, items: Tensor, *, own_maximum: bool = False) -> tuple[Tensor, Tensor]:
    """Σ_{k∈U_m} v'_km q_k for each item, (M, D), and the number of its queries, (M,)."""
    cosine = queries @ items.T  # (K, M)
    member = F.one_hot(cosine.argmax(dim=1), items.shape[0]).to(cosine.dtype)
    share = addressed(cosine)
    top = (share * member if own_maximum else share).amax(dim=0)
    share = torch.where(top > 0, share / top, 0.0) * member  # an item without queries has no maximum of its own
    return share.T @ queries, member.sum(dim=0)


def published_update(queries: Tensor, items: Tensor, *, own_maximum: bool = False) -> Tensor:
    """p ← unit(p + Σ v' q) for unit `queries` (K, D) and `items` (M, D); eq. 4-6."""
    pull, _ = gathered(queries, items, own_maximum=own_maximum)
    return F.normalize(items + pull, dim=1)


def nudge(queries: Tensor, items: Tensor, rate: float) -> Tensor:
    """p ← unit((1-η) p + η unit(Σ v' q)); items without a query stay as they are."""
    pull, count = gathered(queries, items)
    moved = F.normalize((1 - rate) * items + rate * F.normalize(pull, dim=1), dim=1)
    return torch.where((count > 0)[:, None], moved, items)


def within(items: Tensor, anchors: Tensor, farthest: float) -> Tensor:
    """Unit `items` (M, D), those farther than `farthest` from their `anchors` put back to that distance on the way."""
    # Of unit vectors: |p - a| = 2 sin(φ/2). Along the great circle from a towards p, as far as the angle allowed.
    cosine = (items * anchors).sum(dim=1).clamp(-1, 1)
    angle = 2 * math.asin(min(farthest, 2.0) / 2)
    aside = F.normalize(items - cosine[:, None] * anchors, dim=1)
    bounded = math.cos(angle) * anchors + math.sin(angle) * aside
    return torch.where((cosine < math.cos(angle))[:, None], bounded, items)


def compactness(queries: Tensor, items: Tensor) -> Tensor:
    """Mean squared element of q - p_nearest (eq. 10, as the authors compute it)."""
    nearest = (queries @ items.T).argmax(dim=1)
    return F.mse_loss(queries, items[nearest])


def separateness(queries: Tensor, items: Tensor) -> Tensor:
    """Triplet margin of the nearest against the second-nearest item (eq. 11), mean over queries.

    With a single item there is no second one, and nothing to keep apart.
    """
    if items.shape[0] < 2:
        return queries.new_zeros(())
    order = (queries @ items.T).topk(2, dim=1).indices
    return F.triplet_margin_loss(queries, items[order[:, 0]], items[order[:, 1]], margin=MARGIN)
