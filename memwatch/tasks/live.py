"""`memwatch watch` on cameras: any number at once, for as long as they are wanted."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from memwatch.errors import EXIT_DONE, EXIT_FAILED, EXIT_PARTIAL, UsageError
from memwatch.files import lock_folder
from memwatch.live.address import name_from
from memwatch.live.mistakes import ConfigError
from memwatch.live.settings import Camera, Settings
from memwatch.live.settings_file import load_settings
from memwatch.sinks import QueuedLines
from memwatch.sinks.worker import told
from memwatch.tasks.configured import check_all, exposed
from memwatch.tasks.fleet import Fleet
from memwatch.tasks.live_outputs import Outputs
from memwatch.tasks.progress import Progress
from memwatch.types import StateEvent
from memwatch.video import BackOff, camera_address, redact

TICK_S = 0.5


@dataclass(slots=True)
class FleetReport:
    """What became of each camera."""

    cameras: list[dict[str, Any]]
    failed: list[str] = field(default_factory=list)
    """Names of those that ended before their end."""
    stopped: KeyboardInterrupt | None = None
    """Who stopped it, if somebody did."""

    @property
    def exit_code(self) -> int:
        if not self.failed:
            return EXIT_DONE
        return EXIT_FAILED if len(self.failed) == len(self.cameras) else EXIT_PARTIAL

    def rows(self) -> list[tuple[str, str]]:
        return [
            (
                camera["camera"],
                f"{camera['state']}: {camera['received']} frames, {camera['scored']} scored, {camera['dropped']} "
                f"dropped, {camera['events']} events",
            )
            for camera in self.cameras
        ]

    def to_dict(self) -> dict[str, Any]:
        return {"schema": "memwatch.fleet/1", "cameras": self.cameras}


def is_one_session(
    sources: Sequence[str],
    *,
    out: Path | None,
    state: Path | None,
    rate: float | None,
    data: Path | None,
    serve: bool,
) -> bool:
    """Whether this is one recording, or one camera's session into a folder (`watch`), and not cameras to be kept.

    Raises UsageError for options of the one kind with the other.
    """
    single = {"--out": out, "--state": state, "--rate": rate}
    given = [name for name, value in single.items() if value is not None]
    toml = sources[0].endswith(".toml")
    if given and (len(sources) > 1 or toml or data or serve):
        raise UsageError(
            f"{given[0]} goes with one source, and without --data and --serve",
            "give --data instead, or watch one source",
        )
    if len(sources) > 1 or toml or data or serve:
        return False
    return bool(given) or camera_address(sources[0]) is None


def settings_of(
    sources: Sequence[str], *, model: Path | None, data: Path | None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """What was typed, as settings: one configuration file, or addresses that are all watched with one model."""
    files = [source for source in sources if source.endswith(".toml")]
    overrides = dict(overrides or {})
    if not files:
        cameras: dict[str, Camera] = {}
        for source in sources:
            try:
                cameras[name_from(source, cameras)] = Camera(url=source, model=model, **overrides)
            except ValidationError as error:  # its own text would show the address
                first = error.errors(include_url=False, include_input=False, include_context=False)[0]
                raise UsageError(str(first["msg"]).removeprefix("Value error, ")) from None
        return Settings(data=data, camera=cameras)
    if len(sources) > 1:
        raise UsageError("a configuration file goes alone", "put the other cameras into it")
    file = Path(files[0])
    settings = load_settings(file)
    overrides |= {"model": model} if model else {}
    if data is not None:
        settings = settings.model_copy(update={"data": data})
    if overrides:
        changed = {name: camera.model_copy(update=overrides) for name, camera in settings.camera.items()}
        settings = settings.model_copy(update={"camera": changed})
    check_all(settings, file)
    return settings


def watch_cameras(
    sources: Sequence[str],
    *,
    model: Path | None,
    data: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    serve: bool = False,
    duration: float | None = None,
    pace: float | None = None,
    back_off: BackOff | None = None,
    stream: TextIO,
    progress: Progress,
) -> FleetReport:
    """Watch cameras until they end (recordings), `duration` seconds have passed, or the user stops it.

    sources: addresses, or one .toml file. data: folder of events and memories. overrides: settings that go before those
    of the file. pace: see `LiveCamera`. SIGHUP reads the file anew.
    """
    return run_fleet(
        lambda: settings_of(sources, model=model, data=data, overrides=overrides),
        file=Path(sources[0]) if sources[0].endswith(".toml") else None,
        serve=serve,
        duration=duration,
        pace=pace,
        back_off=back_off,
        stream=stream,
        progress=progress,
    )


def run_fleet(
    read: Callable[[], Settings],
    *,
    file: Path | None = None,
    serve: bool = False,
    duration: float | None = None,
    pace: float | None = None,
    back_off: BackOff | None = None,
    stream: TextIO,
    progress: Progress,
) -> FleetReport:
    """Watch the cameras that `read` tells; it is asked again at SIGHUP. `file`: where it has them from."""
    settings = read()
    if file is not None and (warning := exposed(settings, file)):
        progress.note(warning)
    lines = QueuedLines(stream)
    with ExitStack() as stack:
        stack.callback(lines.close)
        if settings.data is not None:
            stack.enter_context(lock_folder(settings.data))
        outputs = stack.enter_context(Outputs(settings, progress, serve=serve))
        fleet = Fleet(
            settings,
            lines=lines,
            progress=progress,
            extra=outputs.sinks,
            pace=pace,
            back_off=back_off,
            file=file,
        )
        outputs.begin(fleet, lost=lambda: lines.dropped)
        stack.enter_context(_hang_up(fleet.reload_wanted))
        fleet.start()
        stack.callback(fleet.stop)
        until = time.monotonic() + duration if duration is not None else float("inf")
        stopped, trouble = None, ""
        try:
            while fleet.running and time.monotonic() < until:
                if fleet.reload_wanted.wait(min(TICK_S, max(0.0, until - time.monotonic()))):
                    fleet.reload_wanted.clear()
                    _reload(fleet, outputs, read, progress)
                trouble = _kept(fleet, trouble, progress)
                while lines.errors:
                    progress.note(lines.errors.popleft())
                if lines.broken:
                    raise lines.broken
        except KeyboardInterrupt as stop:
            stopped = stop
    cameras = [{**camera.status.to_dict(), "address": redact(camera.address)} for camera in fleet.cameras.values()]
    for camera in fleet.cameras.values():
        if camera.error is not None and not isinstance(camera.error, BrokenPipeError):
            progress.note(told(camera.error))
    failed = [camera.name for camera in fleet.cameras.values() if camera.error or camera.tally.partial]
    return FleetReport(cameras, failed, stopped)


def _kept(fleet: Fleet, trouble: str, progress: Progress) -> str:
    """Let the fleet do what is to be done now and then. What goes wrong there ends no camera: it is said once, until it
    goes well again."""
    try:
        fleet.tick()
    except Exception as error:
        line = told(error)
        if line != trouble:
            progress.note(line)
        return line
    return ""


def _reload(fleet: Fleet, outputs: Outputs, read: Callable[[], Settings], progress: Progress) -> None:
    """Go over to the file as it is now; where it is wrong, say so and stay with what runs."""
    fleet.refused = ""
    try:
        settings = read()
        fleet.reload(settings)
        outputs.reload(settings)
    except UsageError as error:
        lines = error.lines if isinstance(error, ConfigError) else [error.line()]
        fleet.refused = "; ".join(lines)
        for line in lines:
            progress.note(f"{line} (what runs goes on as it was)")
        fleet.tell(StateEvent("", "config_refused", time.time(), {"mistakes": list(lines)}))
    finally:
        fleet.reloaded.set()


@contextmanager
def _hang_up(asked: threading.Event) -> Iterator[None]:
    """SIGHUP sets `asked`, while in the context."""
    if threading.current_thread() is not threading.main_thread() or os.name != "posix":
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda *_: asked.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
