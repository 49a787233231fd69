"""What is wrong with a configuration: every mistake in words, at the line where it was made."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from memwatch.errors import UsageError
from memwatch.live.settings import TABLES, Camera, Settings
from memwatch.video import redact

Place = tuple[str | int, ...]
"""Keys and positions from the file's root on."""


class ConfigError(UsageError):
    """Everything that is wrong with a configuration, a line each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)

    def line(self) -> str:
        return "\nmemwatch: ".join(self.lines)


def mistakes(
    error: ValidationError,
    merged: Mapping[str, Any],
    values: Mapping[str, Any],
    text: str,
    where: str,
    origins: Mapping[Place, str],
) -> list[str]:
    """Each mistake once, where it was made: what stands in `[defaults]` is wrong in every camera.

    merged: what was refused. values: the file as it is, `text` its text and `where` its name. origins: variables of the
    environment that set something.
    """
    lines: dict[tuple[int, str], None] = {}
    for found in _every(error, merged):
        place = tuple(part for part in found["loc"] if part != "[key]")
        if len(place) == 3 and place[0] == "camera" and place[2] not in values["camera"].get(place[1], {}):
            place = ("defaults", place[2]) if place[2] in values.get("defaults", {}) else place
        key = ".".join(map(str, place)) or "file"
        said = f"{redact(key)}: {_words(found, place)}"
        if variable := origins.get(place):
            lines[0, f"{variable}: {said}"] = None
        else:
            number = line_of(place, text)
            lines[number, f"{where}:{number}: {said}"] = None
    return [line for _, line in sorted(lines)]


def _every(error: ValidationError, merged: Mapping[str, Any]) -> list[Any]:
    """What is wrong with a table as a whole is asked only where each of its settings is right by itself: so it is asked
    again without those that are not. What it says of these follows from their being gone, and is no mistake."""
    first = list(error.errors(include_url=False, include_input=False))
    rest = deepcopy(dict(merged))
    for found in first:
        _take_out(rest, found["loc"])
    try:
        Settings.model_validate_json(json.dumps(rest, default=str))
    except ValidationError as again:
        told = {found["loc"] for found in first}
        kinds = [(found["loc"], found["type"]) for found in first]
        # A key that is misspelt is missing under its right name.
        gone = {(*loc[:-1], *_near(loc)) if kind == "extra_forbidden" else loc for loc, kind in kinds}
        for found in again.errors(include_url=False, include_input=False):
            named = {(*found["loc"], word) for word in re.findall(r"\w+", str(found["msg"]))}
            if found["type"] == "value_error" and found["loc"] not in told and not gone & named:
                first.append(found)
    return first


def _take_out(values: Any, place: Place) -> None:
    """Remove what is at `place`, or the whole that lacks it; of a list, the key that holds it."""
    for at, part in enumerate(place):
        if not isinstance(values, dict) or part not in values:
            return
        inside = values[part]
        last = at == len(place) - 1 or not isinstance(inside, dict) or place[at + 1] not in inside
        if last:
            del values[part]
            return
        values = inside


def _words(found: Any, place: Place) -> str:
    kind = found["type"]
    if kind == "extra_forbidden":
        near = _near(place)
        known = ", ".join(_known(place[:-1]))
        return f"unknown setting; did you mean {near[0]}?" if near else f"unknown setting; known: {known}"
    if kind == "string_pattern_mismatch" and place[-1] == "when":
        return 'should be a time of day such as "22:00-06:00", or "ir"'
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch" and place[0] == "camera" and len(place) == 2:
        return "a name is made of a-z, 0-9, - and _, at most 32"
    message = str(found["msg"])
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _near(place: Place) -> list[str]:
    """The known key that the unknown one at `place` is most like, if any is."""
    return difflib.get_close_matches(str(place[-1]), _known(place[:-1]), 1, 0.6)


def _known(table: Place) -> list[str]:
    """Keys that the table at `table` may have."""
    model: type[BaseModel] = Settings
    if table and table[0] == "camera":
        model = Camera
        for inner in ("zone", "profile"):
            if inner in table:
                annotation = Camera.model_fields[inner].annotation
                model = get_args(annotation)[-1]
    elif table:
        model = TABLES[str(table[0])]
    return sorted(facts.alias or name for name, facts in model.model_fields.items())


def line_of(place: Place, text: str) -> int:
    """The line of the file where a key, or the table that lacks it, stands; 1 where neither is found."""
    names = [str(part) for part in place if isinstance(part, str)]
    counts = {i: part for i, part in enumerate(place) if isinstance(part, int)}
    best, depth = 1, 0
    table: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[(\[?)([^\]]+)\]", line)
        if header:
            table = [part.strip().strip("\"'") for part in header.group(2).split(".")]
            name = ".".join(table)
            seen[name] = seen.get(name, 0) + 1
            if names[: len(table)] == table and len(table) >= depth and _nth(table, place, counts, seen[name]):
                best, depth = number, len(table)
            continue
        key = re.match(r"\s*([A-Za-z0-9_\"'.-]+)\s*=", line)
        if key:
            parts = [part.strip("\"'") for part in key.group(1).split(".")]
            full = [*table, *parts]
            whole = names[: len(full)] == full and len(full) > depth
            if whole and _nth(table, place, counts, seen.get(".".join(table), 1)):
                best, depth = number, len(full)
    return best


def _nth(table: Iterable[str], place: Place, counts: Mapping[int, int], number: int) -> bool:
    """Whether the `number`-th (from 1) table of this name is the one that `place` lies in."""
    length = len(list(table))
    wanted = counts.get(length)
    return wanted is None or number == wanted + 1


def not_toml(error: Exception, text: str, where: str) -> str:
    """The line for a text that is no TOML."""
    said = str(error)
    at = re.search(r"\(at line (\d+), column (\d+)\)", said)
    last = text.count("\n") + 1 if said.endswith("(at end of document)") else 1
    what = re.sub(r"\s*\(at .*\)$", "", said)
    return f"{where}:{at.group(1) if at else last}: not TOML: {what}"
