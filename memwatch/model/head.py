"""A light head that learns, on pseudo-anomalies, what moves, looks or lies unlike anything in this scene.

A fixed camera shows the same background at every moment, so a piece of another moment can be pasted in without a seam:
played too fast, enlarged, turned, at another place, or standing where nothing stood (see `tasks/pseudo.py`). The head
tells such pieces from pieces pasted in the same way that are as usual, and answers one logit a cell for each way of
being odd. In the line of self-supervised video anomaly detection (Astrid et al., BMVC 2021; Georgescu et al., CVPR
2021), in a form that needs no detector and costs about three milliseconds a frame.

Two of its answers are about figures alone, from the frames and their changes. The others know the scene: they also see
how the picture differs from the scene behind, so that what stands still is not lost in the background, and learn a few
numbers for each place, so that what is usual on the path may be odd on the lawn. The answers stay apart, because normal
footage is not equally good at each: where people stop and stand, "stays" must be louder than elsewhere before it means
anything, and "moves" need not suffer for it. Nor do those that know the scene make the others needless: the scene is a
short cut, and what learns to take it sees less in the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.types import FIGURE_ANSWERS, SCENE_ANSWERS

CELL = 8
LAYERS = 3
"""Modules of one convolution: itself, its batch norm, its ReLU."""
SHARED = 5 * LAYERS
"""The stages that all answers share; the last is the figure's own."""
AROUND = (16, 32)
"""Channels of the two steps that bring the difference from the scene to the cells."""


class OddityHead(nn.Module):
    """(B, (T+1)·C, h, w) in [-1, 1], the target last, to logits (B, K, h/8, w/8).

    `scene`: whether it takes `rest` too and answers both FIGURE_ANSWERS and SCENE_ANSWERS; without, as older models, it
    has one answer. `place`: numbers learned for each place of a picture of `grid` (rows, columns) cells.
    """

    def __init__(
        self, frames: int, channels: int, width: int, *, scene: bool, place: int, grid: tuple[int, int]
    ) -> None:
        super().__init__()
        self.channels = channels
        self.folded = False
        self.scene = scene
        self.grid = grid
        sizes = [(2 * frames - 1) * channels, width, 2 * width, 4 * width]
        stages = [module for a, b in pairwise(sizes) for module in (*_step(a, b, stride=2), *_step(b, b))]
        self.stages = nn.Sequential(*stages)
        self.logit = nn.Conv2d(sizes[-1], len(FIGURE_ANSWERS) if scene else 1, 3, padding=1)
        if not scene:
            return
        first, second = AROUND
        self.around = nn.Sequential(*_step(2 * channels, first, stride=2), *_step(first, second, stride=2))
        self.here = nn.Sequential(*_step(sizes[-1] + second + place, sizes[-1]))
        self.here_logit = nn.Conv2d(sizes[-1], len(SCENE_ANSWERS), 3, padding=1)
        # Kept at half the grid, so that a place learns with its neighbours.
        rows, columns = (-(-side // 2) for side in grid)
        self.places = nn.Parameter(torch.zeros(1, place, rows, columns))

    def forward(self, clips: Tensor, rest: Tensor | None = None, at: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """`rest` (B, 2C, h/2, w/2): how the target and the mean of the last second differ from the scene behind.
        `at`: each clip's top left cell where clips are crops of the picture; None for whole pictures."""
        shared = self.shared(clips)
        if not self.scene:
            return self.figure(shared)
        assert rest is not None, "this head wants to know the scene"
        return torch.cat((self.figure(shared), self.placed(shared, rest, at)), dim=1)

    def shared(self, clips: Tensor) -> Tensor:
        """What all answers are made of, (B, 4·width, h/8, w/8)."""
        seen: Tensor = self.stages[:SHARED](clips if self.folded else self._with_changes(clips))
        return seen

    def figure(self, shared: Tensor) -> Tensor:
        """The logits of FIGURE_ANSWERS, or of the one answer of a head that does not know the scene."""
        logits: Tensor = self.logit(self.stages[SHARED:](shared))
        return logits

    def placed(self, shared: Tensor, rest: Tensor, at: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """The logits of SCENE_ANSWERS."""
        known = [shared, self.around(rest)]
        if self.places.numel():
            known.append(self._places(shared, at))
        logits: Tensor = self.here_logit(self.here(torch.cat(known, dim=1)))
        return logits

    def fold_changes(self) -> None:
        """Let the first convolution take the frames alone, once nothing is to be trained any more: a change is the
        difference of two frames, so its weights are added to those of the one and taken from those of the other."""
        assert not self.folded
        first, channels = self.stages[0], self.channels
        assert isinstance(first, nn.Conv2d)
        inputs = (first.in_channels + channels) // 2
        weight = first.weight.detach()
        seen, changes = weight[:, :inputs], weight[:, inputs:]
        nothing = changes.new_zeros(first.out_channels, channels, *first.weight.shape[2:])
        first.weight = nn.Parameter(
            seen + torch.cat((nothing, changes), dim=1) - torch.cat((changes, nothing), dim=1), requires_grad=False
        )
        first.in_channels = inputs
        self.folded = True

    def _with_changes(self, clips: Tensor) -> Tensor:
        return torch.cat((clips, clips[:, self.channels :] - clips[:, : -self.channels]), dim=1)

    @torch.inference_mode()
    def answers(
        self, clips: NDArray[np.float32], rest: NDArray[np.float32], at: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        """`forward` on arrays, (K, B, h/8, w/8); nothing is learned from it."""
        logits = self(torch.from_numpy(clips), torch.from_numpy(rest), at).float()
        return np.asarray(logits.numpy().swapaxes(0, 1), np.float32)

    def _places(self, like: Tensor, at: Sequence[tuple[int, int]] | None) -> Tensor:
        places = F.interpolate(self.places, size=self.grid, mode="bilinear", align_corners=False)
        if at is None:
            return places.expand(len(like), -1, -1, -1)
        height, width = like.shape[2:]
        return torch.cat([places[:, :, row : row + height, column : column + width] for row, column in at])


def _step(inputs: int, outputs: int, *, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
