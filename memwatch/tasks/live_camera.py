"""One live camera: its thread, its session, and the settings that follow the time of day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from memwatch.clock import Clock
from memwatch.events import EventBuilder, Zones
from memwatch.live.picture import PictureWatch
from memwatch.live.ration import Limits as NoticeLimits
from memwatch.live.ration import Ration
from memwatch.live.settings import Camera, Profile
from memwatch.live.status import CameraStatus
from memwatch.live.taught import tolerance
from memwatch.pipeline import Detector, run_session
from memwatch.sinks import Sink
from memwatch.sinks.worker import told
from memwatch.tasks.camera_state import StateKeeper
from memwatch.tasks.session import Loaded
from memwatch.types import Frame, Grid, StateEvent, Tally
from memwatch.video import BackOff, Limits, Source, SupervisedCamera, camera_address, open_source, redact

LOAD_S = 10.0
"""Whether frames are scored in time is looked at over so long."""
TOO_MANY = 0.2
"""Share of frames dropped for newer ones, from which on it is said."""
RESTART_S = 5.0
"""A camera's session that met an error of ours begins anew after so long, doubled each time …"""
LONGEST_RESTART_S = 60.0
"""… up to this."""


@dataclass
class LiveCamera:
    """Runs in a thread of its own until it is stopped, or its recording ends.

    sinks: made anew for each session by `make_sinks`. pace: seconds of a recording per second, 1 as it was filmed, None
    as fast as it goes.
    """

    name: str
    settings: Camera
    address: str
    loaded: Loaded
    status: CameraStatus
    clock: Clock
    make_sinks: Callable[[LiveCamera], Sequence[Sink]]
    keeper: Callable[[Loaded], StateKeeper | None]
    tell: Callable[[StateEvent], None]
    pace: float | None = None
    back_off: BackOff | None = None
    tally: Tally = field(default_factory=Tally)
    error: BaseException | None = None
    """What ended it for good, or the session before this one."""

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._source: Any = None
        self._detector: Detector | None = None
        self._tolerance: Grid | None = None
        self._thread = threading.Thread(target=self._run, name=f"camera-{self.name}", daemon=True)
        self.gray: Callable[[], bool] = lambda: False

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask it to end: events are closed with the reason shutdown."""
        self._stopping.set()
        source = self._source
        if source is not None and source.live:  # a recording is read in this camera's thread, which hears of it soon
            source.close()

    def teach(self, records: Sequence[dict[str, Any]]) -> None:
        """Follow what people called normal, from the next frame on; from whatever thread."""
        config = self.loaded.model.config
        self._tolerance = tolerance(records, (config.height // 8, config.width // 8))
        if self._detector is not None:
            self._detector.tolerance = self._tolerance

    def join(self, timeout: float) -> bool:
        """Whether it ended in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        live = self.status.live = camera_address(self.address) is not None
        wait = RESTART_S
        while not self._stopping.is_set():
            began = self.clock.monotonic()
            try:
                self._session(live)
                if not live:
                    self._say("camera_ended", text="the recording is over")
                    return
            except Exception as error:  # one camera's trouble is no other's, and nobody is there to start it again
                self.error = error
                with suppress(Exception):
                    self._say("camera_failed", text=redact(told(error)))
                if not live:
                    return
            else:
                self.error = None
            healthy = self.clock.monotonic() - began > LONGEST_RESTART_S
            wait = RESTART_S if healthy else min(2 * wait, LONGEST_RESTART_S)
            self._stopping.wait(wait)

    def _session(self, live: bool) -> None:
        settings, loaded = self.settings, self.loaded
        keeper = self.keeper(loaded)
        detector = loaded.detector(
            learn=keeper.learns if keeper else settings.learn,
            knowledge=keeper.knowledge if keeper else None,
            sizes=settings.sizes(),
            zones=settings.zones(),
            thrifty=True,
        )
        detector.tolerance, self._detector = self._tolerance, detector
        limits = NoticeLimits(settings.cooldown_s, settings.max_events_per_hour)
        events = Ration(EventBuilder(self.name, settings.events()), limits, self.name, self.tell)
        profiles = _Profiles(settings, loaded, detector, limits, self)
        load = _Load(self.status, self._say)

        def during(tally: Tally) -> bool:
            self.tally = tally
            if keeper:
                keeper.tick(detector)
            seen = self.status.seen
            profiles.tick(seen.frame.time if seen else self.clock.wall())
            self._count()
            load.tick(self.clock.monotonic(), tally.skipped)
            return not self._stopping.is_set()

        with self._open(live) as source:
            self._source = source
            if self._stopping.is_set():
                return
            pictures = PictureWatch(self.name)
            self.gray = lambda: pictures.gray
            sinks = self.make_sinks(self)
            stream = _Shown(source, settings.zones(), pictures, self.pace, self.clock, self._stopping)
            try:
                self.tally = run_session(stream, detector, sinks=sinks, events=events, watch=during, rate=settings.fps)
            finally:
                self._source = None
                for sink in sinks:
                    sink.close()
                if keeper:
                    keeper.save(detector)

    def _open(self, live: bool) -> Any:
        if not live:
            return open_source(self.address, name=self.name)
        settings = self.settings
        # A read that times out may still hand over a frame that the decoder had kept: the watchdog has to be first.
        limits = Limits(open_s=settings.open_s, read_s=1.5 * settings.stall_after_s, stall_s=settings.stall_after_s)
        return SupervisedCamera(
            camera_address(self.address) or "",
            name=self.name,
            limits=limits,
            back_off=self.back_off,
            lost_after_s=settings.lost_after_s,
            clock=self.clock,
        )

    def _count(self) -> None:
        source = self._source
        dropped = getattr(source, "dropped_so_far", 0)
        self.status.counts.dropped = dropped + self.tally.skipped
        self.status.counts.broken = getattr(source, "broken_so_far", source.broken if source is not None else 0)

    def _say(self, kind: str, **facts: Any) -> None:
        self.tell(StateEvent(self.name, kind, self.clock.wall(), dict(facts)))


class _Shown:
    """A source as the rest may see it: privacy zones blacked out, a recording paced as if it were live, and what is
    wrong with the whole picture said before the frame that shows it."""

    def __init__(
        self,
        source: Source | SupervisedCamera,
        zones: Zones,
        pictures: PictureWatch,
        pace: float | None,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        self._source = source
        self._zones = zones
        self._pictures = pictures
        self._size: tuple[int, int] | None = None
        self._pace = pace
        self._clock = clock
        self._stop = stop
        self.live = source.live or pace is not None

    @property
    def broken(self) -> int:
        return self._source.broken

    @property
    def partial(self) -> bool:
        return self._source.partial

    @property
    def problems(self) -> list[str]:
        return self._source.problems

    def __iter__(self) -> Iterator[Frame | StateEvent]:
        began = self._clock.monotonic()
        if not self._source.live:
            yield StateEvent(self._source.name, "camera_back", self._clock.wall(), {"down_s": 0.0, "attempts": 1})
        for item in self._source:
            if self._stop.is_set():
                return
            if isinstance(item, StateEvent):
                yield item
                continue
            if self._pace is not None:
                while (left := began + item.seconds / self._pace - self._clock.monotonic()) > 0:
                    if self._stop.is_set():
                        return
                    self._clock.sleep(min(left, 0.2))
            image = self._zones.blackened(item.image)
            packets = item.packets if image is item.image else ()
            yield from self._resized(item)
            yield from self._pictures.push(item)
            yield Frame(item.source, item.index, item.time, item.seconds, image, item.gap, packets)

    def _resized(self, frame: Frame) -> list[StateEvent]:
        """What is to be said of a picture of another size than the one before."""
        size, before = (frame.image.shape[1], frame.image.shape[0]), self._size
        self._size = size
        if before in (None, size):
            return []
        facts = {"kind": "resolution", "over": True, "from": before, "to": size}
        return [StateEvent(frame.source, "scene_change", frame.time, facts, ends="gap")]


class _Load:
    """Says when frames come faster than they can be scored, and when that is over."""

    def __init__(self, status: CameraStatus, say: Callable[..., None]) -> None:
        self._status = status
        self._say = say
        self._since: float | None = None
        self._scored = self._dropped = 0
        self._told = False

    def tick(self, now: float, unwanted: int) -> None:
        """`unwanted`: frames that `fps` leaves out by itself."""
        counts = self._status.counts
        late = counts.dropped - unwanted
        if self._since is None or now < self._since:
            self._since, self._scored, self._dropped = now, counts.scored, late
        if now - self._since < LOAD_S:
            return
        scored, dropped = counts.scored - self._scored, late - self._dropped
        share = dropped / max(1, scored + dropped)
        if (share > TOO_MANY) != self._told and (share > TOO_MANY or share < TOO_MANY / 2):
            self._told = not self._told
            took = now - self._since
            rates = {"scored_fps": round(scored / took, 1), "wanted_fps": round((scored + dropped) / took, 1)}
            self._say("overload", over=not self._told, **rates)
        self._since, self._scored, self._dropped = now, counts.scored, late


class _Profiles:
    """Puts the settings of the profile whose time it is into effect."""

    def __init__(
        self, settings: Camera, loaded: Loaded, detector: Detector, limits: NoticeLimits, camera: LiveCamera
    ) -> None:
        self._settings = settings
        self._loaded = loaded
        self._detector = detector
        self._limits = limits
        self._camera = camera
        self._usual = detector.calibration
        self._now: str | None = None

    def tick(self, wall: float) -> None:
        if not self._settings.profile:
            return
        found = next((n for n, p in self._settings.profile.items() if self._holds(p, wall)), "")
        if found == self._now:
            return
        first, self._now = self._now is None, found
        profile = self._settings.profile.get(found)
        budget = profile.false_alarms_per_day if profile else None
        calibration = self._usual.at(budget) if budget else self._usual
        self._detector.calibration = replace(calibration, scene=self._detector.calibration.scene)
        self._limits.notify = profile.notify if profile else True
        if not first or found:
            self._camera.tell(
                StateEvent(self._camera.name, "threshold_changed", wall, {
                    "profile": found or None, "threshold": round(self._detector.calibration.threshold, 4),
                })
            )  # fmt: skip

    def _holds(self, profile: Profile, wall: float) -> bool:
        if profile.when == "ir":
            return self._camera.gray()
        begin, end = profile.when.split("-")
        now = time.strftime("%H:%M", time.localtime(wall))
        return begin <= now < end if begin <= end else now >= begin or now < end
