"""Lights that go off and on: a state each way and no event, unless something is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samples.draw import Drawn, Planned, render, write_clip
from tests.conftest import ROOT, Memwatch

pytestmark = [pytest.mark.live, pytest.mark.timeout(280)]

OFF_S, ON_S, SECONDS, FPS, SIZE = 20.0, 40.0, 60.0, 10.0, (360, 240)
DIMMED, NOISE = 0.4, 1.5
"""Of the light that is left, and levels of the sensor's noise in it."""


def dimmed(drawn: Iterator[Drawn]) -> Iterator[Drawn]:
    random = np.random.default_rng(5)
    for index, (image, boxes) in enumerate(drawn):
        if OFF_S <= index / FPS < ON_S:
            dark = image * DIMMED + random.normal(0, NOISE, image.shape)
            yield np.clip(np.rint(dark), 0, 255).astype(np.uint8), boxes
        else:
            yield image, boxes


@pytest.fixture
def replayed(memwatch: Memwatch, tmp_path: Path) -> Callable[[Sequence[Planned]], list[dict[str, Any]]]:
    """Lines of a replay of the walkway with these intruders, the light going off and on meanwhile."""

    def replay(anomalies: Sequence[Planned]) -> list[dict[str, Any]]:
        clip = tmp_path / "lights.mp4"
        drawn = render("walkway", seconds=SECONDS, seed=77, fps=FPS, size=SIZE, anomalies=anomalies)
        write_clip(clip, dimmed(drawn), fps=FPS, size=SIZE)
        config = tmp_path / "cameras.toml"
        model = ROOT / "models" / "walkway.safetensors"
        config.write_text(
            f'schema = 1\n[defaults]\nmodel = "{model}"\nfalse_alarms_per_day = 1\n[camera.walkway]\nurl = "rtsp://none/"\n'
        )
        done = memwatch("replay", clip, "--config", config, timeout=200)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return replay


def changes(lines: Sequence[dict[str, Any]]) -> list[tuple[str, bool]]:
    return [(line["kind"], bool(line.get("over"))) for line in lines if line["type"] == "scene_change"]


def test_lights_off_and_on_are_a_state_each_way_and_no_event(
    replayed: Callable[[Sequence[Planned]], list[dict[str, Any]]],
) -> None:
    lines = replayed([])
    assert changes(lines) == [("light", False), ("light", True)] * 2
    assert [line["start"]["stream_s"] for line in lines if line["type"] == "end"] == []


def test_an_intruder_while_the_light_goes_off_is_an_event(
    replayed: Callable[[Sequence[Planned]], list[dict[str, Any]]],
) -> None:
    lines = replayed([Planned("cart", 18.5, 6.0)])
    assert ("light", False) in changes(lines)
    spans = [(line["start"]["stream_s"], line["end"]["stream_s"]) for line in lines if line["type"] == "end"]
    assert any(start <= 24.5 and end >= 18.5 for start, end in spans), spans
    assert any(start < OFF_S + 1 and end > OFF_S - 1 for start, end in spans), spans
    assert all(17 < start < 27 for start, _ in spans), spans
