"""Every choice of `--memory`, by the same way from footage to scores: each trains, calibrates and tells odd frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from memwatch.config import MEMORIES
from memwatch.pipeline import Detector, Updates
from memwatch.scoring.metrics import auc
from memwatch.tasks import train as training
from memwatch.tasks.calibrate import calibrate
from memwatch.tasks.progress import Silent
from memwatch.tasks.session import load
from memwatch.types import Clip, Frame
from memwatch.video import ClipWindow
from tests import tiny
from tests.scene import film, video

STEPS = 24
OPTIONS = {"students": ["stride=8", "width=16"]}
"""So that a few steps take seconds."""
LEAST_AUC = 0.8
"""Measured: 0.89 for prototypes, 0.94 for memae and 1.00 for the others, by the prediction's error, which no flicker
escapes after one step either: this tells whether a choice can be walked from footage to scores. Whether it learned to
tell one from the other is the slow test's, below."""
COUNT, ODD = 75, range(30, 50)


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
