"""The page's application without a network, over cameras and events that are made up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memwatch.clock import SystemClock
from memwatch.live.status import CameraStatus
from memwatch.live.zone_file import write_zones
from memwatch.sinks.evidence import files_of
from memwatch.sinks.index import Index
from memwatch.types import StateEvent
from memwatch.web.app import make_app
from memwatch.web.guard import LOOPBACK, Guard
from memwatch.web.metrics import Metrics
from tests.live.test_keeping import NOW, stored
from tests.sinks.stream import frame, observe

TOKEN = "correct-horse-battery-staple"
HOST = {"host": "localhost:8765"}


class Yard:
    """Two cameras, of which one has a picture, with a folder of events and a configuration file."""

    def __init__(self, folder: Path) -> None:
        self.index: Index | None = Index(folder / "data")
        self.file = folder / "cameras.toml"
        self.file.write_text(
            'schema = 1\n[camera.yard]\nurl = "rtsp://cam/live"\n\n[camera.door]\nurl = "rtsp://door/live"\n'
        )
        self.zones: dict[str, list[dict[str, Any]]] = {"yard": [], "door": []}
        self.labels: list[tuple[str, str | None]] = []
        clock = SystemClock()
        self.cameras = {name: CameraStatus(name, clock) for name in ("yard", "door")}
        self.cameras["yard"].on_state(StateEvent("yard", "camera_back", NOW))
        for index in range(3):
            self.cameras["yard"].on_frame(frame(index), observe(frame(index), 3.0))
        self.event = stored(self.index, NOW)
        self.start = NOW

    def path(self, ending: str) -> Path:
        assert self.index is not None
        paths = files_of(self.index.data, "yard", self.event, self.start)
        return next(path for path in paths if path.name == self.event + ending)

    def statuses(self) -> Mapping[str, CameraStatus]:
        return self.cameras

    def zones_of(self, camera: str) -> list[dict[str, Any]]:
        return self.zones[camera]

    def save_zones(self, camera: str, zones: list[dict[str, Any]]) -> None:
        write_zones(self.file, camera, zones)
        self.zones[camera] = zones

    def label(self, event: str, label: str | None) -> None:
        assert self.index is not None
        self.index.label(event, label)
        self.labels.append((event, label))

    def figures(self) -> Metrics:
        return Metrics(self.statuses, dict)

    def app(self, *, token: str | None = None, hosts: Sequence[str] = LOOPBACK) -> Guard:
        return make_app(self, hosts=list(hosts), token=token, metrics=self.figures().text)


@dataclass
class Answer:
    code: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    app: Guard,
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str | bytes] | None = None,
    body: Any = None,
    send_json: bool = True,
) -> Answer:
    """One request. What is no bytes goes as JSON and says so, unless `send_json` is False."""
    sent = dict(HOST) | ({"content-type": "application/json"} if send_json and body is not None else {})
    raw = [
        (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in {**sent, **(headers or {})}.items()
    ]
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode("utf-8", "replace"), "query_string": query.encode("latin-1"),
        "root_path": "", "headers": raw, "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8765),
    }  # fmt: skip
    answer = Answer()
    pieces = [{"type": "http.request", "body": data, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not pieces:  # the client stays
            await asyncio.Event().wait()
        return pieces.pop()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.code = message["status"]
            answer.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    async def whole() -> None:
        await app(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(whole())
    return answer
