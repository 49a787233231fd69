"""Where a training computes: on the processor, or on a GPU where there is one."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

import torch

from memwatch.errors import MemwatchError, UsageError
from memwatch.model import MemoryState
from memwatch.tasks.progress import Progress

MOST_WORKERS = 16


def device_of(wanted: str, progress: Progress) -> torch.device:
    """`auto` is the GPU where torch finds one that computes, or else the processor, which is told; "cuda" is the GPU.
    UsageError where it isn't there, MemwatchError where it doesn't compute."""
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        remedy = "leave --device out, or install a GPU build of torch (docs/guide/install.md)"
        raise UsageError("--device cuda: torch finds no GPU", remedy)
    try:
        torch.ones(1, device="cuda").add(1).item()
    except RuntimeError as error:  # too old for this build, or in use by others
        reason = f"the GPU cannot be used: {str(error).splitlines()[0]}"
        if wanted == "cuda":
            raise MemwatchError(reason, "train on the processor with --device cpu") from None
        progress.note(f"{reason}; training on the processor")
        return torch.device("cpu")
    return torch.device("cuda")


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def moved(state: MemoryState, device: torch.device) -> MemoryState:
    return {name: value.to(device) for name, value in state.items()}


def computing_on(device: torch.device) -> AbstractContextManager[object]:
    """Tensors that are made from nothing are made there."""
    return nullcontext() if device.type == "cpu" else device


def workers(device: torch.device) -> int:
    """How many processes are to draw the batches of a training; 0 is a thread of its own."""
    return min(MOST_WORKERS, max(1, cores() - 1)) if device.type == "cuda" else 0


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
