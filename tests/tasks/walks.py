"""Footage to draw batches from, made in memory: a textured ground, and a figure that walks on it."""

from __future__ import annotations

import cv2
import numpy as np

from memwatch.config import ModelConfig
from memwatch.tasks.footage import Footage, Recording

WIDTH, HEIGHT, FPS = 96, 64, 10
LANE = (24, 44)
"""Rows in which the figure walks."""


def config(channels: int = 1) -> ModelConfig:
    return ModelConfig(preset="small", width=WIDTH, height=HEIGHT, channels=channels)


def recording(
    name: str, *, seconds: float = 6.0, seed: int = 0, channels: int = 1, moving: bool = True, start: float = 0.0
) -> Recording:
    """An unbroken stretch at FPS; its seed says where the figure starts."""
    ground = np.random.default_rng(7).uniform(60, 140, (HEIGHT, WIDTH)).astype(np.float32)
    ground = cv2.GaussianBlur(ground, (0, 0), 1.5)
    made = Recording(name)
    for index in range(round(seconds * FPS)):
        image = ground.copy()
        if moving:
            x = (11 * seed + 2 * index) % (WIDTH - 8)
            image[LANE[0] : LANE[1], x : x + 8] = 230 - 40 * (index % 2)
        made.times.append(start + index / FPS)
        made.frames.append(np.repeat(image.astype(np.uint8)[None], channels, axis=0))
    made.held_from = len(made.frames)
    return made


def footage(clips: int = 3, *, channels: int = 1, moving: bool = True) -> Footage:
    made = [recording(f"clip-{seed}", seed=seed, channels=channels, moving=moving) for seed in range(clips)]
    return Footage(made, [r.name for r in made])
