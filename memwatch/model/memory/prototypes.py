"""Learning Normal Dynamics in Videos with Meta Prototype Network: Lv et al., CVPR 2021, arXiv 2104.06689 (MPN).

Nothing is stored between frames: M prototypes are rebuilt from the features x_n of each frame, made unit vectors.

* attention (eq. 2): a_nm = softmax over positions n of (A x_n)_m; p_m = unit(Σ_n a_nm x_n);
* read (eq. 3): w_nm = softmax over m of x_n·p_m; r_n = unit(Σ_m w_nm p_m); r_n + x_n goes on;
* losses (eq. 5-6): compactness, the mean squared x_n - p_nearest, and diversity,
  2 / (M (M-1)) Σ_{i<j} max(0, 1 - ‖p_i - p_j‖²), weighted 1 and 0.0001 as in the authors' code.

With `meta`, the paper's meta-learning on top (section 3.3 there): the memory keeps a step size for each number of the
attention and of the decoder's last convolution, and `memwatch/tasks/fast_weights.py` trains and uses them.

Ours: the unit lies at the deepest features, where the other memories lie, not before the last convolutions; batch norms
stay. The distance is that to the nearest prototype.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.config import Strict, check
from memwatch.model.memory.base import Features, Memory, MemoryState, Read

COMPACTNESS_WEIGHT = 1.0
DIVERSITY_WEIGHT = 1e-4
MARGIN = 1.0
STEP_SIZE = 1e-2
"""α at the start. Published: 1e-6, learned in as small steps; a training of ours is a few hundred such steps long and
would end where it began."""


@dataclass(frozen=True, slots=True)
class PrototypeConfig(Strict):
    """Options of `--memory prototypes`."""

    items: int = 10
    """Prototypes M of a frame."""
    meta: bool = False
    """Whether it learns to adapt to a new scene in one step."""

    def __post_init__(self) -> None:
        check(1 <= self.items <= 1000, "items must be 1 … 1000")


class PrototypeMemory(Memory):
    """Prototypes (B, M, D) of each frame, by attention that is learned."""

    def __init__(self, channels: int, config: PrototypeConfig) -> None:
        super().__init__()
        self.decoder_channels = channels
        self.attention = nn.Linear(channels, config.items, bias=False)
        self.meta = config.meta
        self.steps = nn.ParameterList()

    def meet(self, last: nn.Conv2d) -> None:
        if self.meta:
            assert last.bias is not None
            fast = (self.attention.weight, last.weight, last.bias)  # as in FAST
            self.steps.extend(nn.Parameter(torch.full_like(weight, STEP_SIZE)) for weight in fast)

    def step_sizes(self) -> list[Tensor]:
        return list(self.steps)

    def read(self, features: Features, state: MemoryState) -> Read:
        query = features.query
        rows = F.normalize(query, dim=1).flatten(2).transpose(1, 2)  # (B, N, D)
        prototypes = F.normalize(torch.einsum("bnm,bnd->bmd", self.attention(rows).softmax(dim=1), rows), dim=2)
        cosine = rows @ prototypes.transpose(1, 2)  # (B, N, M)
        weights = cosine.softmax(dim=2)
        recalled = F.normalize(weights @ prototypes, dim=2)
        onward = (recalled + rows).transpose(1, 2).reshape(query.shape)
        distance = (2 - 2 * cosine.amax(dim=2)).clamp_min(0).reshape(query[:, 0].shape)
        trace = {"rows": rows, "prototypes": prototypes, "weights": weights.transpose(1, 2)}
        return Read(onward, distance, features.skips, trace)

    def losses(self, features: Features, read: Read, state: MemoryState) -> dict[str, Tensor]:
        rows, prototypes = read.trace["rows"], read.trace["prototypes"]
        return {
            "compactness": COMPACTNESS_WEIGHT * compactness(rows, prototypes),
            "diversity": DIVERSITY_WEIGHT * diversity(prototypes),
        }


def compactness(rows: Tensor, prototypes: Tensor) -> Tensor:
    """Mean squared element of x - p_nearest, for rows (B, N, D) and prototypes (B, M, D)."""
    nearest = (rows @ prototypes.transpose(1, 2)).argmax(dim=2, keepdim=True).expand(-1, -1, rows.shape[2])
    return F.mse_loss(rows, prototypes.gather(1, nearest))


def diversity(prototypes: Tensor) -> Tensor:
    """Hinge on the squared distance of every two prototypes (B, M, D) of a frame, mean over pairs and frames."""
    count = prototypes.shape[1]
    if count < 2:
        return prototypes.new_zeros(())
    one, other = torch.triu_indices(count, count, offset=1)
    apart = (prototypes[:, one] - prototypes[:, other]).square().sum(dim=2)
    return F.relu(MARGIN - apart).mean()
