"""Ctrl-C and SIGTERM, held back until a moment at which stopping leaves everything consistent."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, Self

from memwatch.errors import EXIT_INTERRUPTED


class HeldSignals:
    """Inside the context SIGINT and SIGTERM wait for `let_through`, which does what they would have done at once.

    An optimiser stopped half-way through a step has weights that no resumed run could explain. A second signal
    ends the process at once, as everywhere in memwatch. Leaving the context lets through what still waits. Outside
    the main thread, where Python delivers no signals, nothing is held.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._waiting: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._hold)
        return self

    def __exit__(self, *error: object) -> None:
        self._put_back()
        if error[0] is None:
            self.let_through()

    def let_through(self) -> None:
        """Let a signal that came meanwhile do its work; usually it raises KeyboardInterrupt here."""
        if self._waiting is not None:
            number, self._waiting = self._waiting, None
            self._put_back()
            signal.raise_signal(number)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        if self._waiting is not None:
            os._exit(EXIT_INTERRUPTED)
        self._waiting = number

    def _put_back(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
