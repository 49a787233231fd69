"""A training's state on disk, so that it can go on: one safetensors file, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from memwatch.errors import UsageError
from memwatch.files import write_bytes
from memwatch.model import MemoryState

Learners = Mapping[str, tuple[nn.Module, torch.optim.Optimizer]]
"""The networks that a training trains, each with its optimiser, by what stands before their names in the file."""


def save_checkpoint(path: Path, learners: Learners, state: MemoryState, meta: dict[str, Any]) -> None:
    """Write everything that the next step depends on; `meta` is JSON."""
    tensors = {f"state.{name}": value for name, value in state.items()}
    for prefix, (net, optimiser) in learners.items():
        tensors |= {f"{prefix}net.{name}": value for name, value in net.state_dict().items()}
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"{prefix}optimiser.{index}.{name}": value for name, value in values.items()}
    whole = {name: value.detach().contiguous() for name, value in tensors.items()}
    write_bytes(path, save(whole, {"memwatch-checkpoint": json.dumps(meta)}))


def load_checkpoint(path: Path, learners: Learners, wanted: dict[str, Any]) -> tuple[MemoryState, dict[str, Any]]:
    """Fill the networks and optimisers; answers the memory's state and the meta.

    Raises UsageError when the file is damaged or belongs to another training than `wanted` describes.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            meta = json.loads((file.metadata() or {})["memwatch-checkpoint"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError):
        raise UsageError(f"{path}: not a checkpoint, or damaged", "delete it and train from the start") from None
    for name, value in wanted.items():
        if meta.get(name) != value:
            raise UsageError(
                f"{path}: belongs to another training ({name} was {meta.get(name)}, now {value})",
                "repeat the options of the first run, or delete it and train from the start",
            )
    for prefix, (net, optimiser) in learners.items():
        net.load_state_dict(_part(tensors, f"{prefix}net."))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(tensors, f"{prefix}optimiser.").items():
            index, _, slot = name.partition(".")
            slots.setdefault(int(index), {})[slot] = value
        optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})
        _laid_out(optimiser)
    return _part(tensors, "state."), meta


def _laid_out(optimiser: torch.optim.Optimizer) -> None:
    """Moments in their weights' memory layout: a fused step reads both as they lie."""
    for weight, slots in optimiser.state.items():
        for name, value in slots.items():
            if value.shape == weight.shape:
                slots[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
