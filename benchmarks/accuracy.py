"""`make bench-accuracy`: the detector beside what it must beat, on UCSD Ped2 and every drawn scene, in one run.

    python -m benchmarks.accuracy --data PED2 --out benchmarks/accuracy.md [--work FOLDER] [--model SCENE=FILE ...]

Draws what footage is missing, trains what models are missing, measures what was not measured yet, and prints the page
from all results. Stopped and started again, it goes on where it stood.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import baselines
from benchmarks.budgets import found_at, kept_in_turn
from benchmarks.cues import cue_rows, false_alarms
from benchmarks.page import page
from benchmarks.results import DETECTOR, Job, Record, code_id, done, key_of, measure, publish
from benchmarks.scenes import Scene, draw, footage_id, labelled_clips, scenes
from memwatch.errors import MemwatchError, UsageError
from memwatch.model import load_model
from memwatch.tasks.evaluate import evaluate
from memwatch.tasks.progress import Silent
from memwatch.tasks.session import load

EVALUATION = tuple(f"memwatch/tasks/evaluate{part}.py" for part in ("", "_clip", "_map", "_report"))
TASKS = ["recalibrate", "calibrate", "alarms", "trust", "footage", "scenes", "crops", "pseudo", "pasting", "presets"]
CALIBRATION = (*(f"memwatch/tasks/{name}.py" for name in TASKS), "benchmarks/budgets.py")
BASELINES = tuple(f"benchmarks/{name}.py" for name in ("baselines", "figures", "judged"))


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    return publish("bench-accuracy", lambda: _page(options), options.out)


def _page(options: argparse.Namespace) -> str:
    """The page, once all that it needs is there."""
    models = _Models(_given(options.model), _given(options.plain), _given(options.paper))
    found = scenes(options.data, options.scenes or options.work / "scenes", unseen_minutes=options.normal_minutes)
    chosen = [scene for scene in found if not options.only or scene.name in options.only]
    if not chosen:
        raise UsageError(f"no scene {', '.join(options.only)}", f"known: {', '.join(s.name for s in found)}")
    records: list[Record] = []
    for scene in found:
        if scene in chosen:
            _prepare(scene, models, options)
        records += _records(scene, models, options, now=scene in chosen)
    return page(records, command=_command(options), trained=_trained_for(found, models, options))


def _trained_for(found: Sequence[Scene], given: _Models, options: argparse.Namespace) -> dict[str, str]:
    """How long each model was trained, by its name, as its card has it."""
    paths = [path for scene in found for some in _models(scene, given, options) for path in some]
    cards = {path.stem: load_model(path).card for path in paths}
    return {name: f"{card['steps']:,} steps in {card['minutes']:.0f} minutes" for name, card in cards.items()}


def jobs(
    scene: Scene, models: Sequence[Path], plain: Sequence[Path], paper: Sequence[Path], *, unseen: bool
) -> list[Job]:
    """All that is to be measured of a scene whose footage is there, by its models of the presets `base`, `plain` and
    `paper`."""
    test, trained = footage_id(scene.test), footage_id(scene.train)
    code = code_id(BASELINES)

    def baseline(name: str, method: baselines.Method) -> Job:
        run = lambda: baselines.run(method, labelled_clips(scene), normal=scene.train, medians=True)  # noqa: E731
        return Job(scene.name, name, key_of(test, trained, code), run)

    def subspace() -> dict[str, object]:
        fitted = baselines.Subspace.of(scene.train)
        return dict(baselines.run(fitted, labelled_clips(scene), normal=scene.train, learned=True))

    todo = [
        baseline("frame-difference", baselines.frame_difference),
        baseline("optical-flow", baselines.optical_flow),
        Job(scene.name, "subspace", key_of(test, trained, code), subspace),
    ]
    todo += [_prediction(scene, path, (test, trained)) for path in plain]
    for path in models:
        todo += _model_jobs(scene, path, test, unseen=unseen)
    return todo + [_evaluation(scene, path, test, name="paper") for path in paper]


def _prediction(scene: Scene, path: Path, footage: tuple[str, str]) -> Job:
    def run() -> dict[str, object]:
        method = baselines.plain_prediction(load(path))
        return dict(baselines.run(method, labelled_clips(scene), normal=scene.train, learned=True))

    key = key_of(*footage, footage_id(path), code_id([*DETECTOR, *BASELINES]))
    return Job(scene.name, "prediction", key, run, path.stem)


def _model_jobs(scene: Scene, path: Path, test: str, *, unseen: bool) -> list[Job]:
    # A model's own id leaves out its calibration, so the file's bytes count.
    about = (footage_id(path), code_id([*DETECTOR, "benchmarks/cues.py", "benchmarks/figures.py"]))
    todo = [
        _evaluation(scene, path, test, name="model"),
        Job(scene.name, "cues", key_of(test, *about), lambda: cue_rows(load(path), labelled_clips(scene)), path.stem),
    ]
    todo.append(
        Job(
            scene.name, "thresholds", key_of(test, *about, code_id(["benchmarks/budgets.py"])),
            lambda: {"budgets": found_at(load(path), labelled_clips(scene))}, path.stem,
        )
    )  # fmt: skip
    if unseen and scene.unseen:
        paths = [str(p) for p in scene.unseen]
        key = key_of(*map(footage_id, scene.unseen), *about)
        todo.append(Job(scene.name, "alarms", key, lambda: false_alarms(load(path), paths), path.stem))
    if unseen and len(scene.unseen) > 1:
        key = key_of(*map(footage_id, scene.unseen), *about, code_id(CALIBRATION))
        todo.append(Job(scene.name, "budgets", key, lambda: kept_in_turn(path, scene.unseen), path.stem))
    return todo


def _evaluation(scene: Scene, path: Path, test: str, *, name: str) -> Job:
    key = key_of(test, footage_id(path), code_id([*DETECTOR, *EVALUATION]))
    return Job(
        scene.name, name, key, lambda: evaluate(str(scene.test), model=path, progress=Silent()).to_dict(), path.stem
    )


@dataclass(frozen=True, slots=True)
class _Models:
    """Each scene's models that were given, by preset."""

    base: dict[str, list[Path]]
    plain: dict[str, list[Path]]
    paper: dict[str, list[Path]]


def _prepare(scene: Scene, given: _Models, options: argparse.Namespace) -> None:
    """Draw and train what is missing."""
    for path in draw(scene, unseen=not options.quick):
        _say(f"{scene.name}: drawing {path.name}")
    if options.quick:
        return
    if scene.name not in given.base:
        # Heads start from one that knows the walkway: there it would be trained twice.
        begin = ["--from-scratch"] if scene.name == "walkway" else []
        for seed in _seeds(scene, options):
            how = ["--minutes", f"{options.minutes:g}", "--seed", str(seed), *begin]
            _train(scene, _trained(scene, seed, options), *how)
    if scene.name not in given.plain:
        _train(scene, _trained(scene, "plain", options), "--preset", "plain")
    if options.paper_minutes and not scene.drawn and scene.name not in given.paper:
        how = ["--preset", "paper", "--minutes", f"{options.paper_minutes:g}"]
        _train(scene, _trained(scene, "paper", options), *how)


def _train(scene: Scene, path: Path, *how: str) -> None:
    if path.exists():
        return
    _say(f"{scene.name}: training {path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    line = [sys.executable, "-m", "memwatch", "train", str(scene.train), "--out", str(path), *how]
    if path.with_suffix(".checkpoint.safetensors").exists():
        line.append("--resume")
    if code := subprocess.run(line, check=False, stdout=subprocess.DEVNULL).returncode:
        raise MemwatchError(f"{scene.name}: the training ended with exit code {code}", "see its error above")


def _models(scene: Scene, given: _Models, options: argparse.Namespace) -> tuple[list[Path], list[Path], list[Path]]:
    """Default models of a scene, one a seed, and those of the presets `plain` and `paper`; given ones before those of
    the work folder."""

    def found(some: dict[str, list[Path]], *names: int | str) -> list[Path]:
        return some.get(scene.name) or [p for name in names if (p := _trained(scene, name, options)).exists()]

    return found(given.base, *_seeds(scene, options)), found(given.plain, "plain"), found(given.paper, "paper")


def _seeds(scene: Scene, options: argparse.Namespace) -> list[int]:
    """Of the models trained here: the targets are Ped2's, and so is the spread; a drawn scene has one."""
    return list(options.seeds[:1] if scene.drawn else options.seeds)


def _trained(scene: Scene, name: int | str, options: argparse.Namespace) -> Path:
    return Path(options.work / "models" / f"{scene.name}-{name}.safetensors")


def _records(scene: Scene, models: _Models, options: argparse.Namespace, *, now: bool) -> list[Record]:
    """A scene's results: measured `now`, or else those that were measured before."""
    if not scene.there:
        return []
    unseen = not options.quick and all(path.exists() for path in scene.unseen)
    todo = jobs(scene, *_models(scene, models, options), unseen=unseen)
    if not now:
        return [record for job in todo if (record := done(job, options.work))]
    records = []
    for job in todo:
        if not done(job, options.work):
            _say(f"{scene.name}: {job.name} {job.model or ''}".rstrip())
        records.append(measure(job, options.work))
    return records


def _given(pairs: Sequence[str]) -> dict[str, list[Path]]:
    """SCENE=FILE options to each scene's files."""
    models: dict[str, list[Path]] = {}
    for pair in pairs:
        scene, is_pair, file = pair.partition("=")
        if not is_pair or not Path(file).is_file():
            raise UsageError(f"{pair}: no such model", "give SCENE=FILE, as in ped2=models/ucsd-ped2.safetensors")
        models.setdefault(scene, []).append(Path(file))
    return models


def _command(options: argparse.Namespace) -> str:
    trained = f"--minutes {options.minutes:g} --seeds {' '.join(map(str, options.seeds))}"
    given = [f" --only {name}" for name in options.only]
    for option, pairs in (("model", options.model), ("plain", options.plain), ("paper", options.paper)):
        given += [f" --{option} {scene}={path.name}" for scene, paths in _given(pairs).items() for path in paths]
    if options.paper_minutes:
        trained += f" --paper-minutes {options.paper_minutes:g}"
    line = f"python -m benchmarks.accuracy --data PED2 {trained} --normal-minutes {options.normal_minutes:g}"
    return line + "".join(given)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    data = os.environ.get("MEMWATCH_DATA")
    parser.add_argument("--data", type=Path, default=data and Path(data), help="Ped2's folder (MEMWATCH_DATA)")
    parser.add_argument("--out", type=Path, help="page to write (default: standard output)")
    parser.add_argument("--work", type=Path, default=Path("runs/accuracy"), help="footage, models and results")
    parser.add_argument("--scenes", type=Path, help="folder of drawn footage (default: scenes/ in the work folder)")
    parser.add_argument("--only", action="append", default=[], metavar="SCENE", help="measure this scene, repeatable")
    parser.add_argument("--model", action="append", default=[], metavar="SCENE=FILE", help="instead of training one")
    parser.add_argument("--plain", action="append", default=[], metavar="SCENE=FILE", help="one of the preset plain")
    parser.add_argument("--paper", action="append", default=[], metavar="SCENE=FILE", help="one of the preset paper")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of Ped2's models; the first elsewhere")
    parser.add_argument("--minutes", type=float, default=30, help="of each training")
    parser.add_argument("--paper-minutes", type=float, default=0, help="of Ped2's model of the preset paper; 0: none")
    parser.add_argument("--normal-minutes", type=float, default=60, help="unseen normal footage of each drawn scene")
    parser.add_argument("--quick", action="store_true", help="train nothing, count no false alarms")
    options = parser.parse_args(arguments)
    if options.data and not options.data.is_dir():
        parser.error(
            f"{options.data}: no such folder. Get the UCSD Anomaly Detection Dataset v1p2 and name its folder "
            "with --data or MEMWATCH_DATA"
        )
    return options


if __name__ == "__main__":
    sys.exit(main())
