"""Secrets out of texts: every address that reaches a name, a message or a log goes through here."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(\S+)")
_SECRET_KEYS = re.compile(
    r"([?&;](?:user(?:name)?|usr|pass(?:word|wd)?|passwd|pwd|token|access_token|api_?key|key|auth|secret|sig"
    r"(?:nature)?)=)[^&;#\s]*",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with the user name, the password and secret query values of every address in it replaced by ***.

    Passwords that were not percent-encoded may hold @ : / or ?; then everything up to the last @ is taken for
    the password, since hiding part of a path is harmless and showing part of a password is not.
    """
    return _SECRET_KEYS.sub(r"\1***", _ADDRESS.sub(_hide_userinfo, text))


def _hide_userinfo(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in rest and ("@" in authority or ":" in authority):
        return f"{scheme}***@{rest[rest.rindex('@') + 1 :]}"
    return f"{scheme}{rest}"
