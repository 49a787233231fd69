"""One step of a training: the predictor's loss, the head's, and what of a run must survive a stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from math import cos, floor, isfinite, pi
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from memwatch.model import MemoryState, Predictor
from memwatch.tasks.adversary import Adversary
from memwatch.tasks.checkpoint import Learners
from memwatch.tasks.crops import Crops, Pixels
from memwatch.tasks.device import cores
from memwatch.tasks.fast_weights import is_task, second_half
from memwatch.tasks.presets import Schedule
from memwatch.tasks.pseudo import OddBatch

WARM_UP_STEPS = 100
WEIGHT_DECAY = 1e-4
PREDICTOR_EVERY = 4
"""Steps of the head for one of the predictor, where there is a head."""
CLIP_NORM = 1.0
HEAD_RATE = 2e-3
STEP_RATE = 1e-3
"""Of the step sizes of fast weights, a tenth of what they start with."""
POSITIVE_WEIGHT = 5.0
"""Abnormal cells are rare among a batch's cells; each counts for so many normal ones."""
PRECISION_TRIAL_STEPS = 3


@dataclass(slots=True)
class Run:
    """A training under way."""

    net: Predictor
    optimiser: torch.optim.Optimizer
    state: MemoryState
    schedule: Schedule
    precision: str
    wanted: dict[str, Any]
    step: int = 0
    elapsed: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, mean loss) of each epoch."""
    recent: list[float] = field(default_factory=list)
    """Losses of the epoch under way."""
    adversary: Adversary | None = None
    devices: list[str] = field(default_factory=list)
    """Where it computes, and did before it was resumed."""

    @property
    def device(self) -> torch.device:
        return next(self.net.parameters()).device

    def learners(self) -> Learners:
        """What a checkpoint holds besides the memory's state and the meta."""
        judge = self.adversary
        beside: Learners = {"judge.": (judge.judge, judge.optimiser)} if judge else {}
        return {"": (self.net, self.optimiser), **beside}

    def meta(self) -> dict[str, Any]:
        return self.wanted | {
            "step": self.step,
            "elapsed": self.elapsed,
            "losses": self.losses,
            "recent": self.recent,
            "precision": self.precision,
            "devices": self.devices,
        }


def optimiser_for(net: Predictor, schedule: Schedule) -> torch.optim.Optimizer:
    """Three groups, those that there are: the predictor, the head, and step sizes of fast weights; `peak` is the rate
    that a schedule starts each with."""
    peaks = {"": schedule.rate, "head.": HEAD_RATE, "memory.steps.": STEP_RATE}
    parts: dict[str, list[Tensor]] = {name: [] for name in peaks}
    for name, weight in net.named_parameters():
        parts[next((part for part in peaks if part and name.startswith(part)), "")].append(weight)
    groups = [{"params": part, "peak": peaks[name]} for name, part in parts.items() if part]
    if schedule.epochs:  # as published
        return torch.optim.Adam(groups, schedule.rate)
    return torch.optim.AdamW(groups, schedule.rate, weight_decay=WEIGHT_DECAY, fused=True)


def set_rate(run: Run, done: float) -> None:
    if run.schedule.epochs:  # as published: cosine, stepped once an epoch
        epoch = floor(done * run.schedule.epochs + 1e-6)
        factor = (1 + cos(pi * min(1.0, epoch / run.schedule.epochs))) / 2
    else:
        factor = (1 + cos(pi * min(1.0, done))) / 2 * min(1.0, (run.step + 1) / WARM_UP_STEPS)
    for group in run.optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def predicts(step: int, odd: OddBatch | None) -> bool:
    """Whether the predictor has a turn: it is near its end after minutes, the head, where there is one, goes on
    learning and gets every step."""
    return odd is None or step % PREDICTOR_EVERY == 0


def train_step(run: Run, batch: Pixels | None, odd: OddBatch | None = None) -> float | None:
    """One optimiser step; returns the prediction's mean squared error in [-1, 1] units, None where this step was the
    head's alone, NaN if any loss is not finite (nothing is updated then)."""
    net = run.net
    # What a step draws is its own, resumed or not.
    torch.manual_seed((run.wanted.get("seed", 0) + 7919 * run.step) % 2**63)
    run.optimiser.zero_grad(set_to_none=True)
    half = torch.autocast(run.device.type, torch.bfloat16) if run.precision == "bf16" else nullcontext()
    with half:
        total = head_loss(net, odd) if odd is not None else torch.zeros((), device=run.device)
    value, query = None, None
    if predicts(run.step, odd):
        assert batch is not None, "the predictor has a turn"
        pixels = torch.from_numpy(batch).to(run.device).contiguous(memory_format=torch.channels_last)
        if is_task(net, run.step // PREDICTOR_EVERY if odd is not None else run.step):
            # In full precision: half of it loses so small a step.
            pixels, said = second_half(net, pixels, run.state)
        else:
            with half:
                said = net(pixels, run.state)
        terms = net.losses(pixels, said, run.state)
        total = total + sum(terms.values())
        value, query = float(terms["prediction"].detach()), said[2].query.float()
        if run.adversary:
            judged = pixels[:, -net.config.channels :], said[0].float()
            total = total + sum(run.adversary.terms(*judged).values())
    total.backward()  # type: ignore[no-untyped-call]
    if not isfinite(float(total.detach())):
        return float("nan")
    if query is not None and run.adversary and not isfinite(run.adversary.learn(*judged)):
        return float("nan")
    if not run.schedule.epochs:
        for group in run.optimiser.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], CLIP_NORM)
    run.optimiser.step()
    if query is not None:
        run.state = net.memory.tend(query, net.memory.write(query, run.state))
    return value


def head_loss(net: Predictor, odd: OddBatch) -> Tensor:
    """Binary cross-entropy of each of the head's answers on a batch of pseudo-anomalies, summed. Ignored cells are
    left out, and abnormal ones of the kinds that are other answers' to tell."""
    assert net.head is not None
    device = net.head.logit.weight.device
    drawn = (odd.clips, odd.rest, odd.labels, odd.weights, odd.asked)
    clips, rest, labels, weights, asked = (torch.from_numpy(part).to(device) for part in drawn)
    logits = net.head(clips.contiguous(memory_format=torch.channels_last), rest, odd.at).float()
    asked = asked[..., None, None]
    counts = weights[:, None] * (asked | (labels[:, None] == 0))
    each = F.binary_cross_entropy_with_logits(
        logits, labels[:, None].expand_as(logits), reduction="none", pos_weight=labels.new_tensor(POSITIVE_WEIGHT)
    )
    return ((each * counts).sum(dim=(0, 2, 3)) / counts.sum(dim=(0, 2, 3)).clamp_min(1)).sum()


@contextmanager
def a_core_for_drawing(wanted: bool) -> Iterator[int]:
    """If `wanted`, one thread of torch less than there are cores, where it has them all; how many there are. Batches
    for the head are drawn on a thread of their own, and each layer would wait for the core that draws: on two cores one
    thread trains faster than two (docs/log.md)."""
    before = torch.get_num_threads()
    threads = max(1, before - 1) if wanted and before >= cores() else before
    torch.set_num_threads(threads)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)


def faster_precision(run: Run, crops: Crops) -> str:
    """fp32 or bf16, whichever trains faster here: bf16 is three times slower on some processors that have it."""
    batch = crops.draw(0) if crops.side else crops.whole(crops.epoch(0)[0])
    took: dict[str, float] = {}
    for precision in ("fp32", "bf16"):
        net = deepcopy(run.net)
        trial = Run(net, optimiser_for(net, run.schedule), dict(run.state), run.schedule, precision, {})
        train_step(trial, batch)
        started = time.monotonic()
        for _ in range(PRECISION_TRIAL_STEPS):
            train_step(trial, batch)
        took[precision] = time.monotonic() - started
    return min(took, key=lambda name: took[name])
