"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memwatch.config import RegionConfig
from memwatch.console import ReportFormat

Model = Annotated[Path, typer.Option("--model", help="Model file made by train.", metavar="FILE")]
Fps = Annotated[
    float | None,
    typer.Option("--fps", min=0.1, max=1000, metavar="RATE", help="Rate of a folder of frames; footage knows its own."),
]
Learn = Annotated[bool, typer.Option("--learn/--no-learn", help="Let the memory follow what is normal while it runs.")]
Form = Annotated[ReportFormat, typer.Option("--format", help="auto: a table on a terminal, else JSON.")]
MinSize = Annotated[
    float,
    typer.Option("--min-size", min=0, max=100, metavar="PERCENT", help="Ignore what takes less of the picture."),
]
MaxSize = Annotated[
    float,
    typer.Option("--max-size", min=0, max=100, metavar="PERCENT", help="Ignore what takes more of the picture."),
]
FalseAlarms = Annotated[
    float | None,
    typer.Option("--false-alarms-per-day", metavar="N", help="Budget that sets the threshold. [default: the model's]"),
]


def sizes_of(least: float, most: float) -> RegionConfig:
    """Of regions that count, from percent of the picture."""
    return RegionConfig(min_area=least / 100, max_area=most / 100)
