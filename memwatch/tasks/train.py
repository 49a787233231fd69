"""`memwatch train`: normal footage in, a calibrated model out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import cos, floor, isfinite, pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from memwatch.errors import MemwatchError, UsageError
from memwatch.model import MemoryState, Model, Predictor, begin, load_model, save_model
from memwatch.scoring import FALSE_ALARMS_PER_DAY
from memwatch.tasks.budget import check_budget
from memwatch.tasks.calibrate import calibrate
from memwatch.tasks.card import card
from memwatch.tasks.checkpoint import load_checkpoint, save_checkpoint
from memwatch.tasks.crops import Crops, Pixels
from memwatch.tasks.footage import look, read_footage
from memwatch.tasks.interrupts import HeldSignals
from memwatch.tasks.pictures import draw_loss, draw_predictions
from memwatch.tasks.presets import PRESETS, Schedule, model_config
from memwatch.tasks.progress import Progress
from memwatch.tasks.pseudo import OddBatch, PseudoAnomalies
from memwatch.tasks.scenes import learn_scene
from memwatch.tasks.train_report import TrainReport

WARM_UP_STEPS = 100
WEIGHT_DECAY = 1e-4
PREDICTOR_EVERY = 4
"""Steps of the head for one of the predictor, where there is a head."""
CLIP_NORM = 1.0
HEAD_RATE = 2e-3
POSITIVE_WEIGHT = 5.0
"""Abnormal cells are rare among a batch's cells; each counts for so many normal ones."""
PRECISION_TRIAL_STEPS = 3
SCENE_SECONDS = 0.0015
"""What learning the scene takes for each frame of the footage, a slow core assumed."""


@dataclass(slots=True)
class _Run:
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

    def meta(self) -> dict[str, Any]:
        return self.wanted | {
            "step": self.step,
            "elapsed": self.elapsed,
            "losses": self.losses,
            "recent": self.recent,
            "precision": self.precision,
        }


def train(
    footage: list[str],
    out: Path,
    *,
    preset: str = "base",
    minutes: float | None = None,
    steps: int | None = None,
    resume: bool = False,
    seed: int = 0,
    memory: str | None = None,
    network_task: str = "predict",
    memory_options: Sequence[str] = (),
    per_day: float = FALSE_ALARMS_PER_DAY,
    fps: float | None = None,
    force: bool = False,
    start: Path | None = None,
    from_scratch: bool = False,
    progress: Progress,
) -> TrainReport:
    """Learn what is normal in `footage` and write a calibrated model to `out`.

    `minutes` is the whole command's budget, reading and calibration included; `steps` trains an exact number of steps
    instead, which is what makes two runs with one seed equal. A checkpoint lies beside `out` until the model does;
    `resume` goes on from it.
    The threshold is meant for `per_day` false alarms a day. `start` is a model to go on from instead of a new one: its
    network and memory are taken over, what its head knows of places is not. A new one's head begins as `model/start.py`
    has it, if it is of that shape, unless `from_scratch`.
    """
    check_budget(per_day)
    began = time.monotonic()
    schedule, checkpoint = _plan(out, preset, minutes, steps, resume, force)
    other = load_model(start) if start else None
    origin = other.id if other else None
    width, height, gray = look(footage, fps=fps)
    wanted: dict[str, Any] = {"memory": memory, "task": network_task, "options": memory_options}
    config = other.config if other else model_config(preset, (width, height), gray=gray, **wanted)
    clips = read_footage(footage, config, fps=fps, progress=progress)
    torch.manual_seed(seed)
    net = _elsewhere(other.net) if other else Predictor(config)
    begun = bool(not other and not from_scratch and net.head and begin(net.head))
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = _Run(
        net,
        _optimiser(net, schedule),
        other.state if other else net.memory.new_state(),
        schedule,
        "",
        wanted=config.to_dict()
        | {"seed": seed, "minutes": minutes, "steps": steps, "fps": fps, "clips": clips.names}
        | {"start": origin, "from_scratch": from_scratch},
    )
    if resume:
        run.state, meta = load_checkpoint(checkpoint, net, run.optimiser, run.wanted)
        run.step, run.elapsed, run.precision = meta["step"], meta["elapsed"], meta["precision"]
        run.losses = [(int(step), float(loss)) for step, loss in meta["losses"]]
        run.recent = meta["recent"]
    side = min(schedule.crop, config.width // 16 * 16, config.height // 16 * 16)
    crops = Crops(clips, config, clips.targets(config, held=False), schedule.batch, side, seed)
    scene = learn_scene(clips)
    pseudo = PseudoAnomalies(crops, clips.backgrounds(config), scene) if net.head else None
    budget = (minutes if minutes is not None else schedule.minutes or 0) * 60 if steps is None else 0.0
    if not run.precision:
        # A stopwatch may decide only where the length is a time: a number of steps must end in one model.
        run.precision = _faster_precision(run, crops) if budget else "fp32"
    _loop(run, crops, pseudo, checkpoint, steps=steps, budget=budget, began=began, progress=progress)
    model = Model(net.eval().to(memory_format=torch.contiguous_format), run.state)
    held = calibrate(model, clips, scene, per_day=per_day, progress=progress)
    model.card = card(
        preset=config.preset,
        **({"adapted_from": origin} if origin else {"head_from": "the start" if begun else "scratch"}),
        footage=clips.names,
        footage_colour="gray" if gray else "colour",
        footage_seconds=round(clips.seconds, 1),
        seed=seed,
        steps=run.step,
        minutes=round((time.monotonic() - began) / 60, 2),
        loss=run.losses[-1][1],
        precision=run.precision,
        threads=torch.get_num_threads(),
    )
    pictures = [out.with_suffix(".loss.png"), out.with_suffix(".frames.png")]
    draw_loss(run.losses, pictures[0])
    draw_predictions(model, clips, pictures[1])
    save_model(model, out)  # last: a model that is there is whole
    checkpoint.unlink(missing_ok=True)
    return TrainReport(
        out,
        model.id,
        run.step,
        (time.monotonic() - began) / 60,
        run.losses[-1][1],
        held,
        {"clips": len(clips.names), "seconds": round(clips.seconds, 1), "broken": clips.broken},
        pictures,
        clips.problems,
    )


def _elsewhere(net: Predictor) -> Predictor:
    """The network without what it knows of its camera's places."""
    if net.head and net.head.scene:
        torch.nn.init.zeros_(net.head.places)
    return net


def _plan(
    out: Path, preset: str, minutes: float | None, steps: int | None, resume: bool, force: bool
) -> tuple[Schedule, Path]:
    """Refuse what can't work before anything is read."""
    if preset not in PRESETS:
        raise UsageError(f"unknown preset '{preset}'", f"choose one of {', '.join(PRESETS)}")
    if minutes is not None and steps is not None:
        raise UsageError("--minutes and --steps exclude each other", "give one of them")
    if (minutes is not None and not 0 < minutes < 1e5) or (steps is not None and steps < 1):
        raise UsageError("a training needs a positive length", "give --minutes or --steps above 0")
    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: a model's name ends in .safetensors", f"write --out {out}.safetensors")
    checkpoint = out.with_suffix(".checkpoint.safetensors")
    if out.exists() and not (force and out.is_file()):
        raise UsageError(f"{out}: exists already", "choose another name, or replace it with --force")
    if resume and not checkpoint.is_file():
        raise UsageError(f"{checkpoint}: no checkpoint to resume from", "train without --resume")
    if checkpoint.exists() and not resume and not force:
        raise UsageError(f"{checkpoint}: an unfinished training", "go on with --resume, or drop it with --force")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        writable = os.access(out.parent, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise MemwatchError(f"{out.parent}: cannot be written", "choose a folder you may write to")
    return PRESETS[preset], checkpoint


def _optimiser(net: Predictor, schedule: Schedule) -> torch.optim.Optimizer:
    if schedule.epochs:  # as published
        return torch.optim.Adam(net.parameters(), schedule.rate)
    head = list(net.head.parameters()) if net.head else []
    rest = [p for name, p in net.named_parameters() if not name.startswith("head.")]
    groups = [{"params": part} for part in (rest, head) if part]
    return torch.optim.AdamW(groups, schedule.rate, weight_decay=WEIGHT_DECAY)


def _loop(
    run: _Run,
    crops: Crops,
    pseudo: PseudoAnomalies | None,
    checkpoint: Path,
    *,
    steps: int | None,
    budget: float,
    began: float,
    progress: Progress,
) -> None:
    """Steps until the budget (seconds since `began`, with what calibration will need kept back) or the steps are used
    up."""
    per_epoch = max(1, len(crops.targets) // crops.batch)
    total = steps if steps is not None else (None if budget else run.schedule.epochs * per_epoch)
    reserve = _calibration_seconds(run, crops) if budget else 0.0
    start, before, fresh = time.monotonic(), run.elapsed, run.step
    progress.start("training", total if total else round(budget - reserve), unit="steps" if total else "s")
    progress.step(run.step if total else run.elapsed)
    run.net.train()
    try:
        with HeldSignals() as signals:
            for batch, odd in _batches(run, crops, pseudo, per_epoch):
                signals.let_through()
                done = run.step / total if total else (before + time.monotonic() - began) / max(budget - reserve, 1e-9)
                if done >= 1:
                    break
                _set_rate(run, done)
                loss = _step(run, batch, odd)
                if loss is not None and not isfinite(loss):
                    raise _not_finite(run.step, checkpoint)
                shown = run.elapsed
                run.step, run.elapsed = run.step + 1, before + time.monotonic() - start
                if loss is not None:
                    run.recent.append(loss)
                if run.step % per_epoch == 0:
                    _end_epoch(run, checkpoint)
                pace = (run.step - fresh) * crops.batch / max(run.elapsed - before, 1e-6)
                progress.step(
                    1 if total else run.elapsed - shown, loss=run.recent[-1] if run.recent else 0.0, clips_per_s=pace
                )
    except KeyboardInterrupt:
        _save(run, checkpoint)
        progress.note(f"stopped at step {run.step}; go on with --resume")
        raise
    if not run.step:
        raise UsageError(
            f"{budget:.0f} seconds are too few: reading took {start - began:.0f}, calibration will take {reserve:.0f}",
            "give more --minutes",
        )
    _end_epoch(run, checkpoint)  # calibration and pictures may yet be interrupted, or find the disk full
    progress.done()


def _end_epoch(run: _Run, checkpoint: Path) -> None:
    if run.recent:
        run.losses.append((run.step, sum(run.recent) / len(run.recent)))
        run.recent.clear()
    _save(run, checkpoint)


def _save(run: _Run, checkpoint: Path) -> None:
    save_checkpoint(checkpoint, run.net, run.optimiser, run.state, run.meta())


def _not_finite(step: int, checkpoint: Path) -> MemwatchError:
    kept = f"; the last good state is in {checkpoint}" if checkpoint.exists() else ""
    return MemwatchError(
        f"the loss is not finite at step {step}", f"look for broken footage, or try another --seed{kept}"
    )


def _batches(
    run: _Run, crops: Crops, pseudo: PseudoAnomalies | None, per_epoch: int
) -> Iterator[tuple[Pixels, OddBatch | None]]:
    """Batches from the current step on, for the predictor and the head, drawn one ahead on a thread of their own."""

    def draw(step: int) -> tuple[Pixels, OddBatch | None]:
        if crops.side:
            return crops.draw(step), pseudo.draw(step) if pseudo else None
        number, position = divmod(step, per_epoch)
        return crops.whole(crops.epoch(number)[position]), None

    with ThreadPoolExecutor(1) as pool:
        step = run.step
        ahead = pool.submit(draw, step)
        while True:
            batch = ahead.result()
            step += 1
            ahead = pool.submit(draw, step)
            yield batch


def _set_rate(run: _Run, done: float) -> None:
    if run.schedule.epochs:  # as published: cosine, stepped once an epoch
        epoch = floor(done * run.schedule.epochs + 1e-6)
        factor = (1 + cos(pi * min(1.0, epoch / run.schedule.epochs))) / 2
    else:
        factor = (1 + cos(pi * min(1.0, done))) / 2 * min(1.0, (run.step + 1) / WARM_UP_STEPS)
    for group, rate in zip(run.optimiser.param_groups, (run.schedule.rate, HEAD_RATE), strict=False):
        group["lr"] = rate * factor


def _step(run: _Run, batch: Pixels, odd: OddBatch | None = None) -> float | None:
    """One optimiser step; returns the prediction's mean squared error in [-1, 1] units, None where this step was the
    head's alone, NaN if any loss is not finite (nothing is updated then)."""
    net = run.net
    # What a step draws is its own, resumed or not.
    torch.manual_seed((run.wanted.get("seed", 0) + 7919 * run.step) % 2**63)
    run.optimiser.zero_grad(set_to_none=True)
    # The predictor is near its end after minutes, the head goes on learning: it gets every step, the other some.
    predicts = odd is None or run.step % PREDICTOR_EVERY == 0
    half = torch.autocast("cpu", torch.bfloat16) if run.precision == "bf16" else nullcontext()
    with half:
        total = _head_loss(net, odd) if odd is not None else torch.zeros(())
    value, query = None, None
    if predicts:
        pixels = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
        channels = net.config.channels
        with half:
            predicted, read, features = net(net.seen(pixels), run.state)
        query = features.query.float()
        loss = F.mse_loss(predicted.float(), pixels[:, -channels:])
        total = total + loss + sum(net.memory.losses(replace(features, query=query), read, run.state).values())
        value = float(loss.detach())
    total.backward()  # type: ignore[no-untyped-call]
    if not isfinite(float(total.detach())):
        return float("nan")
    if not run.schedule.epochs:
        for group in run.optimiser.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], CLIP_NORM)
    run.optimiser.step()
    if query is not None:
        run.state = net.memory.write(query, run.state)
    return value


def _head_loss(net: Predictor, odd: OddBatch) -> Tensor:
    """Binary cross-entropy of each of the head's answers on a batch of pseudo-anomalies, summed. Ignored cells are
    left out, and abnormal ones of the kinds that are other answers' to tell."""
    assert net.head is not None
    clips, rest, labels, weights = (torch.from_numpy(part) for part in (odd.clips, odd.rest, odd.labels, odd.weights))
    logits = net.head(clips.contiguous(memory_format=torch.channels_last), rest, odd.at).float()
    asked = torch.from_numpy(odd.asked)[..., None, None]
    counts = weights[:, None] * (asked | (labels[:, None] == 0))
    each = F.binary_cross_entropy_with_logits(
        logits, labels[:, None].expand_as(logits), reduction="none", pos_weight=torch.tensor(POSITIVE_WEIGHT)
    )
    return ((each * counts).sum(dim=(0, 2, 3)) / counts.sum(dim=(0, 2, 3)).clamp_min(1)).sum()


def _faster_precision(run: _Run, crops: Crops) -> str:
    """fp32 or bf16, whichever trains faster here: bf16 is three times slower on some processors that have it."""
    batch = crops.draw(0) if crops.side else crops.whole(crops.epoch(0)[0])
    took: dict[str, float] = {}
    for precision in ("fp32", "bf16"):
        net = deepcopy(run.net)
        trial = _Run(net, _optimiser(net, run.schedule), dict(run.state), run.schedule, precision, {})
        _step(trial, batch)
        started = time.monotonic()
        for _ in range(PRECISION_TRIAL_STEPS):
            _step(trial, batch)
        took[precision] = time.monotonic() - started
    return min(took, key=lambda name: took[name])


def _calibration_seconds(run: _Run, crops: Crops) -> float:
    """What calibration, pictures and writing will take, measured on one clip."""
    config, clips = run.net.config, crops.footage
    held = len(clips.targets(config, held=True))
    clip = torch.zeros(1, config.inputs, config.height, config.width)
    net = run.net.eval()
    with torch.inference_mode():
        net(clip, run.state)
        started = time.monotonic()
        net(clip, run.state)
        one = time.monotonic() - started
    net.train()
    every = sum(len(r.frames) for r in clips.recordings)
    return 5 + 1.2 * held * one + every * SCENE_SECONDS
