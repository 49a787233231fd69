"""A tiny model that was never trained, calibrated on a drawn scene: all a test of scoring needs, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from memwatch.config import ModelConfig
from memwatch.model import Model, Predictor
from memwatch.runtime import open_runtime
from memwatch.scoring import (
    HALF_LIFE_S,
    Calibration,
    RunningScene,
    SceneMemory,
    SceneReader,
    read_cues,
    regularity_error,
    squared_error,
)
from memwatch.types import Clip, Frame, Grid
from memwatch.video import ClipWindow

WALL = 1_772_399_051.0
WIDTH, HEIGHT = 64, 48


def config(**changes: Any) -> ModelConfig:
    """64 × 48 gray, four channels wide, with a memory of five items and a head."""
    facts: dict[str, Any] = {"preset": "small", "width": WIDTH, "height": HEIGHT, "net_width": 4, "items": 5}
    return ModelConfig(**facts | {"head_width": 4} | changes)


def network(settings: ModelConfig, seed: int = 0) -> Predictor:
    """Random weights, and batch norms that have seen something: fresh ones would change nothing."""
    torch.manual_seed(seed)
    net = Predictor(settings)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                if values is not None:
                    nn.init.uniform_(values, 0.5, 1.5)
            for values in (module.bias, module.running_mean):
                if values is not None:
                    nn.init.normal_(values, 0.0, 0.2)
    return net.eval()


def model(seed: int = 0, *, cues: Sequence[str] = ("prediction", "motion"), **changes: Any) -> Model:
    """A whole model; its calibration comes from 60 drawn normal frames."""
    net = network(config(**changes), seed)
    made = Model(net, net.memory.new_state(), card={"footage": "drawn"})
    made.calibration = _calibration(made, cues).to_record()
    return made


def frames(count: int, *, fps: float = 10.0, odd: Iterable[int] = (), start: int = 0, seed: int = 0) -> list[Frame]:
    """A textured ground, noise, a block that walks; in `odd` frames a bright bar stands somewhere else each time."""
    rng = np.random.default_rng((seed, start))
    ground = np.random.default_rng(5).integers(60, 120, (HEIGHT, WIDTH, 3), np.uint8)
    drawn = []
    for index in range(start, start + count):
        image = ground + rng.integers(0, 8, ground.shape, np.uint8)
        left = index % (WIDTH - 8)
        image[20:34, left : left + 8] = 30
        if index in set(odd):
            image[4:44, 8 * (index % 6) : 8 * (index % 6) + 14] = 255
        drawn.append(Frame("yard", index, WALL + index / fps, index / fps, image))
    return drawn


def clips(shown: Iterable[Frame], settings: ModelConfig) -> list[Clip]:
    """All full clips of the frames."""
    window = ClipWindow(settings)
    return [clip for frame in shown if (clip := window.push(frame)) is not None]


def noise_clip(settings: ModelConfig, seed: int, *, seconds: float = 0.0) -> Clip:
    """White noise, inputs and target."""
    rng = np.random.default_rng(seed)
    shape = (settings.channels, settings.height, settings.width)
    inputs = rng.uniform(-1, 1, (settings.clip_length * shape[0], *shape[1:])).astype(np.float32)
    target = rng.uniform(-1, 1, shape).astype(np.float32)
    return Clip(inputs, target, Frame("noise", seed, WALL, seconds, np.zeros((60, 80, 3), np.uint8)))


def _calibration(made: Model, cues: Sequence[str]) -> Calibration:
    runtime, seen = open_runtime(made), clips(frames(64, seed=1), made.config)
    scene = _scene(seen) if "scene" in cues or made.config.head_scene else None
    reader = SceneReader()
    passing = [reader.read(clip.target, clip.frame.seconds) for clip in seen]
    views = [scene.view(some, novelty=True) if scene else None for some in passing]
    seen = [replace(clip, scene=view.rest) if view else clip for clip, view in zip(seen, views, strict=True)]
    predictions = runtime.predict(seen, [runtime.new_state()] * len(seen))
    found: dict[str, list[Grid]] = {}
    regularity = []
    for clip, prediction, view in zip(seen, predictions, views, strict=True):
        error = squared_error(prediction.frame, clip.target)
        regularity.append(regularity_error(error))
        for name, grid in read_cues(cues, clip, prediction, error, view.novelty if view else None).items():
            found.setdefault(name, []).append(grid)
    maps: dict[str, NDArray[np.float32]] = {name: np.stack(grids) for name, grids in found.items()}
    return Calibration.fit(maps, np.asarray(regularity), seconds=6.0, scene=scene, half_life=HALF_LIFE_S)


def _scene(seen: Sequence[Clip]) -> SceneMemory:
    running = RunningScene()
    return SceneMemory.fit(np.stack([running.push(clip.target, clip.frame.seconds) for clip in seen][::4]))
