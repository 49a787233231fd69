"""A light head that learns, on pseudo-anomalies, what moves, looks or lies unlike anything in this scene.

A fixed camera shows the same background at every moment, so a piece of another moment can be pasted in without a seam:
played too fast, enlarged, turned, at another place, or standing where nothing stood (see `tasks/pseudo.py`). The head
tells such pieces from pieces pasted in the same way that are as usual, and answers one logit a cell. In the line of
self-supervised video anomaly detection (Astrid et al., BMVC 2021; Georgescu et al., CVPR 2021), in a form that needs no
detector and costs about two milliseconds a frame.

Two things make it know the scene and not just its figures. It sees how the picture differs from the scene behind, so
that what stands still is not lost in the background; and it learns a few numbers for each place, so that what is usual
on the path may be odd on the lawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CELL = 8
LAYERS = 3
"""Modules of one convolution: itself, its batch norm, its ReLU."""
REST = 1 * LAYERS
"""Where the difference from the scene joins: after the first convolution, at half the resolution …"""
PLACE = 5 * LAYERS
"""… and where the place does: before the last but one."""


class OddityHead(nn.Module):
    """(B, (T+1)·C, h, w) in [-1, 1], the target last, to logits (B, h/8, w/8).

    `scene`: whether it takes `rest` too. `place`: numbers learned for each place of a picture of `grid` (rows, columns)
    cells; 0 for none.
    """

    def __init__(
        self, frames: int, channels: int, width: int, *, scene: bool, place: int, grid: tuple[int, int]
    ) -> None:
        super().__init__()
        self.channels = channels
        self.scene = scene
        self.grid = grid
        sizes = [(2 * frames - 1) * channels, width, 2 * width, 4 * width]
        stages: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            more = 2 * channels if scene and len(stages) + LAYERS == REST else 0
            more += place if len(stages) + LAYERS == PLACE else 0
            stages += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.Conv2d(outputs + more, outputs, 3, padding=1),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
        self.stages = nn.Sequential(*stages)
        self.logit = nn.Conv2d(sizes[-1], 1, 3, padding=1)
        # Kept at half the grid, so that a place learns with its neighbours.
        rows, columns = (-(-side // 2) for side in grid)
        self.places = nn.Parameter(torch.zeros(1, place, rows, columns)) if place else None

    def forward(self, clips: Tensor, rest: Tensor | None = None, at: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """`rest` (B, 2C, h/2, w/2): how the target and the mean of the last second differ from the scene behind.
        `at`: each clip's top left cell where clips are crops of the picture; None for whole pictures."""
        changes = clips[:, self.channels :] - clips[:, : -self.channels]
        x = self.stages[:REST](torch.cat((clips, changes), dim=1))
        if self.scene:
            assert rest is not None, "this head wants to know the scene"
            x = torch.cat((x, rest), dim=1)
        x = self.stages[REST:PLACE](x)
        if self.places is not None:
            x = torch.cat((x, self._places(x, at)), dim=1)
        logits: Tensor = self.logit(self.stages[PLACE:](x))
        return logits[:, 0]

    def _places(self, like: Tensor, at: Sequence[tuple[int, int]] | None) -> Tensor:
        assert self.places is not None
        places = F.interpolate(self.places, size=self.grid, mode="bilinear", align_corners=False)
        if at is None:
            return places.expand(len(like), -1, -1, -1)
        height, width = like.shape[2:]
        return torch.cat([places[:, :, row : row + height, column : column + width] for row, column in at])
