"""`memwatch memory`: what a camera's memory has learned since training; and starting it anew, stopping it, going on."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from memwatch.errors import UsageError
from memwatch.files import check_picture
from memwatch.pipeline.knowledge import Refusals
from memwatch.pipeline.state_file import CameraState, check_model, load_state, save_state
from memwatch.tasks.memory_report import Drift, MemoryReport
from memwatch.tasks.session import load


def show(path: Path, *, model: Path | None = None, picture: Path | None = None) -> MemoryReport:
    """What a state file holds; with the model it belongs to, how far it has gone, and a picture of its items."""
    if picture is not None:
        check_picture(picture)
    state = load_state(path)
    if model is None:
        if picture is not None:
            raise UsageError("the picture shows the model's items", "name the model too: --model FILE")
        return MemoryReport(path, state, None)
    loaded = load(model)
    check_model(state, path, model=loaded.model.id, memory=loaded.model.config.memory)
    knowledge = state.to_knowledge(loaded.runtime, loaded.calibration, path)
    scene, anchor = knowledge.scene, loaded.calibration.scene
    cells = scene.drift(anchor) if scene and anchor else None
    drift = Drift(
        loaded.runtime.drift(knowledge.memory),
        None if cells is None else float(np.sqrt(np.square(cells).mean())),
        None if cells is None else float(cells.max()),
    )
    report = MemoryReport(path, state, drift, picture)
    if picture is not None:
        if loaded.model.exemplars is None:
            remedy = "its memory has none that are a state" if not len(drift.items) else "train the model anew"
            raise UsageError(f"{model}: holds no pictures of items", remedy)
        from memwatch.tasks.memory_picture import draw

        draw(report, loaded.model.exemplars, picture)
    return report


def reset(path: Path) -> MemoryReport:
    """Start anew from what training left; whether it is frozen stays."""
    now = time.time()
    fresh = replace(
        load_state(path), begun=now, saved=now, taken=0, refused=Refusals(), undone=0, arrays={}
    )
    return _kept(path, fresh)


def freeze(path: Path) -> MemoryReport:
    """Let it stay as it is."""
    return _kept(path, replace(load_state(path), frozen=True))


def thaw(path: Path) -> MemoryReport:
    """Let it learn again."""
    return _kept(path, replace(load_state(path), frozen=False))


def _kept(path: Path, state: CameraState) -> MemoryReport:
    save_state(path, state)
    return MemoryReport(path, state, None)
