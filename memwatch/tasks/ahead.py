"""Batches drawn ahead of the step that takes them: by a thread beside a training on the processor, by many processes
beside one on a GPU, which would wait for a single one most of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Generic, TypeVar

import cv2
from torch.utils.data import DataLoader, Dataset

Drawn = TypeVar("Drawn")


def ahead(draw: Callable[[int], Drawn], first: int, *, processes: int = 0) -> Iterator[Drawn]:
    """What `draw` answers for the steps `first`, `first` + 1, … without end. With `processes` they are forked, so that
    they share what `draw` knows; what it answers is pickled."""
    if not processes:
        yield from _by_thread(draw, first)
        return
    cv2.setNumThreads(1)  # its threads don't survive a fork
    yield from DataLoader(
        _Steps(draw),
        batch_size=None,
        sampler=count(first),
        num_workers=processes,
        collate_fn=_as_it_is,
        multiprocessing_context="fork",
    )


def _by_thread(draw: Callable[[int], Drawn], first: int) -> Iterator[Drawn]:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(draw, first)
        for step in count(first + 1):
            drawn = waiting.result()
            waiting = pool.submit(draw, step)
            yield drawn


class _Steps(Dataset[Drawn], Generic[Drawn]):
    def __init__(self, draw: Callable[[int], Drawn]) -> None:
        self.draw = draw

    def __getitem__(self, step: int) -> Drawn:
        return self.draw(step)


def _as_it_is(drawn: Drawn) -> Drawn:
    return drawn
