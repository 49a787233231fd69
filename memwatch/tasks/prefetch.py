"""Batches drawn ahead of the step that takes them: by a thread beside a training on the processor, by many processes
beside one on a GPU, which is done with a batch sooner than one process has drawn it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TypeVar

import cv2
from torch.utils.data import DataLoader, Dataset

Drawn = TypeVar("Drawn")


def prefetched(draw: Callable[[int], Drawn], first: int, *, workers: int = 0) -> Iterator[Drawn]:
    """What `draw` answers for the steps `first`, `first` + 1, … without end. Workers are forked, so that they share
    what `draw` knows; what it answers is pickled."""
    if not workers:
        yield from _by_thread(draw, first)
        return
    yield from DataLoader(
        _Steps(draw),
        batch_size=None,
        sampler=count(first),
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_begin,
        multiprocessing_context="fork",
    )


def _by_thread(draw: Callable[[int], Drawn], first: int) -> Iterator[Drawn]:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(draw, first)
        for step in count(first + 1):
            drawn = waiting.result()
            waiting = pool.submit(draw, step)
            yield drawn


class _Steps(Dataset[Drawn]):
    def __init__(self, draw: Callable[[int], Drawn]) -> None:
        self.draw = draw

    def __getitem__(self, step: int) -> Drawn:
        return self.draw(step)


def _as_it_is(drawn: Drawn) -> Drawn:
    return drawn


def _begin(worker: int) -> None:
    """A stop is the training's to take, which saves first and then ends its workers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(1)  # those of before the fork are not there
