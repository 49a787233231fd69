"""The frame-prediction U-Net of MNAD (Park, Noh, Ham, CVPR 2020, arXiv 2003.13228), any width.

At `width=64`, `stem=1`, three channels and four frames it is the published network, layer for layer: 3×3
convolutions with bias, batch norm and ReLU in pairs; max-pools down, transposed convolutions up; the last
convolution of the encoder bare; a three-convolution head that ends in tanh. The authors' module also declares a
batch norm that its forward pass never calls (1,024 numbers); it is not here.

`stem` and `levels` are ours: the picture is folded stem × stem into channels before the first convolution and unfolded
after the last, which keeps every pixel at a fraction of the cost; `levels` says how often it is halved (published: 3).
The decoder of the reconstruction variant has no skips and twice the width on the way up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.model.memory import Features


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _up(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Encoder(nn.Module):
    """(B, inputs, h, w) to the query (B, n·width, h/ns, w/ns) and, with `skips`, one for each level: n = 2^levels,
    s = stem.

    `centred`: each channel of the query less its mean over the footage, in its standard deviations. As they come, the
    queries of one scene point much the same way, and a memory of directions tells them apart by the last percent.
    """

    def __init__(
        self, inputs: int, width: int, stem: int, levels: int = 3, *, skips: bool = True, centred: bool = False
    ) -> None:
        super().__init__()
        self.stem = stem
        self.skips = skips
        widths = [width << level for level in range(levels + 1)]
        self.levels = nn.ModuleList(_pair(a, b) for a, b in pairwise([inputs * stem * stem, *widths[:-1]]))
        self.query = nn.Sequential(
            nn.Conv2d(widths[-2], widths[-1], 3, padding=1),
            nn.BatchNorm2d(widths[-1]),
            nn.ReLU(),
            nn.Conv2d(widths[-1], widths[-1], 3, padding=1),
        )
        if centred:
            self.query.append(nn.BatchNorm2d(widths[-1], affine=False))

    def forward(self, clips: Tensor) -> Features:
        x = F.pixel_unshuffle(clips, self.stem)
        skips: list[Tensor] = []
        for level in self.levels:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        return Features(self.query(x), tuple(skips) if self.skips else ())


class Decoder(nn.Module):
    """What the memory hands on (B, inputs, h/ns, w/ns) and the skips to the next frame (B, C, h, w) in [-1, 1]."""

    def __init__(
        self, inputs: int, outputs: int, width: int, stem: int, levels: int = 3, *, skips: bool = True
    ) -> None:
        super().__init__()
        self.stem = stem
        self.skips = skips
        deep_to_shallow = [width << level for level in range(levels, -1, -1)]
        self.entrance = _pair(inputs, deep_to_shallow[0])
        # Where no skip stands beside it, what comes from below keeps its width (MNAD's reconstruction).
        self.ups = nn.ModuleList(_up(a, b if skips else a) for a, b in pairwise(deep_to_shallow))
        self.levels = nn.ModuleList(_pair(2 * b, b) for b in deep_to_shallow[1:])
        self.last = nn.Conv2d(width, outputs * stem * stem, 3, padding=1)

    def forward(self, x: Tensor, skips: Sequence[Tensor]) -> Tensor:
        x = self.entrance(x)
        beside = reversed(skips) if self.skips else [x[:, :0]] * len(self.levels)
        for up, level, skip in zip(self.ups, self.levels, beside, strict=True):
            x = up(x)
            x = level(torch.cat((skip, x), dim=1) if self.skips else x)
        return torch.tanh(F.pixel_shuffle(self.last(x), self.stem))
