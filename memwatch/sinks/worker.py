"""Work that may wait, done in a thread of its own: a slow disk, broker or program never holds up a camera."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from memwatch.errors import MemwatchError

Job = Callable[[], None]
Failed = Callable[[Exception], None]


class Worker:
    """Does jobs one after the other in a daemon thread. What finds `most` waiting is dropped and counted, unless it is
    `needed`: what is rare, and would leave things open if it were lost.

    failed: told of what a job raises; the next job goes on.
    """

    def __init__(self, name: str, *, most: int, failed: Failed) -> None:
        self.dropped = 0
        self._failed = failed
        self._most = most
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._closing = False
        self._thread.start()

    def put(self, job: Job, *, needed: bool = False) -> bool:
        """Whether there was room for it."""
        if self._closing:
            return False
        if not needed and self._jobs.qsize() >= self._most:
            self.dropped += 1
            return False
        self._jobs.put(job)
        return True

    @property
    def waiting(self) -> int:
        return self._jobs.qsize()

    def close(self, timeout: float = 5.0) -> bool:
        """Do what waits, for at most so many seconds; answers whether all of it was done."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # whatever one job meets, the next ones are done
                self._failed(error)


def told(error: BaseException) -> str:
    """The one line of an error."""
    return error.line() if isinstance(error, MemwatchError) else f"{type(error).__name__}: {error}"
