"""A model calibrated anew, and one pass that counts the alarms of several budgets."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import budgets
from benchmarks.budgets import AtBudget, found_at, kept_budgets, kept_in_turn
from benchmarks.cues import false_alarms
from benchmarks.scenes import LabelledClip
from memwatch.pipeline import run_session
from memwatch.scoring import Calibration, EventRate
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
    return len(sink.alarms)


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


def test_each_piece_is_calibrated_on_once_and_the_counts_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of one, two and three hours, learned once each: 2, 4 and 6 alarms in the others, counted once each."""
    hours = {Path("a"): 1, Path("b"): 2, Path("c"): 3}

    def told(model: Path, learned: Path, counted: list[Path]) -> dict[str, Any]:
        seconds = 3600.0 * sum(hours[one] for one in counted)
        row = {"budget": 24.0, "due": seconds / 3600, "threshold": 5.0 + hours[learned], "events": 2 * hours[learned]}
        return {"calibrated_s": 3600.0 * hours[learned], "seconds": seconds, "budgets": [row]}

    monkeypatch.setattr(budgets, "kept_budgets", told)
    found = kept_in_turn(Path("model"), tuple(hours))
    assert (found["calibrated_s"], found["seconds"]) == (7200.0, 21600.0)
    (row,) = found["budgets"]
    assert (row["due"], row["threshold"], row["events"]) == (6.0, 7.0, 12)
    assert row["per_day"] == pytest.approx(12 * 24 / 6)
    assert row["low"] < row["per_day"] < row["high"]


def test_a_labelled_clip_is_judged_at_the_threshold_of_each_budget(gray_model: Trained, odd: Path) -> None:
    """A lower threshold finds as much and sooner; at one that nothing reaches nothing is found."""
    loaded = load(gray_model.path)
    quick = {name: cue for name, cue in loaded.calibration.cues.items() if name not in SLOW}
    rates = {name: rate for name, rate in loaded.calibration.rates.items() if name not in SLOW}
    loaded = replace(loaded, calibration=replace(loaded.calibration, cues=quick, rates=rates).at(1.0))
    labels = np.zeros(80, dtype=bool)
    labels[30:45] = True
    clip = LabelledClip("odd", odd, 80, labels, None, {"patch": labels})
    high, low = found_at(loaded, [clip], (1.0, 1000.0))
    assert low["segments_found"] == 1
    assert low["threshold"] < high["threshold"]
    assert 0 < low["median_delay_s"] < 1.0
    assert high["over"]["patch"] <= low["over"]["patch"] <= 1
    none = replace(
        loaded, calibration=replace(loaded.calibration, rates=dict.fromkeys(rates, EventRate(1e6, 1, 1, 0, 1)))
    )
    (nothing,) = found_at(none, [clip], (1.0,))
    assert nothing["segments_found"] == 0
    assert nothing["median_delay_s"] is None
