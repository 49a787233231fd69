"""Every choice of `--memory`, by the same way from footage to scores: each trains, calibrates and tells odd frames."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.memory_read import read_figures
from memwatch.config import MEMORIES
from memwatch.pipeline import Detector, Updates, run_session
from memwatch.scoring.metrics import auc
from memwatch.sinks import Sink
from memwatch.tasks import train as training
from memwatch.tasks.calibrate import calibrate
from memwatch.tasks.evaluate import evaluate
from memwatch.tasks.progress import Silent
from memwatch.tasks.session import load
from memwatch.types import Clip, Frame, Observation
from memwatch.video import ClipWindow, open_source
from tests import tiny
from tests.scene import film, video

STEPS = 24
OPTIONS = {"students": ["stride=8", "width=16"]}
"""So that a few steps take seconds."""
LEAST_AUC = 0.8
"""Measured, of prediction's error and memory's distance together: 0.89 for prototypes, 0.94 for memae and 1.00 for the
others. The error no flicker escapes after one step either: this tells whether a choice can be walked from footage to
scores. Whether it learned to tell one from the other is the slow test's, below."""
COUNT, ODD = 75, range(30, 50)
LEARNED_STEPS, LEARNED_AUC = 800, 0.75
"""Of a training on the sample scene, and the least frame AUC of its cyclist and cart by the prediction's error: after
two steps 0.4, after so many 0.84 (mnad) to 0.95 (blockwise)."""
READ_MATTERS = 0.05
"""By how much the held-out error rises at least where what is read is replaced by its mean."""
WHOLE_STEPS, WHOLE_AUC = 400, 0.7
"""Of the whole detector, all six anomalies: measured 0.838 with mnad and with none."""
KINDS = ("cyclist", "cart")
SAMPLES = Path(__file__).parents[2] / "samples"


class Scores(Sink):
    def __init__(self) -> None:
        self.found: dict[int, float] = {}

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation:
            self.found[observation.index] = observation.score.value


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("choices")
    return [str(video(folder / f"{seed}.mp4", film(60, seed=seed, colour=False))) for seed in range(3)]


def shown(window: ClipWindow) -> list[Clip]:
    """Seven seconds that no training saw, with something odd in two of them."""
    pictures = enumerate(film(COUNT, seed=11, colour=False, odd=ODD))
    frames = [Frame("yard", i, tiny.WALL + i / 10, i / 10, picture) for i, picture in pictures]
    return [clip for frame in frames if (clip := window.push(frame)) is not None]


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_choice_trains_and_tells_odd_frames_from_normal_ones(
    memory: str, footage: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cues = ("prediction",) if memory == "none" else ("prediction", "memory")
    monkeypatch.setattr(training, "calibrate", partial(calibrate, cues=cues))
    for picture in ("draw_loss", "draw_predictions"):
        monkeypatch.setattr(training, picture, lambda *_, **__: None)  # seconds each
    path, how = tmp_path / "m.safetensors", {"preset": "predictor", "seed": 3, "steps": STEPS}
    training.train(footage, path, memory=memory, memory_options=OPTIONS.get(memory, ()), progress=Silent(), **how)

    loaded = load(path)
    detector = Detector(loaded.runtime, loaded.calibration, updates=Updates.frozen)
    seen = detector.step(shown(ClipWindow(loaded.model.config)))
    odd = np.array([o.index in ODD for o in seen])
    scores = np.array([o.score.value for o in seen])
    own = [float(o.cues["memory"].max()) for o in seen] if "memory" in cues else None
    assert (loaded.model.config.memory, loaded.model.card["steps"]) == (memory, STEPS)
    assert set(loaded.calibration.cues) == set(cues)
    assert np.isfinite(scores).all()
    assert own is None or np.ptp(own) > 0
    found = auc(scores, odd)
    assert found is not None
    assert found >= LEAST_AUC


@pytest.mark.slow
@pytest.mark.parametrize("memory", MEMORIES)
def test_a_choice_learns_the_sample_scene_and_tells_its_fast_anomalies(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the prediction's error, which before training tells what is large from what is small and nothing else."""
    monkeypatch.setattr(training, "calibrate", partial(calibrate, cues=("prediction",)))
    path, how = tmp_path / "m.safetensors", {"preset": "predictor", "seed": 0, "steps": LEARNED_STEPS}
    training.train([str(SAMPLES / "walkway-normal.mp4")], path, memory=memory, progress=Silent(), **how)
    told = json.loads((SAMPLES / "walkway-test.json").read_text())["anomalies"]
    seen = {kind: {row[0] for a in told if a["kind"] == kind for row in a["boxes"]} for kind in KINDS}
    other = {row[0] for a in told if a["kind"] not in KINDS for row in a["boxes"]}

    loaded, kept = load(path), Scores()
    assert read_figures(loaded.model, [str(SAMPLES / "walkway-normal.mp4")])["mean_read"] >= READ_MATTERS
    with open_source(str(SAMPLES / "walkway-test.mp4")) as source:
        run_session(source, loaded.detector(learn=False), sinks=(kept,))
    judged = {at: score for at, score in kept.found.items() if at not in other}
    found = auc(np.array(list(judged.values())), np.array([any(at in s for s in seen.values()) for at in judged]))
    assert found is not None
    assert found >= LEARNED_AUC


@pytest.mark.slow
@pytest.mark.parametrize("memory", MEMORIES)
def test_a_detector_with_any_choice_tells_all_anomalies_of_the_sample_scene(memory: str, tmp_path: Path) -> None:
    """The default preset with that memory, its head from random weights: the shipped start knows this very scene."""
    path, how = tmp_path / "m.safetensors", {"seed": 0, "steps": WHOLE_STEPS, "from_scratch": True}
    options = OPTIONS.get(memory, ())
    training.train(
        [str(SAMPLES / "walkway-normal.mp4")], path, memory=memory, memory_options=options, progress=Silent(), **how
    )
    found = evaluate(str(SAMPLES / "walkway-test.mp4"), model=path, progress=Silent()).causal.auc
    assert found is not None
    assert found >= WHOLE_AUC
