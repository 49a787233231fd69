"""The configuration file: TOML to settings, every mistake at once with its line."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from memwatch.errors import UsageError
from memwatch.live.settings import Camera, Hooks, Mqtt, Page, Retention, Settings, Shared, Webhook
from memwatch.video import redact

PREFIX = "MEMWATCH_"
TABLES: dict[str, type[BaseModel]] = {
    "defaults": Shared, "retention": Retention, "mqtt": Mqtt, "webhook": Webhook, "hooks": Hooks, "page": Page,
}  # fmt: skip
"""Tables whose single values the environment may set: MEMWATCH_MQTT_HOST is `host` of `[mqtt]`."""
PATHS = ("model", "data", "password_file")
"""Keys that are paths: relative ones are looked for beside the file that names them."""

Path_ = tuple[str | int, ...]
EXAMPLE = """\
# Cameras for `memwatch watch`. `memwatch config check FILE` names what is wrong; `memwatch config show FILE` shows
# every setting with its default.
schema = 1
data = "events"                     # clips, pictures and memories; leave it out to keep nothing

[defaults]                          # each camera may have its own of these
model = "models/yard.safetensors"   # made by `memwatch train`
fps = 10                            # frames a second that are scored
cooldown_s = 60                     # after a notice, no other of that camera for so long

[camera.yard]
url = "rtsp://camera.local/stream"  # or url_env = "YARD_URL", so that no password stands here

# [[camera.yard.zone]]              # or draw it: memwatch watch FILE --serve, then Zones
# name = "gate"
# kind = "include"                  # include, ignore or privacy
# points = [[0.1, 0.4], [0.5, 0.4], [0.5, 1.0], [0.1, 1.0]]

# [camera.yard.profile.night]
# when = "22:00-06:00"
# false_alarms_per_day = 0.2

[retention]
max_gb = 50
min_free_gb = 5
days = 30

# [page]                            # or --serve
# port = 8765

# [mqtt]
# host = "broker.local"
# user = "memwatch"
# password_env = "MQTT_PASSWORD"

# [webhook]
# url_env = "WEBHOOK_URL"
# secret_env = "WEBHOOK_SECRET"

# [hooks]
# on_event_start = ["/usr/local/bin/ring", "yard"]
"""


class ConfigError(UsageError):
    """Everything that is wrong with a configuration, a line each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)

    def line(self) -> str:
        return "\nmemwatch: ".join(self.lines)


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read `path`; what the environment sets goes before what the file says. Raises ConfigError with all mistakes."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file", "`memwatch config init` prints one to begin with") from None
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path}: cannot be read as text", "give a TOML file") from None
    return read_settings(text, path, os.environ if environment is None else environment)


def read_settings(text: str, path: Path, environment: Mapping[str, str]) -> Settings:
    """The same from text; `path` names it in mistakes, and its folder is where relative paths begin."""
    try:
        values = _resolved(tomllib.loads(text), path.parent)
        json.dumps(values, default=str)
    except (ValueError, RecursionError) as error:  # not TOML, or too deep or too long a number for anybody
        raise ConfigError([_toml_error(error, text, path)]) from None
    origins = _from_environment(values, environment)
    defaults = values.get("defaults")
    cameras = values.get("camera")
    merged = dict(values)
    if isinstance(cameras, dict):
        common = {k: v for k, v in defaults.items() if k in Shared.model_fields} if isinstance(defaults, dict) else {}
        merged["camera"] = {
            name: {**common, **camera} if isinstance(camera, dict) else camera for name, camera in cameras.items()
        }
    try:
        return Settings.model_validate_json(json.dumps(merged, default=str))
    except ValidationError as error:
        raise ConfigError(_told(error, values, text, path, origins)) from None


def schema() -> dict[str, Any]:
    """The file's JSON schema."""
    return Settings.model_json_schema()


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as they are in effect, without secrets."""
    told: dict[str, Any] = _hidden(settings.model_dump(mode="json", by_alias=True))
    if told["webhook"] and told["webhook"]["url"]:  # many services' addresses are themselves the secret
        parts = urlsplit(told["webhook"]["url"])
        told["webhook"]["url"] = f"{parts.scheme}://{parts.netloc}/***"
    return told


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner) for inner in value]
    return redact(value) if isinstance(value, str) else value


def _resolved(values: Any, folder: Path) -> Any:
    """Relative paths from the file's folder on."""
    if not isinstance(values, dict):
        return values
    found = {}
    for key, value in values.items():
        if key in PATHS and isinstance(value, str) and value:
            found[key] = str(folder / _at_home(value))
        elif isinstance(value, dict):
            found[key] = _resolved(value, folder)
        else:
            found[key] = value
    return found


def _at_home(text: str) -> Path:
    """A path with its ~ resolved, if it names anybody's home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _from_environment(values: dict[str, Any], environment: Mapping[str, str]) -> dict[Path_, str]:
    """Put in what MEMWATCH_TABLE_KEY says; answers which variable said it."""
    origins: dict[Path_, str] = {}
    if data := environment.get(f"{PREFIX}DATA_DIR"):
        values["data"] = data
        origins["data",] = f"{PREFIX}DATA_DIR"
    for table, model in TABLES.items():
        for key, facts in model.model_fields.items():
            variable = f"{PREFIX}{table}_{key}".upper()
            if variable not in environment:
                continue
            inside = values.setdefault(table, {})
            if isinstance(inside, dict):
                kinds = {facts.annotation, *get_args(facts.annotation)}
                inside[key] = _scalar(environment[variable], as_text=bool({str, Path} & kinds))
                origins[table, key] = variable
    return origins


def _scalar(text: str, *, as_text: bool) -> Any:
    """A value as TOML would have it; anything else, and whatever is to be text, is text."""
    if as_text:
        return text
    try:
        found = tomllib.loads(f"value = {text}")
        json.dumps(found, default=str)
    except (ValueError, RecursionError):
        return text
    return found["value"] if len(found) == 1 else text


def _told(
    error: ValidationError, values: dict[str, Any], text: str, path: Path, origins: Mapping[Path_, str]
) -> list[str]:
    """Each mistake once, at the line where it was made: what stands in `[defaults]` is wrong in every camera."""
    lines: dict[tuple[int, str], None] = {}
    for found in error.errors(include_url=False, include_input=False):
        place = tuple(part for part in found["loc"] if part != "[key]")
        if len(place) == 3 and place[0] == "camera" and place[2] not in values["camera"].get(place[1], {}):
            place = ("defaults", place[2]) if place[2] in values.get("defaults", {}) else place
        key = ".".join(map(str, place)) or "file"
        said = f"{redact(key)}: {_words(found, place)}"
        if variable := origins.get(place):
            lines[0, f"{variable}: {said}"] = None
        else:
            number = _line_of(place, text)
            lines[number, f"{path}:{number}: {said}"] = None
    return [line for _, line in sorted(lines)]


def _words(found: Any, place: Path_) -> str:
    kind = found["type"]
    if kind == "extra_forbidden":
        known = _known(place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, 1, 0.6)
        return f"unknown setting; did you mean {near[0]}?" if near else f"unknown setting; known: {', '.join(known)}"
    if kind == "string_pattern_mismatch" and place[-1] == "when":
        return 'should be a time of day such as "22:00-06:00", or "ir"'
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch" and place[0] == "camera" and len(place) == 2:
        return "a name is made of a-z, 0-9, - and _, at most 32"
    message = str(found["msg"])
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _known(table: Path_) -> list[str]:
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


def _line_of(place: Path_, text: str) -> int:
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


def _nth(table: Iterable[str], place: Path_, counts: Mapping[int, int], number: int) -> bool:
    """Whether the `number`-th (from 1) table of this name is the one that `place` lies in."""
    length = len(list(table))
    wanted = counts.get(length)
    return wanted is None or number == wanted + 1


def _toml_error(error: Exception, text: str, path: Path) -> str:
    said = str(error)
    at = re.search(r"\(at line (\d+), column (\d+)\)", said)
    last = text.count("\n") + 1 if said.endswith("(at end of document)") else 1
    what = re.sub(r"\s*\(at .*\)$", "", said)
    return f"{path}:{at.group(1) if at else last}: not TOML: {what}"
