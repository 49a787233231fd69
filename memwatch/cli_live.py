"""The commands of live cameras besides watch: their events, configuration and zones, and a clip played again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from memwatch import console
from memwatch.console import ReportFormat
from memwatch.errors import EXIT_DONE
from memwatch.options import Form
from memwatch.process import asked_to_stop

Data = Annotated[Path, typer.Option("--data", help="Folder that watch keeps its events in.", metavar="DIR")]
Id = Annotated[str, typer.Argument(metavar="ID", help="An event's id, or enough of its beginning.")]
Camera = Annotated[str | None, typer.Option("--camera", help="Only of this camera.", metavar="NAME")]
Since = Annotated[
    str | None, typer.Option("--since", help="From then on: 2h, 3d, or 2026-03-01T18:00.", metavar="TIME")
]
Config = Annotated[Path, typer.Argument(metavar="FILE", help="Configuration file (TOML).")]


class Label(StrEnum):
    """What a person says of an event."""

    normal = "normal"
    anomaly = "anomaly"
    none = "none"


class Rows(StrEnum):
    """How a list is printed."""

    auto = "auto"
    table = "table"
    ndjson = "ndjson"


def add_to(app: typer.Typer) -> None:
    """Give `app` these commands."""
    app.command()(replay)
    groups: tuple[tuple[str, str, dict[str, Callable[..., int]]], ...] = (
        ("events", EVENTS, {"list": list_, "show": show, "label": label, "export": export, "delete": delete}),
        ("config", CONFIG, {"init": init, "check": check, "show": show_config, "schema": schema}),
        ("zones", ZONES, {"draw": draw}),
    )
    for name, words, commands in groups:
        group = typer.Typer(help=words, rich_markup_mode=None)
        for verb, command in commands.items():
            group.command(verb)(command)
        app.add_typer(group, name=name)


EVENTS = """List, show, label, export and delete what watch has kept.

\b
Example:
  memwatch events list --data events --since 12h
"""
CONFIG = """Begin, check and show the configuration of live cameras.

\b
Example:
  memwatch config check cameras.toml
"""
ZONES = """Draw where it matters onto a camera's picture.

\b
Example:
  memwatch zones draw rtsp://camera/stream
"""


def list_(
    data: Data,
    camera: Camera = None,
    since: Since = None,
    labelled: Annotated[Label | None, typer.Option("--label", help="Only those with this label.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, metavar="N", help="At most so many, the newest.")] = 100,
    form: Annotated[Rows, typer.Option("--format", help="auto: a table on a terminal, else NDJSON.")] = Rows.auto,
) -> int:
    """List events, the newest first."""
    from memwatch.tasks.kept_events import listed

    rows = listed(data, camera=camera, since=since, label=labelled.value if labelled else None, most=most)
    if form is Rows.table or (form is Rows.auto and sys.stdout.isatty()):
        console.print_table([row.cells() for row in rows], sys.stdout)
    else:
        for row in rows:
            console.show(row.to_dict(), ReportFormat.json)
    return EXIT_DONE


def show(event: Id, data: Data, form: Form = ReportFormat.auto) -> int:
    """Show one event and where its files lie."""
    from memwatch.tasks.kept_events import shown

    console.show(shown(data, event), form)
    return EXIT_DONE


def label(
    event: Id,
    label: Annotated[Label, typer.Argument(help="normal teaches the camera; none takes a label back.")],
    data: Data,
) -> int:
    """Say what an event was.

    A camera that is being watched follows within half a minute: at the places of what was normal it asks for more.
    """
    from memwatch.tasks.kept_events import labelled

    console.show(labelled(data, event, None if label is Label.none else label.value))
    return EXIT_DONE


def export(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder to copy to.", metavar="DIR")],
    camera: Camera = None,
    since: Since = None,
    labelled: Annotated[Label | None, typer.Option("--label", help="Only those with this label.")] = None,
) -> int:
    """Copy events with their files, and a list of them as NDJSON, into a folder."""
    from memwatch.tasks.kept_events import exported

    console.show(exported(data, out, camera=camera, since=since, label=labelled.value if labelled else None))
    return EXIT_DONE


def delete(
    events: Annotated[list[str], typer.Argument(metavar="ID...", help="Events' ids, or enough of their beginnings.")],
    data: Data,
) -> int:
    """Delete events with their files, labelled ones too."""
    from memwatch.tasks.kept_events import deleted

    console.show(deleted(data, events))
    return EXIT_DONE


def init() -> int:
    """Print a configuration to begin with."""
    from memwatch.live.settings_file import EXAMPLE

    print(EXAMPLE, end="")
    return EXIT_DONE


def check(file: Config) -> int:
    """Read a configuration and name everything that is wrong with it."""
    from memwatch.tasks.configured import checked

    console.show(checked(file))
    return EXIT_DONE


def show_config(file: Config, form: Form = ReportFormat.auto) -> int:
    """Show the settings in effect, what the environment sets included, without secrets."""
    from memwatch.tasks.configured import in_effect

    console.show(in_effect(file), form)
    return EXIT_DONE


def schema() -> int:
    """Print the configuration's JSON schema, for editors."""
    from memwatch.live.settings_file import schema as made

    console.show(made(), ReportFormat.json)
    return EXIT_DONE


def draw(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="rtsp:// or http:// URL, usb:0 or a recording.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the page.", metavar="N")] = 8765,
) -> int:
    """Open a page to draw zones on a picture of a source, and print them for its configuration.

    For a camera that is being watched with --serve, its own page does the same and puts them into effect.
    """
    from memwatch.tasks.draw_zones import draw_zones

    text = draw_zones(source, port=port, progress=console.progress(bar=False))
    print(text, end="")
    return EXIT_DONE


def replay(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="Recording, or folder of frames.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration with the camera's settings.", metavar="FILE")
    ] = None,
    camera: Annotated[
        str | None, typer.Option("--camera", help="Whose settings; the only one's unless given.", metavar="NAME")
    ] = None,
    model: Annotated[Path | None, typer.Option("--model", help="Model file made by train.", metavar="FILE")] = None,
    speed: Annotated[
        float | None,
        typer.Option("--speed", min=0.01, metavar="N", help="Times real time. [default: as fast as it goes]"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep events and clips in this folder.", metavar="DIR")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show the page meanwhile.")] = False,
) -> int:
    """Push a recording through the path of live cameras, to try a threshold or a zone on last night.

    Nothing is sent to brokers, addresses or programs, and nothing of the camera's own memory or events is touched.

    \b
    Example:
      memwatch replay night.mp4 --config cameras.toml --camera yard --data trial
    """
    from memwatch.tasks.replay import replay as task

    try:
        report: Any = task(
            clip,
            config=config,
            camera=camera,
            model=model,
            speed=speed,
            data=data,
            serve=serve,
            stream=sys.stdout,
            progress=console.progress(bar=not sys.stdout.isatty()),
        )
    except KeyboardInterrupt as stop:
        if not asked_to_stop(stop):
            raise
        return EXIT_DONE
    console.print_table(report.rows(), sys.stderr)
    return int(report.exit_code)
