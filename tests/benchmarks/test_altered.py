"""Footage altered by rule: what each rule does to a pixel, and when the probes come."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.altered import (
    BEGIN,
    CASES,
    REPEAT_S,
    SECONDS,
    SEED,
    THINGS,
    Case,
    Things,
    dimming,
    draw_case,
    lights_off,
    shadow,
)
from memwatch.video import open_source

LIT = np.full((24, 36, 3), 200, np.float32)
BY_NAME = {case.name: case for case in CASES}


def starts(case: Case, things: Things) -> list[float]:
    return [plan.start for plan in case.anomalies(things)]


@pytest.mark.parametrize("light", [dimming, lights_off, shadow])
@pytest.mark.parametrize("seconds", [0.0, 30.0, BEGIN - 0.1])
def test_nothing_changes_before_its_time(light: object, seconds: float) -> None:
    assert callable(light)
    np.testing.assert_array_equal(light(LIT, seconds), LIT)


@pytest.mark.parametrize(("after", "level"), [(0, 200), (30, 175), (60, 150), (120, 100), (240, 100)])
def test_dimming_halves_the_light_over_two_minutes(after: float, level: float) -> None:
    np.testing.assert_allclose(dimming(LIT, BEGIN + after), level)


def test_lights_go_off_from_one_frame_to_the_next_and_stay_off() -> None:
    for after in (0.0, 0.1, 200.0):
        np.testing.assert_allclose(lights_off(LIT, BEGIN + after), 80)


@pytest.mark.parametrize(("after", "share"), [(15, 0.8), (30, 0.6), (200, 0.6)])
def test_a_shadow_takes_four_tenths_inside_and_nothing_outside(after: float, share: float) -> None:
    dark = shadow(np.full((240, 360, 3), 200, np.float32), BEGIN + after)
    assert dark[0, 0] == pytest.approx([200 * share] * 3, rel=1e-4)
    assert dark[239, 359] == pytest.approx([200] * 3, rel=1e-4)
    # Along the edge x + 0.35 y = 0.55 · 360 it is half as deep.
    assert dark[0, 198, 0] == pytest.approx(200 * (1 + share) / 2, rel=1e-4)
    assert dark[200, 128, 0] == pytest.approx(200 * (1 + share) / 2, rel=1e-4)
    inside = (dark[..., 0] < 200 * (1 + share) / 2).mean()
    assert inside == pytest.approx(0.55 - 0.35 * 239 / 2 / 360, abs=0.01)  # two fifths


@pytest.mark.parametrize("scene", THINGS)
@pytest.mark.parametrize("name", ["unaltered", "dimming", "lights-off", "shadow"])
def test_probes_come_before_during_and_after_the_change(scene: str, name: str) -> None:
    case, things = BY_NAME[name], THINGS[scene]
    first, during, *after = case.anomalies(things)
    assert first.start + first.length < BEGIN
    assert BEGIN <= during.start <= case.until
    assert all(plan.start > case.until for plan in after)
    assert len(after) == 2
    assert {plan.kind for plan in (first, during, *after)} == {things.probe}
    assert after[-1].start + after[-1].length == pytest.approx(SECONDS - 10)


def test_what_stays_is_the_only_thing_that_comes() -> None:
    (parked,) = BY_NAME["parked"].anomalies(THINGS["yard"])
    (loiterer,) = BY_NAME["loiterer"].anomalies(THINGS["yard"])
    assert (parked.kind, parked.start, parked.start + parked.length) == ("box", BEGIN, SECONDS + BEGIN)
    assert (loiterer.kind, loiterer.start, loiterer.start + loiterer.length) == ("loiterer", BEGIN, SECONDS - 20)


def test_what_repeats_comes_every_twenty_seconds_and_is_over_in_time() -> None:
    case, things = BY_NAME["repeated"], THINGS["indoor"]
    found = starts(case, things)
    assert found[0] == REPEAT_S
    assert set(np.diff(found)) == {REPEAT_S}
    assert len(found) == 29
    assert found[-1] + things.length <= case.seconds
    assert {plan.seed for plan in case.anomalies(things)} == {SEED}


def test_a_case_is_drawn_in_its_light_with_its_truth_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds that change after the first: brightness follows the rule, boxes and frames are of the footage."""
    monkeypatch.setattr("benchmarks.altered.BEGIN", 1.0)
    case = replace(BY_NAME["lights-off"], seconds=2.0)
    monkeypatch.setattr(Case, "anomalies", lambda *_: [])
    path = tmp_path / "deep" / "yard.mp4"
    draw_case("yard", case, path)
    with open_source(str(path)) as source:
        means = [float(frame.image.mean()) for frame in source]
    assert len(means) == 20
    assert means[9] > 0.9 * means[0]
    np.testing.assert_allclose(means[10:], 0.4 * means[0], rtol=0.1)
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["clip"] == "yard.mp4"
    assert told["anomalies"] == []
