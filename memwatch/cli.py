"""The command line: options in, verbs called, reports out. Light: a verb is imported when it is called."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from memwatch import __version__, cli_live, cli_pages, cli_train, console
from memwatch.console import ReportFormat
from memwatch.errors import EXIT_DONE, EXIT_USAGE
from memwatch.options import FalseAlarms, Form, Fps, Learn, MaxSize, MinSize, Model, sizes_of
from memwatch.process import asked_to_stop, run

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help pages take twice the time to start
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


class RowFormat(StrEnum):
    """How score files are written."""

    csv = "csv"
    ndjson = "ndjson"


def _version(wanted: bool) -> None:
    if wanted:
        print(f"memwatch {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def memwatch(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Learns what is normal for a fixed camera and marks, frame by frame and box by box, what is not.

    \b
    Example:
      memwatch watch samples/walkway-test.mp4 --model models/walkway.safetensors --out runs/demo
    """
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(EXIT_USAGE)


cli_train.add_to(app)


@app.command()
def score(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="Video files, folders of frames, folders of clips."),
    ],
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.", metavar="DIR")],
    form: Annotated[RowFormat, typer.Option("--format", help="How the scores are written.")] = RowFormat.csv,
    annotate: Annotated[bool, typer.Option("--annotate", help="Also write a marked clip (H.264).")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Skip what is already done in --out.")] = False,
    fps: Fps = None,
    learn: Learn = True,
    per_day: FalseAlarms = None,
    min_size: MinSize = 0.0,
    max_size: MaxSize = 100.0,
) -> int:
    """Score recordings, each into a folder of results.

    Every frame gets a score and, where it is odd, boxes; --annotate adds a marked clip.

    \b
    Example:
      memwatch score night/*.mp4 --model models/yard.safetensors --out runs/night --annotate
    """
    from memwatch.tasks.score import score as task

    report = task(
        sources,
        model=model,
        out=out,
        fmt=form.value,
        annotate=annotate,
        resume=resume,
        fps=fps,
        learn=learn,
        per_day=per_day,
        sizes=sizes_of(min_size, max_size),
        progress=console.progress(),
    )
    console.show(report)
    return report.exit_code


@app.command()
def watch(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="rtsp:// or http:// URLs, usb:0, recordings, or one cameras.toml."),
    ],
    model: Annotated[
        Path | None, typer.Option("--model", help="Model file made by train.", metavar="FILE")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Of one source: marked clip, scores, events, timeline.", metavar="DIR"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Keep events, their clips and what is learned here.", metavar="DIR"),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show a page at http://127.0.0.1:8765.")] = False,
    learn: Learn = True,
    rate: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="SHARE", help="How far a learned frame moves the memory."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Keep what the memory learned in this file, and go on from it.", metavar="FILE"),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option("--fps", min=0.1, max=1000, metavar="RATE", help="Frames a second to score; a folder's own rate."),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Stop after this many seconds.")
    ] = None,
    per_day: FalseAlarms = None,
    min_size: MinSize = 0.0,
    max_size: MaxSize = 100.0,
) -> int:
    """Watch cameras or recordings and print their events.

    Events and states are NDJSON on stdout: one object a line, the same id again is an update. Cameras are watched until
    they are stopped: a camera that is lost is tried again for ever.

    \b
    Example:
      memwatch watch rtsp://camera/stream --model models/yard.safetensors --data events --serve
      memwatch watch cameras.toml
    """
    from memwatch.tasks.live import is_one_session, watch_cameras
    from memwatch.tasks.watch import watch as watch_one

    # On a terminal the events themselves are drawn there: a bar would be torn by every one of them.
    listener = console.progress(bar=not sys.stdout.isatty())
    try:
        if is_one_session(sources, out=out, state=state, rate=rate, data=data, serve=serve):
            report: Any = watch_one(
                sources[0],
                model=model,
                out=out,
                learn=learn,
                rate=rate,
                state=state,
                fps=fps,
                duration=duration,
                per_day=per_day,
                sizes=sizes_of(min_size, max_size),
                stream=sys.stdout,
                progress=listener,
            )
        else:
            typed = {
                "learn": (learn, True), "fps": (fps, None), "false_alarms_per_day": (per_day, None),
                "min_size_percent": (min_size, 0.0), "max_size_percent": (max_size, 100.0),
            }  # fmt: skip
            report = watch_cameras(
                sources,
                model=model,
                data=data,
                overrides={key: value for key, (value, usual) in typed.items() if value != usual},
                serve=serve,
                duration=duration,
                stream=sys.stdout,
                progress=listener,
            )
    except KeyboardInterrupt as stop:
        if not asked_to_stop(stop):
            raise
        return EXIT_DONE  # a service that was asked to stop, and has closed its events, has done its work
    console.print_table(report.rows(), sys.stderr)  # stdout has the events
    stopped: KeyboardInterrupt | None = getattr(report, "stopped", None)
    if stopped is not None and not asked_to_stop(stopped):
        raise stopped
    if stopped is not None:
        return EXIT_DONE
    return int(report.exit_code)


@app.command()
def evaluate(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="Folder of labelled footage (plain, UCSD, MNAD, Avenue).")
    ],
    model: Model,
    form: Form = ReportFormat.auto,
    carry_memory: Annotated[
        bool, typer.Option("--carry-memory", help="Carry the memory from clip to clip, as the paper does.")
    ] = False,
    learn: Learn = True,
    fps: Fps = None,
    per_day: FalseAlarms = None,
    min_size: MinSize = 0.0,
    max_size: MaxSize = 100.0,
) -> int:
    """Measure a model on a labelled data set.

    Scores the test part and says how well odd frames are told from normal ones.

    \b
    Example:
      memwatch evaluate footage/ped2 --model models/ucsd-ped2.safetensors --format json
    """
    from memwatch.tasks.evaluate import evaluate as task

    report = task(
        dataset,
        model=model,
        learn=learn,
        carry_memory=carry_memory,
        fps=fps,
        per_day=per_day,
        sizes=sizes_of(min_size, max_size),
        progress=console.progress(),
    )
    console.show(report, form)
    return report.exit_code


@app.command()
def probe(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Video file, folder of frames, URL or usb:0.")],
    form: Form = ReportFormat.auto,
) -> int:
    """Say what a source is.

    Its codec, size, rate and length, and the first problem found.

    \b
    Example:
      memwatch probe rtsp://camera/stream
    """
    from memwatch.tasks.probe import probe as task

    console.show(task(source, seconds=5.0).to_dict(), form)
    return EXIT_DONE


@app.command()
def info(
    model: Annotated[Path, typer.Argument(help="Model file made by train.", metavar="MODEL")],
    form: Form = ReportFormat.auto,
) -> int:
    """Show a model file's card.

    What it is, how it was trained and how it was calibrated.

    \b
    Example:
      memwatch info models/walkway.safetensors
    """
    from memwatch.tasks.info import info as task

    console.show(task(model), form)
    return EXIT_DONE


cli_live.add_to(app)
cli_pages.add_to(app)


def main() -> None:
    """The `memwatch` command."""
    sys.exit(run(typer.main.get_command(app), sys.argv[1:]))
