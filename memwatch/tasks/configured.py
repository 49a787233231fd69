"""`memwatch config`: a configuration file as it would be in effect."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from memwatch.errors import UsageError
from memwatch.live.address import address_of
from memwatch.live.settings_file import ConfigError, load_settings, shown
from memwatch.tasks.session import load
from memwatch.video import camera_address


def checked(file: Path) -> dict[str, Any]:
    """Read it, and all that it names: models, addresses, secrets. Raises ConfigError with everything that is wrong."""
    settings = load_settings(file)
    wrong = []
    if not settings.camera:
        wrong.append(f"{file}: no cameras: add a table such as [camera.yard] with its url")
    for name, camera in settings.camera.items():
        try:
            address = address_of(name, camera, os.environ)
            if camera_address(address) is None and not Path(address).exists():
                wrong.append(f"{file}: camera.{name}: no such camera or recording")
        except UsageError as error:
            wrong.append(f"{file}: {error.line()}")
        if camera.model is None:
            wrong.append(f"{file}: camera.{name}: no model: set it here or in [defaults]")
            continue
        try:
            model = load(camera.model, per_day=camera.false_alarms_per_day).model
            camera.zones().scored((model.config.height // 8, model.config.width // 8))
        except UsageError as error:
            wrong.append(f"{file}: camera.{name}: {error.line()}")
    for table in ("mqtt", "webhook", "page"):
        told = getattr(settings, table)
        for key, variable in told.model_dump().items() if told else ():
            if key.endswith("_env") and variable and not os.environ.get(variable):
                wrong.append(f"{file}: {table}.{key}: {variable} is not set: set this environment variable")
    if wrong:
        raise ConfigError(list(dict.fromkeys(wrong)))
    return {"file": str(file), "cameras": sorted(settings.camera), "mistakes": 0}


def in_effect(file: Path) -> dict[str, Any]:
    """All settings with their defaults, secrets masked."""
    return shown(load_settings(file))
