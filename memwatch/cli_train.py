"""The commands that make models: trained, adapted to another camera, calibrated anew."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from memwatch import console
from memwatch.config import MEMORIES, TASKS
from memwatch.console import ReportFormat
from memwatch.errors import EXIT_DONE
from memwatch.options import Form, Fps


class Preset(StrEnum):
    """Sizes of network and schedule."""

    small = "small"
    base = "base"
    predictor = "predictor"
    plain = "plain"
    paper = "paper"


class MemoryKind(StrEnum):
    """The memory of normality inside the network."""

    mnad = "mnad"
    memae = "memae"
    prototypes = "prototypes"
    blockwise = "blockwise"
    grid = "grid"
    students = "students"
    none = "none"


class Device(StrEnum):
    """Where a training computes."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class NetworkTask(StrEnum):
    """What the network is asked for."""

    predict = "predict"
    reconstruct = "reconstruct"


TASK_HELP = "What the network makes: " + "; ".join(f"{name}: {what}" for name, what in TASKS.items()) + "."
MEMORY_OPTIONS = {
    "mnad": "items, temperature, update, rate, recall, drift",
    "memae": "items, temperature, shrink",
    "prototypes": "items, meta",
    "blockwise": "items, temperature, block, sides",
    "grid": "local, whole",
    "students": "dimensions, width, patch, students, reduce, stride, teacher, distil",
}
"""Said again here, for help that need not wait for torch; a test holds it against the memories' own."""
MEMORY_LINES = "\n".join(
    f"  {name:<11}{what}" + (f"\n{'':<13}{MEMORY_OPTIONS[name]}" if name in MEMORY_OPTIONS else "")
    for name, what in MEMORIES.items()
)

Footage = Annotated[
    list[str], typer.Argument(metavar="FOOTAGE", help="Normal footage: video files, folders of frames, a data set.")
]
Out = Annotated[Path, typer.Option("--out", help="Model file to write.", metavar="FILE")]
Steps = Annotated[int | None, typer.Option(min=1, metavar="N", help="Train for this many steps.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")]
Seed = Annotated[
    int, typer.Option(min=0, max=2**63 - 1, metavar="N", help="Same seed, steps, footage and processor: same model.")
]
PerDay = Annotated[float, typer.Option("--false-alarms-per-day", metavar="N", help="Budget that sets the threshold.")]
On = Annotated[Device, typer.Option("--device", help="Where it computes; auto: on a GPU where torch finds one.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a model file that exists.")]


def add_to(app: typer.Typer) -> None:
    """Give `app` these commands."""
    app.command(epilog=f"\b\nMemories, and what --memory-option sets of each (docs/papers):\n{MEMORY_LINES}")(train)
    for command in (adapt, calibrate):
        app.command()(command)


def train(
    footage: Footage,
    out: Out,
    preset: Annotated[
        Preset,
        typer.Option(help="Size and schedule; predictor is base without head, plain only predicts, paper is MNAD's."),
    ] = Preset.base,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, metavar="N", help="Fit the schedule into this many minutes.")
    ] = None,
    steps: Steps = None,
    resume: Resume = False,
    seed: Seed = 0,
    network_task: Annotated[NetworkTask, typer.Option("--task", help=TASK_HELP)] = NetworkTask.predict,
    memory: Annotated[
        MemoryKind | None, typer.Option(help="Memory of normality, see below. [default: the preset's]")
    ] = None,
    memory_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Setting of the memory, see below; repeatable.")
    ] = None,
    adversarial: Annotated[
        bool,
        typer.Option(
            "--adversarial", help="For the memory blockwise: train against a network that tells predicted frames."
        ),
    ] = False,
    per_day: PerDay = 1.0,
    fps: Fps = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Random weights for base's head, not those of one that saw people.")
    ] = False,
    device: On = Device.auto,
    force: Force = False,
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
        adversarial=adversarial,
        per_day=per_day,
        fps=fps,
        from_scratch=from_scratch,
        device=device.value,
        force=force,
        progress=console.progress(),
    )
    console.show(report)
    return EXIT_DONE


def adapt(
    model: Annotated[Path, typer.Argument(help="Model of another camera.", metavar="MODEL")],
    footage: Footage,
    out: Out,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, metavar="N", help="Fit it into this many minutes. [default: 3]")
    ] = None,
    steps: Steps = None,
    resume: Resume = False,
    seed: Seed = 0,
    per_day: PerDay = 1.0,
    fps: Fps = None,
    device: On = Device.auto,
    force: Force = False,
) -> int:
    """Make a model of a new camera from one of another, in minutes.

    About a minute of normal footage of the new camera is enough to begin with: what the model knows of how things move
    and look is kept, what it knows of the other scene is learned anew, and the threshold is set for the new one.

    \b
    Example:
      memwatch adapt models/yard.safetensors gate.mp4 --out models/gate.safetensors
    """
    from memwatch.tasks.adapt import adapt as task

    report = task(
        model,
        footage,
        out,
        minutes=minutes,
        steps=steps,
        resume=resume,
        seed=seed,
        per_day=per_day,
        fps=fps,
        device=device.value,
        force=force,
        progress=console.progress(),
    )
    console.show(report)
    return EXIT_DONE


def calibrate(
    model: Annotated[Path, typer.Argument(help="Model file made by train.", metavar="MODEL")],
    footage: Annotated[list[str], typer.Argument(metavar="FOOTAGE", help="Normal footage of the same camera.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Model file to write. [default: the one given]", metavar="FILE")
    ] = None,
    per_day: PerDay = 1.0,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="The footage is what train had: use only what it kept apart.")
    ] = False,
    leave_out_events: Annotated[
        bool, typer.Option("--leave-out-events", help="Cut out what stands far above the rest of the footage.")
    ] = False,
    every_event: Annotated[
        bool, typer.Option("--all", help="Count the events of all the footage, for hours of it (10 ms a frame).")
    ] = False,
    fps: Fps = None,
    form: Form = ReportFormat.auto,
) -> int:
    """Fit a model's score and threshold to normal footage anew.

    All of the footage counts as unseen, unless --held-out says otherwise. The threshold is set so that footage like it
    raises as many events as the budget allows; what its length cannot prove is said. Half an hour is kept, of longer
    footage stretches spread evenly; with --all the threshold rests on every hour of it.

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
        every_event=every_event,
        fps=fps,
        progress=console.progress(),
    )
    console.show(report, form)
    return EXIT_DONE
