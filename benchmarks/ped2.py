"""`make bench-ped2`: the shipped model beside detectors that learn nothing, on UCSD Ped2, in one run.

    python -m benchmarks.ped2 --data FOLDER [--model FILE ...] [--out benchmarks/ped2.md]

Prints the table and, with --out, writes it beside what produced it: commit, machine, seconds.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.baselines import frame_difference, optical_flow, running_median
from memwatch.errors import MemwatchError
from memwatch.files import write_text
from memwatch.scoring import protocols
from memwatch.scoring.protocols import Figures
from memwatch.tasks.evaluate import evaluate
from memwatch.tasks.progress import Silent
from memwatch.types import Frame
from memwatch.video import find_clips, load_truth, open_source

Baseline = Callable[[Iterator[Frame]], Iterator[tuple[int, float]]]
HEADER = "| method | causal AUC | macro | paper AUC | smoothed | pixel AUC | frames/s |"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    method: str
    causal: Figures
    paper: Figures
    smoothed: Figures
    pixel: float | None
    speed: float

    def line(self) -> str:
        cells = (self.causal.auc, self.causal.macro_auc, self.paper.auc, self.smoothed.auc, self.pixel)
        numbers = " | ".join("–" if cell is None else f"{cell:.3f}" for cell in cells)
        return f"| {self.method} | {numbers} | {self.speed:.0f} |"


def baseline_rows(data: str, name: str, method: Baseline) -> list[Row]:
    """A baseline with and without the median of five."""
    scores: list[list[float]] = []
    where: list[list[int]] = []
    labels = []
    began = time.perf_counter()
    clips = find_clips(data, part="test").clips
    for clip in clips:
        with open_source(str(clip.path)) as source:
            found = list(method(iter(source)))
            frames, size = source.length or 0, source.size or (0, 0)
        where.append([index for index, _ in found])
        scores.append([value for _, value in found])
        assert clip.truth is not None
        labels.append(load_truth(clip.truth, frames=frames, size=size).labels)
    seconds = time.perf_counter() - began
    rows = []
    for title, series in ((name, scores), (f"{name}, median of 5", [running_median(s) for s in scores])):
        whole = [protocols.fill_head(s, len(t), at=at).values for s, at, t in zip(series, where, labels, strict=True)]
        rows.append(
            Row(
                title,
                protocols.causal(whole, labels),
                protocols.paper_of(whole, labels),
                protocols.paper_of(whole, labels, smoothing=protocols.SMOOTHING_FRAMES),
                None,
                sum(map(len, labels)) / seconds,
            )
        )
    return rows


def model_rows(data: str, model: Path) -> list[Row]:
    """A model's calibrated map, and beside it MNAD's own published score of the same predictions."""
    report = evaluate(data, model=model, progress=Silent())
    speed = report.frames / report.seconds
    name = f"memwatch `{model.stem}`, memory {report.memory}"
    return [
        Row(f"{name}: calibrated map", report.causal, report.paper, report.paper_smoothed, report.pixel_auc, speed),
        Row(
            f"{name}: its PSNR and distance",
            report.psnr_causal,
            report.mnad_paper,
            report.mnad_paper_smoothed,
            None,
            speed,
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default=os.environ.get("MEMWATCH_DATA", "../shared/footage/ped2"))
    parser.add_argument("--model", type=Path, action="append")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not Path(options.data).is_dir():
        print(
            f"{options.data}: no Ped2 here. Get the UCSD Anomaly Detection Dataset v1p2 and name its folder "
            "with --data or MEMWATCH_DATA",
            file=sys.stderr,
        )
        return 2
    try:
        rows = [
            *(
                row
                for model in options.model or [Path("models/ucsd-ped2.safetensors")]
                for row in model_rows(options.data, model)
            ),
            *baseline_rows(options.data, "optical flow (learns nothing)", optical_flow),
            *baseline_rows(options.data, "frame difference (learns nothing)", frame_difference),
        ]
    except MemwatchError as error:
        print(f"bench-ped2: {error.line()}", file=sys.stderr)
        return error.code
    table = "\n".join([HEADER, "|---|" + "---|" * 6, *(row.line() for row in rows)])
    print(table)
    if options.out:
        write_text(options.out, _page(table))
    return 0


def _page(table: str) -> str:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], capture_output=True, text=True, check=False
    )
    return (
        "# UCSD Ped2, all 2,010 test frames\n\n"
        "`make bench-ped2` printed this. Causal: no frame's score knows a later frame or the clip's range;\n"
        "one ranking of all frames (for PSNR and distance: PSNR alone). Paper: each clip stretched to 0…1 by\n"
        "its own range first, which a camera cannot know. See `docs/metrics.md`.\n\n"
        f"{table}\n\n"
        f"Commit {commit.stdout.strip()}, {date.today()}, {platform.machine()}, {os.cpu_count()} cores.\n"
        "The footage is the JPEG form of UCSD Ped2 v1p2 (Mahadevan et al., CVPR 2010).\n"
    )


if __name__ == "__main__":
    sys.exit(main())
