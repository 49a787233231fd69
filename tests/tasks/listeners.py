"""Listeners to a task's progress that do something about it, and one to what detectors are asked."""

from __future__ import annotations

from typing import Any

import pytest

from memwatch.tasks.progress import Figure, Silent
from memwatch.tasks.session import Loaded


class Recorder(Silent):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.stretches: list[str] = []
        self.notes: list[str] = []

    def start(self, what: str, total: int | None = None, *, unit: str = "frames") -> None:
        self.stretches.append(what)

    def note(self, line: str) -> None:
        self.notes.append(line)


class CtrlC(Recorder):
    """Presses it, once, when `steps` steps of `what` have been told."""

    def __init__(self, what: str, steps: int) -> None:
        super().__init__()
        self._what, self._steps = what, steps
        self._told = 0.0
        self._pressed = False

    def start(self, what: str, total: int | None = None, *, unit: str = "frames") -> None:
        super().start(what, total, unit=unit)
        self._told = 0.0

    def step(self, n: float = 1, **figures: Figure) -> None:
        self._told += n
        if not self._pressed and self.stretches[-1] == self._what and self._told >= self._steps:
            self._pressed = True
            raise KeyboardInterrupt


def asked_to_be_thrifty(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Fills with what each detector made from now on is asked: whether to be thrifty."""
    asked: list[bool] = []
    detector = Loaded.detector

    def listening(self: Loaded, **how: Any) -> Any:
        asked.append(how["thrifty"])
        return detector(self, **how)

    monkeypatch.setattr(Loaded, "detector", listening)
    return asked
