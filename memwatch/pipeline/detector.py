"""Clips to observations: prediction, calibrated map, score and regions; what is calm is offered to the learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memwatch.config import RegionConfig
from memwatch.events import Tracker, Zones, of_size, regions, with_cues
from memwatch.pipeline.knowledge import Knowledge, Learner, Lesson, Updates
from memwatch.runtime import Runtime
from memwatch.scoring import (
    LASTS,
    NOTICEABLE,
    OF_PREDICTION,
    SLOW,
    Calibration,
    Light,
    Passing,
    Persistence,
    SceneLesson,
    SceneMemory,
    SceneReader,
    SceneView,
    anew,
    light_of,
    psnr,
    read_cues,
    reduced,
    regularity_error,
    squared_error,
    where_now,
)
from memwatch.scoring.calibration import PLACELESS
from memwatch.types import Answer, Clip, Grid, Observation, Prediction, Region, Score

ODD = 5.0
"""A place that looks so rare (once in a hundred thousand) teaches nothing of the scene, long before it is an alarm."""


UNLIKE = 0.05
"""Median difference, of a brightness of 1, from which on a changed picture is no matter of light."""
ADOPTS_S = 6.0
"""So long a scene that is begun anew is taken as it is: the median of so many seconds has no passers-by in it."""
ADOPT_EVERY_S = 0.3


@dataclass(frozen=True, slots=True)
class _Known:
    """A scene with what goes with it."""

    scene: SceneMemory
    anchor: SceneMemory
    """As training left it."""
    brightness: NDArray[np.float32]
    """(C,), mean, 0 … 1."""


class Detector:
    """Holds one stream's knowledge, what waits to be learned and what is followed; the calibration and the network are
    shared.

    A frame is scored with what was known before it (`Learner` says what teaches). `updates` says when it goes on
    learning, `rate` overrides the model's own, `knowledge` what it begins with: what training left, unless given. A
    frame over the threshold is anomalous if it has a region of a size that `sizes` lets pass; what lies outside of
    `zones` is not looked at. A `thrifty` one predicts nothing where no clip of a step may teach and the score takes no
    prediction: the score, the regions and what is learned are the same.
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
        thrifty: bool = False,
    ) -> None:
        self.runtime = runtime
        self.calibration = calibration
        known = Knowledge.as_trained(runtime, calibration) if knowledge is None else knowledge
        self.learner = Learner(runtime, calibration, known, updates, rate)
        self.sizes = sizes or RegionConfig()
        self.zones = zones or Zones()
        self.tolerance: Grid | None = None
        """(gh, gw), 0 … 1: factors of the map at places where somebody has called normal what the map did not."""
        self._thrifty = thrifty and not set(calibration.cues) & set(OF_PREDICTION)
        self._tracker = Tracker()
        self._moment = Persistence(calibration.half_life)
        self._lasting = Persistence(calibration.lasts)
        self._scene = SceneReader()
        self._coming = ""
        self._light: Light | None = None
        """How the picture's light differs from the known one, once it has changed as a whole."""
        self._brightness: NDArray[np.float32] | None = None
        """(C,), of the last second in the known light, 0 … 1."""
        self._adopting = float("-inf")
        """Until then, in stream seconds, the scene is taken as it is."""
        self._adopted: list[tuple[float, NDArray[np.float32]]] = []
        self._aside: _Known | None = None
        """The scene of before, while another is in its place."""

    def step(self, clips: Sequence[Clip]) -> list[Observation]:
        """One observation a clip, in order. Any number of clips at once gives the same as one by one."""
        if self._coming and clips:
            self._settle(clips[0].target, clips[0].frame.seconds)
        clips = [self._in_known_light(clip) for clip in clips]
        passing = [self._scene.read(c.target, c.frame.seconds) if self.calibration.scene else None for c in clips]
        if passing and passing[0] is not None and clips[0].frame.seconds < self._adopting:
            self._adopt(clips[0].target, clips[0].frame.seconds)
        elif self._light is None and passing and passing[-1] is not None and passing[-1].settled:
            self._brightness = passing[-1].mean.mean(axis=(1, 2))
        done: list[Observation] = []
        while len(done) < len(clips):
            todo = self.learner.at_once(clips[len(done) :])
            foreseen = self.learner.foresee(todo)
            views = [self._view(seen, known) for seen, (known, _) in zip(passing[len(done) :], foreseen, strict=False)]
            todo = [
                replace(clip, scene=view.rest, settled=view.settled) if view else clip
                for clip, view in zip(todo, views, strict=True)
            ]
            answers: Sequence[Answer]
            if self._thrifty and not any(self.learner.due(clip.frame.seconds) for clip in todo):
                answers = self.runtime.answer(todo)
            else:
                answers = self.runtime.predict(todo, [known.memory for known, _ in foreseen])
            learned = 0
            for clip, answer, view, (known, count) in zip(todo, answers, views, foreseen, strict=True):
                self.learner.learn(known, count - learned)
                learned = count
                takes_back = self.learner.takes_back
                done.append(self._observe(clip, answer, view))
                # An anomaly empties the quarantine and undoes the last seconds: later clips may not know what they were
                # promised.
                promised = foreseen[-1][1] > count or self.learner.knowledge is not known
                if promised and self.learner.takes_back > takes_back:
                    break
        return done

    def at_gap(self) -> None:
        """At a break in the stream nothing that waits has been proven normal, and nothing that is followed goes on."""
        self.learner.forget()
        self._tracker.forget()
        self._moment.forget()
        self._lasting.forget()
        self._scene = SceneReader()

    def change_scene(self, how: str) -> None:
        """The whole picture changes: see `StateEvent.scene`. What was going on in it is let go."""
        self.at_gap()
        if how in ("relight", "anew"):
            self._coming = how

    def _settle(self, picture: NDArray[np.float32], seconds: float) -> None:
        """After a change of the whole picture, of which this (C, h, w) one is the first: find out how its light differs
        from a known one. Where it is no matter of light the scene is begun anew, and the old one kept to go back to."""
        how, self._coming = self._coming, ""
        scene, now = self.learner.knowledge.scene, reduced(picture)
        if scene is None or self.calibration.scene is None or self._brightness is None:
            return
        here = _Known(scene, self.calibration.scene, self._brightness)
        known = [here] if self._aside is None else [here, self._aside]
        lights = [(light_of(one.scene, now, one.brightness), one) for one in known]
        light, chosen = min(lights, key=lambda pair: pair[0].residual)
        self._adopting = float("-inf")
        if chosen is not here:
            self._aside = None
            self._go_on_with(chosen)
        elif how == "anew" or light.residual > UNLIKE:
            self._aside = self._aside or here
            self._adopting, self._adopted = seconds + ADOPTS_S, []
            light = replace(light, moves=0.0) if light.residual > UNLIKE else light
        self._light = light if light.moves >= NOTICEABLE else None

    def _adopt(self, picture: NDArray[np.float32], seconds: float) -> None:
        """Take the scene as it has been since the change, less whoever passed, for the known one."""
        scene = self.learner.knowledge.scene
        assert scene is not None
        if not self._adopted or not 0 <= seconds - self._adopted[-1][0] < ADOPT_EVERY_S:
            self._adopted.append((seconds, reduced(picture)))
        now = np.median([one for _, one in self._adopted], axis=0)
        new = anew(scene, np.asarray(now, np.float32))
        self._go_on_with(_Known(new, new, np.asarray(now.mean(axis=(1, 2)), np.float32)))

    def _go_on_with(self, known: _Known) -> None:
        self._brightness = known.brightness
        self.calibration = replace(self.calibration, scene=known.anchor)
        self.learner.restart(known.scene, self.calibration)

    def _in_known_light(self, clip: Clip) -> Clip:
        """The clip with its pictures brought back into the light that the scene is known in."""
        light = self._light
        if light is None:
            return clip
        return replace(clip, inputs=light.undone(clip.inputs), target=light.undone(clip.target))

    def _view(self, passing: Passing | None, known: Knowledge) -> SceneView | None:
        if passing is None or known.scene is None:
            return None
        return known.scene.view(passing, novelty="scene" in self.calibration.cues)

    def _observe(self, clip: Clip, answer: Answer, view: SceneView | None) -> Observation:
        # What several clips at once were predicted for is none of the others' business.
        wasted = self._thrifty and not self.learner.due(clip.frame.seconds)
        prediction = answer if isinstance(answer, Prediction) and not wasted else None
        error = squared_error(prediction.frame, clip.target) if prediction else None
        cues = read_cues(self.calibration.cues, clip, answer, error, view.novelty if view else None)
        rarity = self.calibration.rarity(cues)
        # A slow cue lasts by itself, and its threshold was set as it is.
        moment = {name: values for name, values in rarity.items() if name not in SLOW}
        now = self.calibration.map(rarity) if self.calibration.half_life else None
        rarity |= self._moment.push(moment, clip.frame.seconds)
        along = grid = self.calibration.map(rarity)
        if self.tolerance is not None:
            grid = grid * self.tolerance
        if self.calibration.lasts:
            lasting = self._lasting.push({LASTS: grid}, clip.frame.seconds)[LASTS]
            grid = self.calibration.with_lasting(grid, lasting)
        if (counts := self.zones.scored((grid.shape[0], grid.shape[1]))) is not None:
            grid = grid * counts
        value = float(grid.max())
        shown = grid if now is None else where_now(grid, now, along)
        regularity = None if error is None else regularity_error(error)
        frame = clip.frame
        size = frame.image.shape[1], frame.image.shape[0]
        threshold = self.calibration.threshold
        over = value > threshold
        found = self._regions(shown, cues, rarity, size) if over else ()
        found = self._tracker.link(found, frame.seconds)
        anomalous = bool(found)
        # What is over the threshold and of no size that matters raises no alarm, but nothing is to be learned from it.
        wanted = self.learner.wants(frame.seconds, anomalous=anomalous)
        query = prediction.query if prediction else None
        lesson = Lesson(frame.seconds, query, self._scene_lesson(view, grid) if wanted else None)
        teaches = self.learner.offer(lesson, regularity=regularity, over=over, anomalous=anomalous)
        score = Score(
            error=regularity,
            psnr=None if error is None else psnr(error),
            distance=float(prediction.distance.mean()) if prediction else None,
            value=value,
            threshold=threshold,
            anomalous=anomalous,
            learned=teaches,
        )
        return Observation(frame.source, frame.index, frame.time, frame.seconds, size, score, found, shown, rarity)

    def _scene_lesson(self, view: SceneView | None, grid: Grid) -> SceneLesson | None:
        known, anchor = self.learner.knowledge.scene, self.calibration.scene
        if view is None or known is None or anchor is None:
            return None
        return view.lesson(_calm(grid), known, anchor)

    def _regions(
        self, grid: Grid, cues: dict[str, Grid], rarity: dict[str, Grid], size: tuple[int, int]
    ) -> tuple[Region, ...]:
        """The regions of a size that matters, each with the cue that raised it."""
        found = of_size(regions(grid, self.calibration.threshold, size), self.sizes, size)
        fitted = self.calibration.cues
        ratios = {name: cues[name] / fitted[name].usual for name in fitted if name not in PLACELESS}
        found = with_cues(found, grid, rarity=rarity, ratios=ratios, size=size, trust=self.calibration.trust)
        return tuple(replace(one, zones=self.zones.touched(one.box, size)) for one in found) if self.zones else found


def _calm(grid: Grid) -> Grid:
    """How ordinary each place looks, 0 … 1."""
    return np.asarray(np.clip(1 - grid / ODD, 0, 1), np.float32)
