"""`memwatch train`: normal footage in, a calibrated model out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch

from memwatch.errors import MemwatchError, UsageError
from memwatch.model import Features, MemoryState, Model, Predictor, begin, load_model, save_model
from memwatch.scoring import FALSE_ALARMS_PER_DAY
from memwatch.tasks.adversary import Adversary, check_adversarial
from memwatch.tasks.budget import check_budget
from memwatch.tasks.calibrate import calibrate
from memwatch.tasks.card import card
from memwatch.tasks.checkpoint import load_checkpoint, save_checkpoint
from memwatch.tasks.crops import Crops, Pixels
from memwatch.tasks.device import computing_on, device_name, device_of, moved, workers
from memwatch.tasks.exemplars import exemplars
from memwatch.tasks.fast_weights import take_fast_step, told
from memwatch.tasks.footage import Footage, look, read_footage
from memwatch.tasks.interrupts import HeldSignals
from memwatch.tasks.pictures import draw_loss, draw_predictions
from memwatch.tasks.prefetch import prefetched
from memwatch.tasks.presets import PRESETS, Schedule, model_config
from memwatch.tasks.progress import Progress
from memwatch.tasks.pseudo import OddBatch, PseudoAnomalies
from memwatch.tasks.scenes import learn_scene
from memwatch.tasks.step import Run, a_core_for_drawing, faster_precision, optimiser_for, predicts, set_rate, train_step
from memwatch.tasks.train_report import TrainReport

SETTLED_ON = 200
"""Most held-out frames that a memory settles on."""
TRUST_SECONDS = 12.0
"""What measuring the trust in the head's answers takes, a slow core assumed."""
TIMINGS = 5
"""Predictions of one clip by which a machine's pace is told."""
LEAST_STEPPING = 1.0
"""Minutes of steps under which a training is not worth its reading."""
SCENE_SECONDS = 0.0015
"""What learning the scene takes for each frame of the footage, a slow core assumed."""


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
    adversarial: bool = False,
    per_day: float = FALSE_ALARMS_PER_DAY,
    fps: float | None = None,
    force: bool = False,
    start: Path | None = None,
    from_scratch: bool = False,
    device: str = "auto",
    progress: Progress,
) -> TrainReport:
    """Learn what is normal in `footage` and write a calibrated model to `out`.

    `minutes` is the whole command's budget, reading and calibration included; `steps` trains an exact number of steps
    instead, which is what makes two runs with one seed equal, on one kind of processor; a GPU adds as it comes. A
    checkpoint lies beside `out` until the model does; `resume` goes on from it. The threshold is meant for `per_day`
    false alarms a day. `start` is a model to go on from instead of a new one: its network and memory are taken over,
    what its head knows of places is not. A new one's head begins as `model/start.py` has it, if it is of that shape,
    unless `from_scratch`. With `adversarial`, a discriminator judges the predictor of a block-wise memory while it
    trains (`adversary.py`). `device` (`device_of`) is for the steps: what is measured on held-out footage is
    measured on the processor.
    """
    check_budget(per_day)
    if adversarial:
        check_adversarial(memory)
    began = time.monotonic()
    schedule, checkpoint = _plan(out, preset, minutes, steps, resume, force)
    place = device_of(device, progress)
    other = load_model(start) if start else None
    origin = other.id if other else None
    width, height, gray = look(footage, fps=fps)
    wanted: dict[str, Any] = {"memory": memory, "task": network_task, "options": memory_options}
    config = other.config if other else model_config(preset, (width, height), gray=gray, **wanted)
    torch.manual_seed(seed)
    net = _elsewhere(other.net) if other else Predictor(config)  # first: one that cannot be is told before the reading
    if not other:
        net.memory.begin(resumed=resume)
    clips = read_footage(footage, config, fps=fps, progress=progress)
    begun = bool(not other and not from_scratch and net.head and begin(net.head))
    net = net.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = Run(
        net,
        optimiser_for(net, schedule),
        moved(other.state if other else net.memory.new_state(), place),
        schedule,
        "",
        wanted=config.to_dict()
        | {"seed": seed, "minutes": minutes, "steps": steps, "fps": fps, "clips": clips.names}
        | {"start": origin, "from_scratch": from_scratch, "adversarial": adversarial},
        devices=[device_name(place)],
        adversary=Adversary.made(config.channels, place) if adversarial else None,
    )
    earlier = 0.0
    if resume:
        kept, meta = load_checkpoint(checkpoint, run.learners(), run.wanted)
        run.state = moved(kept, place)
        run.step, run.elapsed = meta["step"], meta["elapsed"]
        before = meta.get("devices", ["cpu"])
        if before[-1] == run.devices[0]:
            run.precision = meta["precision"]  # what was faster elsewhere need not be so here
        run.devices = list(dict.fromkeys(before + run.devices))
        run.losses = [(int(step), float(loss)) for step, loss in meta["losses"]]
        run.recent, earlier = meta["recent"], run.elapsed
    side = schedule.side(config)
    targets = clips.targets(config, held=False)
    crops = Crops(clips, config, targets, schedule.batch, side, seed, clips.busy(targets))
    if other and not resume:
        with computing_on(place):
            take_fast_step(net, crops, run.state)
    scene = learn_scene(clips)
    pseudo = PseudoAnomalies(crops, clips.backgrounds(config), scene) if net.head else None
    budget = (minutes if minutes is not None else schedule.minutes or 0) * 60 if steps is None else 0.0
    reserve = _calibration_seconds(run, crops) if budget else 0.0
    with a_core_for_drawing(pseudo is not None and place.type == "cpu") as threads, computing_on(place):
        if not run.precision:
            # A stopwatch may decide only where the length is a time: a number of steps must end in one model.
            run.precision = faster_precision(run, crops) if budget else "fp32"
        _loop(
            run,
            crops,
            pseudo,
            checkpoint,
            steps=steps,
            budget=budget,
            reserve=reserve,
            began=began,
            progress=progress,
        )
    # What comes now is done where the model will be used.
    net = net.eval().to("cpu").to(memory_format=torch.contiguous_format)
    model = Model(net, moved(run.state, torch.device("cpu")))
    with torch.inference_mode():
        model.net.memory.settle(_held_out(model, clips))
    held = calibrate(model, clips, scene, per_day=per_day, progress=progress)
    model.card = card(
        preset=config.preset,
        **({"adapted_from": origin} | told(net) if origin else {"head_from": "the start" if begun else "scratch"}),
        footage=clips.names,
        footage_colour="gray" if gray else "colour",
        footage_seconds=round(clips.seconds, 1),
        seed=seed,
        adversarial=adversarial,
        steps=run.step,
        minutes=round((earlier + time.monotonic() - began) / 60, 2),
        loss=run.losses[-1][1],
        precision=run.precision,
        threads=threads,
        device=", then ".join(run.devices),
    )
    model.exemplars = exemplars(model, clips)
    pictures = [out.with_suffix(".loss.png"), out.with_suffix(".frames.png")]
    draw_loss(run.losses, pictures[0])
    draw_predictions(model, clips, pictures[1])
    save_model(model, out)  # last: a model that is there is whole
    checkpoint.unlink(missing_ok=True)
    return TrainReport(
        out,
        model.id,
        run.step,
        (earlier + time.monotonic() - began) / 60,
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


def _loop(
    run: Run,
    crops: Crops,
    pseudo: PseudoAnomalies | None,
    checkpoint: Path,
    *,
    steps: int | None,
    budget: float,
    reserve: float,
    began: float,
    progress: Progress,
) -> None:
    """Steps until the budget (seconds since `began`, with the `reserve` that calibration will need kept back) or the
    steps are used up."""
    per_epoch = max(1, len(crops.targets) // crops.batch)
    total = steps if steps is not None else (None if budget else run.schedule.epochs * per_epoch)
    start, before, fresh = time.monotonic(), run.elapsed, run.step
    progress.start("training", total if total else round(budget - reserve), unit="steps" if total else "s")
    progress.step(run.step if total else run.elapsed)
    latest = 0.0
    run.net.train()
    try:
        with HeldSignals() as signals:
            for batch, odd in _batches(run, crops, pseudo, per_epoch):
                signals.let_through()
                done = run.step / total if total else (before + time.monotonic() - began) / max(budget - reserve, 1e-9)
                if done >= 1:
                    break
                set_rate(run, done)
                run.net.memory.at(done)
                loss = train_step(run, batch, odd)
                if loss is not None and not isfinite(loss):
                    raise _not_finite(run.step, checkpoint)
                shown = run.elapsed
                run.step, run.elapsed = run.step + 1, before + time.monotonic() - start
                if loss is not None:
                    latest = loss
                    run.recent.append(loss)
                if run.step % per_epoch == 0:
                    _end_epoch(run, checkpoint)
                pace = (run.step - fresh) * crops.batch / max(run.elapsed - before, 1e-6)
                progress.step(1 if total else run.elapsed - shown, loss=latest, clips_per_s=pace)
    except KeyboardInterrupt:
        _save(run, checkpoint)
        progress.note(f"stopped at step {run.step}; go on with --resume")
        raise
    if not run.step:
        took = f"reading and preparing took {start - began:.0f}, calibration will take {reserve:.0f}"
        raise UsageError(
            f"{budget:.0f} seconds are too few: {took}",
            f"give --minutes {ceil((start - began + reserve) / 60 + LEAST_STEPPING)} or more",
        )
    _end_epoch(run, checkpoint)  # calibration and pictures may yet be interrupted, or find the disk full
    progress.done()


def _end_epoch(run: Run, checkpoint: Path) -> None:
    if run.recent:
        run.losses.append((run.step, sum(run.recent) / len(run.recent)))
        run.recent.clear()
    _save(run, checkpoint)


def _save(run: Run, checkpoint: Path) -> None:
    save_checkpoint(checkpoint, run.learners(), run.state, run.meta())


def _not_finite(step: int, checkpoint: Path) -> MemwatchError:
    kept = f"; the last good state is in {checkpoint}" if checkpoint.exists() else ""
    return MemwatchError(
        f"the loss is not finite at step {step}", f"look for broken footage, or try another --seed{kept}"
    )


def _batches(
    run: Run, crops: Crops, pseudo: PseudoAnomalies | None, per_epoch: int
) -> Iterator[tuple[Pixels | None, OddBatch | None]]:
    """Batches from the current step on, for the predictor where it has a turn and for the head."""

    def draw(step: int) -> tuple[Pixels | None, OddBatch | None]:
        if crops.side:
            odd = pseudo.draw(step) if pseudo else None
            return crops.draw(step) if predicts(step, odd) else None, odd
        number, position = divmod(step, per_epoch)
        return crops.whole(crops.epoch(number)[position]), None

    return prefetched(draw, run.step, workers=workers(run.device))


def _held_out(model: Model, clips: Footage) -> Iterator[Features]:
    """What the encoder says of held-out frames, spread evenly."""
    targets = clips.targets(model.config, held=True)
    for number, index in targets[:: max(1, -(-len(targets) // SETTLED_ON))]:
        clip = clips.recordings[number].clip(index, model.config)
        yield model.net.features(torch.from_numpy(np.concatenate((clip.inputs, clip.target)))[None])


def _calibration_seconds(run: Run, crops: Crops) -> float:
    """What settling, calibration, pictures and writing will take, measured on a clip: the fastest of TIMINGS, for a
    machine that is busy with something else for a moment is not slow for minutes."""
    config, clips = run.net.config, crops.footage
    held = len(clips.targets(config, held=True))
    clip = torch.zeros(1, (config.clip_length + 1) * config.channels, config.height, config.width)
    net, state = deepcopy(run.net).eval().to("cpu"), moved(run.state, torch.device("cpu"))
    with torch.inference_mode():
        net(clip, state)
        one = min(_seconds_of(net, clip, state) for _ in range(TIMINGS))
    every = sum(len(r.frames) for r in clips.recordings)
    trust = TRUST_SECONDS if net.head and net.head.scene else 0.0
    return 5 + trust + 1.2 * (held + min(held, SETTLED_ON)) * one + every * SCENE_SECONDS


def _seconds_of(net: Predictor, clip: torch.Tensor, state: MemoryState) -> float:
    started = time.monotonic()
    net(clip, state)
    return time.monotonic() - started
