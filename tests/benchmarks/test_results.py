"""Results are kept by all that they depend on, so that a stopped benchmark goes on where it stood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import Job, code_id, done, key_of, measure


class Meter:
    """Counts how often it was asked."""

    def __init__(self, figures: dict[str, Any]) -> None:
        self.figures = figures
        self.asked = 0

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        return self.figures


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    meter = Meter({"auc": 0.5})
    job = Job("yard", "flow", key_of("a"), meter)
    assert done(job, tmp_path) is None

    first, second = measure(job, tmp_path), measure(job, tmp_path)

    assert meter.asked == 1
    assert first == second == done(job, tmp_path)
    assert first["figures"] == {"auc": 0.5}
    assert first["commit"]
    assert first["date"]
    assert first["machine"]


def test_another_footage_model_or_code_is_another_result(tmp_path: Path) -> None:
    meter = Meter({})
    for key in ("a", "b"):
        measure(Job("yard", "flow", key_of(key), meter), tmp_path)
    measure(Job("yard", "flow", key_of("a"), meter, "seed-1"), tmp_path)
    measure(Job("lobby", "flow", key_of("a"), meter), tmp_path)

    assert meter.asked == 4


def test_a_measurement_that_fails_leaves_no_result(tmp_path: Path) -> None:
    def broken() -> dict[str, Any]:
        raise KeyboardInterrupt

    job = Job("yard", "flow", "0", broken)
    with pytest.raises(KeyboardInterrupt):
        measure(job, tmp_path)

    assert done(job, tmp_path) is None


def test_a_damaged_result_is_measured_again(tmp_path: Path) -> None:
    meter = Meter({"auc": 0.5})
    job = Job("yard", "flow", "0", meter)
    measure(job, tmp_path)
    job.path(tmp_path).write_text('{"schema": "memw')

    assert measure(job, tmp_path)["figures"] == {"auc": 0.5}
    assert meter.asked == 2


def test_a_number_that_json_does_not_know_is_no_result(tmp_path: Path) -> None:
    job = Job("yard", "flow", "0", Meter({"auc": float("nan")}))
    with pytest.raises(ValueError, match="Out of range"):
        measure(job, tmp_path)

    assert not list(tmp_path.rglob("*.json"))


def test_a_result_says_what_it_is_of(tmp_path: Path) -> None:
    job = Job("yard", "cues", "0", Meter({}), "yard-0")
    measure(job, tmp_path)

    told = json.loads(job.path(tmp_path).read_text())
    assert (told["scene"], told["job"], told["model"], told["key"]) == ("yard", "cues", "yard-0", "0")


def test_code_is_known_by_what_stands_in_it() -> None:
    assert code_id(["memwatch/scoring"]) == code_id(["memwatch/scoring"])
    assert code_id(["memwatch/scoring"]) != code_id(["memwatch/events"])
    assert code_id(["benchmarks/page.py"]) != code_id(["benchmarks/results.py"])
