"""`make bench-adapt`: what a minute of UCSD Ped2 makes of a model of the drawn walkway, and what fast weights add.

    python -m benchmarks.adapt --data PED2 --out benchmarks/adapt.md [--model FILE] [--work FOLDER]

Trains a model with fast weights, if there is none yet, and measures what was not measured yet; stopped and started
again, it goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.cues import CueSeries
from benchmarks.figures import Series, figures
from benchmarks.memory_read import read_figures
from benchmarks.results import DETECTOR, ROOT, Job, Record, code_id, key_of, measure, publish, spread
from benchmarks.scenes import Scene, footage_id, labelled_clips, ped2
from memwatch.errors import UsageError
from memwatch.model import MemoryState, Model, Predictor, load_model
from memwatch.pipeline import run_session
from memwatch.tasks.adapt import adapt
from memwatch.tasks.crops import Crops
from memwatch.tasks.fast_weights import take_fast_step
from memwatch.tasks.footage import read_footage
from memwatch.tasks.presets import PRESETS
from memwatch.tasks.progress import Silent
from memwatch.tasks.session import load
from memwatch.tasks.train import train
from memwatch.video import find_clips, open_source

SECONDS = 60.0
FPS = 10.0
"""Of Ped2."""
SEEDS = (0, 1, 2)
FAST_STEPS = (1, 100, 1000)
"""Steps of ordinary adaptation that follow the fast one, or its absence."""
HEAD = """\
# A minute of another camera

A model of the drawn walkway meets UCSD Ped2, which is gray, from another angle, with smaller figures. **Unadapted**:
scored as it is, with the refusal of gray footage by a model of colour set aside. **Adapted**: by `memwatch adapt` with
the first clips of Ped2's training part that make a minute, in the default three minutes, calibration included. Frame
AUC on Ped2's test part, the memory learning behind the gate; **over**: share of normal test frames over the model's own
threshold."""
FAST = """\
## Fast weights

The model above adapts all of its weights by ordinary steps. MPN's fast weights (`--memory prototypes --memory-option
meta=true`, learned on the walkway by the preset `predictor`) move the prototypes' attention and the decoder's last
convolution in one step before those. Mean squared error of the prediction on the held-out part of that minute, in 1e-3,
after so many ordinary steps; **without** sees the same frames first, batch norms and all, and does not move. ± is the
farthest of three seeds' distance from the mean."""


def minute(scene: Scene, folder: Path) -> Path:
    """A folder of links to the first training clips of a data set that make a minute."""
    seconds = 0.0
    for link in folder.glob("*"):
        link.unlink()
    for clip in find_clips(scene.train, part="train").clips:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / clip.path.name).symlink_to(clip.path.resolve())
        with open_source(str(clip.path)) as source:
            seconds += (source.length or 0) / FPS
        if seconds >= SECONDS:
            return folder
    raise UsageError(f"{scene.train}: less than a minute of training footage", "name UCSD Ped2's folder")


def accuracy(model: Path, scene: Scene) -> dict[str, Any]:
    """Causal and paper AUC, and the share of normal frames over the model's own threshold."""
    loaded, clips = load(model), labelled_clips(scene)
    series, over, normal = [], 0, 0
    for clip in clips:
        seen = CueSeries(loaded.calibration)
        with open_source(str(clip.path)) as source:
            run_session(source, loaded.detector(learn=True), sinks=(seen,))
        series.append(Series(seen.at, seen.scores))
        calm = [score for at, score in zip(seen.at, seen.scores, strict=True) if not clip.labels[at]]
        over, normal = over + sum(score > loaded.calibration.threshold for score in calm), normal + len(calm)
    found = figures(series, clips)
    return {"causal": found["causal"]["auc"], "paper": found["paper"]["auc"], "over": over / normal}


def adapted(model: Path, footage: Path, out: Path, scene: Scene) -> dict[str, Any]:
    report = adapt(model, [str(footage)], out, fps=FPS, force=True, progress=Silent())
    return accuracy(out, scene) | {"minutes": report.minutes, "steps": report.steps}


def fast_weights(model: Path, footage: Path, folder: Path) -> dict[str, Any]:
    """Held-out error with and without the fast step, by the number of ordinary steps after it, one a seed."""
    told: dict[str, Any] = {}
    for name, take in (("without", _still), ("with", take_fast_step)):
        told[f"{name}-0"] = [read_figures(_at_once(model, footage, take), [str(footage)])["error"]]
        for steps in FAST_STEPS:
            told[f"{name}-{steps}"] = []
            for seed in SEEDS:
                out = folder / f"{name}-{steps}-{seed}.safetensors"
                with mock.patch("memwatch.tasks.train.take_fast_step", take):
                    adapt(model, [str(footage)], out, steps=steps, seed=seed, fps=FPS, force=True, progress=Silent())
                told[f"{name}-{steps}"].append(read_figures(load_model(out), [str(footage)])["error"])
    return told


def _still(net: Predictor, crops: Crops, state: MemoryState) -> None:
    """All that the fast step does, batch norms too, but for the step."""
    with mock.patch("memwatch.tasks.fast_weights.stepped", lambda slow, *_, **__: slow):
        take_fast_step(net, crops, state)


def _at_once(path: Path, footage: Path, take: Callable[[Predictor, Crops, MemoryState], None]) -> Model:
    model = load_model(path)
    config = model.config
    clips = read_footage([str(footage)], config, fps=FPS, progress=Silent())
    targets, side = clips.targets(config, held=False), PRESETS[config.preset].side(config)
    take(model.net, Crops(clips, config, targets, 1, side, 0, clips.busy(targets)), model.state)
    return model


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    return publish("bench-adapt", lambda: _page(options), options.out)


def _page(options: argparse.Namespace) -> str:
    """The page, once all that it needs is there."""
    if not options.data or not options.data.is_dir():
        raise UsageError(f"{options.data}: no such folder", "name UCSD Ped2's with --data")
    scene, work = ped2(options.data), options.work
    footage = minute(scene, work / "minute")
    meta = _meta(work, options.minutes)
    about = (footage_id(options.data), code_id([*DETECTOR, "memwatch/tasks", "benchmarks/adapt.py"]))

    def job(name: str, model: Path, run: Callable[[], dict[str, Any]]) -> Record:
        print(f"ped2: {name}", file=sys.stderr, flush=True)
        return measure(Job("ped2", name, key_of(*about, footage_id(model)), run, model.stem), work)

    out = work / "models" / "adapted.safetensors"
    rows = {
        "unadapted": job("unadapted", options.model, lambda: accuracy(options.model, scene)),
        "adapted": job("adapted", options.model, lambda: adapted(options.model, footage, out, scene)),
    }
    fast = job("fast", meta, lambda: fast_weights(meta, footage, work / "models"))
    return page(rows, fast, command=_command(options))


def _meta(work: Path, minutes: float) -> Path:
    """A model of the walkway with fast weights, trained unless it is there."""
    footage = ROOT / "samples" / "walkway-normal.mp4"
    path = work / "models" / f"walkway-meta-{key_of(footage_id(footage), f'{minutes:g}')}.safetensors"
    if not path.exists():
        print(f"walkway: training {path.name}", file=sys.stderr, flush=True)
        how: dict[str, Any] = {"preset": "predictor", "memory": "prototypes", "memory_options": ["meta=true"]}
        train([str(footage)], path, minutes=minutes, force=True, progress=Silent(), **how)
    return path


def page(rows: dict[str, Record], fast: Record, *, command: str) -> str:
    """Markdown."""
    lines = ["| | steps | minutes | causal | paper | over |", "| --- | --- | --- | --- | --- | --- |"]
    for name, record in rows.items():
        told = record["figures"]
        length = f"{told['steps']:,} | {told['minutes']:.1f}" if "steps" in told else "– | –"
        lines.append(f"| {name} | {length} | {told['causal']:.3f} | {told['paper']:.3f} | {told['over']:.1%} |")
    found = fast["figures"]
    columns = (0, *FAST_STEPS)
    table = ["| fast step | " + " | ".join(f"{steps:,}" for steps in columns) + " |"]
    table.append("| --- |" + " --- |" * len(columns))
    for name in ("without", "with"):
        cells = [spread([1e3 * error for error in found[f"{name}-{steps}"]]) for steps in columns]
        table.append(f"| {name} | {' | '.join(cells)} |")
    at, on = (", ".join(dict.fromkeys(r[of] for r in [*rows.values(), fast])) for of in ("commit", "machine"))
    end = f"Measured at commit {at} on {on}."
    return "\n\n".join([HEAD, f"`{command}`", "\n".join(lines), FAST, "\n".join(table), end]) + "\n"


def _command(options: argparse.Namespace) -> str:
    return f"python -m benchmarks.adapt --data PED2 --model {options.model.name} --minutes {options.minutes:g}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    data = os.environ.get("MEMWATCH_DATA")
    parser.add_argument("--data", type=Path, default=data and Path(data), help="Ped2's folder (MEMWATCH_DATA)")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "walkway.safetensors", help="to adapt")
    parser.add_argument("--minutes", type=float, default=8, help="of the training with fast weights")
    parser.add_argument("--out", type=Path, help="page to write (default: standard output)")
    parser.add_argument("--work", type=Path, default=Path("runs/adapt"), help="models and results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
