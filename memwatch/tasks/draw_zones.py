"""`memwatch zones draw`: a page with one picture, until zones are saved."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from memwatch.clock import SystemClock
from memwatch.errors import MemwatchError, SourceError
from memwatch.live.status import CameraStatus, Seen
from memwatch.live.zone_file import checked, table
from memwatch.sinks.index import Index
from memwatch.tasks.progress import Progress
from memwatch.video import open_source


class _OnePicture:
    """What the page shows: one camera that never moves."""

    index: Index | None = None

    def __init__(self, status: CameraStatus) -> None:
        self.status = status
        self.zones: list[dict[str, Any]] = []
        self.saved = threading.Event()

    def statuses(self) -> Mapping[str, CameraStatus]:
        return {self.status.name: self.status}

    def zones_of(self, camera: str) -> list[dict[str, Any]]:
        return self.zones

    def save_zones(self, camera: str, zones: list[dict[str, Any]]) -> None:
        self.zones = [zone.model_dump() for zone in checked(zones)]
        self.saved.set()

    def label(self, event: str, label: str | None) -> None:
        raise MemwatchError("nothing is kept here")


def draw_zones(source: str, *, port: int, progress: Progress) -> str:
    """Serve a page with the source's first frame until zones are saved; answers them as they stand in a configuration.

    Raises SourceError where the source shows nothing.
    """
    try:
        from memwatch.web.metrics import Metrics
        from memwatch.web.server import PageServer
    except ImportError:
        raise MemwatchError("page: its server is not installed", "pip install 'memwatch[live]'") from None
    status = CameraStatus("camera", SystemClock(), state="live")
    with open_source(source) as camera:
        frame = next(iter(camera), None)
    if frame is None:
        raise SourceError(f"{camera.name}: shows no picture", "give another source")
    status.seen = Seen(frame, None)
    page = _OnePicture(status)
    server = PageServer(
        page, address="127.0.0.1", port=port, token=None, hosts=(), connected=Metrics(page.statuses, dict)
    )
    try:
        progress.note(f"draw the zones at {server.url}#zones and save them there")
        while not page.saved.is_set():
            time.sleep(0.2)
        time.sleep(0.5)  # the browser is told before the page goes
    finally:
        server.close()
    return "".join(table("NAME", zone) for zone in checked(page.zones)).lstrip("\n")
