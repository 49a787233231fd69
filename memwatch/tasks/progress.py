"""What a long task says about how far it is, to whoever listens.

Tasks take a `Progress` as an argument and never import the console, so that they run the same under a
terminal, a test or another program.
"""

from __future__ import annotations

from typing import Protocol

from memwatch.types import Tally

Figure = float | int | str


class Progress(Protocol):
    """A listener. One stretch of work at a time: `start`, any number of `step`, `done`."""

    def start(self, what: str, total: int | None = None, *, unit: str = "frames") -> None:
        """Begin `what`; `total` in `unit`, None where nobody knows (a live camera).

        unit: what is counted, a plural ("frames", "steps"), or "s" where the work fills a given time.
        """

    def step(self, n: float = 1, **figures: Figure) -> None:
        """`n` more units are done; `figures` are numbers worth showing now, by name (loss=0.012).

        The first step of a stretch may count what was done before (a resumed run): rates leave it out.
        """

    def note(self, line: str) -> None:
        """One line for the user that must not be lost, whether or not work is under way."""

    def done(self) -> None:
        """The stretch is over; the listener sums it up. Harmless when nothing was started."""


class Steps:
    """Turns a session's running tally into steps; answers True, for "go on"."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told = 0

    def __call__(self, tally: Tally) -> bool:
        self._progress.step(tally.read - self._told)
        self._told = tally.read
        return True


class Silent:
    """Listens to nothing."""

    def start(self, what: str, total: int | None = None, *, unit: str = "frames") -> None:
        pass

    def step(self, n: float = 1, **figures: Figure) -> None:
        pass

    def note(self, line: str) -> None:
        pass

    def done(self) -> None:
        pass
