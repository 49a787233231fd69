"""A camera's address, put together from where its parts may lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from memwatch.errors import UsageError
from memwatch.live.settings import Camera


def address_of(name: str, camera: Camera, environment: Mapping[str, str]) -> str:
    """The whole address, secrets in it: never to be shown. Raises UsageError naming what is missing."""
    if camera.url_env is not None:
        url = environment.get(camera.url_env, "")
        if not url:
            raise UsageError(f"camera {name}: {camera.url_env} is not set", "set this environment variable")
    else:
        url = camera.url or ""
    if camera.password_file is None:
        return url
    try:
        password = camera.password_file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"camera {name}: {camera.password_file} cannot be read", "name a file of one line") from None
    parts = _parts(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or ":" in user:
        raise UsageError(
            f"camera {name}: password_file goes with an address like rtsp://USER@HOST/…", "put the user's name into it"
        )
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def name_from(text: str, taken: Mapping[str, object]) -> str:
    """A camera's name made from what was typed: the file's name, or the address's host; numbered if it is taken."""
    last = text.rstrip("/").rpartition("/")[2]
    said = _parts(text).hostname or last.rpartition(".")[0] or last
    name = re.sub(r"[^a-z0-9_-]+", "-", said.lower()).strip("-_")[:28] or "camera"
    found, number = name, 2
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found


def _parts(text: str) -> SplitResult:
    """Of an address; none of what is no address."""
    try:
        return urlsplit(text)
    except ValueError:
        return SplitResult("", "", text, "", "")
