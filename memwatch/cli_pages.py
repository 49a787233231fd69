"""The commands that show: a run as a page, a frame as a picture, a camera's memory at a glance."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from memwatch import console
from memwatch.console import ReportFormat
from memwatch.errors import EXIT_DONE
from memwatch.options import FalseAlarms, Form, Fps, Learn, MaxSize, MinSize, Model, sizes_of


def add_to(app: typer.Typer) -> None:
    """Give `app` these commands."""
    for command in (report, explain, memory):
        app.command()(command)


def report(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder that watch or score wrote with --out.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Page to write. [default: RUN/report.html]", metavar="FILE")
    ] = None,
    form: Form = ReportFormat.auto,
) -> int:
    """Show a run as one page for a browser.

    Scores over time, a picture and a heat map of each event and, where the truth is known, what was found and missed.
    The page needs nothing but itself.

    \b
    Example:
      memwatch report runs/demo
    """
    from memwatch.tasks.report import report as task

    console.show(task(run, out=out), form)
    return EXIT_DONE


def explain(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Video file or folder of frames.")],
    frame: Annotated[int, typer.Option("--frame", min=0, metavar="N", help="Frame to explain, counted from 0.")],
    model: Model,
    out: Annotated[
        Path | None, typer.Option("--out", help="Picture to write. [default: NAME-frame-N.png]", metavar="PNG")
    ] = None,
    fps: Fps = None,
    learn: Learn = True,
    per_day: FalseAlarms = None,
    min_size: MinSize = 0.0,
    max_size: MaxSize = 100.0,
    form: Form = ReportFormat.auto,
) -> int:
    """Show how one frame got its score.

    One picture: what the network saw and predicted, what each cue says, the map and its boxes, what the memory read.
    The recording is watched from its start, so that the score is the one that watch and score give.

    \b
    Example:
      memwatch explain samples/walkway-test.mp4 --frame 180 --model models/walkway.safetensors
    """
    from memwatch.tasks.explain import explain as task

    done = task(
        source,
        frame=frame,
        model=model,
        out=out,
        fps=fps,
        learn=learn,
        per_day=per_day,
        sizes=sizes_of(min_size, max_size),
        progress=console.progress(),
    )
    console.show(done, form)
    return EXIT_DONE


class Action(StrEnum):
    """What to do with a camera's memory."""

    show = "show"
    reset = "reset"
    freeze = "freeze"
    thaw = "thaw"


def memory(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="ACTION", help="show it; reset it to what training left; freeze it as it is; thaw: learn again."
        ),
    ],
    state: Annotated[Path, typer.Option("--state", help="File that watch --state keeps.", metavar="FILE")],
    model: Annotated[
        Path | None, typer.Option("--model", help="show: the model it belongs to, to say how far it moved.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="show: a picture of what each item stands for.", metavar="PNG")
    ] = None,
    form: Form = ReportFormat.auto,
) -> int:
    """Show what a camera's memory has learned since training, or start, stop and reset it.

    Its age, what it learned from and what it refused, how far it has moved, and which of its items are in use.

    \b
    Example:
      memwatch memory show --state yard.state --model models/yard.safetensors --picture yard.png
    """
    from memwatch.tasks import memory as tasks

    if action is not Action.show and (model or picture):
        raise typer.BadParameter(f"{action} takes the state alone", param_hint="--model" if model else "--picture")
    match action:
        case Action.show:
            report = tasks.show(state, model=model, picture=picture)
        case Action.reset:
            report = tasks.reset(state)
        case Action.freeze:
            report = tasks.freeze(state)
        case Action.thaw:
            report = tasks.thaw(state)
    console.show(report, form)
    return EXIT_DONE
