"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memwatch.console import ReportFormat

Model = Annotated[Path, typer.Option("--model", help="Model file made by train.", metavar="FILE")]
Fps = Annotated[
    float | None,
    typer.Option("--fps", min=0.1, max=1000, metavar="RATE", help="Rate of a folder of frames; footage knows its own."),
]
Learn = Annotated[bool, typer.Option("--learn/--no-learn", help="Let the memory follow what is normal while it runs.")]
Form = Annotated[ReportFormat, typer.Option("--format", help="auto: a table on a terminal, else JSON.")]
