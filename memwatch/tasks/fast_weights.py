"""Fast weights: learning to learn from a few frames of a new scene, as MPN does (Lv et al., CVPR 2021, arXiv
2104.06689, meta prototype unit).

θ0 = {the attention A that makes the prototypes, the decoder's last convolution}, and α, a step size for each of their
numbers, which the memory keeps. A task gives two halves of footage:

* inner: θ1 = θ0 - α ⊙ ∇L(θ0) on one half;
* outer: L(θ1) on the other half trains θ0 and α, through the inner step (second order), and all else as usual;
* at a new scene: the same inner step, once, with the gradient averaged over K frames, θ1 being the new weights.

Ours: the last convolution alone, where the paper has the three of its head; a task is a batch of one camera's moments,
where the paper has a segment of one of many videos; only some steps are such tasks, the others are ordinary; ordinary
adaptation follows the fast step, where the paper keeps θ1 as it is; α starts larger (`STEP_SIZE` in the memory's file).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from memwatch.model import FAST, Features, MemoryState, Predictor, Read
from memwatch.tasks.crops import Crops

EVERY = 3
"""Steps of the predictor for one that is a task."""
FRAMES = 10
"""K, of the new scene: the most that the paper tries, and its best."""

Said = tuple[Tensor, Read, Features]
"""What a predictor says of clips: predicted frames, what was read, and for which features."""


class AfterEncoder(nn.Module):
    """A predictor's memory and decoder, under the names that they have in it: what can be called with other weights."""

    def __init__(self, net: Predictor) -> None:
        super().__init__()
        self.memory = net.memory
        self.decoder = net.decoder

    def forward(self, features: Features, state: MemoryState) -> Said:
        read = self.memory.read(features, state)
        return self.decoder(read.decoder_input, read.skips), read, features


def is_task(net: Predictor, predictor_step: int) -> bool:
    """Whether this step of the predictor, counted from 0, is a task. The first is none, since what a step takes is
    measured with it."""
    return bool(net.memory.step_sizes()) and predictor_step % EVERY == EVERY - 1


def second_half(net: Predictor, clips: Tensor, state: MemoryState) -> tuple[Tensor, Said]:
    """The second half of clips (B, (T+1)·C, h, w), B ≥ 2, and what the network says of it with the weights that one
    inner step on the first half gives it. The graph leads back to θ0 and α through that step, to the rest without."""
    half = len(clips) // 2
    features = net.features(clips)
    first, second = _part(features, slice(half)), _part(features, slice(half, None))
    after = AfterEncoder(net)
    weights = dict(after.named_parameters())
    slow = {name: weights[name] for name in FAST}
    # Only θ0 is asked how the step depends on it: for the inner step all else is constant.
    still = {name: value.detach() for name, value in weights.items() if name not in FAST}
    said = functional_call(after, still | slow, (_constant(first), state))
    loss = sum(net.losses(clips[:half], said, state).values(), torch.zeros(()))
    fast = stepped(slow, net.memory.step_sizes(), loss, create_graph=True)
    return clips[half:], functional_call(after, fast, (second, state))


def stepped(
    slow: Mapping[str, Tensor], steps: Sequence[Tensor], loss: Tensor, *, create_graph: bool = False
) -> dict[str, Tensor]:
    """θ1 = θ0 - α ⊙ ∇L by name, for weights θ0 and step sizes α of the same shapes, in the same order. With
    `create_graph` the result can be differentiated in θ0 and α, the gradient's own dependence on θ0 included."""
    gradients = torch.autograd.grad(loss, list(slow.values()), create_graph=create_graph)
    moved = zip(slow.items(), steps, gradients, strict=True)
    return {name: value - step * gradient for (name, value), step, gradient in moved}


def take_fast_step(net: Predictor, crops: Crops, state: MemoryState) -> None:
    """Take the one inner step in place, on FRAMES whole frames spread evenly over the training part of new footage;
    nothing is done where the network has not learned to."""
    if not net.memory.step_sizes():
        return
    chosen = np.linspace(0, len(crops.targets) - 1, FRAMES).round().astype(np.intp)
    weights = dict(net.named_parameters())
    clips = torch.from_numpy(crops.whole(chosen)).to(weights[FAST[0]].device)
    clips = clips.contiguous(memory_format=torch.channels_last)
    slow = {name: weights[name] for name in FAST}
    net.train()  # batch norms as when the step sizes were learned; their running figures see the new frames once
    loss = sum(net.losses(clips, net(clips, state), state).values(), torch.zeros(()))
    fast = stepped(slow, net.memory.step_sizes(), loss)
    with torch.no_grad():
        for name, value in fast.items():
            weights[name].copy_(value)


def told(net: Predictor) -> dict[str, Any]:
    """What the card of a model that took the fast step says."""
    return {"fast_step": FRAMES} if net.memory.step_sizes() else {}


def _part(features: Features, part: slice) -> Features:
    judged = None if features.judged is None else features.judged[part]
    return Features(features.query[part], tuple(skip[part] for skip in features.skips), judged)


def _constant(features: Features) -> Features:
    return Features(features.query.detach(), tuple(skip.detach() for skip in features.skips), features.judged)
