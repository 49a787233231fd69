"""The page's server, in a thread beside the cameras."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence

import uvicorn

from memwatch.errors import MemwatchError, UsageError
from memwatch.web.app import Cameras, make_app
from memwatch.web.guard import LOOPBACK, is_loopback
from memwatch.web.metrics import Metrics

START_S = 10.0


class PageServer:
    """Serves until it is closed.

    Raises UsageError for an address that is not loopback without a token, MemwatchError where it can't be bound.
    """

    def __init__(
        self, cameras: Cameras, *, address: str, port: int, token: str | None, hosts: Sequence[str], connected: Metrics
    ) -> None:
        if not is_loopback(address) and not token:
            raise UsageError(
                f"page: {address} can be reached by others, and there is no token",
                "set token_env in [page], or leave the address at 127.0.0.1",
            )
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((address, port))
        except OSError as error:
            self._socket.close()
            raise MemwatchError(f"page: {address}:{port}: {error.strerror}", "choose another port in [page]") from None
        port = int(self._socket.getsockname()[1])
        shown = f"[{address}]" if ":" in address else address
        names = [*(LOOPBACK if is_loopback(address) else ()), shown, *hosts]
        self.url = f"http://{shown}:{port}/"
        app = make_app(cameras, hosts=names, token=token, metrics=connected.text)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=2, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="page", daemon=True
        )
        self._thread.start()
        until = time.monotonic() + START_S
        while not self._server.started and time.monotonic() < until and self._thread.is_alive():
            time.sleep(0.02)
        if not self._server.started:
            raise MemwatchError(f"page: {self.url} does not start", "choose another port in [page]")

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(4.0)
        self._socket.close()
