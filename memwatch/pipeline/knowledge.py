"""What one camera's detector knows beyond its model's weights, and how it goes on learning.

Frames teach after they were scored, and only where nothing speaks against it: the frame's regularity error is at most γ
(MNAD's gate, a quantile of held-out normal footage), nothing in it is over the threshold, and nothing was for
QUARANTINE_S after it, so that something found late has taught nothing. The odder a place looks, the less it teaches of
the scene; but what the light alone has changed teaches of it whatever else is to be seen, or a new shadow that is once
over the threshold would be for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memwatch.runtime import Runtime
from memwatch.scoring import Calibration, SceneLesson, SceneMemory
from memwatch.types import Clip, State

QUARANTINE_S = 2.0
"""A normal frame teaches only after so many seconds in which nothing was anomalous."""
UNDO_S = 10.0
"""When something turns out anomalous, all that was learned for so many seconds before is forgotten: what grows slowly
into an anomaly has been teaching under the threshold."""
SNAPSHOT_S = 2.0
"""Between the moments that can be gone back to."""
USE_SHARE = 0.01
"""Weight of a lesson in the use of items."""


class Updates(StrEnum):
    """When a detector goes on learning."""

    frozen = "frozen"
    gated = "gated"
    always = "always"
    """From every frame at once, whatever it shows: for comparison."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A value: learning makes a new one, so any moment's can be kept and gone back to."""

    memory: State
    """The state of the network's memory; empty where it has none."""
    scene: SceneMemory | None
    """What lies behind the figures; None where no cue asks."""
    use: NDArray[np.float32] | None = None
    """(M,): of late, the share of the picture to which each item of the memory is the nearest. None without items. A
    running sum that begins with zeros: to be divided by its own sum."""

    @classmethod
    def as_trained(cls, runtime: Runtime, calibration: Calibration) -> Knowledge:
        state = runtime.new_state()
        items = len(runtime.drift(state)) if state else 0
        return cls(state, calibration.scene, np.zeros(items, np.float32) if items else None)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one frame would teach."""

    seconds: float
    query: Any
    """The prediction's, for the network's memory; None where that is to learn nothing."""
    scene: SceneLesson | None

    @property
    def of_light(self) -> Lesson | None:
        """What of it does not depend on the frame's being calm."""
        scene = self.scene.of_light if self.scene else None
        return None if scene is None else Lesson(self.seconds, None, scene)


@dataclass(slots=True)
class Refusals:
    """Frames that might have taught (`Learner.due`) and did not, but for what the light alone had changed, by why."""

    anomalous: int = 0
    """Over the threshold."""
    irregular: int = 0
    """Over the gate."""
    quarantined: int = 0
    """Calm, but an anomaly, or a break, came before their quarantine was over."""


@dataclass(slots=True)
class Learner:
    """One stream's knowledge and what waits to be learned. `rate` overrides the share by which a lesson moves it."""

    runtime: Runtime
    calibration: Calibration
    knowledge: Knowledge
    updates: Updates = Updates.gated
    rate: float | None = None
    taken: int = 0
    """Lessons learned and not undone."""
    refused: Refusals = field(default_factory=Refusals)
    undone: int = 0
    """Lessons forgotten again because something was anomalous soon after."""
    takes_back: int = 0
    """How often lessons were let go that others may have been promised (`foresee`)."""
    _waiting: deque[Lesson] = field(default_factory=deque)
    _kept: deque[tuple[float, Knowledge, int]] = field(default_factory=deque)
    """When, what was known and of how many lessons: snapshots of the last UNDO_S and the one before, oldest first."""
    _alarmed: bool = False
    _last: float | None = None
    """When the newest frame was asked for a lesson."""

    @property
    def learns(self) -> bool:
        return self.updates != Updates.frozen and bool(self.knowledge.memory or self.knowledge.scene)

    @property
    def quarantine(self) -> float:
        return 0.0 if self.updates == Updates.always else QUARANTINE_S

    def due(self, seconds: float) -> bool:
        """Whether a frame may teach: neighbours say the same, so there are as many lessons a second as a clip has
        frames, whatever the camera's rate."""
        since = float("inf") if self._last is None else seconds - self._last
        return self.learns and not 0 <= since < self.runtime.config.step_s - 1e-6

    def wants(self, seconds: float, *, anomalous: bool) -> bool:
        """Whether a frame's lesson would wait, or say what is not to be undone: worked out for nothing else."""
        return self.due(seconds) or (self.learns and anomalous and not self._alarmed)

    def at_once(self, clips: Sequence[Clip]) -> Sequence[Clip]:
        """So many of the clips as cannot teach one another."""
        if not self.learns:
            return clips
        first = clips[0].frame.seconds
        near = [True, *(0 <= clip.frame.seconds - first < self.quarantine for clip in clips[1:])]
        return clips[: near.index(False)] if False in near else clips

    def foresee(self, clips: Sequence[Clip]) -> list[tuple[Knowledge, int]]:
        """What each clip is to be scored with, and how many of the waiting lessons that includes."""
        knowledge, count = self.knowledge, 0
        foreseen = []
        for clip in clips:
            while count < len(self._waiting):
                lesson = self._waiting[count]
                if clip.frame.seconds - lesson.seconds < self.quarantine:
                    break
                knowledge = self._taught(knowledge, lesson)
                count += 1
            foreseen.append((knowledge, count))
        return foreseen

    def learn(self, knowledge: Knowledge, count: int) -> None:
        """The next `count` waiting lessons have led to `knowledge`."""
        for _ in range(count):
            self._waiting.popleft()
        self.taken += count
        self.knowledge = knowledge

    def offer(self, lesson: Lesson, *, regularity: float | None, over: bool, anomalous: bool) -> bool:
        """Let a scored frame wait, if it may teach; answers whether it may. `regularity` is None where it was not
        predicted, and so does not. `over`: something in it is over the threshold; `anomalous`: and is of a size that
        matters."""
        if not self.learns:
            return False
        due = self.due(lesson.seconds)
        if due and (over or regularity is not None):
            self._last = lesson.seconds
        if self.updates == Updates.gated:
            if anomalous:
                self._doubt()
                self._undo(lesson.scene)
            # Of an alarm that goes on, too: what the light teaches meanwhile is not to be lost with the next.
            self._keep(lesson.seconds)
            self._alarmed = anomalous
            irregular = regularity is not None and regularity > self.calibration.gate
            if due:
                self.refused.anomalous += over
                self.refused.irregular += irregular and not over
            if over or irregular:
                if due and (of_light := lesson.of_light):
                    self._waiting.append(of_light)
                return False
        if due and regularity is not None:
            self._waiting.append(lesson)
        return regularity is not None

    def restart(self, scene: SceneMemory, calibration: Calibration) -> None:
        """Go on with another scene, `calibration.scene` being what it must not leave: what was known before is of a
        light that is gone, and is not gone back to."""
        self.forget()
        self._kept.clear()
        self.calibration = calibration
        self.knowledge = replace(self.knowledge, scene=scene)

    def follow(self, updates: Updates) -> None:
        """Learn so from now on; where nothing more is to be learned, what waits is not either, and what is known is not
        gone back from. What waited is counted nowhere: nothing spoke against it."""
        self.updates = updates
        if not self.learns:
            self._waiting.clear()
            self._kept.clear()

    def reset(self) -> None:
        """Back to what training left, as if nothing had been seen."""
        self.forget()
        self._kept.clear()
        self.knowledge = Knowledge.as_trained(self.runtime, self.calibration)
        self.taken, self.undone, self.refused = 0, 0, Refusals()

    def forget(self) -> None:
        """Nothing that waits has been proven normal."""
        self.refused.quarantined += sum(lesson.query is not None for lesson in self._waiting)
        self._waiting.clear()

    def _doubt(self) -> None:
        """What waits was not calm after all: only what the light has changed may still teach."""
        calm = [lesson for lesson in self._waiting if lesson.query is not None]
        if calm:
            self.refused.quarantined += len(calm)
            self._waiting = deque(left for lesson in self._waiting if (left := lesson.of_light))
            self.takes_back += 1

    def _keep(self, seconds: float) -> None:
        """Take a snapshot, if it is time for one."""
        if not self._kept or not 0 <= seconds - self._kept[-1][0] < SNAPSHOT_S:
            self._kept.append((seconds, self.knowledge, self.taken))
        while len(self._kept) > 1 and seconds - self._kept[1][0] >= UNDO_S:
            self._kept.popleft()

    def _undo(self, now: SceneLesson | None) -> None:
        """Go back to the oldest snapshot, once at each beginning of something anomalous, but for what now differs from
        it by the light alone."""
        if self._alarmed or not self._kept or self.knowledge is self._kept[0][1]:
            return
        seconds, before, taken = self._kept[0]
        if before.scene and self.knowledge.scene and now:
            before = replace(before, scene=before.scene.without(self.knowledge.scene, now.light))
        self.knowledge, self._kept = before, deque([(seconds, before, taken)])
        self.undone += self.taken - taken
        self.taken = taken
        self.takes_back += 1

    def _taught(self, knowledge: Knowledge, lesson: Lesson) -> Knowledge:
        memory, scene, use = knowledge.memory, knowledge.scene, knowledge.use
        if memory and lesson.query is not None:
            if use is not None:
                alike = self.runtime.similarity(lesson.query, memory)
                near = np.bincount(alike.reshape(len(use), -1).argmax(axis=0), minlength=len(use)) / alike[0].size
                use = np.asarray(use + USE_SHARE * (near - use), np.float32)
            memory = self.runtime.learn(lesson.query, memory, self.rate)
        if scene and lesson.scene:
            anchor = self.calibration.scene
            assert anchor is not None
            scene = scene.taught(lesson.scene, anchor, self.rate)
        return replace(knowledge, memory=memory, scene=scene, use=use)
