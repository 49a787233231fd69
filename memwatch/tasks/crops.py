"""Training batches: crops drawn where something moves.

Most of a fixed camera's picture is background that is learned in a minute; crops around motion reach the same loss in
about a third of the time. Every batch depends on the seed and the step alone, so a resumed run sees what an
uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.config import ModelConfig
from memwatch.tasks.footage import Footage

Pixels = NDArray[np.float32]

MOVING = 0.85
"""Share of crops drawn where something moves; the rest anywhere, for the background must be learned too."""
BUSY = 0.4
"""Share of moments drawn by how much moves in them; the rest are any, for the empty scene must be known too. Before
most cameras nothing moves most of the time."""
BLOCK = 8


@dataclass(frozen=True, slots=True)
class Crops:
    """Draws batches of `batch` crops of `side` × `side` network pixels, or whole frames where side is 0."""

    footage: Footage
    config: ModelConfig
    targets: Sequence[tuple[int, int]]
    batch: int
    side: int
    seed: int
    busy: NDArray[np.float64] | None = None
    """(targets,), rising: how much moves at each target, added up; None draws them all alike."""

    def pick(self, rng: np.random.Generator) -> tuple[int, int]:
        """(recording, target) of a moment: BUSY of them by how much moves, the rest any."""
        if self.busy is not None and self.busy[-1] > 0 and rng.random() < BUSY:
            return self.targets[int(np.searchsorted(self.busy, rng.random() * self.busy[-1], side="right"))]
        return self.targets[int(rng.integers(len(self.targets)))]

    def draw(self, step: int) -> Pixels:
        """(batch, (T+1)·C, side, side) in [-1, 1]: inputs oldest first, then the target."""
        rng = np.random.default_rng((self.seed, step))
        return np.stack([self._sample(rng) for _ in range(self.batch)])

    def epoch(self, number: int) -> list[NDArray[np.intp]]:
        """Whole-frame batches of one pass over all targets in a shuffled order, the last partial one dropped."""
        order = np.random.default_rng((self.seed, 1, number)).permutation(len(self.targets))
        return [order[i : i + self.batch] for i in range(0, len(order) - self.batch + 1, self.batch)]

    def whole(self, chosen: NDArray[np.intp]) -> Pixels:
        """(len(chosen), (T+1)·C, h, w) in [-1, 1]."""
        return np.stack([self.stack(*self.targets[i]) for i in chosen]).astype(np.float32) / 127.5 - 1

    def stack(self, recording: int, target: int) -> NDArray[np.uint8]:
        """The whole clip of a target, ((T+1)·C, h, w)."""
        source = self.footage.recordings[recording]
        return np.concatenate([source.frames[i] for i in source.indices(target, self.config)])

    def _sample(self, rng: np.random.Generator) -> Pixels:
        stack = self.stack(*self.pick(rng))
        y, x = self.place(stack, rng)
        crop = stack[:, y : y + self.side, x : x + self.side].astype(np.float32)
        # Light drifts: a little gain and offset, the same for all frames of a clip.
        lit = np.clip(crop * rng.uniform(0.85, 1.15) + rng.uniform(-12, 12), 0, 255)
        return np.asarray(lit / 127.5 - 1, np.float32)

    def place(self, stack: NDArray[np.uint8], rng: np.random.Generator) -> tuple[int, int]:
        """Top and left of a crop, mostly where the last two frames of `stack` differ."""
        height, width = stack.shape[1:]
        channels = self.config.channels
        centre = rng.integers(height), rng.integers(width)
        if rng.random() < MOVING:
            change = cv2.absdiff(stack[-channels], stack[-2 * channels])
            blocks = cv2.resize(change, (width // BLOCK, height // BLOCK), interpolation=cv2.INTER_AREA)
            weight = cv2.blur(blocks.astype(np.float64), (3, 3)).ravel() ** 2
            if weight.sum() > 0:
                block = int(rng.choice(len(weight), p=weight / weight.sum()))
                row, column = divmod(block, width // BLOCK)
                centre = row * BLOCK, column * BLOCK
        half, shake = self.side // 2, self.side // 4
        y, x = (int(c) - half + int(rng.integers(-shake, shake + 1)) for c in centre)
        return min(max(y, 0), height - self.side), min(max(x, 0), width - self.side)
