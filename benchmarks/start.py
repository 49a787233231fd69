"""The head that new trainings start from: one head for several cameras, trained on pseudo-anomalies of each in turn.

    python -m benchmarks.start FOOTAGE ... --steps 30000 [--seed 0] [--device auto] [--out FILE]

It learns how figures look and move before more than one camera; what a place is like, it is not asked. Half precision:
it is a start, and learns on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import reduce
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from memwatch import console
from memwatch.errors import MemwatchError
from memwatch.files import write_bytes
from memwatch.model import Predictor
from memwatch.model.start import FILE, kept
from memwatch.tasks.ahead import ahead
from memwatch.tasks.crops import Crops
from memwatch.tasks.device import DEVICES, computing_on, device_of, drawers
from memwatch.tasks.footage import read_footage
from memwatch.tasks.presets import PRESETS, model_config
from memwatch.tasks.progress import Progress
from memwatch.tasks.pseudo import OddBatch, PseudoAnomalies
from memwatch.tasks.scenes import learn_scene
from memwatch.tasks.step import Run, head_loss, optimiser_for, set_rate
from samples.draw import SIZE

EACH = 6
"""Crops of each camera in a batch."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        made = train(options.footage, options.steps, options.seed, options.device, console.progress())
        write_bytes(options.out, made)
    except MemwatchError as error:
        print(f"start: {error.line()}", file=sys.stderr)
        return error.code
    return 0


def train(footage: Sequence[str], steps: int, seed: int, device: str, progress: Progress) -> bytes:
    """A start file's bytes."""
    config = model_config("base", SIZE, gray=False, memory=None)
    place, schedule = device_of(device), PRESETS["base"]
    torch.manual_seed(seed)
    net = Predictor(config)
    assert net.head is not None
    head = net.head.to(place)
    head.places.requires_grad_(False)
    cameras = []
    for number, path in enumerate(footage):
        clips = read_footage([path], config, fps=None, progress=progress)
        targets = clips.targets(config, held=False)
        crops = Crops(clips, config, targets, EACH, schedule.side(config), seed + number, clips.busy(targets))
        cameras.append(PseudoAnomalies(crops, clips.backgrounds(config), learn_scene(clips)))
    run = Run(net, optimiser_for(net, schedule), {}, schedule, "fp32", {})
    net.train()
    progress.start("training", steps, unit="steps")
    draw = lambda step: reduce(_together, (camera.draw(step) for camera in cameras))  # noqa: E731
    with computing_on(place):
        for odd in ahead(draw, 0, processes=drawers(place)):
            set_rate(run, run.step / steps)
            run.optimiser.zero_grad(set_to_none=True)
            loss = head_loss(net, odd)
            loss.backward()
            if not isfinite(float(loss.detach())):
                raise MemwatchError(f"the loss is not finite at step {run.step}", "try another --seed")
            torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            run.optimiser.step()
            run.step += 1
            progress.step(1, loss=float(loss.detach()))
            if run.step == steps:
                break
    progress.done()
    weights = {name: value.cpu().to(torch.float16).contiguous() for name, value in kept(head).items()}
    return save(weights, {"footage": ", ".join(Path(path).name for path in footage), "steps": str(steps)})


def _together(one: OddBatch, other: OddBatch) -> OddBatch:
    return OddBatch(
        *(
            np.concatenate((getattr(one, name), getattr(other, name)))
            for name in ("clips", "rest", "labels", "weights", "asked")
        ),
        at=one.at + other.at,
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("footage", nargs="+", help="normal footage, one argument a camera")
    parser.add_argument("--steps", type=int, default=30000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--out", type=Path, default=FILE)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
