"""`make bench-memories`: every choice of memory at the same budget, on UCSD Ped2 and the sample scene, in one run.

    python -m benchmarks.memories --data PED2 --out benchmarks/memories.md [--answers ped2=FILE ...] [--work FOLDER]

Trains what is missing (hours), measures what was not measured yet, writes one JSON a run and prints the page from all.
With `--whole-steps` it also trains the preset `base` whole, with its memory and with none, head by head.
Stopped and started again, it goes on where it stood; `--quick` is a few steps on half a minute of the sample scene.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Series, figures
from benchmarks.memories_page import WHOLE, page
from benchmarks.memory_read import read_figures
from benchmarks.results import ROOT, Job, Record, done, key_of, measure, publish
from benchmarks.scenes import FPS, TEST_SEED, TRAIN_SEED, LabelledClip, Scene, footage_id, labelled_clips, ped2
from memwatch.config import MEMORIES
from memwatch.errors import MemwatchError, UsageError
from memwatch.files import write_text
from memwatch.model import load_model
from memwatch.pipeline import Detector, Updates, run_session
from memwatch.scoring import join
from memwatch.sinks import Sink
from memwatch.tasks.evaluate import evaluate
from memwatch.tasks.presets import model_config
from memwatch.tasks.progress import Silent
from memwatch.tasks.session import Loaded, load
from memwatch.types import ANSWERS, Frame, Grid, Observation
from memwatch.video import open_source
from samples.draw import SIZE, render, truth, write_clip

SHIPPED = {"ped2": "ucsd-ped2", "walkway": "walkway"}
"""Model of each scene in the repository."""
OWN, ERROR = "memory", "prediction"
PRESET = "predictor"
OPTIONS = {"students": ("patch=33",)}
"""Of `--memory-option`."""
WITH = ("mnad", "none")
"""Memories that the preset `base` is trained with: its own, and none."""
TOLD = ("steps", "minutes", "device", "commit")
"""Of a model's card."""
VERSION = 3
"""Of what is measured: results of another are measured anew, if their models are still there without training."""

Maps = dict[int, dict[str, NDArray[np.float16]]]
"""Frame to each cue's rarity there."""


class _Cues(Sink):
    """Keeps some cues' rarities of every frame."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.maps: Maps = {}

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation:
            found = observation.cues
            self.maps[frame.index] = {name: found[name].astype(np.float16) for name in self.names if name in found}


def memory_figures(scene: Scene, model: Path, answers: Path | None) -> dict[str, Any]:
    """A model's read, and the AUC of its memory's own score, of it with the prediction's error, and of the whole
    detector: with the answers of a head, which knows nothing of memories, from the model `answers`. Each of these with
    a memory that is frozen, learns behind the gate, or always."""
    loaded, clips = load(model), labelled_clips(scene)
    made = load_model(model)
    told: dict[str, Any] = {"trained": {name: made.card.get(name) for name in TOLD}}
    told |= read_figures(made, [str(scene.train)])
    heads, trust = _answers(scene, answers) if answers else ([], {})
    if answers:
        told["answers"] = _auc(heads, clips, ANSWERS, trust)
    remembers = bool(loaded.runtime.new_state())
    for updates in Updates if remembers else (Updates.frozen,):
        maps = [_maps(loaded, clip, updates, (OWN, ERROR)) for clip in clips]
        own = (OWN,) if OWN in loaded.calibration.cues else ()
        told[updates] = {
            "own": _auc(maps, clips, own) if own else None,
            "with_error": _auc(maps, clips, (*own, ERROR)),
        }
        if answers:
            both = [_together(head, one) for head, one in zip(heads, maps, strict=True)]
            told[updates]["detector"] = _auc(both, clips, (*ANSWERS, *own), trust)
    return told


@lru_cache(maxsize=2)
def _answers(scene: Scene, answers: Path) -> tuple[list[Maps], dict[str, float]]:
    """What a head says of each clip, and how far each of its answers is trusted."""
    loaded = load(answers)
    maps = [_maps(loaded, clip, Updates.frozen, ANSWERS) for clip in labelled_clips(scene)]
    return maps, loaded.calibration.trust


def _maps(loaded: Loaded, clip: LabelledClip, updates: Updates, names: Sequence[str]) -> Maps:
    kept = _Cues(names)
    detector = Detector(loaded.runtime, loaded.calibration, updates=updates)
    with open_source(str(clip.path)) as source:
        run_session(source, detector, sinks=(kept,))
    return kept.maps


def _together(head: Maps, memory: Maps) -> Maps:
    return {index: head[index] | cues for index, cues in memory.items() if index in head}


def _auc(
    maps: Sequence[Maps], clips: Sequence[LabelledClip], names: Sequence[str], trust: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Causal and paper AUC of what some cues say together, each question as far as it is trusted."""
    series = [Series(list(one), [_peak(cues, names, trust) for cues in one.values()]) for one in maps]
    found = figures(series, clips)
    return {"causal": found["causal"]["auc"], "paper": found["paper"]["auc"]}


def _peak(
    cues: dict[str, NDArray[np.float16]], names: Sequence[str], trust: Mapping[str, float] | None
) -> float:
    grids: dict[str, Grid] = {name: cues[name].astype(np.float32) for name in names if name in cues}
    return float(join(grids, trust).max())


def whole_figures(scene: Scene, model: Path) -> dict[str, Any]:
    """The whole detector of a model with a head, all its cues together, as `memwatch evaluate` measures it, with a
    memory that learns behind the gate and with one that is frozen; and what its memory's read does."""
    made = load_model(model)
    told: dict[str, Any] = {"trained": {name: made.card.get(name) for name in TOLD}}
    told |= read_figures(made, [str(scene.train)])
    for updates in (Updates.gated, Updates.frozen):
        report = evaluate(str(scene.test), model=model, learn=updates == Updates.gated, progress=Silent())
        told[updates] = {"causal": report.causal.auc, "paper": report.paper.auc}
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    return publish("bench-memories", lambda: _page(options), options.out)


def _page(options: argparse.Namespace) -> str:
    """The page, once all that it needs is there."""
    scenes = _scenes(options)
    answers = _given(_pairs(options))
    records: list[Record] = []
    for scene in scenes:
        for seed in options.seeds if scene.name == "ped2" else options.seeds[:1]:
            head = answers.get(scene.name, [])
            for memory in options.memory or MEMORIES:
                found = _measured(scene, memory, seed, head[seed % len(head)] if head else None, options)
                records += [found] if found else []
        if scene.name == "ped2":
            records += _whole(scene, answers.get(scene.name, []), options)
    return page(records, command=_command(options))


def _whole(scene: Scene, shipped: Sequence[Path], options: argparse.Namespace) -> list[Record]:
    """The results of whole detectors: of the models that answers are from, and of those trained for this."""
    found = [_whole_of(scene, f"{path.stem}-0", path, [], options) for path in shipped]
    for memory in WITH if options.whole_steps else ():
        for seed in options.seeds:
            how = ["--preset", "base", "--memory", memory, "--steps", str(options.whole_steps), "--seed", str(seed)]
            made = key_of(json.dumps(model_config("base", SIZE, gray=False, memory=memory).to_dict()), *how)
            model = options.work / "models" / f"{scene.name}-base-{memory}-{seed}-{made}.safetensors"
            found.append(_whole_of(scene, f"{memory}-{seed}", model, how, options))
    return [record for record in found if record]


def _whole_of(scene: Scene, name: str, model: Path, how: Sequence[str], options: argparse.Namespace) -> Record | None:
    """One whole detector's result: of a given model, or of one to be trained as told."""
    key = key_of(f"{VERSION}", model.name if how else footage_id(model), footage_id(scene.test))
    run = lambda: whole_figures(scene, _made(scene, model, how))  # noqa: E731
    return _done_or_measured(Job(scene.name, name, key, run, WHOLE), options)


def _measured(
    scene: Scene, memory: str, seed: int, answers: Path | None, options: argparse.Namespace
) -> Record | None:
    """One run's result: there already, or made now; None where it isn't there and nothing is to be made."""
    # A result outlives its model, which is too large to keep: its key is how the model was made.
    settings = model_config(PRESET, SIZE, gray=False, memory=memory, options=OPTIONS.get(memory, ())).to_dict()
    made = key_of(json.dumps(settings, sort_keys=True), _length(options))
    model = options.work / "models" / f"{scene.name}-{memory}-{seed}-{made}.safetensors"
    about = [scene.test, scene.train, *([answers] if answers else [])]
    key = key_of(f"{VERSION} {seed} {made}", *map(footage_id, about))
    run = lambda: memory_figures(scene, _trained(scene, memory, seed, model, options), answers)  # noqa: E731
    return _done_or_measured(Job(scene.name, f"{memory}-{seed}", key, run), options)


def _done_or_measured(job: Job, options: argparse.Namespace) -> Record | None:
    found = done(job, options.results)
    if found or options.page_only:
        return found
    print(f"{job.scene}: {job.name} {job.model or ''}".rstrip(), file=sys.stderr, flush=True)
    return measure(job, options.results)


def _trained(scene: Scene, memory: str, seed: int, path: Path, options: argparse.Namespace) -> Path:
    how = ["--preset", PRESET, "--memory", memory, "--seed", str(seed), *_length(options).split()]
    how += [part for option in OPTIONS.get(memory, ()) for part in ("--memory-option", option)]
    return _made(scene, path, how)


def _made(scene: Scene, path: Path, how: Sequence[str]) -> Path:
    """The model of `path`, trained as told unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        line = [sys.executable, "-m", "memwatch", "train", str(scene.train), "--out", str(path), *how]
        if path.with_suffix(".checkpoint.safetensors").exists():
            line.append("--resume")
        if code := subprocess.run(line, check=False, stdout=subprocess.DEVNULL).returncode:
            raise MemwatchError(f"training {path.stem} ended with exit code {code}", "see its error above")
    return path


def _length(options: argparse.Namespace) -> str:
    return f"--steps {options.steps}" if options.steps else f"--minutes {options.minutes:g}"


def _scenes(options: argparse.Namespace) -> list[Scene]:
    if options.quick:
        return [_short(options.work / "scenes")]
    samples = ROOT / "samples"
    walkway = Scene("walkway", samples / "walkway-normal.mp4", samples / "walkway-test.mp4")
    return [*([ped2(options.data)] if options.data else []), walkway]


def _short(folder: Path) -> Scene:
    """The sample scene in a minute: half of it normal, half with one anomaly."""
    normal, test = folder / "short-normal.mp4", folder / "short-test.mp4"
    folder.mkdir(parents=True, exist_ok=True)
    if not test.with_suffix(".json").exists():
        write_clip(normal, render(seconds=30, seed=TRAIN_SEED, fps=FPS, size=SIZE), fps=FPS, size=SIZE)
        shown = render(seconds=20, seed=TEST_SEED, fps=FPS, size=SIZE, anomalies=["cart"])
        told = truth(write_clip(test, shown, fps=FPS, size=SIZE), clip=test.name, fps=FPS, size=SIZE, seed=TEST_SEED)
        write_text(test.with_suffix(".json"), json.dumps(told) + "\n")
    return Scene("short", normal, test)


def _pairs(options: argparse.Namespace) -> list[str]:
    """What --answers says, the shipped models where it says nothing."""
    return options.answers or [f"{scene}={ROOT / 'models' / name}.safetensors" for scene, name in SHIPPED.items()]


def _given(pairs: Sequence[str]) -> dict[str, list[Path]]:
    """SCENE=FILE options to each scene's files, in the order of seeds."""
    found: dict[str, list[Path]] = {}
    for pair in pairs:
        scene, _, file = pair.partition("=")
        if scene not in SHIPPED or not Path(file).is_file():
            raise UsageError(f"{pair}: no such model", f"give SCENE=FILE, SCENE one of {', '.join(SHIPPED)}")
        found.setdefault(scene, []).append(Path(file))
    return found


def _command(options: argparse.Namespace) -> str:
    given = [f" --answers {scene}={file.name}" for scene, files in _given(_pairs(options)).items() for file in files]
    how = f"{_length(options)} --seeds {' '.join(map(str, options.seeds))}"
    how += f" --whole-steps {options.whole_steps}" if options.whole_steps else ""
    return f"python -m benchmarks.memories --data PED2 {how}{''.join(given)}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    data = os.environ.get("MEMWATCH_DATA")
    parser.add_argument("--data", type=Path, default=data and Path(data), help="Ped2's folder (MEMWATCH_DATA)")
    parser.add_argument("--answers", action="append", default=[], metavar="SCENE=FILE", help="heads, one a seed")
    parser.add_argument("--out", type=Path, help="page to write (default: standard output)")
    parser.add_argument("--work", type=Path, default=Path("runs/memories"), help="models")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/memories"), help="one JSON a run")
    parser.add_argument("--memory", action="append", default=[], choices=list(MEMORIES), help="this choice, repeatable")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=8, help="of each training")
    parser.add_argument("--steps", type=int, help="instead of minutes")
    parser.add_argument("--whole-steps", type=int, help="of whole detectors, with their memory and with none")
    parser.add_argument("--page-only", action="store_true", help="train and measure nothing")
    parser.add_argument("--quick", action="store_true", help="a few steps on half a minute, in minutes")
    options = parser.parse_args(arguments)
    if options.quick:
        options.steps, options.seeds = options.steps or 40, options.seeds[:1]
        options.results = options.work
    return options


if __name__ == "__main__":
    sys.exit(main())
