"""Pictures beside a model: is it learning, and what does it see?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memwatch.files import write_figure
from memwatch.model import Model
from memwatch.runtime import open_runtime
from memwatch.scoring import squared_error
from memwatch.tasks.footage import Footage


def draw_loss(losses: list[tuple[int, float]], path: Path) -> None:
    """The loss curve, one point an epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.add_subplot()
    steps, values = zip(*losses, strict=True)
    axes.plot(steps, values, color="#2563eb", linewidth=1.6, marker="o" if len(steps) < 3 else None)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("mean squared error")
    axes.set_title("Prediction loss on moving crops", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    write_figure(figure, path)


def draw_predictions(model: Model, footage: Footage, path: Path, *, rows: int = 3) -> None:
    """Held-out frames, what was predicted, and the error between them."""
    from matplotlib.figure import Figure

    config = model.config
    targets = footage.targets(config, held=True)
    chosen = [targets[i] for i in np.linspace(0, len(targets) - 1, rows).round().astype(int)]
    clips = [footage.recordings[n].clip(i, config) for n, i in chosen]
    runtime = open_runtime(model)
    predictions = runtime.predict(clips, [runtime.new_state()] * len(clips))
    figure = Figure(figsize=(9.6, rows * 3.2 * config.height / config.width + 0.4), layout="constrained")
    grid = figure.subplots(rows, 3, squeeze=False)
    for line, clip, prediction, (n, i) in zip(grid, clips, predictions, chosen, strict=True):
        error = squared_error(prediction.frame, clip.target).mean(axis=0)
        pictures = (shown(clip.target), shown(prediction.frame), np.sqrt(error))
        titles = (f"{footage.recordings[n].name}, frame {i}", "predicted", "error")
        for axes, picture, title in zip(line, pictures, titles, strict=True):
            gray = (
                {"cmap": "gray", "vmin": 0, "vmax": 1}
                if title != "error"
                else {"cmap": "magma", "vmin": 0, "vmax": 0.3}
            )
            axes.imshow(picture, **gray)
            axes.set_title(title, fontsize=9, loc="left")
            axes.set_axis_off()
    write_figure(figure, path)


def shown(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C, h, w) in [-1, 1], gray or BGR, to what imshow takes."""
    unit = np.asarray(np.clip((picture + 1) / 2, 0, 1), np.float32)
    return unit[0] if len(unit) == 1 else unit[::-1].transpose(1, 2, 0)
