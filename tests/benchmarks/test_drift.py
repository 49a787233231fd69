"""What becomes of alarms in a changing scene: measured end to end on a short clip, and put on a page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import drift
from benchmarks.altered import CASES
from benchmarks.drift import figures
from benchmarks.drift_page import page
from memwatch.model import save_model
from memwatch.pipeline import Updates
from tests import tiny
from tests.scene import film, video

ODD = (52, 58)
CASE = replace(CASES[0], until=3.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drift") / "tiny.safetensors"
    save_model(tiny.model(cues=("prediction", "motion"), rate=0.2, head_scene=True, head_place=4), path)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds, one thing in the sixth; its truth beside it."""
    path = video(tmp_path_factory.mktemp("clip") / "yard.mp4", film(80, seed=4, colour=False, odd=range(*ODD)))
    told = {"anomalies": [{"kind": "patch", "first": ODD[0], "last": ODD[1] - 1}]}
    path.with_suffix(".json").write_text(json.dumps(told))
    return path


@pytest.mark.parametrize("updates", Updates)
def test_a_clip_is_measured_end_to_end(
    model: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, updates: Updates
) -> None:
    monkeypatch.setattr(drift, "BEGIN", 1.5)
    found = figures(clip, model, CASE, updates, 1.0)
    json.dumps(found, allow_nan=False)
    (one,) = found["anomalies"]
    assert (one["kind"], one["first_s"], one["seconds"]) == ("patch", 5.2, pytest.approx(0.5))
    assert one["peak"] > 0
    for share in (one["over_share"], one["over_share_at_end"], *found["false_share"].values()):
        assert 0 <= share <= 1
    assert one["over_share"] == one["over_share_at_end"]  # it is shorter than what counts as the end
    learned = found["lessons"] > 0
    assert learned == (found["scene_drift"] > 0)
    assert not (learned and updates == Updates.frozen)
    assert learned or updates != Updates.always


def test_a_larger_budget_lowers_the_threshold(model: Path, clip: Path) -> None:
    strict, free = (figures(clip, model, CASE, Updates.frozen, per_day)["threshold"] for per_day in (1.0, 100.0))
    assert free < strict


def test_a_part_without_normal_frames_has_no_share(model: Path, clip: Path) -> None:
    """The change begins after the clip's end."""
    found = figures(clip, model, CASES[0], Updates.frozen, 1.0)
    assert found["false_share"]["before"] is not None
    assert found["false_share"]["during"] is None
    assert found["false_share"]["after"] is None


# The page


def record(case: str, updates: str, **figures: Any) -> dict[str, Any]:
    told = {"threshold": 7.125, "false_share": {"before": 0.012, "during": None, "after": 0.5}, "anomalies": []}
    return {"scene": "yard", "job": f"{case}-{updates}", "model": "yard", "key": "0", "commit": "abc1234",
            "date": "2026-01-02", "machine": "a machine, 2 cores", "seconds": 1.0,
            "figures": told | figures}  # fmt: skip


def seen(peak: float, seconds: float, *, found: bool, at_end: float = 0.25) -> dict[str, Any]:
    return {"kind": "box", "first_s": 1.0, "seconds": seconds, "peak": peak, "found": found, "over_share": 0.5,
            "over_share_at_end": at_end}  # fmt: skip


def test_the_page_says_what_was_measured_and_a_dash_for_the_rest() -> None:
    records = [
        record("dimming", "frozen", anomalies=[seen(8, 3, found=True), seen(4, 3, found=False)]),
        record("dimming", "gated", anomalies=[seen(8, 200, found=True)]),
        record("unaltered", "always"),
        record("repeated", "gated", anomalies=[seen(8, 3, found=False), seen(8, 3, found=True)]),
    ]
    text = page(records, CASES, command="python -m x")
    assert "`python -m x`" in text
    assert "## yard (threshold 7.12)" in text
    what = CASES[1].what
    assert f"| {what} | frozen | 1.2% | – | 50.0% | 1 of 2, not the last | 0.50 | – |" in text
    assert "|  | gated | 1.2% | – | 50.0% | 1 of 1 | – | 25.0% |" in text
    assert "|  | always | 1.2% | – | 50.0% | 0 of 0 | – | – |" in text
    assert "Commit abc1234; a machine, 2 cores" in text
    assert "|  | gated | 1.2% | – | 50.0% | 1 of 2, the last too | 1.00 | – |" in text
    assert text.count("| gated |") == 2
    assert "lights-off" not in text


def test_scenes_stand_each_by_itself_in_the_order_of_records() -> None:
    other = record("unaltered", "frozen") | {"scene": "indoor", "commit": "def5678"}
    text = page([record("unaltered", "frozen"), other], CASES, command="x")
    assert text.index("## yard") < text.index("## indoor")
    assert "Commit abc1234, def5678" in text
