"""Memories of normality: one file a paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memwatch.config import ModelConfig, Strict
from memwatch.model.memory.base import FAST, Features, Memory, MemoryState, NoMemory, Read

__all__ = ["FAST", "Features", "Memory", "MemoryState", "NoMemory", "Read", "build_memory", "options_of"]


def build_memory(config: ModelConfig, channels: Sequence[int]) -> Memory:
    """The memory named by the config, for skips and at the end a query of so many channels each.

    Raises UsageError for options that it does not have.
    """
    own = options_of(config.memory)
    options: Any = own.from_dict(config.options, f"memory {config.memory}") if own else None
    match config.memory:
        case "none":
            return NoMemory(channels[-1])
        case "mnad":
            from memwatch.model.memory.mnad import MnadMemory

            return MnadMemory(
                channels[-1],
                items=config.items,
                temperature=config.temperature,
                update=config.update,
                rate=config.rate,
                recall=config.recall,
                drift=config.drift,
            )
        case "memae":
            from memwatch.model.memory.memae import MemaeMemory

            return MemaeMemory(channels[-1], options)
        case "prototypes":
            from memwatch.model.memory.prototypes import PrototypeMemory

            return PrototypeMemory(channels[-1], options)
        case "blockwise":
            from memwatch.model.memory.blockwise import BlockwiseMemory

            return BlockwiseMemory(channels, options)
        case "grid":
            from memwatch.model.memory.grid import GridMemory

            return GridMemory(channels[-1], options)
        case "students":
            from memwatch.model.memory.students import StudentsMemory

            return StudentsMemory(channels[-1], config.channels, options)
        case other:
            raise ValueError(f"unknown memory {other}")


def options_of(memory: str) -> type[Strict] | None:
    """The config that holds a memory's own options; None where it has none, or the model's config holds them."""
    match memory:
        case "memae":
            from memwatch.model.memory.memae import MemaeConfig

            return MemaeConfig
        case "prototypes":
            from memwatch.model.memory.prototypes import PrototypeConfig

            return PrototypeConfig
        case "blockwise":
            from memwatch.model.memory.blockwise import BlockwiseConfig

            return BlockwiseConfig
        case "grid":
            from memwatch.model.memory.grid import GridConfig

            return GridConfig
        case "students":
            from memwatch.model.memory.students import StudentsConfig

            return StudentsConfig
        case _:
            return None
