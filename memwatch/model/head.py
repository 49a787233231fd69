"""A light head that learns, on pseudo-anomalies, what moves or looks unlike anything in this scene.

A fixed camera shows the same background at every moment, so a piece of another moment can be pasted in without a seam:
played too fast, enlarged, stretched, or gliding without walking (see `tasks/pseudo.py`). The head tells such pieces
from pieces pasted in the same way at their own speed, and answers one logit a cell. In the line of self-supervised
video anomaly detection (Astrid et al., BMVC 2021; Georgescu et al., CVPR 2021), in a form that needs no detector and
costs about two milliseconds a frame.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class OddityHead(nn.Module):
    """(B, (T+1)·C, h, w) in [-1, 1], the target last, to logits (B, h/8, w/8)."""

    def __init__(self, frames: int, channels: int, width: int) -> None:
        super().__init__()
        self.channels = channels
        sizes = [(2 * frames - 1) * channels, width, 2 * width, 4 * width]
        stages: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            stages += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, padding=1),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
        self.stages = nn.Sequential(*stages)
        self.logit = nn.Conv2d(sizes[-1], 1, 3, padding=1)

    def forward(self, clips: Tensor) -> Tensor:
        changes = clips[:, self.channels :] - clips[:, : -self.channels]
        logits: Tensor = self.logit(self.stages(torch.cat((clips, changes), dim=1)))
        return logits[:, 0]
