"""Memories of normality: one file a paper."""

from __future__ import annotations

from memwatch.config import ModelConfig
from memwatch.model.memory.base import Memory, MemoryState, NoMemory, Read

__all__ = ["Memory", "MemoryState", "NoMemory", "Read", "build_memory"]


def build_memory(config: ModelConfig, channels: int) -> Memory:
    """The memory named by the config, for queries of `channels` numbers."""
    match config.memory:
        case "none":
            return NoMemory(channels)
        case "mnad":
            from memwatch.model.memory.mnad import MnadMemory

            return MnadMemory(
                channels,
                items=config.items,
                temperature=config.temperature,
                update=config.update,
                rate=config.rate,
            )
        case other:
            raise ValueError(f"unknown memory {other}")
