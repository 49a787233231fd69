"""Draws the timeline with matplotlib, without a screen and without its global state."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from memwatch.sinks.page import Page
from memwatch.sinks.story import Span, Story, Truth
from memwatch.sinks.style import ALARM, INK, LINE, MUTED, NORMAL, TEXT, TRACE, clock_text

WIDTH = 12.0
"""Inches, as all lengths here."""
MARGIN = 0.55
TITLE = 0.62
SCORE = 2.5
STRIP = 0.2
AXIS = 0.42
CAPTION = 0.84
GAP = 0.16
LETTERS = 17.5
"""Per inch of a caption."""
TICKS = (0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""Seconds between the times written under the score: round ones for a clock."""


def draw(story: Story) -> Figure:
    """The picture: the score with its threshold and events, the truth if known, thumbnails of the events."""
    shown = [id for id in story.spans if id in story.thumbnails]
    columns = 4 if len(shown) <= 4 else 6
    across = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
    tall = max((across * image.shape[0] / image.shape[1] for image in story.thumbnails.values()), default=0.0)
    rows = -(-len(shown) // columns)
    lanes = _lanes(story)
    strip = len(lanes) * STRIP
    height = TITLE + SCORE + strip + AXIS + rows * (tall + CAPTION) + 0.25
    with rc_context({"font.family": "sans-serif", "font.size": 8.5}):
        figure = Figure(figsize=(WIDTH, height), facecolor=INK)
        FigureCanvasAgg(figure)
        page = Page(figure)
        numbers = {id: number for number, id in enumerate(story.spans, 1)}
        page.text(MARGIN, 0.36, story.title, TEXT, size=12, weight="bold")
        page.text(WIDTH - MARGIN, 0.36, _summary(story, len(shown)), MUTED, ha="right")
        score = page.axes(MARGIN, TITLE, WIDTH - 2 * MARGIN, SCORE)
        _draw_score(score, story, numbers)
        if strip:
            _draw_truth(
                page.axes(MARGIN, TITLE + SCORE + 0.05, WIDTH - 2 * MARGIN, strip - 0.05), story, lanes
            )
        score.tick_params(axis="x", pad=4 + strip * 72)
        for place, id in enumerate(shown):
            row, column = divmod(place, columns)
            left = MARGIN + column * (across + GAP)
            top = TITLE + SCORE + strip + AXIS + row * (tall + CAPTION)
            image = story.thumbnails[id]
            page.axes(left, top, across, across * image.shape[0] / image.shape[1]).imshow(
                image[:, :, ::-1], aspect="auto", interpolation="antialiased"
            )
            _draw_caption(page, (left, top + tall), numbers[id], story.spans[id], across)
    return figure


def _draw_score(axes: Any, story: Story, numbers: dict[str, int]) -> None:
    seconds, values = np.array(story.seconds), np.array(story.values)
    threshold = story.threshold
    highest = float(np.nanmax(values, initial=0.0)) if values.size else 0.0
    top = 1.18 * max(highest, 1.3 * (threshold or 1.0))
    first, last = _range(story)
    axes.set(xlim=(first, last), ylim=(0, top))
    for span in story.spans.values():
        axes.axvspan(span.start, span.last, color=ALARM, alpha=0.16, lw=0)
        # A line as well: in a long source a short event is thinner than a pixel.
        axes.axvline(span.start, color=ALARM, alpha=0.5, lw=0.6)
    axes.fill_between(seconds, values, color=TRACE, alpha=0.14, lw=0)
    thin = 1.2 if len(seconds) < 3000 else 0.7
    axes.plot(seconds, values, color=TRACE, lw=thin, solid_joinstyle="round")
    if threshold is not None:
        (over,) = axes.plot(seconds, values, color=ALARM, lw=thin, solid_joinstyle="round")
        # The same curve again, seen only above the threshold.
        over.set_clip_path(axes.axvspan(first, last, ymin=min(1.0, threshold / top), alpha=0, lw=0))
        axes.axhline(threshold, color=TEXT, lw=0.9, ls=(0, (5, 3)), alpha=0.85)
        style = {"color": TEXT, "va": "center", "fontsize": 7.5, "transform": axes.get_yaxis_transform()}
        axes.text(1.005, threshold, f"limit\n{threshold:.1f}", **style)
    if len(numbers) <= 40:
        for id, number in numbers.items():
            middle = (story.spans[id].start + story.spans[id].last) / 2
            axes.text(middle, top * 0.985, str(number), color=TEXT, ha="center", va="top", weight="bold")
    step = next((step for step in TICKS if (last - first) / step <= 12), (last - first) / 10)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    digits = 0 if step >= 1 else 1
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: clock_text(at, digits)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(colors=MUTED, length=0, labelsize=8)
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.set_axisbelow(True)
    axes.set_ylabel("score", color=MUTED, fontsize=8.5)


def _lanes(story: Story) -> list[list[Truth]]:
    """The truth in as few lanes as hold it without overlap: things that happen at once lie under each other."""
    lanes: list[list[Truth]] = []
    for known in sorted(story.truth):
        free = next((lane for lane in lanes if lane[-1][1] <= known[0]), None)
        if free is None:
            lanes.append([known])
        else:
            free.append(known)
    return lanes


def _draw_truth(axes: Any, story: Story, lanes: list[list[Truth]]) -> None:
    first, last = _range(story)
    axes.set(xlim=(first, last), ylim=(len(lanes), 0))
    for row, lane in enumerate(lanes):
        for start, end, label in lane:
            axes.broken_barh([(start, end - start)], (row + 0.06, 0.88), color=NORMAL, alpha=0.85, lw=0)
            # A label that does not fit into its bar is left out rather than written over its neighbour's.
            if (end - start) / (last - first) * (WIDTH - 2 * MARGIN) > 0.075 * len(label):
                middle = (max(start, first) + min(end, last)) / 2
                axes.text(
                    middle, row + 0.54, label, color=INK, ha="center", va="center", fontsize=7.5, clip_on=True
                )
    axes.text(
        -0.008, 0.5, "truth", color=MUTED, ha="right", va="center", transform=axes.transAxes, fontsize=7.5
    )


def _draw_caption(page: Page, at: tuple[float, float], number: int, span: Span, across: float) -> None:
    left, top = at
    start, last = clock_text(span.start), clock_text(span.last)
    page.text(left, top + 0.15, f"{number}", ALARM, weight="bold", size=9.5)
    page.text(left + 0.09 * len(str(number)) + 0.1, top + 0.15, f"{start} – {last}", TEXT, size=9)
    peak = f"score {span.score:.1f} at {clock_text(span.peak)}"
    page.text(left, top + 0.33, peak, MUTED, size=8)
    for row, line in enumerate(wrap(span.reason, int(across * LETTERS))):
        page.text(left, top + 0.5 + 0.15 * row, line, TEXT, size=8)


def _summary(story: Story, shown: int) -> str:
    if not story.events:
        return "no event"
    more = f", the {shown} strongest below" if shown < story.events else ""
    return f"{story.events} event{'s' if story.events > 1 else ''}{more}"


def _range(story: Story) -> tuple[float, float]:
    first = story.seconds[0] if story.seconds else 0.0
    last = story.seconds[-1] if story.seconds else 0.0
    return first, max(last, first + 0.1)
