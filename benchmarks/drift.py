"""`make bench-drift`: what becomes of false alarms and of anomalies when a scene changes, with memories that do not
learn, learn behind the gate, or learn from everything.

    python -m benchmarks.drift --out benchmarks/drift.md [--model SCENE=FILE ...] [--work FOLDER]

Draws what footage is missing, trains a model of each scene that none was given for, and measures what was not measured
yet; stopped and started again, it goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.altered import BEGIN, CASES, THINGS, Case, draw_case
from benchmarks.drift_page import page
from benchmarks.results import DETECTOR, Job, code_id, done, key_of, measure, publish
from benchmarks.scenes import FPS, draw, drawn, footage_id
from memwatch.config import EventConfig
from memwatch.errors import UsageError
from memwatch.events import EventBuilder
from memwatch.pipeline import Detector, Updates, run_session
from memwatch.scoring import FALSE_ALARMS_PER_DAY
from memwatch.sinks import Sink
from memwatch.tasks.progress import Silent
from memwatch.tasks.session import load
from memwatch.tasks.train import train
from memwatch.types import Event, Frame, Observation
from memwatch.video import open_source

NEAR_S = 2.0
"""Normal frames this near to an anomaly count as neither."""
END_S = 20.0
"""The last seconds of what stays."""


class _Seen(Sink):
    """Scores and events of a session."""

    def __init__(self) -> None:
        self.values: dict[int, float] = {}
        self.over: dict[int, bool] = {}
        self.events: dict[str, tuple[float, float]] = {}
        """Id to first and last second."""

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation:
            self.values[frame.index] = observation.score.value
            self.over[frame.index] = observation.score.anomalous

    def on_event(self, event: Event) -> None:
        self.events[event.id] = (event.start.seconds, event.last.seconds)


def figures(path: Path, model: Path, case: Case, updates: Updates, per_day: float) -> dict[str, Any]:
    """What a detector makes of a case, its threshold meant for `per_day` false alarms a day: the share of normal frames
    over the threshold before, during and after the change, and each anomaly's highest score and whether an event told
    of it."""
    loaded, seen = load(model, per_day=per_day), _Seen()
    detector = Detector(loaded.runtime, loaded.calibration, updates=updates)
    with open_source(str(path)) as source:
        tally = run_session(source, detector, sinks=(seen,), events=EventBuilder(path.stem, EventConfig()))
    told = json.loads(path.with_suffix(".json").read_text())["anomalies"]
    busy = np.zeros(tally.read, bool)
    for one in told:
        near = round(NEAR_S * FPS)
        busy[max(0, one["first"] - near) : one["last"] + 1 + near] = True
    times = np.arange(tally.read) / FPS
    parts = {
        "before": times < BEGIN,
        "during": (times >= BEGIN) & (times < case.until),
        "after": times >= max(BEGIN, case.until),
    }
    over = np.array([seen.over.get(i, False) for i in range(tally.read)])
    scored = np.array([i in seen.over for i in range(tally.read)])
    shares = {}
    for name, part in parts.items():
        normal = part & scored & ~busy
        shares[name] = float(over[normal].mean()) if normal.any() else None
    return {
        "threshold": loaded.calibration.threshold,
        "false_share": shares,
        "anomalies": [_anomaly(one, seen, over) for one in told],
        "lessons": detector.learner.taken,
        "scene_drift": _drift(detector),
    }


def _anomaly(one: dict[str, Any], seen: _Seen, over: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
    first, last = one["first"], one["last"]
    begin, end = first / FPS, last / FPS
    ending = over[max(first, last + 1 - round(END_S * FPS)) : last + 1]
    return {
        "kind": one["kind"],
        "first_s": begin,
        "seconds": end - begin,
        "peak": max(seen.values.get(i, 0.0) for i in range(first, last + 1)),
        "found": any(a <= end and b >= begin for a, b in seen.events.values()),
        "over_share": float(over[first : last + 1].mean()),
        "over_share_at_end": float(ending.mean()),
    }


def _drift(detector: Detector) -> float | None:
    known, trained = detector.learner.knowledge.scene, detector.calibration.scene
    return float(np.sqrt(np.square(known.mean - trained.mean).mean())) if known and trained else None


def jobs(scene: str, model: Path, work: Path, cases: Sequence[Case], per_day: float) -> list[Job]:
    """One for each case and way of learning; the footage must be there."""
    found = []
    for case in cases:
        path = footage(scene, case, work)
        key = key_of(footage_id(path), footage_id(model), code_id([*DETECTOR, "benchmarks/drift.py"]), f"{per_day:g}")
        for updates in Updates:
            run = lambda path=path, case=case, updates=updates: figures(path, model, case, updates, per_day)  # noqa: E731
            found.append(Job(scene, f"{case.name}-{updates}", key, run, model.stem))
    return found


def footage(scene: str, case: Case, work: Path) -> Path:
    return work / "altered" / f"{scene}-{case.name}.mp4"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    return publish("bench-drift", lambda: _page(options), options.out)


def _page(options: argparse.Namespace) -> str:
    """The page, once all that it needs is there."""
    cases = [case for case in CASES if not options.only or case.name in options.only]
    given = _given(options.model)
    records = []
    for scene in given or THINGS:
        for case in cases:
            if not (path := footage(scene, case, options.work)).exists():
                _say(f"{scene}: drawing {case.name}")
                draw_case(scene, case, path)
        model = given.get(scene) or _trained(scene, options)
        for job in jobs(scene, model, options.work, cases, options.false_alarms_per_day):
            if not done(job, options.work):
                _say(f"{scene}: {job.name}")
            records.append(measure(job, options.work))
    models = "".join(f" --model {scene}={file.name}" for scene, file in given.items())
    only = "".join(f" --only {name}" for name in options.only)
    how = "" if given else f" --minutes {options.minutes:g}"
    how += f" --false-alarms-per-day {options.false_alarms_per_day:g}"
    return page(records, cases, command=f"python -m benchmarks.drift{models}{only}{how}")


def _given(pairs: Sequence[str]) -> dict[str, Path]:
    """SCENE=FILE options to each scene's model."""
    found: dict[str, Path] = {}
    for pair in pairs:
        scene, _, file = pair.partition("=")
        if scene not in THINGS or not Path(file).is_file():
            raise UsageError(f"{pair}: no such scene or model", f"give SCENE=FILE with {' or '.join(THINGS)}")
        found[scene] = Path(file)
    return found


def _trained(name: str, options: argparse.Namespace) -> Path:
    """A model of the default preset of a scene's own normal footage, trained now unless it is there."""
    scene = drawn(name, options.work / "scenes", unseen_minutes=0)
    path: Path = options.work / "models" / f"{name}.safetensors"
    for missing in draw(scene, unseen=False):
        _say(f"{name}: drawing {missing.name}")
    if not path.exists():
        _say(f"{name}: training")
        train([str(scene.train)], path, minutes=options.minutes, force=True, progress=Silent())
    return path


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", action="append", default=[], metavar="SCENE=FILE", help="instead of training one")
    parser.add_argument("--minutes", type=float, default=15, help="of each training")
    budget: dict[str, Any] = {"type": float, "default": FALSE_ALARMS_PER_DAY, "metavar": "N"}
    parser.add_argument("--false-alarms-per-day", **budget, help="that thresholds are for")
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="measure this case, repeatable")
    parser.add_argument("--out", type=Path, help="page to write (default: standard output)")
    parser.add_argument("--work", type=Path, default=Path("runs/drift"), help="footage and results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
