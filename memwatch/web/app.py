"""The page's routes. What can be asked for is named by a camera's name or an event's id, never by a path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import cv2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from memwatch import __version__
from memwatch.clock import iso
from memwatch.errors import MemwatchError, UsageError
from memwatch.live.status import CameraStatus
from memwatch.sinks.evidence import files_of
from memwatch.sinks.index import Index, Row
from memwatch.sinks.jpeg import jpeg
from memwatch.sinks.marked import draw_boxes
from memwatch.web.guard import COOKIE, SESSION_S, Guard, Sessions

STATIC = {
    "/": ("page.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/login": ("login.html", "text/html"),
    "/login.js": ("login.js", "text/javascript"),
}
WIDEST = 960
MOST_BODY = 64_000
MOST_EVENTS = 500
ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
FILES = {"clip.mp4": ".mp4", "best.jpg": ".jpg", "clean.jpg": "-clean.jpg", "record.json": ".json"}
"""What a client may ask of an event, and how the file's name ends."""


class Cameras(Protocol):
    """What the page shows, and what it may change."""

    index: Index | None

    def statuses(self) -> Mapping[str, CameraStatus]: ...
    def zones_of(self, camera: str) -> list[dict[str, Any]]:
        """As in the configuration file."""

    def save_zones(self, camera: str, zones: list[dict[str, Any]]) -> None:
        """Put them into effect, and into the file; UsageError where they can't be."""

    def label(self, event: str, label: str | None) -> None:
        """What a person says of an event, which teaches its camera."""


def make_app(cameras: Cameras, *, hosts: list[str], token: str | None, metrics: Callable[[], bytes]) -> Guard:
    """The whole application, guarded."""
    sessions = Sessions(token) if token else None
    page = _Page(cameras, sessions, metrics)
    routes = [Route(path, page.static) for path in STATIC]
    routes += [
        Route("/api/session", page.log_in, methods=["POST"]),
        Route("/api/cameras", page.cameras),
        Route("/api/cameras/{camera}/frame.jpg", page.frame),
        Route("/api/cameras/{camera}/history", page.history),
        Route("/api/cameras/{camera}/zones", page.zones, methods=["GET"]),
        Route("/api/cameras/{camera}/zones", page.put_zones, methods=["PUT"]),
        Route("/api/events", page.events),
        Route("/api/events/{event}", page.event),
        Route("/api/events/{event}/label", page.label, methods=["POST"]),
        Route("/api/events/{event}/{file}", page.file),
        Route("/metrics", page.metrics),
        Route("/healthz", page.health),
    ]
    errors: Any = {MemwatchError: _told, HTTPException: _refused, Exception: _broken}
    app = Starlette(routes=routes, exception_handlers=errors)
    return Guard(app, hosts=hosts, sessions=sessions)


class _Page:
    def __init__(self, cameras: Cameras, sessions: Sessions | None, metrics: Callable[[], bytes]) -> None:
        self._cameras = cameras
        self._sessions = sessions
        self._metrics = metrics
        folder = files("memwatch.web") / "static"
        self._static = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in STATIC.items()}

    async def static(self, request: Request) -> Response:
        body, kind = self._static[request.url.path]
        return Response(body, media_type=kind)

    async def log_in(self, request: Request) -> Response:
        body = await _json(request)
        token = body.get("token") if isinstance(body, dict) else None
        session = self._sessions.begin(token) if self._sessions and isinstance(token, str) else None
        if session is None:
            raise HTTPException(403, "not the token; wait a second before the next try")
        answer = JSONResponse({"ok": True})
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, session, max_age=int(SESSION_S), httponly=True, samesite="strict", secure=secure)
        return answer

    async def cameras(self, request: Request) -> Response:
        told = [status.to_dict() for status in self._cameras.statuses().values()]
        return JSONResponse({"version": __version__, "cameras": told, "keeps": self._cameras.index is not None})

    async def frame(self, request: Request) -> Response:
        status = self._status(request)
        plain = request.query_params.get("boxes") == "0"
        data = await run_in_threadpool(_encoded, status, plain)
        if data is None:
            raise HTTPException(404, "no picture yet")
        return Response(data, media_type="image/jpeg")

    async def history(self, request: Request) -> Response:
        points = self._status(request).point_history()
        return JSONResponse({"points": [[round(p.wall, 2), round(p.value, 3), round(p.threshold, 3)] for p in points]})

    async def zones(self, request: Request) -> Response:
        return JSONResponse({"zones": self._cameras.zones_of(self._status(request).name)})

    async def put_zones(self, request: Request) -> Response:
        name, body = self._status(request).name, await _json(request)
        if not isinstance(body, dict) or not isinstance(body.get("zones"), list):
            raise HTTPException(400, "zones are wanted")
        await run_in_threadpool(self._cameras.save_zones, name, body["zones"])
        return JSONResponse({"zones": self._cameras.zones_of(name)})

    async def events(self, request: Request) -> Response:
        asked = request.query_params
        try:
            most = min(MOST_EVENTS, max(1, int(asked.get("most", "60"))))
            until = float(asked["until"]) if "until" in asked else None
        except ValueError:
            raise HTTPException(400, "numbers are wanted") from None
        index = self._index()
        rows = await run_in_threadpool(
            index.recent, camera=asked.get("camera"), until=until, label=asked.get("label"), most=most
        )
        return JSONResponse({"events": [_shown(row) for row in rows]})

    async def event(self, request: Request) -> Response:
        row = await self._row(request)
        return JSONResponse(_shown(row) | {"record": row.record})

    async def label(self, request: Request) -> Response:
        row, body = await self._row(request), await _json(request)
        if not isinstance(body, dict) or not isinstance(body.get("label"), str | None) or "label" not in body:
            raise HTTPException(400, "a label is wanted: normal, anomaly or null")
        await run_in_threadpool(self._cameras.label, row.id, body["label"])
        return JSONResponse(_shown(self._index().get(row.id)))

    async def file(self, request: Request) -> Response:
        row, ending = await self._row(request), FILES.get(request.path_params["file"])
        if ending is None:
            raise HTTPException(404, "no such file of an event")
        index = self._index()
        path = next(p for p in files_of(index.data, row.camera, row.id, row.start) if p.name == row.id + ending)
        if not path.is_file() or not _inside(path, index.data):
            raise HTTPException(404, "this event has none")
        return FileResponse(path)

    async def metrics(self, request: Request) -> Response:
        return Response(await run_in_threadpool(self._metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def health(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def _status(self, request: Request) -> CameraStatus:
        status = self._cameras.statuses().get(request.path_params["camera"])
        if status is None:
            raise HTTPException(404, "no such camera")
        return status

    def _index(self) -> Index:
        if self._cameras.index is None:
            raise HTTPException(404, "nothing is kept: watch with --data")
        return self._cameras.index

    async def _row(self, request: Request) -> Row:
        event = request.path_params["event"]
        if not ULID.fullmatch(event):
            raise HTTPException(404, "no such event")
        try:
            return await run_in_threadpool(self._index().get, event)
        except UsageError:
            raise HTTPException(404, "no such event") from None


def _shown(row: Row) -> dict[str, Any]:
    """An event as the page lists it."""
    return {
        "id": row.id,
        "camera": row.camera,
        "start": row.start,
        "wall": iso(row.start),
        "seconds": round(row.stop - row.start, 1) if row.stop is not None else None,
        "open": row.stop is None,
        "end_reason": row.end_reason,
        "score": row.score,
        "reason": row.reason,
        "suppressed_by": row.suppressed_by,
        "label": row.label,
        "clip": row.clip,
    }


def _encoded(status: CameraStatus, plain: bool) -> bytes | None:
    """The newest frame as JPEG, with its boxes unless `plain`."""
    seen = status.seen
    if seen is None:
        return None
    image = seen.frame.image
    scale = min(1.0, WIDEST / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image.copy()
    if seen.observation is not None and not plain:
        draw_boxes(picture, seen.observation.regions, scale)  # type: ignore[arg-type]
    return jpeg(picture, 80)  # type: ignore[arg-type]


def _inside(path: Path, folder: Path) -> bool:
    """Whether it lies in the folder even after links are followed."""
    return path.resolve().is_relative_to(folder.resolve())


async def _json(request: Request) -> Any:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY:
            raise HTTPException(413, "too much")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "not JSON") from None


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, MemwatchError)
    said = error.line().encode(errors="replace").decode()  # what was asked may hold half a character
    return JSONResponse({"error": said}, 400)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "a bug: " + type(error).__name__}, 500)
