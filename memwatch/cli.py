"""The command line: options in, verbs called, reports out. Light: a verb is imported when it is called."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from memwatch import __version__, cli_pages, console
from memwatch.config import MEMORIES, TASKS, RegionConfig
from memwatch.console import ReportFormat
from memwatch.errors import EXIT_DONE, EXIT_USAGE
from memwatch.options import Form, Fps, Learn, Model
from memwatch.process import asked_to_stop, run

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help pages take twice the time to start
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


class Preset(StrEnum):
    """Sizes of network and schedule."""

    small = "small"
    base = "base"
    plain = "plain"
    paper = "paper"


class MemoryKind(StrEnum):
    """The memory of normality inside the network."""

    mnad = "mnad"
    memae = "memae"
    prototypes = "prototypes"
    blockwise = "blockwise"
    grid = "grid"
    none = "none"


class NetworkTask(StrEnum):
    """What the network is asked for."""

    predict = "predict"
    reconstruct = "reconstruct"


TASK_HELP = "What the network makes: " + "; ".join(f"{name}: {what}" for name, what in TASKS.items()) + "."
MEMORY_HELP = "Memory of normality: " + "; ".join(f"{name}: {what}" for name, what in MEMORIES.items()) + "."


class RowFormat(StrEnum):
    """How score files are written."""

    csv = "csv"
    ndjson = "ndjson"


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


def _sizes(least: float, most: float) -> RegionConfig:
    """Of regions that count, from percent of the picture."""
    return RegionConfig(min_area=least / 100, max_area=most / 100)


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


@app.command()
def train(
    footage: Annotated[
        list[str],
        typer.Argument(metavar="FOOTAGE", help="Normal footage: video files, folders of frames, a data set."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Model file to write.", metavar="FILE")],
    preset: Annotated[
        Preset, typer.Option(help="Size of network and schedule; plain only predicts, paper is MNAD as published.")
    ] = Preset.base,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, metavar="N", help="Fit the schedule into this many minutes.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Train for this many steps.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, metavar="N", help="Same seed, steps and footage: same model.")
    ] = 0,
    network_task: Annotated[
        NetworkTask, typer.Option("--task", help=TASK_HELP)
    ] = NetworkTask.predict,
    memory: Annotated[MemoryKind | None, typer.Option(help=MEMORY_HELP + " [default: the preset's]")] = None,
    memory_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Setting of the memory, as items=50; repeatable.")
    ] = None,
    per_day: Annotated[
        float, typer.Option("--false-alarms-per-day", metavar="N", help="Budget that sets the threshold.")
    ] = 1.0,
    fps: Fps = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model file that exists.")] = False,
) -> int:
    """Learn what is normal from normal footage.

    \b
    Example:
      memwatch train monday.mp4 tuesday.mp4 --out models/yard.safetensors --minutes 30
    """
    if minutes is not None and steps is not None:
        raise typer.BadParameter("give --minutes or --steps, not both", param_hint="--steps")
    from memwatch.tasks.train import train as task

    report = task(
        footage,
        out,
        preset=preset.value,
        minutes=minutes,
        steps=steps,
        resume=resume,
        seed=seed,
        network_task=network_task.value,
        memory=None if memory is None else memory.value,
        memory_options=memory_option or (),
        per_day=per_day,
        fps=fps,
        force=force,
        progress=console.progress(),
    )
    console.show(report)
    return EXIT_DONE


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
        sizes=_sizes(min_size, max_size),
        progress=console.progress(),
    )
    console.show(report)
    return report.exit_code


@app.command()
def watch(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Video file, folder of frames, rtsp:// or http:// URL, usb:0."),
    ],
    model: Model,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for marked clip, scores, events and timeline.", metavar="DIR"),
    ] = None,
    learn: Learn = True,
    rate: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="SHARE", help="How far a learned frame moves the memory."),
    ] = None,
    fps: Fps = None,
    duration: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Stop after this many seconds.")
    ] = None,
    per_day: FalseAlarms = None,
    min_size: MinSize = 0.0,
    max_size: MaxSize = 100.0,
) -> int:
    """Watch a camera or a recording and print its events.

    Events are NDJSON on stdout: one object a line, the same id again is an update.

    \b
    Example:
      memwatch watch rtsp://camera/stream --model models/yard.safetensors --no-learn > events.ndjson
    """
    from memwatch.tasks.watch import watch as task

    # On a terminal the events themselves are drawn there: a bar would be torn by every one of them.
    listener = console.progress(bar=not sys.stdout.isatty())
    try:
        report = task(
            source,
            model=model,
            out=out,
            learn=learn,
            rate=rate,
            fps=fps,
            duration=duration,
            per_day=per_day,
            sizes=_sizes(min_size, max_size),
            stream=sys.stdout,
            progress=listener,
        )
    except KeyboardInterrupt as stop:
        if not asked_to_stop(stop):
            raise
        return EXIT_DONE  # a service that was asked to stop, and has closed its events, has done its work
    console.print_table(report.rows(), sys.stderr)  # stdout has the events
    return report.exit_code


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
        sizes=_sizes(min_size, max_size),
        progress=console.progress(),
    )
    console.show(report, form)
    return report.exit_code


@app.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="Model file made by train.", metavar="MODEL")],
    footage: Annotated[list[str], typer.Argument(metavar="FOOTAGE", help="Normal footage of the same camera.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Model file to write. [default: the one given]", metavar="FILE")
    ] = None,
    per_day: Annotated[
        float, typer.Option("--false-alarms-per-day", metavar="N", help="Budget that sets the threshold.")
    ] = 1.0,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="The footage is what train had: use only what it kept apart.")
    ] = False,
    leave_out_events: Annotated[
        bool, typer.Option("--leave-out-events", help="Cut out what stands far above the rest of the footage.")
    ] = False,
    fps: Fps = None,
    form: Form = ReportFormat.auto,
) -> int:
    """Fit a model's score and threshold to normal footage anew.

    All of the footage counts as unseen, unless --held-out says otherwise. The threshold is set so that footage like it
    raises as many events as the budget allows; what its length cannot prove is said.

    \b
    Example:
      memwatch calibrate models/yard.safetensors winter.mp4 --false-alarms-per-day 5
    """
    from memwatch.tasks.recalibrate import recalibrate as task

    report = task(
        model,
        footage,
        out=out,
        per_day=per_day,
        held_out=held_out,
        leave_out_events=leave_out_events,
        fps=fps,
        progress=console.progress(),
    )
    console.show(report, form)
    return EXIT_DONE


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


cli_pages.add_to(app)


def main() -> None:
    """The `memwatch` command."""
    sys.exit(run(typer.main.get_command(app), sys.argv[1:]))
