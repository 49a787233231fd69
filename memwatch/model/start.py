"""Where a new head starts: not from random weights, but from those of a head that has seen people of another scene.

What a figure looks like and how it moves is much the same before every camera. A head that has learned it on the drawn
walkway needs a fraction of the time, and less footage, to learn what is odd elsewhere (docs/log.md); what it knows of
places stays behind. `python -m benchmarks.start` makes the file.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from memwatch.errors import MemwatchError
from memwatch.model.head import OddityHead

FILE = Path(__file__).with_name("start.safetensors")
COLOURS = 3
BY_COLOUR = ("stages.0.weight", "around.0.weight")
"""Convolutions of the picture itself, whose inputs come in threes, a colour each."""
OWN = ("places",)
"""What a scene has for itself."""


def begin(head: OddityHead) -> bool:
    """Give `head` the weights of the start; False, and nothing done, where it is of another shape.

    Raises MemwatchError where the installation lacks them.
    """
    try:
        stored = load_file(FILE)
    except (OSError, SafetensorError) as error:
        raise MemwatchError(f"{FILE}: {error}", "install memwatch anew, or train with --from-scratch") from None
    weights = {name: value.float() for name, value in stored.items()}
    if head.channels == 1:
        weights |= {name: as_gray(weights[name]) for name in BY_COLOUR}
    wanted = {name: value.shape for name, value in kept(head).items()}
    if {name: value.shape for name, value in weights.items()} != wanted:
        return False
    head.load_state_dict(weights, strict=False)
    return True


def kept(head: OddityHead) -> dict[str, Tensor]:
    """A head's weights without what it knows of its own scene."""
    return {
        name: value
        for name, value in head.state_dict().items()
        if name not in OWN and not name.endswith("num_batches_tracked")
    }


def as_gray(weight: Tensor) -> Tensor:
    """A convolution (out, n·3, k, k) of colour pictures as one (out, n, k, k) of gray ones: the same answer where all
    three colours are alike."""
    out, inputs, *kernel = weight.shape
    summed: Tensor = weight.reshape(out, inputs // COLOURS, COLOURS, *kernel).sum(dim=2)
    return torch.clone(summed)
