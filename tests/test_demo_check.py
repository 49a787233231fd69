"""The judge of the demo must itself be able to say no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import check_demo

TRUTH: dict[str, Any] = {
    "fps": 10.0,
    "frames": 100,
    "width": 100,
    "height": 50,
    "anomalies": [
        {"id": i, "kind": f"kind {i}", "first": 10 * i, "last": 10 * i + 5,
         "boxes": [[frame, 10, 10, 30, 30] for frame in range(10 * i, 10 * i + 6)]}
        for i in range(1, 7)
    ],
}  # fmt: skip


def event(start: float, xywh: tuple[float, float, float, float] = (0.1, 0.2, 0.2, 0.4)) -> dict[str, Any]:
    moment = {"stream_s": start, "score": 4.0}
    boxes = [{"t": 0.1, "xywh": list(xywh), "score": 4.0}]
    return {"id": f"{start}", "start": moment, "end": moment, "peak": moment, "boxes": boxes}


def test_an_event_on_the_anomaly_finds_it_and_only_it() -> None:
    assert check_demo.touched(event(2.0), TRUTH) == {2}


def test_right_place_at_the_wrong_time_and_right_time_at_the_wrong_place_are_false() -> None:
    verdict = check_demo.judge([event(0.5), event(2.0, (0.6, 0.2, 0.2, 0.4))], TRUTH)
    assert verdict.found == set()
    assert len(verdict.false) == 2


def test_the_last_line_of_an_event_wins(tmp_path: Path) -> None:
    early, late = event(1.0), event(1.0) | {"boxes": []}
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in (early, late)))
    assert check_demo.read_events(path) == [late]


@pytest.mark.parametrize(("starts", "code"), [((1.0, 2.0, 3.0), 1), ((1.0, 2.0, 3.0, 4.0), 0)])
def test_the_exit_code_says_whether_enough_was_found(tmp_path: Path, starts: tuple[float, ...], code: int) -> None:
    (tmp_path / "events.ndjson").write_text("".join(json.dumps(event(start)) + "\n" for start in starts))
    (tmp_path / "truth.json").write_text(json.dumps(TRUTH))
    assert check_demo.main([str(tmp_path), str(tmp_path / "truth.json")]) == code


def test_too_many_false_events_fail() -> None:
    good = [event(float(i)) for i in (1, 2, 3, 4)]
    false = [event(8.0 + i, (0.6, 0.6, 0.1, 0.1)) for i in range(check_demo.MAX_FALSE + 1)]
    assert check_demo.judge(good, TRUTH).good
    assert not check_demo.judge(good + false, TRUTH).good
