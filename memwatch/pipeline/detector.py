"""Clips to observations: prediction, calibrated map, score, regions, and the gate in front of the memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from memwatch.events import regions
from memwatch.runtime import Runtime
from memwatch.scoring import Calibration, CueReader, psnr, regularity_error, squared_error
from memwatch.types import Clip, Observation, Prediction, Score, State

QUARANTINE_S = 2.0
"""A normal frame teaches the memory only after so many seconds in which nothing was anomalous, so that something
found late has taught nothing."""


class Detector:
    """Holds one stream's memory state and what waits to be learned; the calibration and the network are shared.

    A frame is scored with the memory from before it. Frames whose regularity error is at most γ and whose score is
    under the threshold may teach, after the quarantine. `learn=False` freezes the memory; `rate` overrides the
    model's own.
    """

    def __init__(
        self,
        runtime: Runtime,
        calibration: Calibration,
        *,
        state: State | None = None,
        learn: bool = True,
        rate: float | None = None,
    ) -> None:
        self.runtime = runtime
        self.calibration = calibration
        self.state: State = runtime.new_state() if state is None else state
        self.learn = learn and bool(self.state)
        self.rate = rate
        self.learned = 0
        self._cues = CueReader(calibration.cues, calibration.scene)
        self._waiting: deque[tuple[float, Any]] = deque()

    def step(self, clips: Sequence[Clip]) -> list[Observation]:
        """One observation a clip, in order. Any number of clips at once gives the same as one by one."""
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
                observation = self._observe(clip, prediction)
                done.append(observation)
                # An anomaly empties the quarantine, so later clips may not know what they were promised.
                if observation.score.anomalous and taught[-1] > taught[i]:
                    break
            self.learned += learned
        return done

    def forget_waiting(self) -> None:
        """At a break in the stream nothing that waits has been proven normal."""
        self._waiting.clear()

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

    def _observe(self, clip: Clip, prediction: Prediction) -> Observation:
        error = squared_error(prediction.frame, clip.target)
        rarity = self.calibration.rarity(self._cues.read(clip, prediction, error))
        grid = self.calibration.map(rarity)
        value = float(grid.max())
        regularity = regularity_error(error)
        anomalous = value > self.calibration.threshold
        frame = clip.frame
        height, width = frame.image.shape[:2]
        teaches = self.learn and not anomalous and regularity <= self.calibration.gate
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
        found = regions(grid, self.calibration.threshold, (width, height)) if anomalous else ()
        return Observation(
            frame.source, frame.index, frame.time, frame.seconds, (width, height), score, found, grid, rarity
        )
