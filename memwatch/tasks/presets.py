"""The presets of `train`: how large a network, on what picture, with which schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from math import sqrt
from typing import Any

from memwatch.config import ModelConfig, Strict
from memwatch.errors import UsageError
from memwatch.model import options_of


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a preset trains."""

    batch: int
    crop: int
    """Side of the training crops in network pixels; 0 trains on whole frames."""
    rate: float
    """Learning rate at the start; a cosine takes it to 0."""
    minutes: float | None
    """Default length; None trains `epochs` passes."""
    epochs: int = 0

    def side(self, config: ModelConfig) -> int:
        """Of the crops from pictures of a network, which may be smaller; 0 for whole ones."""
        return min(self.crop, config.width // 16 * 16, config.height // 16 * 16)


PRESETS = {
    "small": Schedule(batch=16, crop=64, rate=1e-3, minutes=10),
    "base": Schedule(batch=16, crop=96, rate=1e-3, minutes=30),
    "predictor": Schedule(batch=16, crop=96, rate=1e-3, minutes=8),
    "plain": Schedule(batch=16, crop=96, rate=1e-3, minutes=8),
    "paper": Schedule(batch=4, crop=0, rate=2e-4, minutes=None, epochs=60),
}

LIGHT: dict[str, Any] = {"stem": 4, "levels": 2, "head_scene": True, "head_place": 8}
"""A predictor that keeps up with a camera beside the head."""
ALONE: dict[str, Any] = {"items": 50, "temperature": 0.1, "recall": "alone", "centred": True}
"""MNAD's memory where all that the decoder knows comes through it, and every memory's queries less their mean:
docs/design/memory.md."""
HEADLESS: dict[str, Any] = {"head_width": 0, "head_scene": False, "head_place": 0}
ON_SKIPS = ("blockwise",)
"""Memories that lie on the skips too, so that these are no way around them."""


def model_config(
    preset: str,
    size: tuple[int, int],
    *,
    gray: bool,
    memory: str | None,
    task: str = "predict",
    options: Sequence[str] = (),
) -> ModelConfig:
    """The network of a preset for footage of `size` (width, height).

    `paper` is MNAD as published, whatever the footage; the others keep the scene's aspect ratio at about the same
    number of pixels, and its colour. For comparison, `predictor` is `base` without its head, and `plain` a prediction
    network with skips and neither memory nor head.
    """
    channels = 1 if gray else 3
    match preset:
        case "paper":
            config = ModelConfig("paper", 256, 256, 3, step_s=0, net_width=64, stem=1, update="published", head_width=0)
        case "base":
            config = ModelConfig("base", *fitted(size, 240 * 160), channels, **LIGHT | ALONE)
        case "predictor":
            config = ModelConfig("predictor", *fitted(size, 240 * 160), channels, **LIGHT | ALONE | HEADLESS)
        case "plain":
            config = ModelConfig("plain", *fitted(size, 240 * 160), channels, memory="none", head_width=0)
        case "small":
            narrow = {"net_width": 12, "head_width": 16}
            config = ModelConfig("small", *fitted(size, 160 * 112), channels, **LIGHT | ALONE | narrow)
        case _:
            raise UsageError(f"unknown preset '{preset}'", f"choose one of {', '.join(PRESETS)}")
    config = replace(config, task=task, memory=memory or config.memory)
    if preset in ("base", "small", "predictor"):
        config = replace(config, skips=config.memory in ON_SKIPS)
    return with_options(config, options)


MNAD_OPTIONS = ("items", "temperature", "update", "rate", "recall", "drift")
"""Those of MNAD's memory, which are the model's config's own."""

KINDS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": {"true": True, "false": False}.__getitem__,
}
"""How the text of an option is read, by its type."""
EXAMPLES = {"int": "50, a whole number", "float": "0.1, a number", "str": "TEXT", "bool": "true, or false"}
"""What to write instead."""


def with_options(config: ModelConfig, pairs: Sequence[str]) -> ModelConfig:
    """The config with all settings of its memory, those NAME=VALUE among them; UsageError for what it does not have or
    cannot take. The defaults are kept too, so that a later version's others change no model."""
    own: type[Strict] = options_of(config.memory) or ModelConfig
    known = {f.name: str(f.type) for f in fields(own)}  # type: ignore[arg-type]
    if own is ModelConfig:
        known = {name: known[name] for name in MNAD_OPTIONS if config.memory == "mnad"}
    values: dict[str, Any] = {}
    for pair in pairs:
        name, is_pair, text = pair.partition("=")
        if not is_pair:
            raise UsageError(f"--memory-option {pair}: no setting", "write NAME=VALUE, as items=50")
        if name not in known:
            remedy = f"it has {', '.join(known)}" if known else "it has none"
            raise UsageError(f"memory {config.memory} has no option '{name}'", remedy)
        try:
            values[name] = KINDS[known[name]](text)
        except (ValueError, KeyError):
            told = f"memory {config.memory}: '{name}' should be {known[name]}, not '{text}'"
            raise UsageError(told, f"write {name}={EXAMPLES[known[name]]}") from None
    if own is ModelConfig:
        return replace(config, **values)
    return replace(config, options=own.from_dict(values, f"memory {config.memory}").to_dict())


def fitted(size: tuple[int, int], area: int, unit: int = 16) -> tuple[int, int]:
    """(width, height), multiples of `unit`, with about `area` pixels and the aspect ratio of `size`; never larger
    than the footage by more than a unit."""
    width, height = size
    scale = min(1.0, sqrt(area / (width * height)))
    return tuple(max(2 * unit, round(side * scale / unit) * unit) for side in (width, height))  # type: ignore[return-value]
