"""Zones drawn in the page, put into the configuration file: nothing else of it changes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from memwatch.errors import UsageError
from memwatch.files import write_bytes
from memwatch.live.settings import ZoneTable
from memwatch.live.settings_file import read_settings

MOST_ZONES = 50
MOST_POINTS = 100


def write_zones(path: Path, camera: str, zones: list[dict[str, Any]]) -> None:
    """Replace the zones of a camera in the file. Raises UsageError where they are no zones, or the file has other
    mistakes; it stays as it was then."""
    tables = checked(zones)
    text = path.read_bytes().decode()
    ends = "\r\n" if "\r\n" in text else "\n"
    kept = _without(text.replace("\r\n", "\n"), camera).rstrip("\n")
    written = kept + "\n" + "".join(table(camera, zone) for zone in tables)
    read_settings(written, path, os.environ)
    write_bytes(path, written.replace("\n", ends).encode(), mode=path.stat().st_mode & 0o7777)


def checked(zones: list[dict[str, Any]]) -> list[ZoneTable]:
    """Zones as the file may have them; UsageError naming the first that is none."""
    if len(zones) > MOST_ZONES:
        raise UsageError(f"{len(zones)} zones are too many", f"at most {MOST_ZONES}")
    found = []
    for zone in zones:
        try:
            one = ZoneTable.model_validate(zone)
            one.to_zone()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise UsageError(f"zone: {place}: {first['msg'].removeprefix('Input ')}") from None
        if len(one.points) > MOST_POINTS:
            raise UsageError(f"zone {one.name}: {len(one.points)} points are too many", f"at most {MOST_POINTS}")
        found.append(one)
    return found


def table(camera: str, zone: ZoneTable) -> str:
    """A zone as it stands in the configuration of `camera`."""
    points = ", ".join(f"[{x:.4f}, {y:.4f}]" for x, y in zone.points)
    return f'\n[[camera.{camera}.zone]]\nname = "{zone.name}"\nkind = "{zone.kind}"\npoints = [{points}]\n'


def _without(text: str, camera: str) -> str:
    """The file less this camera's tables of zones. Comments between the last key of one and the next table stay."""
    mine = re.compile(rf"\s*\[\[\s*camera\s*\.\s*[\"']?{re.escape(camera)}[\"']?\s*\.\s*zone\s*\]\]")
    kept: list[str] = []
    after: list[str] = []
    inside = False
    for line in text.split("\n"):
        if re.match(r"\s*\[", line) and not re.match(r"\s*\[[\s\[\]\d.,eE+-]*,?\s*(#.*)?$", line):
            inside = bool(mine.match(line))
            kept += after
            after = []
        if not inside:
            kept.append(line)
        elif line.lstrip().startswith("#") or (after and not line.strip()):
            after.append(line)
        else:
            after = []
    return "\n".join(kept + after)
