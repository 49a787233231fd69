"""A runtime that does what a text says, so that the memory's gate and quarantine can be read letter by letter.

One letter a frame: `.` calm, `~` too irregular to learn from but under the threshold, `#` anomalous. The memory's
state is the list of frames that it has learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from memwatch.config import ModelConfig
from memwatch.pipeline import Detector
from memwatch.pipeline.knowledge import Knowledge, Learner, Updates
from memwatch.scoring import Calibration
from memwatch.scoring.calibration import TABLE, CueCalibration, Tail
from memwatch.types import Answer, Clip, Frame, Prediction, State
from memwatch.video import scaled
from tests import tiny

CONFIG = tiny.config(clip_length=1, step_s=0.0, head_width=0)
"""Every frame but the first is a target."""
LEVELS = {".": 100, "~": 108, "#": 200}
START: State = {"learned": ()}


def frames(text: str, *, fps: float = 10.0, gaps: Sequence[int] = ()) -> list[Frame]:
    """One flat picture a letter."""
    pictures = [np.full((tiny.HEIGHT, tiny.WIDTH, 3), LEVELS[mark], np.uint8) for mark in text]
    return [Frame("yard", i, tiny.WALL + i / fps, i / fps, picture, i in gaps) for i, picture in enumerate(pictures)]


def clips(text: str, *, fps: float = 10.0) -> list[Clip]:
    """One clip a letter."""
    first, *rest = frames("." + text, fps=fps)
    shown = [first, *rest]
    pictures = [scaled(frame.image[..., 0][None]) for frame in shown]
    return [Clip(*pair, frame) for pair, frame in zip(pairwise(pictures), rest, strict=True)]


class Script:
    """Predicts a calm picture; learns by remembering frame numbers; notes what each frame was scored with."""

    config: ModelConfig = CONFIG

    def __init__(self) -> None:
        self.scored_with: dict[int, tuple[int, ...]] = {}
        self.batches: list[int] = []
        self.interrupt_at: int | None = None
        """The frame whose prediction the user interrupts."""

    def new_state(self) -> State:
        return START

    def predict(self, clips: Sequence[Clip], states: Sequence[State]) -> list[Prediction]:
        self.batches.append(len(clips))
        found = []
        for clip, state in zip(clips, states, strict=True):
            if clip.frame.index == self.interrupt_at:
                raise KeyboardInterrupt
            self.scored_with[clip.frame.index] = state["learned"]
            calm = scaled(np.full(clip.target.shape, LEVELS["."], np.uint8))
            far = np.zeros((3, 4), np.float32)
            found.append(Prediction(frame=calm, distance=far, oddity=None, query=clip.frame.index))
        return found

    def answer(self, clips: Sequence[Clip]) -> list[Answer]:
        return [Answer(oddity=None)] * len(clips)

    def similarity(self, query: Any, state: State) -> NDArray[np.float32]:
        return np.zeros((0, 3, 4), np.float32)

    def drift(self, state: State) -> NDArray[np.float32]:
        return np.zeros(0, np.float32)

    def arrays_of(self, state: State) -> dict[str, NDArray[np.float32]]:
        return {"learned": np.asarray(state["learned"], np.float32)}

    def state_from(self, arrays: Mapping[str, NDArray[np.float32]]) -> State:
        return {"learned": tuple(int(n) for n in arrays["learned"])}

    def learn(self, query: Any, state: State, rate: float | None = None) -> State:
        return {"learned": (*state["learned"], query)}


def calibration() -> Calibration:
    """Threshold 2 and gate 0.0005: errors are 0, 0.00098 and 0.154 for the three letters."""
    tail = Tail(
        np.linspace(0, 0.01, TABLE, dtype=np.float32), np.linspace(0, 2, TABLE, dtype=np.float32), 0.01, 0.01, 0.0, 0.01
    )
    usual = np.ones((tiny.HEIGHT // 8, tiny.WIDTH // 8), np.float32)
    return Calibration({"prediction": CueCalibration(usual, tail)}, gate=0.0005, threshold=2.0, frames=60, seconds=6.0)


def learner(updates: Updates = Updates.gated, *, step_s: float = 0.0) -> Learner:
    runtime, calibrated = Script(), calibration()
    runtime.config = replace(runtime.config, step_s=step_s)
    return Learner(runtime, calibrated, Knowledge.as_trained(runtime, calibrated), updates)


def detector(runtime: Script, **options: Any) -> Detector:
    return Detector(runtime, calibration(), **options)


class Recorded:
    """A source of given frames; `stop_at` is the frame at which the user interrupts."""

    name = "yard"
    fps: float | None = 10.0
    size: tuple[int, int] | None = (tiny.WIDTH, tiny.HEIGHT)
    broken = 0
    partial = False

    def __init__(self, shown: Sequence[Frame], *, live: bool = False, stop_at: int | None = None) -> None:
        self.shown = shown
        self.live = live
        self.stop_at = stop_at
        self.length: int | None = len(shown)
        self.problems: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        for frame in self.shown:
            if frame.index == self.stop_at:
                raise KeyboardInterrupt
            yield frame

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
