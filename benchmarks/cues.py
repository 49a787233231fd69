"""One pass of a model's detector over the test clips: its score, each cue alone, and each cue left out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from benchmarks.figures import Series, figures, filled, kind_figures, per_day
from benchmarks.scenes import LabelledClip
from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.pipeline import Detector, run_session
from memwatch.pipeline.session import BATCH
from memwatch.scoring import LASTS, Calibration, Persistence, question_of
from memwatch.scoring.calibration import SLOW
from memwatch.sinks import Sink
from memwatch.tasks.session import Loaded
from memwatch.types import Clip, Event, Frame, Grid, Observation
from memwatch.video import ClipWindow, open_source

TIMED_FRAMES = 200


class WithLasting:
    """Maps of one clip's frames, in order, together with what has lasted of them, as the detector joins them."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._persistence = Persistence(calibration.lasts)

    def __call__(self, grid: Grid, seconds: float) -> Grid:
        if not self._calibration.lasts:
            return grid
        return self._calibration.with_lasting(grid, self._persistence.push({LASTS: grid}, seconds)[LASTS])


class CueSeries(Sink):
    """Keeps, of every frame of a clip, the score, each cue's largest value, and the score without that cue, or without
    all cues of one question."""

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self.at: list[int] = []
        self.scores: list[float] = []
        self.alone: dict[str, list[float]] = {name: [] for name in calibration.cues}
        self._left_out = left_out(calibration)
        self.without: dict[str, list[float]] = {name: [] for name in self._left_out}
        self._lasting = {name: WithLasting(calibration) for name in self._left_out}

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation is None:
            return
        self.at.append(observation.index)
        self.scores.append(observation.score.value)
        for name, grid in observation.cues.items():
            self.alone[name].append(float(grid.max()))
        for name, gone in self._left_out.items():
            grid = self._lasting[name](map_without(self.calibration, observation.cues, gone), observation.seconds)
            self.without[name].append(float(grid.max()))


def left_out(calibration: Calibration) -> dict[str, set[str]]:
    """What is left out in turn: each cue, and the cues of each question that has several."""
    questions: dict[str, set[str]] = {}
    for name in calibration.cues:
        questions.setdefault(question_of(name), set()).add(name)
    several = {" and ".join(sorted(cues)): cues for cues in questions.values() if len(cues) > 1}
    return {name: {name} for name in calibration.cues} | several


def map_without(calibration: Calibration, cues: dict[str, Grid], gone: set[str]) -> Grid:
    """The map that the other cues would have made of a frame; nothing is odd where there are none."""
    rest = {name: grid for name, grid in cues.items() if name not in gone}
    match list(rest.values()):
        case []:
            return np.zeros_like(next(iter(cues.values())))
        case [grid]:
            return grid
        case _:
            return calibration.map(rest)


def cue_rows(loaded: Loaded, clips: Sequence[LabelledClip]) -> dict[str, Any]:
    """`figures` of the score (`all`), of each cue (`alone`) and of the rest (`without`), the detector's `ms` a frame
    and what each cue takes of them (`cue_ms`).

    Each clip starts from the memory as trained, which learns as it does in `evaluate`.
    """
    passes = [_pass(loaded, clip) for clip in clips]
    scores = [Series(one.at, one.scores) for one in passes]
    names = list(loaded.calibration.cues)
    alone = {name: [Series(one.at, one.alone[name]) for one in passes] for name in names}
    without = {name: [Series(one.at, one.without[name]) for one in passes] for name in left_out(loaded.calibration)}
    threshold = loaded.calibration.threshold
    return {
        "threshold": threshold,
        "all": figures(scores, clips) | {"kinds": kind_figures(filled(scores, clips), clips, threshold=threshold)},
        "alone": {name: figures(series, clips) for name, series in alone.items()},
        "without": {name: figures(series, clips) for name, series in without.items()},
        "ms": pace(loaded, clips[0]),
        "cue_ms": cue_costs(loaded, clips[0]),
    }


def cue_costs(loaded: Loaded, labelled: LabelledClip) -> dict[str, float]:
    """Milliseconds a frame that the detector saves without each cue; of the network nothing is left out.

    All detectors take the same clips in turn, so that whatever else the machine does slows them alike.
    """
    calibration = loaded.calibration
    least = {
        name: replace(calibration, cues={other: c for other, c in calibration.cues.items() if other != name})
        for name in calibration.cues
        if set(calibration.cues) - set(SLOW) != {name}  # a detector needs one cue of the moment
    }
    detectors = {name: Detector(loaded.runtime, one) for name, one in {"": calibration, **least}.items()}
    spent = dict.fromkeys(detectors, 0.0)
    count = 0
    for clips in _batches(loaded, labelled):
        count += len(clips)
        for name, detector in detectors.items():
            began = time.perf_counter()
            detector.step(clips)
            spent[name] += time.perf_counter() - began
    return {name: 1000 * (spent[""] - spent[name]) / max(1, count) for name in least}


def pace(loaded: Loaded, labelled: LabelledClip) -> float:
    """Milliseconds a frame of a recording, decoding, regions and events included, of at most TIMED_FRAMES."""
    began = time.perf_counter()
    with open_source(str(labelled.path)) as source:
        events = EventBuilder(labelled.name, EventConfig())
        tally = run_session(
            source, loaded.detector(learn=True), events=events, watch=lambda tally: tally.read < TIMED_FRAMES
        )
    return 1000 * (time.perf_counter() - began) / tally.read


def _batches(loaded: Loaded, labelled: LabelledClip) -> Iterator[list[Clip]]:
    """The network's clips of the first TIMED_FRAMES of a test clip, by the batch."""
    window = ClipWindow(loaded.runtime.config)
    with open_source(str(labelled.path)) as source:
        clips = (clip for frame in islice(source, TIMED_FRAMES) if (clip := window.push(frame)) is not None)
        while batch := list(islice(clips, BATCH)):
            yield batch


class _Opened(Sink):
    """Keeps the events that were opened, as they last were."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}

    def on_event(self, event: Event) -> None:
        self.events[event.id] = event


def false_alarms(loaded: Loaded, paths: Sequence[str]) -> dict[str, Any]:
    """Events on normal footage at the model's threshold, made as `watch` makes them: how many a day, with the exact
    95 % interval, and for each when it began and which cue was loudest at its peak."""
    told: list[dict[str, Any]] = []
    seconds, over, scored = 0.0, 0, 0
    for path in paths:
        opened = _Opened()
        with open_source(path) as source:
            events = EventBuilder(source.name, EventConfig())
            tally = run_session(source, loaded.detector(learn=True), sinks=(opened,), events=events)
        seconds, over, scored = seconds + tally.seconds, over + tally.over, scored + tally.scored
        told += [_alarm(event) for event in opened.events.values()]
    rate = per_day(len(told), seconds)
    return rate | {"budget": loaded.calibration.per_day, "over": over / max(1, scored), "alarms": told}


def _alarm(event: Event) -> dict[str, Any]:
    cues = event.peak.cues
    return {
        "source": event.source,
        "start": round(event.start.seconds, 1),
        "length": round(event.last.seconds - event.start.seconds, 1),
        "score": round(event.peak.score.value, 2),
        "cue": max(cues, key=lambda name: float(np.max(cues[name]))) if cues else None,
    }


def _pass(loaded: Loaded, clip: LabelledClip) -> CueSeries:
    kept = CueSeries(loaded.calibration)
    with open_source(str(clip.path)) as source:
        run_session(source, loaded.detector(learn=True), sinks=(kept,))
    return kept
