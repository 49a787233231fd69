"""A shadow that was never there falls on the drawn walkway: an alarm at first, it is learned by what it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.altered import BEGIN, shadow
from memwatch.pipeline import Detector, Updates, run_session
from memwatch.sinks import Sink
from memwatch.tasks.session import load
from memwatch.types import Frame, Observation
from memwatch.video import open_source

ROOT = Path(__file__).parents[2]
FALLS, DEEP, FOLLOWED, SECONDS = 8.0, 28.0, 58.0, 75.0


class _Shaded:
    """The sample's normal clip, in the bench's shadow from FALLS on, deepest at DEEP."""

    live, broken, partial = False, 0, False

    @property
    def problems(self) -> list[str]:
        return []

    def __iter__(self) -> Iterator[Frame]:
        with open_source(str(ROOT / "samples/walkway-normal.mp4")) as source:
            for frame in source:
                if frame.seconds > SECONDS:
                    return
                depth = BEGIN + 30 * (frame.seconds - FALLS) / (DEEP - FALLS)
                yield replace(frame, image=shadow(frame.image.astype(np.float32), depth).round().astype(np.uint8))


class _Scores(Sink):
    def __init__(self) -> None:
        self.found: list[tuple[float, float]] = []

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation:
            self.found.append((frame.seconds, observation.score.value))


def share_over(updates: Updates) -> float:
    """Of the frames from half a minute after the shadow is deepest."""
    loaded, scores = load(ROOT / "models/walkway.safetensors"), _Scores()
    run_session(_Shaded(), Detector(loaded.runtime, loaded.calibration, updates=updates), sinks=(scores,))
    later: NDArray[np.float64] = np.array([value for at, value in scores.found if at > FOLLOWED])
    return float((later > loaded.calibration.threshold).mean())


@pytest.mark.slow
def test_a_new_shadow_is_an_alarm_for_ever_only_to_a_frozen_scene() -> None:
    assert share_over(Updates.frozen) == 1
    assert share_over(Updates.gated) == 0
