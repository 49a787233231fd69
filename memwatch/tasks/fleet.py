"""All cameras of one watch: started, told to stop, and changed while they run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from memwatch.clock import Clock, SystemClock
from memwatch.errors import UsageError
from memwatch.events import Zones, state_record
from memwatch.files import write_error
from memwatch.live.address import address_of
from memwatch.live.heap import give_back
from memwatch.live.keeping import enforce, has_room, repair
from memwatch.live.settings import Camera, Settings
from memwatch.live.status import CameraStatus
from memwatch.live.zone_file import checked, write_zones
from memwatch.sinks import EventLines, Lines, Sink
from memwatch.sinks.evidence import Evidence
from memwatch.sinks.guarded import Guarded
from memwatch.sinks.index import Index
from memwatch.sinks.worker import Worker
from memwatch.tasks.camera_state import StateKeeper
from memwatch.tasks.live_camera import LiveCamera
from memwatch.tasks.progress import Progress
from memwatch.tasks.session import Loaded, load
from memwatch.types import StateEvent
from memwatch.video import BackOff, camera_address

KEEP_EVERY_S = 30.0
"""Seconds between two rounds of what is done now and then."""
MOST_TAUGHT = 1000
"""Labels that a camera follows, the newest."""
RELOAD_S = 30.0
"""Longest that a page waits for its zones to be in effect."""
MOST_STATES = 1000
"""States that wait for a slow disk."""
LEAVE_S = 9.0
"""Longest that a camera's end is waited for; its reader may sit in a read that cannot be interrupted."""

MakeSinks = Callable[[str, CameraStatus, Loaded], Sequence[Sink]]
"""Further sinks for a camera: outputs that all cameras share have one front for each."""


class Fleet:
    """Cameras by name, each in a thread, with one model in memory however many of them share it.

    extra: outputs for each camera besides the lines and the evidence. pace: see `LiveCamera`. file: where the settings
    come from, if from a file.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        lines: Lines,
        progress: Progress,
        extra: MakeSinks | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        pace: float | None = None,
        back_off: BackOff | None = None,
        file: Path | None = None,
    ) -> None:
        self._file = file
        self.settings = settings
        self.cameras: dict[str, LiveCamera] = {}
        self.clock = clock or SystemClock()
        self.index = Index(settings.data) if settings.data else None
        # A full disk is told by who met it first.
        self._states = Worker("states", most=MOST_STATES, failed=lambda error: None) if settings.data else None
        self._lines = lines
        self._progress = progress
        self._extra = extra
        self._environment = os.environ if environment is None else environment
        self._pace = pace
        self._back_off = back_off
        self._outputs: dict[str, Sequence[Sink]] = {}
        self._models: dict[tuple[Path, float | None], Loaded] = {}
        self._disk = threading.Lock()
        self._saving = threading.Lock()
        self.reload_wanted = threading.Event()
        """Set where the settings are to be read anew, by whoever called `start`; who then says so …"""
        self.reloaded = threading.Event()
        self.refused = ""
        """… and why not, if they were refused."""
        self._kept_at = float("-inf")
        if self.index:
            done = repair(self.index)
            if done.closed or done.found:
                progress.note(
                    f"after a crash: {done.closed} events closed, {done.salvaged} clips salvaged, {done.lost} lost, "
                    f"{done.found} events entered anew"
                )
        for name, camera in settings.camera.items():
            self.cameras[name] = self._made(name, camera, self._pace_in(settings))

    def start(self) -> None:
        for camera in self.cameras.values():
            self._teach(camera)
            camera.start()

    @property
    def running(self) -> bool:
        return any(camera.alive for camera in self.cameras.values())

    def statuses(self) -> Mapping[str, CameraStatus]:
        return {name: camera.status for name, camera in self.cameras.items()}

    def zones_of(self, camera: str) -> list[dict[str, Any]]:
        return [zone.model_dump() for zone in self.settings.camera[camera].zone]

    def save_zones(self, camera: str, zones: list[dict[str, Any]]) -> None:
        """Put them into the configuration file, and into effect: from any thread but the one that reloads."""
        if self._file is None:
            raise UsageError("zones can be saved where cameras come from a .toml file", "`memwatch config init`")
        config = self.cameras[camera].loaded.model.config
        Zones([zone.to_zone() for zone in checked(zones)]).scored((config.height // 8, config.width // 8))
        with self._saving:
            try:
                write_zones(self._file, camera, zones)
            except OSError as error:
                raise write_error(self._file, error) from None
            self.reloaded.clear()
            self.reload_wanted.set()
            if not self.reloaded.wait(RELOAD_S):
                raise UsageError("the zones are saved, and not yet in effect", "wait, or send SIGHUP")
            if self.refused:
                raise UsageError(f"the zones are saved, and not in effect: {self.refused}")

    def label(self, event: str, label: str | None) -> None:
        """What a person says of an event: `normal` teaches its camera, and taking it back undoes that."""
        assert self.index is not None
        self.index.label(event, label)
        camera = self.cameras.get(self.index.get(event).camera)
        if camera is not None:
            self._teach(camera)

    def _teach(self, camera: LiveCamera) -> None:
        if self.index is not None:
            rows = self.index.recent(camera=camera.name, label="normal", most=MOST_TAUGHT)
            camera.teach([row.record for row in rows])

    def tick(self) -> None:
        """What is to be done now and then; call it about once a second."""
        if self.clock.monotonic() - self._kept_at < KEEP_EVERY_S:
            return
        self._kept_at = self.clock.monotonic()
        give_back()
        if self.index is None:
            return
        for camera in self.cameras.values():  # `memwatch events label` may have been used meanwhile
            self._teach(camera)
        with self._disk:
            done = enforce(self.index, self.settings.retention, now=self.clock.wall())
        if done.count:
            facts = {"count": done.count, "bytes": done.bytes}
            self.tell(StateEvent("", "retention_deleted", self.clock.wall(), facts))

    def stop(self) -> None:
        """End all, and wait for what can be waited for."""
        for camera in self.cameras.values():
            camera.stop()
        until = self.clock.monotonic() + LEAVE_S
        for camera in self.cameras.values():
            camera.join(max(0.1, until - self.clock.monotonic()))
        if self._states:
            self._states.close()
        if self.index:
            self.index.close()

    def reload(self, settings: Settings) -> dict[str, list[str]]:
        """Go over to other settings: cameras whose own did not change run on. Answers which were added, removed and
        changed. Raises UsageError, and changes nothing, where one of the new ones cannot be watched."""
        if settings.data != self.settings.data:
            raise UsageError("data: cannot change while cameras run", "start memwatch anew")
        old, new = self.settings.camera, settings.camera
        changed = [name for name in new if name in old and not self._same(name, new[name])]
        added = [name for name in new if name not in old]
        removed = [name for name in old if name not in new]
        made = {name: self._made(name, new[name], self._pace_in(settings)) for name in (*changed, *added)}
        gone = [self.cameras[name] for name in (*changed, *removed)]
        for camera in gone:
            camera.stop()
        for camera in gone:
            camera.join(LEAVE_S)
            self._outputs.pop(camera.name, None)
        # Other threads read these: they see what was or what is, and nothing between.
        self.settings, self.cameras = settings, {name: made.get(name) or self.cameras[name] for name in new}
        for camera in made.values():
            self._teach(camera)
            camera.start()
        report = {"added": added, "removed": removed, "changed": changed}
        self.tell(StateEvent("", "config_reloaded", self.clock.wall(), dict(report)))
        return report

    def tell(self, state: StateEvent) -> None:
        """Say a state outside of any camera's own stream, and keep it where there is an index."""
        self._lines.state(state)
        index = self.index
        if index is not None and self._states is not None:
            self._states.put(lambda: index.add_state(state_record(state), state.time))

    def _same(self, name: str, settings: Camera) -> bool:
        camera = self.cameras[name]
        return camera.settings == settings and camera.address == address_of(name, settings, self._environment)

    def _pace_in(self, settings: Settings) -> float | None:
        """Of recordings: beside a live camera as they were filmed, or they would take its share of the machine."""
        if self._pace is not None:
            return self._pace
        found = settings.camera.items()
        live = any(camera_address(address_of(name, one, self._environment)) is not None for name, one in found)
        return 1.0 if live else None

    def _made(self, name: str, settings: Camera, pace: float | None) -> LiveCamera:
        if settings.model is None:
            raise UsageError(f"camera {name}: no model", "give --model, or set model in its table or in [defaults]")
        address = address_of(name, settings, self._environment)
        if camera_address(address) is None and not Path(address).exists():
            raise UsageError(f"camera {name}: {address}: no such file or folder", "check the path")
        loaded = self._model(settings.model, settings.false_alarms_per_day)
        settings.events(), settings.sizes()
        settings.zones().scored((loaded.model.config.height // 8, loaded.model.config.width // 8))
        for profile in settings.profile.values():
            if profile.false_alarms_per_day:
                self._model(settings.model, profile.false_alarms_per_day)
        return LiveCamera(
            name, settings, address, loaded, CameraStatus(name, self.clock), self.clock, self._sinks,
            self._keeper(name, learn=settings.learn), self._teller(name), pace=pace, back_off=self._back_off,
        )  # fmt: skip

    def _model(self, path: Path, per_day: float | None) -> Loaded:
        key = path.resolve(), per_day
        if key not in self._models:
            self._models[key] = load(path, per_day=per_day)
            # One model is one network in memory, whatever thresholds it is used with.
            same = next((m for (p, _), m in self._models.items() if p == key[0]), self._models[key])
            self._models[key] = Loaded(same.model, same.runtime, self._models[key].calibration, path)
        return self._models[key]

    def _sinks(self, camera: LiveCamera) -> list[Sink]:
        about = camera.loaded.about()
        sinks: list[Sink] = [EventLines(self._lines, model=about), camera.status]
        failed = self._failing(camera)
        made = self._extra(camera.name, camera.status, camera.loaded) if self._extra else []
        outputs = [Guarded(sink, failed) for sink in made]
        self._outputs[camera.name] = outputs
        sinks += outputs
        if self.index is not None:
            settings = camera.settings
            evidence = Evidence(
                self.index, camera.name, model=about, pre_roll_s=settings.pre_roll_s,
                post_roll_s=settings.post_roll_s, fps=None, record=settings.record, room=self._room,
                tell=self._teller(camera.name), lost=camera.status.count_unrecorded,
            )  # fmt: skip
            sinks.append(Guarded(evidence, failed))
        return sinks

    def _failing(self, camera: LiveCamera) -> Callable[[str], None]:
        def failed(line: str) -> None:
            camera.status.counts.sink_errors += 1
            self._progress.note(f"{camera.name}: {line}")

        return failed

    def _room(self) -> bool:
        assert self.index is not None
        with self._disk:
            return has_room(self.index, self.settings.retention)

    def _keeper(self, name: str, *, learn: bool) -> Callable[[Loaded], StateKeeper | None]:
        data = self.settings.data
        if data is None:
            return lambda loaded: None
        path = data / "state" / f"{name}.safetensors"
        return lambda loaded: StateKeeper(path, loaded, name, self._progress, learns=learn)

    def _teller(self, name: str) -> Callable[[StateEvent], None]:
        def tell(state: StateEvent) -> None:
            if name in self.cameras:
                self.cameras[name].status.on_state(state)
            self.tell(state)
            for output in self._outputs.get(name, ()):
                output.on_state(state)

        return tell
