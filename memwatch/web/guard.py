"""Who may ask for what: host names, origins and the token, checked before any route is looked at."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
COOKIE = "memwatch-session"
SESSION_S = 30 * 86400.0
MOST_SESSIONS = 100
OPEN = ("/login", "/style.css", "/login.js", "/healthz", "/api/session")
"""Routes that need no token: they tell nothing, and the last one is where it is shown."""
WRONG_PAUSE_S = 1.0
"""After a wrong token no other is looked at for so long."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach it there."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


class Sessions:
    """Browsers that have shown the token; kept in memory, so a new start asks again."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._until: dict[str, float] = {}
        self._closed_until = 0.0

    def right(self, token: bytes) -> bool:
        return hmac.compare_digest(token, self._token)

    def begin(self, token: str) -> str | None:
        """A new session's secret for the right token; None for a wrong one, and for a while after one."""
        now = time.monotonic()
        if now < self._closed_until:
            return None
        if not self.right(token.encode(errors="replace")):
            self._closed_until = now + WRONG_PAUSE_S
            return None
        if len(self._until) >= MOST_SESSIONS:
            del self._until[min(self._until, key=self._until.__getitem__)]
        session = secrets.token_urlsafe(32)
        self._until[session] = now + SESSION_S
        return session

    def knows(self, session: str) -> bool:
        return self._until.get(session, 0.0) > time.monotonic()


class Guard:
    """Stands before the page's routes.

    hosts: names by which it may be called, without ports, against pages elsewhere that make a browser ask here.
    sessions: None where no token is asked for.
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], sessions: Sessions | None) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no other kind of connection is served

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in HEADERS.items()
                        if name.lower().encode() not in sent
                    ),
                ]
            await send(message)

        refused = self._refused(scope)
        await (refused or self._app)(scope, receive, with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if _without_port(host) not in self._hosts:
            return PlainTextResponse("unknown host\n", 421)
        if scope["method"] not in ("GET", "HEAD"):
            origin = headers.get("origin")
            if origin is not None and origin.partition("://")[2].lower() != host.lower():
                return PlainTextResponse("asked from another page\n", 403)
            if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return PlainTextResponse("asked from another page\n", 403)
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return PlainTextResponse("JSON is wanted\n", 415)
        if self._sessions is None or scope["path"] in OPEN or self._allowed(headers, self._sessions):
            return None
        if scope["path"] == "/" and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        return PlainTextResponse("the token is wanted\n", 401, {"WWW-Authenticate": "Bearer"})

    def _allowed(self, headers: dict[str, str], sessions: Sessions) -> bool:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and sessions.right(token.strip().encode("latin-1")):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and sessions.knows(cookie.value)


def _without_port(host: str) -> str:
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
