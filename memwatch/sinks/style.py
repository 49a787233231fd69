"""The one palette of everything that is drawn, and how times are written on it."""

from __future__ import annotations

INK = "#10151b"
PANEL = "#171e26"
LINE = "#33404d"
MUTED = "#93a1b0"
TEXT = "#edf2f7"
TRACE = "#6cb8ff"
ALARM = "#ff5d4d"
FILLING = "#f0b54a"
NORMAL = "#48c797"


def bgr(colour: str) -> tuple[int, int, int]:
    """`#rrggbb` for OpenCV."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return blue, green, red


def clock_text(seconds: float, digits: int = 1) -> str:
    """0:07.5, 12:00.0, 1:02:03.4."""
    # Rounded first: 59.97 is 1:00.0, not 0:60.0.
    seconds = round(max(0.0, seconds), digits)
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    width = digits + 3 if digits else 2
    last = f"{rest:0{width}.{digits}f}"
    return f"{hours:.0f}:{minutes:02.0f}:{last}" if hours else f"{minutes:.0f}:{last}"
