"""The picture of `memwatch explain`."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from memwatch.config import ModelConfig
from memwatch.sinks.heat import heat
from memwatch.sinks.marked import draw_boxes
from memwatch.sinks.page import Page
from memwatch.sinks.style import ALARM, INK, MUTED, TEXT, TRACE, clock_text
from memwatch.tasks.explanation import Explanation, Item, verdict, words
from memwatch.tasks.pictures import shown

WIDTH = 13.0
"""Inches, as all lengths here."""
COLUMNS = 5
MARGIN, GAP, TITLE, LINE = 0.35, 0.14, 0.3, 0.21
ITEMS_SHOWN = 10
LETTERS = 185
"""Of the caption, side by side."""
BARS = 0.75

Panel = tuple[str, NDArray[Any], str]
"""Title, picture for imshow, the title's colour."""


def draw(what: Explanation, config: ModelConfig) -> Figure:
    """Inputs, prediction, error, each cue's map, their sum with its boxes, the memory's items, and a caption."""
    panels = [*_inputs(what, config), *_answers(what, config)]
    height, width = what.observation.size[::-1]
    across = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
    row = TITLE + across * height / width + GAP
    rows = -(-len(panels) // COLUMNS)
    caption = _caption(what)
    items = tuple(item for item in what.items if item.share)[:ITEMS_SHOWN]
    patch = (WIDTH - 2 * MARGIN - (ITEMS_SHOWN - 1) * GAP) / ITEMS_SHOWN
    memory = TITLE + BARS + patch + TITLE + GAP if items else 0.0
    tall = MARGIN + 0.45 + rows * row + memory + len(caption) * LINE + MARGIN
    with rc_context({"font.family": "sans-serif", "font.size": 9}):
        figure = Figure(figsize=(WIDTH, tall), facecolor=INK)
        FigureCanvasAgg(figure)
        page = Page(figure)
        seen = what.observation
        page.text(MARGIN, MARGIN, seen.source, TEXT, size=13, weight="bold")
        side = ALARM if seen.score.anomalous else MUTED
        page.text(WIDTH - MARGIN, MARGIN, _headline(what), side, size=11, ha="right")
        top = MARGIN + 0.45
        for place, (title, picture, colour) in enumerate(panels):
            line, column = divmod(place, COLUMNS)
            left = MARGIN + column * (across + GAP)
            page.text(left, top + line * row + TITLE / 2, title, colour)
            page.picture(left, top + line * row + TITLE, across, across * height / width, picture)
        top += rows * row
        if items:
            _draw_items(page, top, patch, items, len(what.items))
        for number, text in enumerate(caption):
            page.text(MARGIN, top + memory + (number + 0.5) * LINE, text, MUTED)
    return figure


def _inputs(what: Explanation, config: ModelConfig) -> list[Panel]:
    """The frames that the network saw, oldest first, and the one that it was to predict."""
    frames = what.clip.inputs.reshape(config.clip_length, config.channels, *what.clip.inputs.shape[1:])
    back = range(config.clip_length, 0, -1)
    names = [f"{n * config.step_s:.1f} s before" if config.step_s else f"{n} before" for n in back]
    picture = what.clip.frame.image.copy()
    draw_boxes(picture, what.observation.regions, 1.0)
    own = (f"frame {what.observation.index}, as the camera saw it", picture[:, :, ::-1], TEXT)
    return [*((name, shown(frame), MUTED) for name, frame in zip(names, frames, strict=True)), own]


def _answers(what: Explanation, config: ModelConfig) -> list[Panel]:
    """What was predicted, how far that was off, what each cue made of it, and all together."""
    seen, image = what.observation, what.clip.frame.image
    threshold = seen.score.threshold
    error = np.clip(np.sqrt(what.error) / 0.3, 0, 1)
    made = "predicted" if config.task == "predict" else "reconstructed"
    panels: list[Panel] = [
        (made, shown(what.prediction.frame), MUTED),
        (f"error (PSNR {seen.score.psnr:.1f} dB)", error, MUTED),
    ]
    far = what.prediction.distance
    if far.any():
        panels.append((f"distance to the memory: mean {far.mean():.3f}", far / max(float(far.max()), 1e-9), MUTED))
    for name, grid in seen.cues.items():
        colour = ALARM if float(grid.max()) > threshold else MUTED
        panels.append((f"{name}: up to {grid.max():.1f}", heat(image, grid, threshold)[:, :, ::-1], colour))
    if seen.map is not None:
        together = heat(image, seen.map, threshold)
        draw_boxes(together, seen.regions, 1.0)
        colour = ALARM if seen.score.anomalous else TEXT
        panels.append((f"together: up to {seen.map.max():.1f}", together[:, :, ::-1], colour))
    return panels


def _draw_items(page: Page, top: float, patch: float, items: tuple[Item, ...], count: int) -> None:
    title = "memory items: share of the picture to which it is the nearest"
    if len(items) < count:
        title += f" (the {len(items)} most read of {count})"
    page.text(MARGIN, top + TITLE / 2, title, TEXT)
    highest = max(item.share for item in items) or 1.0
    for place, item in enumerate(items):
        left = MARGIN + place * (patch + GAP)
        bar = page.axes(left, top + TITLE, patch, BARS)
        bar.set(xlim=(0, 1), ylim=(0, 1.35 * highest))
        bar.bar([0.5], [item.share], width=0.5, color=TRACE)
        bar.text(0.5, item.share + 0.06 * highest, f"{item.share:.0%}", color=TEXT, ha="center", fontsize=8)
        if item.patch is not None:
            page.picture(left, top + TITLE + BARS + GAP / 2, patch, patch, shown(item.patch))
        below = top + TITLE + BARS + GAP / 2 + patch + TITLE / 2
        page.text(left + patch / 2, below, f"item {item.number}", MUTED, ha="center", size=8)


def _headline(what: Explanation) -> str:
    seen = what.observation
    return f"{clock_text(seen.seconds)} · {verdict(seen)}"


def _caption(what: Explanation) -> list[str]:
    """What the numbers mean, in lines as wide as the picture."""
    seen = what.observation
    boxes = [f"Box {n}: {text}." for n, region in enumerate(seen.regions[:4], 1) if (text := words(region))]
    more = len(seen.regions) - 4
    if more > 0:
        boxes.append(f"{more} more box{'es' if more > 1 else ''}.")
    maps = (
        "A map's value says how rare a place looks on normal footage, as a power of ten: 3 is once in a thousand. "
        "Violet is ordinary, orange and yellow are over the threshold. The score is the largest value "
        "of the map of all together, where what has lasted half a second counts for itself and rises faster. The error "
        "runs from black (none) to white (three tenths of the range of brightness), the distance to this frame's "
        "largest."
    )
    memory = (
        "Each part of the picture is compared with the memory's items, which are what normal frames are made of. Under "
        "an item is what looked most like it in the footage so far; items to which nothing is the nearest are left out."
    )
    paragraphs = [" ".join(boxes), maps, memory if what.items else ""]
    return [line for text in paragraphs if text for line in wrap(text, LETTERS)]
