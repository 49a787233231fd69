"""The frame-prediction U-Net of MNAD (Park, Noh, Ham, CVPR 2020, arXiv 2003.13228), any width.

At `width=64`, `stem=1`, three channels and four frames it is the published network, layer for layer: 3×3
convolutions with bias, batch norm and ReLU in pairs; max-pools down, transposed convolutions up; the last
convolution of the encoder bare; a three-convolution head that ends in tanh. The authors' module also declares a
batch norm that its forward pass never calls (1,024 numbers); it is not here.

`stem=2` is ours: the picture is folded 2 × 2 into channels before the first convolution and unfolded after the
last, which costs a quarter and keeps every pixel.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
    """(B, T·C, h, w) to the query (B, 8·width, h/8s, w/8s) and three skips, s being the stem."""

    def __init__(self, inputs: int, width: int, stem: int) -> None:
        super().__init__()
        self.stem = stem
        sizes = [inputs * stem * stem, width, 2 * width, 4 * width]
        self.levels = nn.ModuleList(_pair(a, b) for a, b in pairwise(sizes))
        self.query = nn.Sequential(
            nn.Conv2d(4 * width, 8 * width, 3, padding=1),
            nn.BatchNorm2d(8 * width),
            nn.ReLU(),
            nn.Conv2d(8 * width, 8 * width, 3, padding=1),
        )

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = F.pixel_unshuffle(clips, self.stem)
        skips: list[Tensor] = []
        for level in self.levels:
            x = level(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        return self.query(x), skips


class Decoder(nn.Module):
    """What the memory hands on (B, inputs, h/8s, w/8s) and the skips to the next frame (B, C, h, w) in [-1, 1]."""

    def __init__(self, inputs: int, outputs: int, width: int, stem: int) -> None:
        super().__init__()
        self.stem = stem
        self.entrance = _pair(inputs, 8 * width)
        deep_to_shallow = [8 * width, 4 * width, 2 * width, width]
        self.ups = nn.ModuleList(_up(a, b) for a, b in pairwise(deep_to_shallow))
        self.levels = nn.ModuleList(_pair(2 * b, b) for b in deep_to_shallow[1:])
        self.last = nn.Conv2d(width, outputs * stem * stem, 3, padding=1)

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        x = self.entrance(x)
        for up, level, skip in zip(self.ups, self.levels, reversed(skips), strict=True):
            x = level(torch.cat((skip, up(x)), dim=1))
        return torch.tanh(F.pixel_shuffle(self.last(x), self.stem))
