"""The patch networks of *Uninformed Students* (Bergmann et al., CVPR 2020, arXiv 1911.02357), run on whole pictures.

A patch network takes a patch of p × p pixels to one descriptor: convolutions without padding, no batch norm, max-pools
between, LeakyReLU of slope 0.005 behind each convolution but the last. `PLANS` has the layers. Pools floor odd sizes,
so that of a patch of 33 or 65 pixels the network sees 32 or 60 (`FIELDS`); patches are of that size here.

Over a whole picture one pass answers for all patches at once. A pool that halves its map would answer for every second
patch alone: with stride 1 it answers for all, and what stood next to each other after it stands twice as far apart, so
that later layers reach over twice the distance (dilation). Both are the same numbers as patch by patch. `every` says
which patches are wanted: as long as they lie so far apart, pools may halve as they would.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.005
POOL = 0
PLANS: dict[int, tuple[tuple[int, int], ...]] = {
    17: ((6, 1), (5, 2), (5, 2), (4, -1)),
    33: ((5, 1), (POOL, 0), (5, 2), (POOL, 0), (2, 2), (4, -1)),
    65: ((5, 1), (POOL, 0), (5, 1), (POOL, 0), (5, 2), (POOL, 0), (4, 2), (1, -1)),
}
"""By patch size: (kernel, channels in widths; -1 for the descriptor's dimensions), or a pool by two. The public ports
disagree on the third convolution of 65; this is the wider."""
FIELDS = {17: 17, 33: 32, 65: 60}
"""Side of what a network really sees of its patch, in pixels."""
POOLING = {17: 1, 33: 4, 65: 8}
"""How far apart neighbours lie after all pools, in pixels: patches so far apart are the cheapest to answer for."""


class PatchNet(nn.Module):
    """(B, inputs, H, W) to descriptors (B, dimensions, h, w) of the patches whose top left is a multiple of `every`."""

    def __init__(self, patch: int, inputs: int, width: int, dimensions: int) -> None:
        super().__init__()
        self.plan = PLANS[patch]
        self.field = FIELDS[patch]
        self.convs = nn.ModuleList()
        for kernel, times in self.plan:
            if kernel == POOL:
                continue
            outputs = dimensions if times < 0 else times * width
            self.convs.append(nn.Conv2d(inputs, outputs, kernel))
            inputs = outputs

    def forward(self, x: Tensor, every: int = 1) -> Tensor:
        """h = (H - field) // every + 1, likewise w. `every` is 1, 2, 4 or 8."""
        left, apart, done = every, 1, 0
        for kernel, _ in self.plan:
            if kernel == POOL:
                if left > 1:
                    x, left = F.max_pool2d(x, 2), left // 2
                else:
                    x, apart = F.max_pool2d(x, 2, stride=1, dilation=apart), apart * 2
                continue
            conv = self.convs[done]
            assert isinstance(conv, nn.Conv2d)
            done += 1
            last = done == len(self.convs)
            x = F.conv2d(x, conv.weight, conv.bias, stride=left if last else 1, dilation=apart)
            if not last:
                x = F.leaky_relu(x, SLOPE)
        return x


def covering(pictures: Tensor, field: int, every: int) -> Tensor:
    """(B, C, H, W) continued as in a mirror, so that patches of side `field`, `every` pixels apart, answer for all of
    it: ⌈H / every⌉ rows, each in the middle of what it answers for."""
    for axis in (2, 3):
        side = pictures.shape[axis]
        before = (field - every) // 2
        whole = (-(-side // every) - 1) * every + field
        pictures = pictures.index_select(axis, mirrored(side, before, whole).to(pictures.device))
    return pictures


def mirrored(side: int, before: int, whole: int) -> Tensor:
    """(whole,), the pixel of `side` that each pixel from -before on shows, in a mirror at both ends; as often to and
    fro as needed, for patches may be larger than the picture."""
    turn = max(1, 2 * (side - 1))
    at = (torch.arange(whole) - before) % turn
    return torch.minimum(at, turn - at) if side > 1 else torch.zeros_like(at)


def cut(pictures: Tensor, side: int, top: Tensor, left: Tensor) -> Tensor:
    """(B, K, C, side, side), K pieces of each of (B, C, H, W), at (B, K) rows and columns."""
    windows = pictures.unfold(2, side, 1).unfold(3, side, 1)
    which = torch.arange(len(pictures), device=pictures.device)[:, None].expand_as(top)
    return windows[which, :, top, left]
