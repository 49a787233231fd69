"""`memwatch config`: a configuration file as it would be in effect."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memwatch.errors import UsageError
from memwatch.live.address import address_of
from memwatch.live.mistakes import ConfigError, Place, line_of
from memwatch.live.settings import Settings
from memwatch.live.settings_file import load_settings, shown
from memwatch.tasks.session import load
from memwatch.video import camera_address, redact

OTHERS = 0o077
"""Rights of a file that let anybody but its owner in."""


def checked(file: Path) -> dict[str, Any]:
    """Read it, and all that it names: models, addresses, secrets. Raises ConfigError with everything that is wrong."""
    settings = load_settings(file)
    check_all(settings, file)
    told: dict[str, Any] = {"file": str(file), "cameras": sorted(settings.camera), "mistakes": 0}
    return told | ({"warning": warning} if (warning := exposed(settings, file)) else {})


def in_effect(file: Path) -> dict[str, Any]:
    """All settings with their defaults, secrets masked."""
    return shown(load_settings(file))


def check_all(settings: Settings, file: Path) -> None:
    """What only the machine knows: whether the models, recordings and secrets are there that `file` names. Raises
    ConfigError with all that is not, each at its line."""
    text = file.read_text(encoding="utf-8")
    wrong: dict[tuple[int, str], None] = {}
    for place, said in _missing(settings):
        number = line_of(place, text)
        wrong[number, f"{file}:{number}: {'.'.join(map(str, place))}: {said}" if place else f"{file}: {said}"] = None
    if wrong:
        raise ConfigError([line for _, line in sorted(wrong)])


def exposed(settings: Settings, file: Path) -> str:
    """A warning where others on this machine may read the secrets in `file`; none where it holds none."""
    urls = [camera.url for camera in settings.camera.values() if camera.url]
    secret = any(redact(url) != url for url in urls) or (settings.webhook and settings.webhook.url)
    if os.name != "posix" or not secret or not file.stat().st_mode & OTHERS:
        return ""
    return f"{file}: holds a secret that others here may read: chmod 600 it, or use url_env"


def _missing(settings: Settings) -> Iterator[tuple[Place, str]]:
    """Where what is missing is named, and what to say of it."""
    if not settings.camera:
        yield (), "no cameras: add a table such as [camera.yard] with its url"
    for name, camera in settings.camera.items():
        place = ("camera", name)
        try:
            address = address_of(name, camera, os.environ)
            if camera_address(address) is None and not Path(address).exists():
                yield (*place, "url"), "no such camera or recording"
        except UsageError as error:
            yield place, error.line()
        if camera.model is None:
            yield place, "no model: set it here or in [defaults]"
            continue
        try:
            config = load(camera.model, per_day=camera.false_alarms_per_day).model.config
            camera.zones().scored((config.height // 8, config.width // 8))
        except UsageError as error:
            yield place, error.line()
    for table in ("mqtt", "webhook", "page"):
        told = getattr(settings, table)
        for key, variable in told.model_dump().items() if told else ():
            if key.endswith("_env") and variable and not os.environ.get(variable):
                yield (table, key), f"{variable} is not set: set this environment variable"
