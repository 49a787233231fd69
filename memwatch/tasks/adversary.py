"""DAAD's adversary (Hou et al., ICCV 2021, arXiv 2107.13118, its training objective): a discriminator D learns to tell
true frames x from predicted ones x̂, and the predictor learns to be taken for true and to look alike to D.

* D minimises -log D(x) - log(1 - D(x̂));
* the predictor minimises rec + λ_adv · (-log D(x̂)) + λ_ali ‖f_D(x) - f_D(x̂)‖², f_D an inner feature of D.

D has an optimiser of its own. It is part of a checkpoint, since a resumed training needs it, and of no model file: it
judges, it is not judged with. Ours: the alignment's square, and means instead of sums, as in the prediction's error, so
that the weights hold for every size of picture; D answers for each place; the predictor raises log D(x̂) instead of
lowering log(1 - D(x̂)), whose gradient dies when D is sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor
from torch.nn import functional as F

from memwatch.errors import UsageError
from memwatch.model import Discriminator

ADVERSARIAL_WEIGHT = 1 / 40
ALIGNMENT_WEIGHT = 1 / 40
"""DAAD's weights are not known to us; those of Skip-GANomaly, its close relative, are 40 for the error, 1 and 1. Here
the error's weight is 1, as in every other training, so the others are divided by 40."""
RATE = 2e-4
BETAS = (0.5, 0.999)
"""Of D's Adam, as is usual for adversaries: little momentum, for what it learns to tell apart keeps moving."""


@dataclass(slots=True)
class Adversary:
    """A discriminator with its optimiser; its rate stays as it is while the predictor's falls."""

    judge: Discriminator
    optimiser: torch.optim.Optimizer

    @classmethod
    def made(cls, channels: int, device: torch.device | None = None) -> Adversary:
        """A new one for frames of so many channels; random as torch's seed has it."""
        judge = Discriminator(channels).to(device)
        return cls(judge, torch.optim.Adam(judge.parameters(), RATE, betas=BETAS))

    def terms(self, true: Tensor, predicted: Tensor) -> dict[str, Tensor]:
        """The predictor's weighted terms by name, for frames (B, C, h, w); no gradient reaches D from them."""
        self.judge.requires_grad_(False)
        try:
            known, _ = self.judge(true)
            seen, logits = self.judge(predicted)
        finally:
            self.judge.requires_grad_(True)
        return {
            "adversarial": ADVERSARIAL_WEIGHT * deception(logits),
            "alignment": ALIGNMENT_WEIGHT * alignment(known, seen),
        }

    def learn(self, true: Tensor, predicted: Tensor) -> float:
        """One step of D on frames (B, C, h, w); returns its loss, and has not learned where that is not finite."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = verdict(self.judge(true)[1], self.judge(predicted.detach())[1])
        value = float(loss.detach())
        if isfinite(value):
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
        return value


def verdict(true: Tensor, made: Tensor) -> Tensor:
    """D's loss, -log D(x) - log(1 - D(x̂)), from the logits of true frames and of made ones; mean over all."""
    return F.softplus(-true).mean() + F.softplus(made).mean()


def deception(made: Tensor) -> Tensor:
    """The predictor's loss -log D(x̂), from the logits of its frames; mean over all."""
    return F.softplus(-made).mean()


def alignment(known: Tensor, seen: Tensor) -> Tensor:
    """Mean squared f_D(x) - f_D(x̂) of two maps (B, D, h, w)."""
    return F.mse_loss(seen, known)


def check_adversarial(memory: str | None) -> None:
    """UsageError for a memory that DAAD's adversary is not for; None stands for the preset's own."""
    if memory != "blockwise":
        raise UsageError(
            f"--adversarial is for the memory blockwise, not for {memory or 'the memory of the preset'}",
            "add --memory blockwise, or leave it out",
        )
