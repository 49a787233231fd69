"""Who may ask for what: hosts, other pages, kinds of content, and the token."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from memwatch.errors import MemwatchError, UsageError
from memwatch.web import guard
from memwatch.web.guard import COOKIE, HEADERS, MOST_SESSIONS, Sessions, is_loopback
from memwatch.web.server import PageServer

from .asking import TOKEN, Yard, ask

OPEN = ("/login", "/style.css", "/login.js", "/healthz")
CLOSED = (
    "/", "/app.js", "/api/cameras", "/api/cameras/yard/frame.jpg", "/api/cameras/yard/history",
    "/api/cameras/yard/zones", "/api/events", "/api/events/ID", "/api/events/ID/clip.mp4", "/api/events/ID/best.jpg",
    "/api/events/ID/clean.jpg", "/api/events/ID/record.json", "/metrics", "/nothing",
)  # fmt: skip


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "127.0.0.1:1", "[::1]:8", "LOCALHOST", "nas.lan:80"])
def test_it_answers_to_its_names(yard: Yard, host: str) -> None:
    app = yard.app(hosts=[*guard.LOOPBACK, "NAS.lan"])
    assert ask(app, "GET", "/api/cameras", headers={"host": host}).code == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.evil.example",
             "evil@localhost", "[::2]:8765", "xlocalhost", "localhost."]
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/cameras", "/login", "/healthz", "/metrics"])
def test_other_names_are_refused_on_every_route(yard: Yard, host: str, path: str) -> None:
    answer = ask(yard.app(), "GET", path, headers={"host": host})
    assert (answer.code, answer.body) == (421, b"unknown host\n")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost"},
        {"origin": "http://localhost:8766"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_other_pages_cannot_change_anything(yard: Yard, headers: dict[str, str]) -> None:
    app = yard.app()
    path = f"/api/events/{yard.event}/label"
    assert ask(app, "POST", path, headers=headers, body={"label": "normal"}).code == 403
    zones = ask(app, "PUT", "/api/cameras/yard/zones", headers=headers, body={"zones": []})
    assert zones.code == 403
    assert yard.labels == []
    assert ask(app, "GET", "/api/cameras", headers=headers).code == 200  # which tells them nothing: no CORS
    assert "access-control-allow-origin" not in zones.headers


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://localhost:8765"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}],
    ids=str,
)
def test_the_page_itself_and_scripts_can(yard: Yard, headers: dict[str, str]) -> None:
    answer = ask(yard.app(), "POST", f"/api/events/{yard.event}/label", headers=headers, body={"label": "normal"})
    assert answer.code == 200
    assert yard.labels == [(yard.event, "normal")]


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_of_another_page_could_send_is_refused(yard: Yard, kind: str) -> None:
    path = f"/api/events/{yard.event}/label"
    sent = {"content-type": kind} if kind else {}
    assert ask(yard.app(), "POST", path, headers=sent, body={"label": "normal"}, send_json=False).code == 415
    assert yard.labels == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_every_unsafe_method_is_looked_at(yard: Yard, method: str) -> None:
    assert ask(yard.app(), method, "/api/cameras", headers={"origin": "http://evil.example"}, body={}).code == 403


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_is_told_without_the_token(yard: Yard, path: str, method: str) -> None:
    app, path = yard.app(token=TOKEN), path.replace("ID", yard.event)
    answer = ask(app, method, path)
    assert (answer.code, answer.body) == (401, b"the token is wanted\n")
    for value in ("", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN):
        assert ask(app, method, path, headers={"authorization": value}).code == 401
    for cookie in (f"{COOKIE}=", f"{COOKIE}=x", f"{COOKIE}={TOKEN}", "=;=,;", f"{COOKIE}", "\x00=\x01"):
        assert ask(app, method, path, headers={"cookie": cookie}).code == 401
    assert ask(app, method, path, query=f"token={TOKEN}").code == 401


def test_nothing_is_changed_without_the_token(yard: Yard) -> None:
    app = yard.app(token=TOKEN)
    assert ask(app, "POST", f"/api/events/{yard.event}/label", body={"label": "normal"}).code == 401
    assert ask(app, "PUT", "/api/cameras/yard/zones", body={"zones": []}).code == 401
    assert yard.labels == []


@pytest.mark.parametrize("path", OPEN)
def test_what_the_login_needs_is_open(yard: Yard, path: str) -> None:
    answer = ask(yard.app(token=TOKEN), "GET", path)
    assert answer.code == 200
    assert b"yard" not in answer.body


def test_the_token_opens_every_route_by_header(yard: Yard) -> None:
    app = yard.app(token=TOKEN)
    for path in CLOSED[:-1]:
        answer = ask(app, "GET", path.replace("ID", yard.event), headers={"authorization": f"bearer {TOKEN}"})
        assert answer.code == 200, path


def test_a_browser_without_a_session_is_sent_to_the_login(yard: Yard) -> None:
    answer = ask(yard.app(token=TOKEN), "GET", "/", headers={"accept": "text/html,*/*"})
    assert (answer.code, answer.headers["location"]) == (303, "/login")


def test_the_token_is_changed_for_a_session(yard: Yard) -> None:
    app = yard.app(token=TOKEN)
    answer = ask(app, "POST", "/api/session", body={"token": TOKEN})
    assert (answer.code, answer.json()) == (200, {"ok": True})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    session = cookie.partition(";")[0]
    assert ask(app, "GET", "/api/cameras", headers={"cookie": f"other=1; {session}"}).code == 200
    label = ask(app, "POST", f"/api/events/{yard.event}/label", headers={"cookie": session}, body={"label": "normal"})
    assert label.code == 200
    assert ask(yard.app(token=TOKEN), "GET", "/api/cameras", headers={"cookie": session}).code == 401


@pytest.mark.parametrize("token", ["wrong", "", None, 5, [TOKEN], "\ud800", "ü" * 5000], ids=lambda one: repr(one)[:12])
def test_a_wrong_token_begins_no_session(yard: Yard, token: object) -> None:
    answer = ask(yard.app(token=TOKEN), "POST", "/api/session", body={"token": token})
    assert answer.code == 403
    assert "set-cookie" not in answer.headers
    assert TOKEN.encode() not in answer.body


def test_another_page_cannot_begin_a_session(yard: Yard) -> None:
    headers = {"origin": "http://evil.example"}
    assert ask(yard.app(token=TOKEN), "POST", "/api/session", headers=headers, body={"token": TOKEN}).code == 403


def test_a_token_that_is_not_ascii_opens_both_ways(yard: Yard) -> None:
    app = yard.app(token="schlüssel")
    assert ask(app, "GET", "/api/cameras", headers={"authorization": "Bearer schlüssel".encode()}).code == 200
    assert ask(app, "POST", "/api/session", body={"token": "schlüssel"}).code == 200


def test_after_a_wrong_token_even_the_right_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(guard.time, "monotonic", lambda: now[0])
    sessions = Sessions(TOKEN)
    assert sessions.begin("wrong") is None
    now[0] += 0.9
    assert sessions.begin(TOKEN) is None
    now[0] += 0.2
    session = sessions.begin(TOKEN)
    assert session is not None
    assert sessions.knows(session)
    now[0] += guard.SESSION_S + 1
    assert not sessions.knows(session)


def test_sessions_are_bounded_and_the_oldest_goes() -> None:
    sessions = Sessions(TOKEN)
    begun = [sessions.begin(TOKEN) or "" for _ in range(MOST_SESSIONS + 1)]
    assert [sessions.knows(one) for one in begun] == [False] + [True] * MOST_SESSIONS


@pytest.mark.parametrize("path", ["/", "/api/cameras", "/nothing", "/api/events/ID/clip.mp4", "/login"])
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_every_answer_has_the_headers_that_protect_it(yard: Yard, path: str, host: str) -> None:
    answer = ask(yard.app(), "GET", path.replace("ID", yard.event), headers={"host": host})
    for name, value in HEADERS.items():
        assert answer.headers[name.lower()] == value


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.4", "nas.lan", "", "127.0.0.1.evil.example"])
def test_not_loopback(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize("token", [None, ""])
def test_an_address_that_others_reach_wants_a_token(yard: Yard, token: str | None) -> None:
    with pytest.raises(UsageError, match="there is no token"):
        PageServer(yard, address="0.0.0.0", port=0, token=token, hosts=[], connected=yard.figures())


@pytest.fixture
def server(yard: Yard) -> Iterator[PageServer]:
    server = PageServer(yard, address="127.0.0.1", port=0, token=TOKEN, hosts=[], connected=yard.figures())
    yield server
    server.close()


def test_it_is_the_same_over_a_real_connection(server: PageServer) -> None:
    port = int(server.url.rstrip("/").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def get(**headers: str) -> tuple[int, bytes]:
        connection.request("GET", "/api/cameras", headers=headers)
        answer = connection.getresponse()
        assert answer.headers["server"] is None
        return answer.status, answer.read()

    assert get()[0] == 401
    assert get(Host="evil.example", Authorization=f"Bearer {TOKEN}")[0] == 421
    code, body = get(Authorization=f"Bearer {TOKEN}")
    assert code == 200
    assert [one["camera"] for one in json.loads(body)["cameras"]] == ["yard", "door"]
    connection.close()


def test_a_port_that_is_taken_is_one_line(yard: Yard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MemwatchError, match=f"127.0.0.1:{port}"):
            PageServer(yard, address="127.0.0.1", port=port, token=None, hosts=[], connected=yard.figures())
