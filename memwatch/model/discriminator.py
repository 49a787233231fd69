"""The discriminator that DAAD trains beside its memory: Hou et al., ICCV 2021, arXiv 2107.13118.

It tells true frames from made ones, and what it sees in both is compared (`memwatch/tasks/adversary.py`). It judges in
training only: a model is not judged with it, so no model file holds it.

Ours, for the paper does not print its layers: three halvings and an answer for each place instead of one for the whole
picture, since training sees crops; and no batch norms, which would judge a picture by those beside it and would learn
whenever they judge.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

WIDTHS = (16, 32, 64)
"""Channels after each halving; the last ones are the inner feature."""
SLOPE = 0.2


class Discriminator(nn.Module):
    """Frames (B, C, h, w) in [-1, 1] to f_D (B, 64, h/8, w/8) and logits (B, 1, h/8, w/8), high where a frame looks
    true; sides of at least 8 pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        halvings = [
            layer
            for inputs, outputs in pairwise((channels, *WIDTHS))
            for layer in (nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE))
        ]
        self.inner = nn.Sequential(*halvings)
        self.logit = nn.Conv2d(WIDTHS[-1], 1, 3, padding=1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        inner = self.inner(frames)
        return inner, self.logit(inner)
