"""`memwatch report`: what a run found, as one page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memwatch.errors import UsageError
from memwatch.files import write_text
from memwatch.tasks.report_page import MARK, page
from memwatch.tasks.report_run import read_runs


@dataclass(frozen=True, slots=True)
class PageReport:
    """Where the page is, and what it shows."""

    path: Path
    clips: int
    frames: int
    events: int
    labelled: int
    """Clips whose truth was found beside their footage."""
    size: int
    """Bytes."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": "memwatch.report/1",
            "page": str(self.path),
            "clips": self.clips,
            "frames": self.frames,
            "events": self.events,
            "labelled": self.labelled,
            "bytes": self.size,
        }

    def rows(self) -> Sequence[tuple[str, str]]:
        labelled = f", {self.labelled} with truth" if self.labelled else ""
        return [
            ("run", f"{self.clips} clips{labelled}, {self.frames} frames, {self.events} events"),
            ("page", f"{self.path} ({self.size / 1e6:.1f} MB)"),
        ]


def report(run: Path, *, out: Path | None = None) -> PageReport:
    """Write the page of `run`, a folder that `watch`, `score` or `evaluate` left, to `out` or RUN/report.html.

    Raises UsageError where there are no scores or `out` is some other file, MemwatchError where the run is damaged.
    """
    clips = read_runs(run)
    path = out or run / "report.html"
    _check_ours(path)
    text = page(clips, title=run.resolve().name)
    write_text(path, text)
    return PageReport(
        path,
        clips=len(clips),
        frames=sum(len(clip.seconds) for clip in clips),
        events=sum(len(clip.events) for clip in clips),
        labelled=sum(clip.labels is not None for clip in clips),
        size=len(text.encode()),
    )


def _check_ours(path: Path) -> None:
    """An earlier report is replaced; nothing else is."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", "name a file, such as report.html")
    if path.exists():
        with path.open("rb") as file:
            if MARK.encode() not in file.read(400):
                raise UsageError(f"{path}: exists and is not a report of memwatch's", "choose another --out")
