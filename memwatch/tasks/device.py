"""Where a training computes: on the processor, or on a GPU where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from memwatch.errors import MemwatchError, UsageError
from memwatch.model import MemoryState

DEVICES = ("auto", "cpu", "cuda")


def device_of(wanted: str) -> torch.device:
    """`auto` is the GPU where torch finds one. UsageError for one that isn't there, MemwatchError for one that doesn't
    compute."""
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UsageError("--device cuda: torch finds no GPU", "leave --device out, or install torch with CUDA")
    if not there or wanted == "cpu":
        return torch.device("cpu")
    try:
        torch.ones(1, device="cuda").add(1).item()
    except RuntimeError as error:  # too old for this build, or in use by others
        reason = str(error).splitlines()[0]
        raise MemwatchError(f"the GPU cannot be used: {reason}", "train on the processor with --device cpu") from None
    return torch.device("cuda")


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def moved(state: MemoryState, device: torch.device) -> MemoryState:
    return {name: value.to(device) for name, value in state.items()}


@contextmanager
def computing_on(device: torch.device) -> Iterator[None]:
    """Tensors that are made from nothing are made there."""
    with nullcontext() if device.type == "cpu" else device:
        yield


def drawers(device: torch.device) -> int:
    """How many processes are to draw the batches of a training; 0 is a thread of its own. Forked, so not on Windows."""
    return max(1, cores() - 1) if device.type == "cuda" and os.name == "posix" else 0


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
