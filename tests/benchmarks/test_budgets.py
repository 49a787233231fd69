"""A model calibrated anew, and one pass that counts the alarms of several budgets."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import budgets
from benchmarks.budgets import AtBudget, kept_budgets
from benchmarks.cues import false_alarms
from memwatch.pipeline import run_session
from memwatch.scoring import Calibration
from memwatch.scoring.calibration import SLOW
from memwatch.tasks.session import Loaded, load
from memwatch.video import open_source
from tests.conftest import Trained
from tests.scene import film, video


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("odd") / "odd.mp4", film(80, seed=4, colour=False, odd=range(30, 45)))


def counted(loaded: Loaded, path: Path, calibration: Calibration) -> int:
    sink = AtBudget("odd", calibration)
    with open_source(str(path)) as source:
        run_session(source, loaded.detector(learn=True), sinks=(sink,))
    return sink.alarms


def test_a_budget_counts_the_alarms_that_a_model_of_that_budget_raises(gray_model: Trained, odd: Path) -> None:
    loaded = load(gray_model.path)
    bare = loaded.calibration
    quick = {name: cue for name, cue in bare.cues.items() if name not in SLOW}
    rates = {name: rate for name, rate in bare.rates.items() if name not in SLOW}
    own = replace(bare, cues=quick, rates=rates).at(1.0)
    loaded = replace(loaded, calibration=own)
    assert counted(loaded, odd, own) == len(false_alarms(loaded, [str(odd)])["alarms"]) > 0
    assert counted(loaded, odd, replace(own, threshold=1e6)) == 0


def test_the_model_is_calibrated_on_one_piece_and_counted_on_the_others(
    gray_model: Trained, odd: Path, tmp_path: Path
) -> None:
    normal = video(tmp_path / "normal.mp4", film(80, seed=5, colour=False))
    before = gray_model.path.read_bytes()
    found = kept_budgets(gray_model.path, normal, [odd, odd])
    assert gray_model.path.read_bytes() == before
    assert found["seconds"] == pytest.approx(16, abs=0.5)
    rows = found["budgets"]
    assert [row["budget"] for row in rows] == list(budgets.BUDGETS)
    assert rows[0]["due"] == pytest.approx(found["seconds"] / 86400)
    assert all(one["threshold"] > other["threshold"] for one, other in pairwise(rows))
    assert all(row["low"] <= row["per_day"] <= row["high"] for row in rows)
