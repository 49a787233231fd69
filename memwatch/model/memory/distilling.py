"""A network that knows photographs, for a teacher to learn from: Bergmann et al., *Uninformed Students*, section 3.1.

L_k = ‖D(T(p)) - P(p)‖²: of a patch p the teacher T says d numbers, of which a linear D is to make the 512 that the
pretrained P says. P is ResNet-18 (He et al., CVPR 2016, arXiv 1512.03385) up to its pooled features; its weights come
from a safetensors file that the user names, with torchvision's names (`conv1.weight`, `layer1.0.bn1.bias`, …), which
timm's files have too. P is asked in training alone and is no part of a model.

Ours: the mean over the 512 numbers instead of their sum, so that it has the size of the other losses; patches are
made 64 × 64 pixels for P, not 224 × 224, for a small processor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.errors import UsageError

NUMBERS = 512
"""That P says of a patch."""
SIDE = 64
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1] in the photographs that P was trained on."""
HINT = "name a safetensors file of ResNet-18 with torchvision's names, as timm's has them"


class _Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inside)) + self.downsample(x))


class ResNet18(nn.Module):
    """(N, 3, h, w), red first, in deviations from the photographs' mean, to (N, 512). Parts are named as usual."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_Block(64, 64, 1), _Block(64, 64, 1))
        self.layer2 = nn.Sequential(_Block(64, 128, 2), _Block(128, 128, 1))
        self.layer3 = nn.Sequential(_Block(128, 256, 2), _Block(256, 256, 1))
        self.layer4 = nn.Sequential(_Block(256, NUMBERS, 2), _Block(NUMBERS, NUMBERS, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return x.mean(dim=(2, 3))


class Source:
    """P, with the weights in `path`. Raises UsageError where that is no such file, or of another network."""

    def __init__(self, path: Path) -> None:
        with torch.device("meta"):
            net = ResNet18()
        wanted = {n: v.shape for n, v in net.state_dict().items() if not n.endswith("num_batches_tracked")}
        stored = {n: v for n, v in read_weights(path, "ResNet-18").items() if n in wanted}
        net.load_state_dict(checked(path, stored, wanted, "a ResNet-18's", HINT), strict=False, assign=True)
        self._net = net.eval().requires_grad_(False)

    @torch.no_grad()
    def says(self, patches: Tensor) -> Tensor:
        """(N, 512) of patches (N, C, h, w) in [-1, 1], gray or BGR."""
        large = F.interpolate(patches.float(), (SIDE, SIDE), mode="bilinear", align_corners=False)
        red_first = large.flip(1) if large.shape[1] == 3 else large.expand(-1, 3, -1, -1)
        mean, deviation = (large.new_tensor(some)[:, None, None] for some in (MEAN, DEVIATION))
        # No part of the module that is trained, so it is moved by hand.
        said: Tensor = self._net.to(patches.device)(((red_first + 1) / 2 - mean) / deviation)
        return said


def read_weights(path: Path, what: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file; UsageError where it is none."""
    remedy = f"name a safetensors file with a {what}'s weights, or leave the option out"
    if not path.is_file():
        raise UsageError(f"{path}: no such {what} file", remedy)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path}: not a {what} file, or damaged ({error})", remedy) from None


def checked(
    path: Path, weights: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], whose: str, hint: str
) -> dict[str, Tensor]:
    """The weights in full precision, if they are those wanted, of their shapes, and finite; UsageError if not."""
    for name in sorted(wanted.keys() | weights.keys()):
        if name not in wanted or name not in weights:
            more = "lacks" if name in wanted else "holds more:"
            raise UsageError(f"{path}: not {whose} weights, {more} '{name}'", hint)
        if weights[name].shape != wanted[name]:
            shapes = " and ".join("×".join(map(str, shape)) for shape in (weights[name].shape, wanted[name]))
            raise UsageError(f"{path}: '{name}' is of another shape than {whose} ({shapes})", hint)
    found = {name: value.float() for name, value in weights.items()}
    if not all(bool(torch.isfinite(value).all()) for value in found.values()):
        raise UsageError(f"{path}: holds numbers that are not finite", "name another file")
    return found
