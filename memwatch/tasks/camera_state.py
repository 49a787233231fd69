"""A camera's state file under a watch: restored at its start, saved at intervals and at its end."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from memwatch.errors import MemwatchError, UsageError
from memwatch.pipeline import Detector, Updates
from memwatch.pipeline.knowledge import Knowledge, Refusals
from memwatch.pipeline.state_file import CameraState, NotAStateError, check_model, load_state, save_state, to_arrays
from memwatch.tasks.progress import Progress
from memwatch.tasks.session import Loaded

SAVE_EVERY_S = 60.0


class StateKeeper:
    """Of one camera. A state that cannot be gone on from is told and set aside, and the camera starts as trained.

    learns: whether the camera is to learn unless its state is frozen. What `memwatch memory` does to the file meanwhile
    (reset, freeze, thaw) is followed at the next save.
    """

    def __init__(self, path: Path, loaded: Loaded, camera: str, progress: Progress, *, learns: bool = True) -> None:
        self.path = path
        self._wanted = learns
        self._stamp: int | None = None
        """When the file was written that this one knows of."""
        self.knowledge: Knowledge | None = None
        self._loaded = loaded
        self._progress = progress
        self._saved_at = time.monotonic()
        self._state = CameraState(loaded.model.id, loaded.model.config.memory, camera, time.time(), time.time())
        if path.is_dir():
            raise UsageError(f"{path}: is a folder", "name a file to keep the camera's memory in")
        if path.exists():
            self._restore(camera)

    @property
    def learns(self) -> bool:
        """Whether the camera goes on learning."""
        return self._wanted and not self._state.frozen

    def tick(self, detector: Detector) -> None:
        """Save, if it is time to; a disk that is full is told, and tried again later."""
        if time.monotonic() - self._saved_at < SAVE_EVERY_S:
            return
        try:
            self.save(detector)
        except MemwatchError as error:
            self._saved_at = time.monotonic()
            self._progress.note(error.line())

    def save(self, detector: Detector) -> None:
        """Write what the detector knows now; MemwatchError where that can't be."""
        self._follow(detector)
        learner = detector.learner
        before, now = self._state, learner.refused
        refused = Refusals(
            before.refused.anomalous + now.anomalous,
            before.refused.irregular + now.irregular,
            before.refused.quarantined + now.quarantined,
        )
        state = replace(
            before,
            saved=time.time(),
            taken=before.taken + learner.taken,
            refused=refused,
            undone=before.undone + learner.undone,
            arrays=to_arrays(learner.knowledge, self._loaded.runtime),
        )
        save_state(self.path, state)
        self._stamp = self._written()
        self._saved_at = time.monotonic()

    def _follow(self, detector: Detector) -> None:
        """Take over what somebody else has written since."""
        if self._written() in (None, self._stamp):
            return
        try:
            told = load_state(self.path)
            check_model(told, self.path, model=self._loaded.model.id, memory=self._loaded.model.config.memory)
        except NotAStateError:
            raise
        except UsageError:  # damaged, or another model's: what is known here goes in its place
            return
        if told.begun > self._state.begun:
            detector.learner.reset()
            self._state = told
        self._state = replace(self._state, frozen=told.frozen)
        detector.learner.follow(Updates.gated if self.learns else Updates.frozen)

    def _written(self) -> int | None:
        """When the file was, in nanoseconds; None where it is not there."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return None

    def _restore(self, camera: str) -> None:
        model = self._loaded.model
        try:
            state = load_state(self.path)
            check_model(state, self.path, model=model.id, memory=model.config.memory)
            self.knowledge = state.to_knowledge(self._loaded.runtime, self._loaded.calibration, self.path)
            self._state = replace(state, camera=camera)
            self._stamp = self._written()
        except NotAStateError:
            raise
        except UsageError as error:
            aside = _free(self.path.with_name(self.path.name + ".refused"))
            self._progress.note(f"{error.line()}; the memory starts as trained, the file is kept as {aside}")
            try:
                self.path.replace(aside)
            except OSError as problem:
                raise MemwatchError(f"{self.path}: cannot be set aside ({problem.strerror})", error.remedy) from None


def _free(path: Path) -> Path:
    """That name, or the first of NAME-2, NAME-3 … that nothing has: what was set aside before may be wanted too."""
    others = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(name for name in chain((path,), others) if not name.exists())
