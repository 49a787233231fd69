"""What one camera's detector knows beyond its model's weights, and how it goes on learning.

Frames teach after they were scored, and only where nothing speaks against it: the frame's regularity error is at most γ
(MNAD's gate, a quantile of held-out normal footage), nothing in it is over the threshold, and nothing was for
QUARANTINE_S after it, so that something found late has taught nothing. The odder a place looks, the less it teaches of
the scene.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from memwatch.runtime import Runtime
from memwatch.scoring import Calibration, SceneLesson, SceneMemory
from memwatch.types import Clip, State

QUARANTINE_S = 2.0
"""A normal frame teaches only after so many seconds in which nothing was anomalous."""


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

    @classmethod
    def as_trained(cls, runtime: Runtime, calibration: Calibration) -> Knowledge:
        return cls(runtime.new_state(), calibration.scene)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one frame would teach."""

    seconds: float
    query: Any
    """The prediction's, for the network's memory."""
    scene: SceneLesson | None


@dataclass(slots=True)
class Refusals:
    """Frames that taught nothing, by why."""

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
    """Lessons learned."""
    refused: Refusals = field(default_factory=Refusals)
    _waiting: deque[Lesson] = field(default_factory=deque)
    _last: float | None = None
    """When the newest lesson was offered."""

    @property
    def learns(self) -> bool:
        return self.updates != Updates.frozen and bool(self.knowledge.memory or self.knowledge.scene)

    @property
    def quarantine(self) -> float:
        return 0.0 if self.updates == Updates.always else QUARANTINE_S

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

    def offer(self, lesson: Lesson, *, regularity: float, over: bool, anomalous: bool) -> bool:
        """Let a scored frame wait, if it may teach; answers whether it may. `over`: something in it is over the
        threshold; `anomalous`: and is of a size that matters."""
        if not self.learns:
            return False
        if self.updates == Updates.gated:
            if anomalous:
                self.forget()
            self.refused.anomalous += over
            self.refused.irregular += not over and regularity > self.calibration.gate
            if over or regularity > self.calibration.gate:
                return False
        # Neighbours say the same: as many lessons a second as a clip has frames, whatever the camera's rate.
        if self._last is not None and 0 <= lesson.seconds - self._last < self.runtime.config.step_s - 1e-6:
            return True
        self._last = lesson.seconds
        self._waiting.append(lesson)
        return True

    def forget(self) -> None:
        """Nothing that waits has been proven normal."""
        self.refused.quarantined += len(self._waiting)
        self._waiting.clear()

    def _taught(self, knowledge: Knowledge, lesson: Lesson) -> Knowledge:
        memory, scene = knowledge.memory, knowledge.scene
        if memory:
            memory = self.runtime.learn(lesson.query, memory, self.rate)
        if scene and lesson.scene:
            anchor = self.calibration.scene
            assert anchor is not None
            scene = scene.taught(lesson.scene, anchor, self.rate)
        return replace(knowledge, memory=memory, scene=scene)
