"""Clips to observations: prediction, calibrated map, score, regions, and the gate in front of the memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from memwatch.config import RegionConfig
from memwatch.events import Tracker, of_size, regions, with_cues
from memwatch.runtime import Runtime
from memwatch.scoring import (
    SLOW,
    Calibration,
    Persistence,
    SceneReader,
    SceneView,
    psnr,
    read_cues,
    regularity_error,
    squared_error,
)
from memwatch.scoring.calibration import PLACELESS
from memwatch.types import Clip, Grid, Observation, Prediction, Region, Score, State

QUARANTINE_S = 2.0
"""A normal frame teaches the memory only after so many seconds in which nothing was anomalous, so that something
found late has taught nothing."""


class Detector:
    """Holds one stream's memory state, what waits to be learned and what is followed; the calibration and the network
    are shared.

    A frame is scored with the memory from before it. Frames whose regularity error is at most γ and whose score is
    under the threshold may teach, after the quarantine. `learn=False` freezes the memory; `rate` overrides the
    model's own. A frame over the threshold is anomalous if it has a region of a size that `sizes` lets pass.
    """

    def __init__(
        self,
        runtime: Runtime,
        calibration: Calibration,
        *,
        state: State | None = None,
        learn: bool = True,
        rate: float | None = None,
        sizes: RegionConfig | None = None,
    ) -> None:
        self.runtime = runtime
        self.calibration = calibration
        self.state: State = runtime.new_state() if state is None else state
        self.learn = learn and bool(self.state)
        self.rate = rate
        self.sizes = sizes or RegionConfig()
        self.learned = 0
        self._tracker = Tracker()
        self._lasting = Persistence(calibration.half_life)
        self._scene = self._new_scene()
        self._waiting: deque[tuple[float, Any]] = deque()

    def step(self, clips: Sequence[Clip]) -> list[Observation]:
        """One observation a clip, in order. Any number of clips at once gives the same as one by one."""
        views = [self._scene.read(c.target, c.frame.seconds) if self._scene else None for c in clips]
        clips = [
            replace(clip, scene=view.rest, settled=view.settled) if view else clip
            for clip, view in zip(clips, views, strict=True)
        ]
        done: list[Observation] = []
        while len(done) < len(clips):
            todo = self._within_quarantine(clips[len(done) :])
            states, taught = self._states(todo)
            predictions = self.runtime.predict(todo, states)
            learned = 0
            for i, (clip, prediction) in enumerate(zip(todo, predictions, strict=True)):
                for _ in range(taught[i] - learned):
                    self._waiting.popleft()
                learned, self.state = taught[i], states[i]
                observation = self._observe(clip, prediction, views[len(done)])
                done.append(observation)
                # An anomaly empties the quarantine, so later clips may not know what they were promised.
                if observation.score.anomalous and taught[-1] > taught[i]:
                    break
            self.learned += learned
        return done

    def at_gap(self) -> None:
        """At a break in the stream nothing that waits has been proven normal, and nothing that is followed goes on."""
        self._waiting.clear()
        self._tracker.forget()
        self._lasting.forget()
        self._scene = self._new_scene()

    def _new_scene(self) -> SceneReader | None:
        calibration = self.calibration
        return SceneReader(calibration.scene, novelty="scene" in calibration.cues) if calibration.scene else None

    def _within_quarantine(self, clips: Sequence[Clip]) -> Sequence[Clip]:
        if not self.learn:
            return clips
        first = clips[0].frame.seconds
        near = [0 <= clip.frame.seconds - first < QUARANTINE_S for clip in clips]
        return clips[: near.index(False)] if False in near else clips

    def _states(self, clips: Sequence[Clip]) -> tuple[list[State], list[int]]:
        """The memory each clip is to be scored with, and how many of the waiting frames it has learned."""
        state, count = self.state, 0
        states: list[State] = []
        counts: list[int] = []
        for clip in clips:
            while count < len(self._waiting):
                since, query = self._waiting[count]
                if clip.frame.seconds - since < QUARANTINE_S:
                    break
                state = self.runtime.learn(query, state, self.rate)
                count += 1
            states.append(state)
            counts.append(count)
        return states, counts

    def _observe(self, clip: Clip, prediction: Prediction, view: SceneView | None) -> Observation:
        error = squared_error(prediction.frame, clip.target)
        cues = read_cues(self.calibration.cues, clip, prediction, error, view.novelty if view else None)
        rarity = self.calibration.rarity(cues)
        # A slow cue lasts by itself, and its threshold was set as it is.
        moment = {name: values for name, values in rarity.items() if name not in SLOW}
        rarity |= self._lasting.push(moment, clip.frame.seconds)
        grid = self.calibration.map(rarity)
        value = float(grid.max())
        regularity = regularity_error(error)
        frame = clip.frame
        size = frame.image.shape[1], frame.image.shape[0]
        over = value > self.calibration.threshold
        found = self._regions(grid, cues, rarity, size) if over else ()
        found = self._tracker.link(found, frame.seconds)
        anomalous = bool(found)
        # What is over the threshold and of no size that matters raises no alarm, but nothing is to be learned from it.
        teaches = self.learn and not over and regularity <= self.calibration.gate
        if anomalous:
            self._waiting.clear()
        elif teaches:
            self._waiting.append((frame.seconds, prediction.query))
        score = Score(
            error=regularity,
            psnr=psnr(error),
            distance=float(prediction.distance.mean()),
            value=value,
            threshold=self.calibration.threshold,
            anomalous=anomalous,
            learned=teaches,
        )
        return Observation(frame.source, frame.index, frame.time, frame.seconds, size, score, found, grid, rarity)

    def _regions(
        self, grid: Grid, cues: dict[str, Grid], rarity: dict[str, Grid], size: tuple[int, int]
    ) -> tuple[Region, ...]:
        """The regions of a size that matters, each with the cue that raised it."""
        found = of_size(regions(grid, self.calibration.threshold, size), self.sizes, size)
        fitted = self.calibration.cues
        ratios = {name: cues[name] / fitted[name].usual for name in fitted if name not in PLACELESS}
        return with_cues(found, grid, rarity=rarity, ratios=ratios, size=size)
