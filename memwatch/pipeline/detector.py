"""Clips to observations: prediction, calibrated map, score and regions; what is calm is offered to the learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memwatch.config import RegionConfig
from memwatch.events import Tracker, Zones, of_size, regions, with_cues
from memwatch.pipeline.knowledge import Knowledge, Learner, Lesson, Updates
from memwatch.runtime import Runtime
from memwatch.scoring import (
    LASTS,
    SLOW,
    Calibration,
    Passing,
    Persistence,
    SceneReader,
    SceneView,
    psnr,
    read_cues,
    regularity_error,
    squared_error,
)
from memwatch.scoring.calibration import PLACELESS
from memwatch.types import Clip, Grid, Observation, Prediction, Region, Score

ODD = 5.0
"""A place that looks so rare (once in a hundred thousand) teaches nothing of the scene, long before it is an alarm."""


class Detector:
    """Holds one stream's knowledge, what waits to be learned and what is followed; the calibration and the network are
    shared.

    A frame is scored with what was known before it (`Learner` says what teaches). `updates` says when it goes on
    learning, `rate` overrides the model's own, `knowledge` what it begins with: what training left, unless given. A
    frame over the threshold is anomalous if it has a region of a size that `sizes` lets pass; what lies outside of
    `zones` is not looked at.
    """

    def __init__(
        self,
        runtime: Runtime,
        calibration: Calibration,
        *,
        knowledge: Knowledge | None = None,
        updates: Updates = Updates.gated,
        rate: float | None = None,
        sizes: RegionConfig | None = None,
        zones: Zones | None = None,
    ) -> None:
        self.runtime = runtime
        self.calibration = calibration
        known = Knowledge.as_trained(runtime, calibration) if knowledge is None else knowledge
        self.learner = Learner(runtime, calibration, known, updates, rate)
        self.sizes = sizes or RegionConfig()
        self.zones = zones or Zones()
        self.tolerance: Grid | None = None
        """(gh, gw), 0 … 1: factors of the map at places where somebody has called normal what the map did not."""
        self._tracker = Tracker()
        self._moment = Persistence(calibration.half_life)
        self._lasting = Persistence(calibration.lasts)
        self._scene = SceneReader()

    def step(self, clips: Sequence[Clip]) -> list[Observation]:
        """One observation a clip, in order. Any number of clips at once gives the same as one by one."""
        passing = [self._scene.read(c.target, c.frame.seconds) if self.calibration.scene else None for c in clips]
        done: list[Observation] = []
        while len(done) < len(clips):
            todo = self.learner.at_once(clips[len(done) :])
            foreseen = self.learner.foresee(todo)
            views = [self._view(seen, known) for seen, (known, _) in zip(passing[len(done) :], foreseen, strict=False)]
            todo = [
                replace(clip, scene=view.rest, settled=view.settled) if view else clip
                for clip, view in zip(todo, views, strict=True)
            ]
            predictions = self.runtime.predict(todo, [known.memory for known, _ in foreseen])
            learned = 0
            for clip, prediction, view, (known, count) in zip(todo, predictions, views, foreseen, strict=True):
                self.learner.learn(known, count - learned)
                learned = count
                observation = self._observe(clip, prediction, view)
                done.append(observation)
                # An anomaly empties the quarantine and undoes the last seconds: later clips may not know what they were
                # promised.
                if observation.score.anomalous and (foreseen[-1][1] > count or self.learner.knowledge is not known):
                    break
        return done

    def at_gap(self) -> None:
        """At a break in the stream nothing that waits has been proven normal, and nothing that is followed goes on."""
        self.learner.forget()
        self._tracker.forget()
        self._moment.forget()
        self._lasting.forget()
        self._scene = SceneReader()

    def _view(self, passing: Passing | None, known: Knowledge) -> SceneView | None:
        if passing is None or known.scene is None:
            return None
        return known.scene.view(passing, novelty="scene" in self.calibration.cues)

    def _observe(self, clip: Clip, prediction: Prediction, view: SceneView | None) -> Observation:
        error = squared_error(prediction.frame, clip.target)
        cues = read_cues(self.calibration.cues, clip, prediction, error, view.novelty if view else None)
        rarity = self.calibration.rarity(cues)
        # A slow cue lasts by itself, and its threshold was set as it is.
        moment = {name: values for name, values in rarity.items() if name not in SLOW}
        rarity |= self._moment.push(moment, clip.frame.seconds)
        grid = self.calibration.map(rarity)
        if self.tolerance is not None:
            grid = grid * self.tolerance
        if self.calibration.lasts:
            lasting = self._lasting.push({LASTS: grid}, clip.frame.seconds)[LASTS]
            grid = self.calibration.with_lasting(grid, lasting)
        if (counts := self.zones.scored((grid.shape[0], grid.shape[1]))) is not None:
            grid = grid * counts
        value = float(grid.max())
        regularity = regularity_error(error)
        frame = clip.frame
        size = frame.image.shape[1], frame.image.shape[0]
        threshold = self.calibration.threshold
        over = value > threshold
        found = self._regions(grid, cues, rarity, size) if over else ()
        found = self._tracker.link(found, frame.seconds)
        anomalous = bool(found)
        # What is over the threshold and of no size that matters raises no alarm, but nothing is to be learned from it.
        scene = view.lesson(_calm(grid)) if view and self.learner.learns else None
        lesson = Lesson(frame.seconds, prediction.query, scene)
        teaches = self.learner.offer(lesson, regularity=regularity, over=over, anomalous=anomalous)
        score = Score(
            error=regularity,
            psnr=psnr(error),
            distance=float(prediction.distance.mean()),
            value=value,
            threshold=threshold,
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
        found = with_cues(found, grid, rarity=rarity, ratios=ratios, size=size)
        return tuple(replace(one, zones=self.zones.touched(one.box, size)) for one in found) if self.zones else found


def _calm(grid: Grid) -> Grid:
    """How ordinary each place looks, 0 … 1."""
    return np.asarray(np.clip(1 - grid / ODD, 0, 1), np.float32)
