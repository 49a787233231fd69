"""What memwatch shows a person: colour, tables and progress. Data goes to stdout, words to stderr.

What is heavy is imported where something is drawn, never at the top: `memwatch --help` must not pay for it.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from memwatch.tasks.progress import Figure, Progress

PLAIN_EVERY_S = 10.0
"""Seconds between the lines of progress where there is no terminal to draw a bar on."""


class ReportFormat(StrEnum):
    """How a report is printed: `auto` is a table on a terminal and JSON elsewhere."""

    auto = "auto"
    table = "table"
    json = "json"


class Report(Protocol):
    """What a task hands back for the command line to show."""

    def rows(self) -> Sequence[Sequence[str]]:
        """Rows of a table, the first cell naming the row."""

    def to_dict(self) -> dict[str, Any]:
        """The same as one JSON object."""


def animated(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that can redraw a line."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def coloured(stream: TextIO) -> bool:
    """Whether to write colour. NO_COLOR (not empty) beats FORCE_COLOR, which beats what the stream is."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or animated(stream)


def rich_console(stream: TextIO) -> Console:
    """A rich console that follows `animated` and `coloured` instead of rich's own precedence.

    Text is printed as it is: `[` in a file's name is not markup.
    """
    from rich.console import Console

    return Console(
        file=stream,
        force_terminal=animated(stream),
        color_system="standard" if coloured(stream) else None,
        no_color=not coloured(stream),
        markup=False,
        highlight=False,
        emoji=False,
    )


def say(line: str) -> None:
    """One line of words on stderr."""
    print(line, file=sys.stderr, flush=True)


def show(report: Report | Mapping[str, Any], form: ReportFormat = ReportFormat.auto) -> None:
    """Print a task's report, or a plain mapping, on stdout: one table, or one line of JSON."""
    if form is ReportFormat.auto:
        form = ReportFormat.table if sys.stdout.isatty() else ReportFormat.json
    if form is ReportFormat.json:
        values = report if isinstance(report, Mapping) else report.to_dict()
        print(json.dumps(_finite(values), ensure_ascii=False, allow_nan=False), flush=True)
    else:
        print_table(rows_of(report), sys.stdout)


def rows_of(report: Report | Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """A report's own rows; a mapping's are its keys and values, nested ones with dots."""
    if not isinstance(report, Mapping):
        return report.rows()
    rows: list[tuple[str, str]] = []
    for key, value in report.items():
        if isinstance(value, Mapping):
            rows += [(f"{key}.{name}", text) for name, text in rows_of(value)]
        elif isinstance(value, (list, tuple)):
            rows.append((str(key), ", ".join(map(str, value))))
        else:
            rows.append((str(key), "" if value is None else str(value)))
    return rows


def print_table(rows: Sequence[Sequence[str]], stream: TextIO) -> None:
    """Aligned columns; the first one dim, as it only names the row."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for row in rows:
        first, *rest = row
        table.add_row(Text(first, style="cyan"), *map(Text, rest))
    console = rich_console(stream)
    if not stream.isatty():
        console.width = 10_000  # a reader that is a file gets whole lines, not folded ones
    console.print(table)


def _finite(value: Any) -> Any:
    """The value with NaN and infinities as null: JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def progress(*, bar: bool = True) -> Progress:
    """Progress on stderr: a bar on a terminal (where `bar` lets it), plain lines now and then elsewhere."""
    return Bar() if bar and animated(sys.stderr) else PlainLines()


class _Stretch:
    """Counts one stretch of work and puts it in words."""

    def __init__(self, what: str, total: int | None, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.count: float = 0
        self.figures: dict[str, Figure] = {}
        self.began = time.monotonic()
        self._first: tuple[float, float] | None = None

    def step(self, n: float, figures: Mapping[str, Figure]) -> None:
        self.count += n
        self.figures.update(figures)
        if self._first is None:
            self._first = (time.monotonic(), self.count)

    def rate(self) -> float:
        """Units a second since the first step, which was slow to come or counted a resumed run's past."""
        now = time.monotonic()
        since, counted = self._first or (now, 0.0)
        if self.count == counted:  # nothing but that first step
            since, counted = self.began, 0.0
        return (self.count - counted) / max(now - since, 1e-9)

    def rate_text(self) -> str:
        if self.unit == "s":
            return ""
        rate = self.rate()
        return f"{rate:.{1 if rate < 10 else 0}f} {self.unit}/s"

    def figures_text(self) -> str:
        return ", ".join(f"{name} {_figure(value)}" for name, value in self.figures.items())

    def now(self) -> str:
        """How far it is: `what: 1200/9600 frames, 88 frames/s, 1m35s left, loss 0.0123`."""
        of = "" if self.total is None else f"/{self.total}"
        left = ""
        if self.total is not None and self.count:
            left = f"{duration(max(0.0, (self.total - self.count) / max(self.rate(), 1e-9)))} left"
        parts = [
            f"{self.what}: {self.count:.0f}{of} {self.unit}",
            self.rate_text(),
            left,
            self.figures_text(),
        ]
        return ", ".join(filter(None, parts))

    def end(self) -> str:
        """What it came to: `what: 9600 frames in 1m49s, 88 frames/s, loss 0.0101`."""
        took = duration(time.monotonic() - self.began)
        parts = [
            f"{self.what}: {self.count:.0f} {self.unit} in {took}",
            self.rate_text(),
            self.figures_text(),
        ]
        return ", ".join(filter(None, parts))


def _figure(value: Figure) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """0.4s, 12s, 1m35s, 2h05m."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest}s"
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


class PlainLines:
    """Progress as lines, at most one every `PLAIN_EVERY_S` seconds, and one at each end."""

    def __init__(self) -> None:
        self._stretch: _Stretch | None = None
        self._spoke = 0.0

    def start(self, what: str, total: int | None = None, *, unit: str = "frames") -> None:
        self.done()
        self._stretch = _Stretch(what, total, unit)
        self._spoke = self._stretch.began

    def step(self, n: float = 1, **figures: Figure) -> None:
        if self._stretch is None:
            return
        self._stretch.step(n, figures)
        now = time.monotonic()
        if now - self._spoke >= PLAIN_EVERY_S:
            self._spoke = now
            say(self._stretch.now())

    def note(self, line: str) -> None:
        say(line)

    def done(self) -> None:
        if self._stretch is not None:
            say(self._stretch.end())
        self._stretch = None


class Bar:
    """Progress as a bar that is redrawn in place, and a line that stays when it is done."""

    def __init__(self) -> None:
        self._stretch: _Stretch | None = None
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, what: str, total: int | None = None, *, unit: str = "frames") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.done()
        self._stretch = _Stretch(what, total, unit)
        self._bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[figures]}", markup=False),
            console=rich_console(sys.stderr),
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,  # stdout carries data: not a byte of it may pass through the bar
        )
        self._task = self._bar.add_task(what, total=total, rate="", figures="")
        self._bar.start()

    def step(self, n: float = 1, **figures: Figure) -> None:
        if self._stretch is None or self._bar is None or self._task is None:
            return
        self._stretch.step(n, figures)
        rate, words = self._stretch.rate_text(), self._stretch.figures_text()
        self._bar.update(self._task, advance=n, rate=rate, figures=words)

    def note(self, line: str) -> None:
        if self._bar is None:
            say(line)
        else:
            self._bar.console.print(line)

    def done(self) -> None:
        if self._bar is None or self._stretch is None:
            return
        self._bar.stop()
        self._bar = None
        say(self._stretch.end())
        self._stretch = None
