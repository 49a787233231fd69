"""What the page's routes answer, and that nothing asked of them breaks them or leaves the folder."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memwatch.web.app import MOST_BODY
from memwatch.web.guard import OPEN

from .asking import TOKEN, Yard, ask

SECRET = "outside of the folder"
SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_cameras_and_what_they_are_in(yard: Yard) -> None:
    told = ask(yard.app(), "GET", "/api/cameras").json()
    assert told["keeps"] is True
    by_name = {camera["camera"]: camera for camera in told["cameras"]}
    assert (by_name["yard"]["state"], by_name["yard"]["scored"], by_name["door"]["state"]) == ("live", 3, "starting")


def test_a_picture_with_and_without_boxes(yard: Yard) -> None:
    boxed = ask(yard.app(), "GET", "/api/cameras/yard/frame.jpg")
    plain = ask(yard.app(), "GET", "/api/cameras/yard/frame.jpg", query="boxes=0")
    assert boxed.headers["content-type"] == "image/jpeg"
    first, second = (cv2.imdecode(np.frombuffer(one.body, np.uint8), cv2.IMREAD_COLOR) for one in (boxed, plain))
    assert first is not None
    assert second is not None
    assert np.ptp(first, axis=2).max() > 80
    assert np.ptp(second, axis=2).max() < 40
    assert ask(yard.app(), "GET", "/api/cameras/door/frame.jpg").code == 404


def test_the_scores_of_a_camera(yard: Yard) -> None:
    points = ask(yard.app(), "GET", "/api/cameras/yard/history").json()["points"]
    assert points[-1][1:] == [3.0, 2.0]


def test_events_in_a_list_and_alone(yard: Yard) -> None:
    app = yard.app()
    (listed,) = ask(app, "GET", "/api/events").json()["events"]
    assert (listed["id"], listed["camera"], listed["clip"], listed["open"]) == (yard.event, "yard", "ready", False)
    alone = ask(app, "GET", f"/api/events/{yard.event}").json()
    assert alone["record"]["id"] == yard.event
    for query in ("camera=door", "label=normal", f"until={yard.start}", "until=nan", "camera=%00"):
        assert ask(app, "GET", "/api/events", query=query).json()["events"] == [], query
    for query in ("most=0", "most=-5", "most=999999999999999999999", "camera=yard", f"until={yard.start + 1}"):
        assert len(ask(app, "GET", "/api/events", query=query).json()["events"]) == 1, query
    for query in ("most=many", "most=" + "9" * 5000, "until=now", "most=1.5"):
        assert ask(app, "GET", "/api/events", query=query).code == 400, query


@pytest.mark.parametrize(
    ("name", "ending", "kind"),
    [("clip.mp4", ".mp4", "video/mp4"), ("best.jpg", ".jpg", "image/jpeg"), ("clean.jpg", "-clean.jpg", "image/jpeg"),
     ("record.json", ".json", "application/json")],
)  # fmt: skip
def test_files_of_an_event(yard: Yard, name: str, ending: str, kind: str) -> None:
    answer = ask(yard.app(), "GET", f"/api/events/{yard.event}/{name}")
    assert (answer.code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    assert answer.body == yard.path(ending).read_bytes()
    yard.path(ending).unlink()
    assert ask(yard.app(), "GET", f"/api/events/{yard.event}/{name}").code == 404


@pytest.mark.parametrize(
    ("asked", "code", "part"),
    [("bytes=0-9", 206, slice(0, 10)), ("bytes=50-", 206, slice(50, 100)), ("bytes=-5", 206, slice(95, 100)),
     ("bytes=90-500", 206, slice(90, 100)), ("bytes=200-300", 416, None), ("bytes=x", 400, None)],
)  # fmt: skip
def test_parts_of_a_clip_as_players_ask_for_them(yard: Yard, asked: str, code: int, part: slice | None) -> None:
    yard.path(".mp4").write_bytes(bytes(range(100)))
    answer = ask(yard.app(), "GET", f"/api/events/{yard.event}/clip.mp4", headers={"range": asked})
    assert answer.code == code
    if part is not None:
        assert answer.body == bytes(range(100))[part]
        assert answer.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/100"


ODD = [
    "..", ".", "%2e%2e", "..%2f..", "....//", "../../../../etc/passwd", "x" * 26, "0" * 25, "0" * 27, "0" * 26,
    "01KJNKEHPMT8JHEC318YDXWW9\n", "01KJNKEHPMT8JHEC318YDXWW9W\n", "' OR 1=1 --", "\x00" * 26, "É" * 26, "*", "",
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_odd_ids_names_and_files_are_not_found(yard: Yard, odd: str) -> None:
    app = yard.app()
    outside = yard.file.parent / "secret.mp4"
    outside.write_text(SECRET)
    paths = [f"/api/events/{odd}x", f"/api/events/{odd}x/clip.mp4", f"/api/events/{yard.event}/{odd}x",
             f"/api/events/{odd}/../../secret.mp4", f"/api/cameras/{odd}x/frame.jpg", f"/api/cameras/{odd}x/zones",
             f"/static/{odd}", f"/{odd}x", f"/api/events/{yard.event}/clip.mp4/{odd}",
             f"/api/events/{yard.event}/{odd}/clip.mp4"]  # fmt: skip
    for path in paths:
        answer = ask(app, "GET", path)
        assert answer.code in (404, 307), path
        assert SECRET.encode() not in answer.body


@pytest.mark.parametrize("what", ["file", "folder", "dangling"])
def test_a_link_that_leads_out_of_the_folder_is_not_followed(yard: Yard, what: str) -> None:
    clip = yard.path(".mp4")
    outside = yard.file.parent / "outside"
    outside.mkdir()
    (outside / clip.name).write_text(SECRET)
    clip.unlink()
    if what == "file":
        clip.symlink_to(outside / clip.name)
    elif what == "dangling":
        clip.symlink_to(outside / "none")
    else:
        for path in clip.parent.iterdir():
            path.unlink()
        clip.parent.rmdir()
        clip.parent.symlink_to(outside)
    answer = ask(yard.app(), "GET", f"/api/events/{yard.event}/clip.mp4")
    assert answer.code == 404
    assert SECRET.encode() not in answer.body


def test_a_label_is_given_and_taken_back(yard: Yard) -> None:
    app, path = yard.app(), f"/api/events/{yard.event}/label"
    for label in ("normal", "anomaly", None):
        assert ask(app, "POST", path, body={"label": label}).json()["label"] == label
    assert yard.labels == [(yard.event, label) for label in ("normal", "anomaly", None)]
    assert ask(app, "POST", f"/api/events/{'0' * 26}/label", body={"label": "normal"}).code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"label": 5}, {"label": "fine"}, {"label": "\ud800"}, [], "normal", b"{", b"", b"\xff", b"[" * 60_000,
     b"1" * 5000],
    ids=lambda one: repr(one)[:20],
)  # fmt: skip
def test_what_is_no_label_is_refused(yard: Yard, body: Any) -> None:
    answer = ask(yard.app(), "POST", f"/api/events/{yard.event}/label", body=body)
    assert answer.code == 400
    assert set(answer.json()) == {"error"}
    assert yard.labels == []


def test_too_much_is_refused(yard: Yard) -> None:
    answer = ask(yard.app(), "POST", f"/api/events/{yard.event}/label", body=b" " * (MOST_BODY + 1))
    assert answer.code == 413


def test_zones_are_saved_and_shown(yard: Yard) -> None:
    app, zone = yard.app(), {"name": "lawn", "kind": "ignore", "points": SQUARE}
    assert ask(app, "PUT", "/api/cameras/yard/zones", body={"zones": [zone]}).json() == {"zones": [zone]}
    assert ask(app, "GET", "/api/cameras/yard/zones").json() == {"zones": [zone]}
    written = tomllib.loads(yard.file.read_text())
    assert written["camera"]["yard"]["zone"] == [zone]
    assert written["camera"]["door"] == {"url": "rtsp://door/live"}


BAD_ZONES: list[Any] = [
    1, None, "lawn", [], {}, {"name": "lawn"}, {"name": "../x", "points": SQUARE},
    {"name": "lawn", "points": SQUARE[:2]},
    {"name": "lawn", "points": [[0, 2], [1, 1], [0, 1]]}, {"name": "lawn", "points": [["a", 0]] * 3},
    {"name": "lawn", "points": [[float("nan"), 0]] * 3}, {"name": "lawn", "points": [[0, 1, 2]] * 3},
    {"name": 'a"\n[camera.evil]\nurl="x"', "points": SQUARE}, {"name": "lawn", "points": SQUARE, "kind": "secret"},
    {"name": "lawn", "points": SQUARE, "\ud800": 1}, {"name": "\ud800", "points": SQUARE},
    {"name": "lawn", "points": [[10**400, 0]] * 3}, {"name": "lawn", "points": SQUARE * 40},
]  # fmt: skip


@pytest.mark.parametrize("zone", BAD_ZONES, ids=lambda one: repr(one)[:40])
def test_what_is_no_zone_is_refused_and_the_file_stays(yard: Yard, zone: Any) -> None:
    before = yard.file.read_text()
    answer = ask(yard.app(), "PUT", "/api/cameras/yard/zones", body={"zones": [zone]})
    assert answer.code == 400, answer.body
    assert answer.json()["error"]
    assert yard.file.read_text() == before
    assert yard.zones["yard"] == []


@pytest.mark.parametrize("body", [{}, [], {"zones": {}}, {"zones": "all"}, b"no"], ids=repr)
def test_zones_must_be_a_list(yard: Yard, body: Any) -> None:
    assert ask(yard.app(), "PUT", "/api/cameras/yard/zones", body=body).code == 400


def test_metrics_name_cameras_and_hold_no_address(yard: Yard) -> None:
    text = ask(yard.app(), "GET", "/metrics").body.decode()
    assert 'memwatch_camera_up{camera="yard"} 1.0' in text
    assert 'memwatch_camera_up{camera="door"} 0.0' in text
    assert 'memwatch_frames_scored_total{camera="yard"} 3.0' in text
    assert "rtsp" not in text
    assert yard.event not in text


def test_without_a_folder_cameras_are_shown_and_events_are_not(yard: Yard) -> None:
    yard.index = None
    app = yard.app()
    assert ask(app, "GET", "/api/cameras").json()["keeps"] is False
    for path in ("/api/events", f"/api/events/{'0' * 26}", f"/api/events/{'0' * 26}/clip.mp4"):
        assert ask(app, "GET", path).code == 404


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/cameras"), ("DELETE", "/api/events"), ("PUT", "/")])
def test_methods_that_a_route_does_not_know(yard: Yard, method: str, path: str) -> None:
    assert ask(yard.app(), method, path, body={}).code == 405


def test_the_files_of_the_page_ask_nobody_else(yard: Yard) -> None:
    app = yard.app()
    for path in ("/", "/app.js", "/style.css", "/login", "/login.js"):
        text = ask(app, "GET", path).body.decode()
        addresses = set(re.findall(r"https?://[^\s'\"]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), path


ROUTES = ["/api/session", "/api/events", "/api/events/ID", "/api/events/ID/label", "/api/events/ID/clip.mp4",
          "/api/cameras", "/api/cameras/yard/zones", "/api/cameras/yard/frame.jpg", "/metrics", "/login"]  # fmt: skip
PIECES = st.sampled_from(["api", "events", "cameras", "yard", "ID", "..", "%2e%2e", "label", "clip.mp4", "zones", "."])
OTHERS = st.lists(PIECES | st.text(max_size=30), max_size=5).map(lambda pieces: "/" + "/".join(pieces))
PATHS = st.sampled_from(ROUTES) | OTHERS
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=8)
KEYS = st.sampled_from(["label", "zones", "token", "name", "points", "kind"]) | st.text(max_size=4)
JSONS = st.recursive(
    LEAVES | st.just(TOKEN[:-1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
HEADER_NAMES = st.sampled_from(
    ["host", "origin", "cookie", "authorization", "content-type", "range", "if-range", "accept", "sec-fetch-site"]
)
HEADER_VALUES = st.sampled_from(
    ["localhost", "application/json", "Bearer x", "bytes=0-1,5-6", "bytes=9-1", "text/html", "memwatch-session=a", "["]
) | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=40)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    return Yard(tmp_path_factory.mktemp("yard"))


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]),
    path=PATHS,
    query=st.text(st.characters(max_codepoint=127), max_size=30),
    headers=st.dictionaries(HEADER_NAMES, HEADER_VALUES, max_size=4),
    body=JSONS | st.binary(max_size=40),
    token=st.booleans(),
)
def test_no_request_breaks_it_or_gets_the_token(
    shared: Yard, method: str, path: str, query: str, headers: dict[str, str], body: Any, token: bool
) -> None:
    path = path.replace("ID", shared.event)
    answer = ask(shared.app(token=TOKEN if token else None), method, path, query=query, headers=headers, body=body)
    assert 200 <= answer.code < 500
    for text in (answer.body, json.dumps(answer.headers).encode()):
        assert TOKEN.encode() not in text
        assert b"Traceback" not in text
    if token and path not in OPEN:
        assert answer.code >= 300
