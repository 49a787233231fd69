"""The configuration file: TOML to settings, every mistake at once with its line."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import ValidationError

from memwatch.errors import UsageError
from memwatch.live.mistakes import ConfigError, Place, mistakes, not_toml
from memwatch.live.settings import TABLES, Settings, Shared
from memwatch.video import redact

PREFIX = "MEMWATCH_"
PATHS = ("model", "data", "password_file")
"""Keys that are paths: relative ones are looked for beside the file that names them."""

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
        raise ConfigError([not_toml(error, text, str(path))]) from None
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
        raise ConfigError(mistakes(error, merged, values, text, str(path), origins)) from None


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


def _from_environment(values: dict[str, Any], environment: Mapping[str, str]) -> dict[Place, str]:
    """Put in what MEMWATCH_TABLE_KEY says; answers which variable said it."""
    origins: dict[Place, str] = {}
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
