"""What counts as a picture or a video on disk, and in which order."""

from __future__ import annotations

import re
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv"}
)


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which frame 2 comes before frame 10; digits sort before letters."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part.casefold()) for part in parts)


def visible(folder: Path) -> list[Path]:
    """Entries of a folder in natural order, without what file managers leave behind (.DS_Store, ._001.tif,
    Thumbs.db)."""
    entries = (p for p in folder.iterdir() if not p.name.startswith(".") and p.name.casefold() != "thumbs.db")
    return sorted(entries, key=lambda p: natural_key(p.name))


def is_image(path: Path) -> bool:
    """Whether the name is that of a picture; nothing is opened."""
    return path.suffix.casefold() in IMAGE_SUFFIXES


def is_video(path: Path) -> bool:
    """Whether the name is that of a video file; nothing is opened."""
    return path.suffix.casefold() in VIDEO_SUFFIXES


def images_in(folder: Path) -> list[Path]:
    """The pictures directly in a folder, in natural order."""
    return [p for p in visible(folder) if is_image(p)]
