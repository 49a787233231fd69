"""`memwatch explain`: one frame of a recording, and how it came by its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.config import ModelConfig, RegionConfig
from memwatch.errors import MemwatchError, UsageError
from memwatch.files import check_picture, write_figure
from memwatch.pipeline import run_session
from memwatch.runtime import Runtime
from memwatch.scoring import squared_error
from memwatch.sinks import Sink
from memwatch.tasks.colour import check_colour
from memwatch.tasks.explanation import Explanation, Item
from memwatch.tasks.progress import Progress, Steps
from memwatch.tasks.session import load
from memwatch.types import Answer, Clip, Frame, Observation, Prediction, State, Tally
from memwatch.video import Source, find_clips, open_source

HEADERS_ERR = 2.0
"""Times the frames that a header counts, beyond which none is looked for: headers only say roughly how many."""
PATCH = 7
"""Cells of the memory's grid across the patch that stands for an item."""


def explain(
    source: str,
    *,
    frame: int,
    model: Path,
    out: Path | None = None,
    fps: float | None = None,
    learn: bool = True,
    per_day: float | None = None,
    sizes: RegionConfig | None = None,
    progress: Progress,
) -> Explanation:
    """Draw how frame `frame` (from 0) of a recording got its score, into `out` or NAME-frame-N.png.

    The recording is watched from its start, so that memory and slow cues are as `watch` would have them; `per_day` and
    `sizes` are `watch`'s too. Raises
    UsageError for a camera, a frame that is not there or has too few frames before it, or a model that can't score.
    """
    from memwatch.tasks.explain_picture import draw

    if out:
        check_picture(out)
    loaded = load(model, per_day=per_day)
    witness = Witness(loaded.runtime, frame)
    wanted = _Wanted(frame)
    find_clips(source)  # refuses a camera before anything waits for it
    with open_source(source, fps=fps) as opened:
        check_colour(opened, loaded)
        if opened.length and frame > opened.length * HEADERS_ERR:
            told = f"{opened.name}: has no frame {frame}, its header counts {opened.length}"
            raise UsageError(told, "frames count from 0")
        steps = Steps(progress)
        progress.start("watching", frame + 1)
        detector = replace(loaded, runtime=witness).detector(learn=learn, sizes=sizes)
        tally = run_session(opened, detector, sinks=[wanted], watch=lambda t: steps(t) and not wanted.passed)
        progress.done()
        seen = _found(wanted, opened, tally, loaded.model.config)
    assert witness.clip is not None
    assert witness.prediction is not None
    error = squared_error(witness.prediction.frame, witness.clip.target).mean(axis=0)
    path = out or Path(f"{seen.source}-frame-{frame}.png")
    done = Explanation(witness.clip, witness.prediction, error, seen, witness.items(), path)
    write_figure(draw(done, loaded.model.config), path)
    return done


class Witness:
    """A runtime that hands everything on, and remembers what it was asked about one frame."""

    def __init__(self, runtime: Runtime, frame: int) -> None:
        self.config = runtime.config
        self.clip: Clip | None = None
        self.prediction: Prediction | None = None
        self._runtime = runtime
        self._frame = frame
        self._similarity: NDArray[np.float32] | None = None
        self._best: dict[int, tuple[float, NDArray[np.float32]]] = {}

    def new_state(self) -> State:
        return self._runtime.new_state()

    def arrays_of(self, state: State) -> dict[str, NDArray[np.float32]]:
        return self._runtime.arrays_of(state)

    def state_from(self, arrays: Mapping[str, NDArray[np.float32]]) -> State:
        return self._runtime.state_from(arrays)

    def drift(self, state: State) -> NDArray[np.float32]:
        return self._runtime.drift(state)

    def learn(self, query: Any, state: State, rate: float | None = None) -> State:
        return self._runtime.learn(query, state, rate)

    def similarity(self, query: Any, state: State) -> NDArray[np.float32]:
        return self._runtime.similarity(query, state)

    def answer(self, clips: Sequence[Clip]) -> Sequence[Answer]:
        return self._runtime.answer(clips)

    def predict(self, clips: Sequence[Clip], states: Sequence[State]) -> list[Prediction]:
        predictions = self._runtime.predict(clips, states)
        for clip, state, prediction in zip(clips, states, predictions, strict=True):
            if clip.frame.index > self._frame:
                continue
            similarity = self._runtime.similarity(prediction.query, state)
            self._keep_best(similarity, clip.target)
            if clip.frame.index == self._frame:  # asked again, the last answer is the one that counts
                self.clip, self.prediction, self._similarity = clip, prediction, similarity
        return predictions

    def items(self) -> tuple[Item, ...]:
        """The memory's items, those that the frame reads most first."""
        if self._similarity is None or not len(self._similarity):
            return ()
        nearest = self._similarity.argmax(axis=0)
        items = [
            Item(
                number,
                share=float((nearest == number).mean()),
                similarity=float(each.max()),
                patch=self._best[number][1] if number in self._best else None,
            )
            for number, each in enumerate(self._similarity)
        ]
        return tuple(sorted(items, key=lambda item: (-item.share, -item.similarity)))

    def _keep_best(self, similarity: NDArray[np.float32], picture: NDArray[np.float32]) -> None:
        """Of each item the place most like it so far, among those whose nearest item it is."""
        if not len(similarity):
            return
        nearest = similarity.argmax(axis=0)
        for number in map(int, np.unique(nearest)):
            own = np.where(nearest == number, similarity[number], -np.inf)
            row, column = np.unravel_index(int(own.argmax()), own.shape)
            value = float(own[row, column])
            if value > self._best.get(number, (-np.inf,))[0]:
                self._best[number] = value, _around(picture, row / own.shape[0], column / own.shape[1], own.shape)


class _Wanted(Sink):
    """Waits for one frame."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.passed = False
        self.frame: Frame | None = None
        self.observation: Observation | None = None
        self.scored = 0
        """Frames before it that have a score."""

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if frame.index == self.index:
            self.frame, self.observation = frame, observation
        self.passed = self.passed or frame.index >= self.index
        self.scored += observation is not None and frame.index < self.index


def _found(wanted: _Wanted, source: Source, tally: Tally, config: ModelConfig) -> Observation:
    """The frame's observation, or the line that says why there is none."""
    if wanted.observation is not None:
        return wanted.observation
    if not wanted.passed and wanted.index >= tally.read + tally.broken:
        last = tally.read + tally.broken - 1
        raise UsageError(f"{source.name}: has no frame {wanted.index}, its last is {last}", "frames count from 0")
    if wanted.frame is None:
        raise MemwatchError(f"{source.name}: frame {wanted.index} could not be decoded", "name another frame")
    remedy = f"name frame {config.clip_length} or a later one"
    if wanted.scored:
        remedy = "it follows a break in the footage; name a later one"
    raise UsageError(f"{source.name}: frame {wanted.index} has no score, too few frames come before it", remedy)


def _around(picture: NDArray[np.float32], y: float, x: float, grid: tuple[int, ...]) -> NDArray[np.float32]:
    """A copy of the part of a picture (C, h, w) around a place, PATCH cells of `grid` wide, inside its edges."""
    _, height, width = picture.shape
    tall, wide = (min(side, PATCH * side // cells) for side, cells in zip((height, width), grid, strict=True))
    top = min(max(0, round(y * height) - tall // 2), height - tall)
    left = min(max(0, round(x * width) - wide // 2), width - wide)
    return picture[:, top : top + tall, left : left + wide].copy()
