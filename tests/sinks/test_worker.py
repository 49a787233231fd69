"""Jobs that wait: done in order, dropped where too many wait, never in the way."""

from __future__ import annotations

import threading
import time

from memwatch.errors import MemwatchError
from memwatch.sinks.worker import Worker, told


def test_jobs_are_done_in_order_in_another_thread() -> None:
    done: list[tuple[int, str]] = []
    worker = Worker("clerk", most=50, failed=lambda error: None)
    for number in range(20):
        assert worker.put(lambda n=number: done.append((n, threading.current_thread().name)))  # type: ignore[misc]
    assert worker.close()
    assert done == [(number, "clerk") for number in range(20)]


def test_what_finds_the_queue_full_is_dropped_and_counted_at_once() -> None:
    gate = threading.Event()
    done: list[int] = []
    worker = Worker("slow", most=2, failed=lambda error: None)
    assert worker.put(lambda: bool(gate.wait(10)))  # type: ignore[arg-type, return-value]
    while worker.waiting:
        time.sleep(0.001)
    began = time.monotonic()
    taken = [worker.put(lambda n=number: done.append(n)) for number in range(6)]  # type: ignore[misc]
    assert time.monotonic() - began < 0.5
    assert taken == [True, True, False, False, False, False]
    assert (worker.dropped, worker.waiting) == (4, 2)
    gate.set()
    assert worker.close()
    assert done == [0, 1]


def test_a_job_that_raises_is_told_and_the_next_is_done() -> None:
    errors: list[str] = []
    done: list[int] = []

    def bad() -> None:
        raise ValueError("no")

    worker = Worker("clerk", most=9, failed=lambda error: errors.append(told(error)))
    worker.put(bad)
    worker.put(lambda: done.append(1))
    assert worker.close()
    assert errors == ["ValueError: no"]
    assert done == [1]


def test_closing_does_what_waits_and_takes_nothing_more() -> None:
    done: list[int] = []
    worker = Worker("clerk", most=9, failed=lambda error: None)
    worker.put(lambda: time.sleep(0.1))
    worker.put(lambda: done.append(1))
    assert worker.close()
    assert done == [1]
    assert not worker.put(lambda: done.append(2))
    assert worker.close()
    assert done == [1]


def test_closing_waits_no_longer_than_told() -> None:
    gate = threading.Event()
    worker = Worker("stuck", most=1, failed=lambda error: None)
    worker.put(lambda: bool(gate.wait(10)))  # type: ignore[arg-type, return-value]
    while worker.waiting:
        time.sleep(0.001)
    worker.put(lambda: None)
    began = time.monotonic()
    assert not worker.close(0.2)
    assert time.monotonic() - began < 1
    gate.set()


def test_an_error_of_ours_is_told_with_its_remedy() -> None:
    assert told(MemwatchError("a.mp4: cannot be written", "free some space")) == (
        MemwatchError("a.mp4: cannot be written", "free some space").line()
    )
