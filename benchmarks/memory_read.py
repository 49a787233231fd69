"""What a memory's read does for the prediction, on held-out normal footage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memwatch.model import Model, Read
from memwatch.runtime import open_runtime
from memwatch.tasks.footage import Footage, read_footage
from memwatch.tasks.memory_report import LEAST_USED
from memwatch.tasks.progress import Silent

FRAMES = 160
"""Held-out frames looked at, spread evenly."""
BATCH = 8
TIMED = 40


@dataclass(frozen=True, slots=True)
class _Reads:
    """Of all frames: whole clips and what was read for each."""

    clips: Tensor
    reads: list[Read]

    def each(self) -> Iterator[tuple[Tensor, Read]]:
        yield from zip(self.clips.split(BATCH), self.reads, strict=True)


def read_figures(model: Model, footage: Sequence[str]) -> dict[str, Any]:
    """Held-out error; its change with the read replaced by its mean over the footage, everywhere or at each place;
    entropy of the read's weights, perplexity of the items' use, items in use; parameters and milliseconds a frame."""
    found = read_footage(list(footage), model.config, fps=None, progress=Silent())
    net = model.net.eval()
    with torch.inference_mode():
        clips = torch.from_numpy(_held_out(found, model))
        seen = _Reads(clips, [net.memory.read(net.features(some), model.state) for some in clips.split(BATCH)])
        error = _error(model, seen.each())
        mean, place = _averaged(seen, everywhere=True), _averaged(seen, everywhere=False)
        return {
            "error": error,
            "read_spread": _spread(seen),
            "mean_read": _error(model, ((some, mean) for some, _ in seen.each())) / error - 1,
            "mean_read_of_place": _error(model, ((some, place) for some, _ in seen.each())) / error - 1,
            **_weights([read.trace["weights"] for read in seen.reads if "weights" in read.trace]),
            "parameters": sum(p.numel() for name, p in net.named_parameters() if not name.startswith("head.")),
            "ms": _pace(model, found),
        }


def _held_out(footage: Footage, model: Model) -> np.ndarray[Any, np.dtype[np.float32]]:
    targets = footage.targets(model.config, held=True)
    chosen = targets[:: max(1, len(targets) // FRAMES)]
    clips = [footage.recordings[number].clip(index, model.config) for number, index in chosen]
    return np.stack([np.concatenate((clip.inputs, clip.target)) for clip in clips])


def _averaged(seen: _Reads, *, everywhere: bool) -> Read:
    """The mean of what is handed to the decoder: over the frames, or over their places too."""

    def mean(maps: list[Tensor]) -> Tensor:
        over = (0, 2, 3) if everywhere else (0,)
        return torch.cat(maps).mean(dim=over, keepdim=True).expand(1, *maps[0].shape[1:])

    skips = zip(*(read.skips for read in seen.reads), strict=True)
    handed = mean([read.decoder_input for read in seen.reads])
    return replace(seen.reads[0], decoder_input=handed, skips=tuple(mean(list(some)) for some in skips))


def _spread(seen: _Reads) -> float:
    """Root mean square distance of what the decoder is handed from its mean everywhere, as a share of that mean's
    length."""
    handed = torch.cat([read.decoder_input for read in seen.reads])
    mean = handed.mean(dim=(0, 2, 3), keepdim=True)
    apart = (handed - mean).square().sum(dim=1).mean().sqrt()
    return float(apart / mean.norm().clamp_min(1e-12))


def _error(model: Model, some: Iterator[tuple[Tensor, Read]]) -> float:
    """Mean squared error of the predicted frames, in [0, 1] units."""
    total, count, channels = 0.0, 0, model.config.channels
    for clips, read in some:
        skips = [skip.expand(len(clips), -1, -1, -1) for skip in read.skips]
        frames = model.net.decoder(read.decoder_input.expand(len(clips), -1, -1, -1), skips)
        total += float(((frames - clips[:, -channels:]) / 2).square().mean(dim=(1, 2, 3)).sum())
        count += len(clips)
    return total / count


def _weights(found: list[Tensor]) -> dict[str, float | int | None]:
    if not found:
        return {"items": None, "read_perplexity": None, "use_perplexity": None, "used": None}
    # (B, M, ...) to rows of M
    rows = torch.cat([some.flatten(2).transpose(1, 2).reshape(-1, some.shape[1]) for some in found])
    use = torch.bincount(rows.argmax(dim=1), minlength=rows.shape[1]) / len(rows)
    return {
        "items": rows.shape[1],
        "read_perplexity": float(torch.exp(_entropy(rows).mean())),
        "use_perplexity": float(torch.exp(_entropy(use))),
        "used": int((use >= LEAST_USED / rows.shape[1]).sum()),
    }


def _entropy(shares: Tensor) -> Tensor:
    """-Σ p ln p over the last axis."""
    return -(shares * shares.clamp_min(1e-12).log()).sum(dim=-1)


def _pace(model: Model, footage: Footage) -> float:
    """Milliseconds of one frame's prediction by itself, the fastest of some."""
    runtime = open_runtime(model)
    number, index = footage.targets(model.config, held=True)[0]
    clip, state = footage.recordings[number].clip(index, model.config), runtime.new_state()
    took = []
    for _ in range(TIMED):
        began = time.perf_counter()
        runtime.predict([clip], [state])
        took.append(time.perf_counter() - began)
    return 1000 * min(took)
