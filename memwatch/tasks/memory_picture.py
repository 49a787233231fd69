"""A picture of a memory's items: what each stands for, how much it is in use, and how far it has moved."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from memwatch.files import write_figure
from memwatch.sinks.page import Page
from memwatch.sinks.style import ALARM, INK, MUTED, PANEL, TEXT, TRACE
from memwatch.tasks.memory_report import MemoryReport

COLUMNS, PATCH, GAP, MARGIN = 10, 0.78, 0.14, 0.3
"""Inches, but the first."""
TITLE, BAR, LABEL = 0.62, 0.07, 0.2


def draw(report: MemoryReport, exemplars: NDArray[np.uint8], path: Path) -> None:
    """`exemplars` (M, C, s, s): the training patch nearest to each item."""
    count = len(exemplars)
    columns = min(COLUMNS, count)
    rows = ceil(count / columns)
    cell = PATCH + BAR + LABEL + GAP
    width = 2 * MARGIN + columns * (PATCH + GAP) - GAP
    height = TITLE + rows * cell + 2 * MARGIN
    figure = Figure(figsize=(max(width, 7.0), height), facecolor=INK)
    page = Page(figure)
    use, drift = report.use, report.drift
    page.text(MARGIN, MARGIN, f"{report.state.camera}: what each item of the memory stands for", TEXT, size=12)
    caption = "the training patch nearest to it · the bar: its share of the picture · number, share, how far it moved"
    page.text(MARGIN, MARGIN + 0.28, caption, MUTED, size=8)
    most = float(use.max()) if use is not None else 1.0
    # The most used first: the eye begins at the top.
    order = np.argsort(-use) if use is not None else np.arange(count)
    for place, item in enumerate(order):
        row, column = divmod(place, columns)
        left, top = MARGIN + column * (PATCH + GAP), TITLE + MARGIN + row * cell
        page.picture(left, top, PATCH, PATCH, _shown(exemplars[item]))
        bar = page.axes(left, top + PATCH + 0.02, PATCH, BAR)
        bar.set(xlim=(0, 1), ylim=(0, 1), facecolor=PANEL)
        share = float(use[item]) if use is not None else 0.0
        bar.barh([0.5], [share / max(most, 1e-9)], height=1.0, color=TRACE)
        moved = float(drift.items[item]) if drift and len(drift.items) else 0.0
        text = f"{item}" + ("" if use is None else f" · {share:.1%}") + (f" · {moved:.2f}" if moved >= 0.005 else "")
        page.text(left, top + PATCH + BAR + LABEL / 2 + 0.02, text, ALARM if moved > 0.4 else MUTED, size=7)
    write_figure(figure, path)


def _shown(patch: NDArray[np.uint8]) -> NDArray[np.float32]:
    picture = patch.astype(np.float32) / 255
    return picture[0] if len(picture) == 1 else np.ascontiguousarray(picture[::-1].transpose(1, 2, 0))
