"""`memwatch replay`: a recording through the path of live cameras."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from memwatch.errors import UsageError
from memwatch.live.settings import Camera, Page, Settings
from memwatch.live.settings_file import load_settings
from memwatch.tasks.live import FleetReport, run_fleet
from memwatch.tasks.progress import Progress
from memwatch.video import camera_address, redact

FASTEST = 1e9
"""Times real time: as fast as it goes."""


def replay(
    clip: str,
    *,
    config: Path | None = None,
    camera: str | None = None,
    model: Path | None = None,
    speed: float | None = None,
    data: Path | None = None,
    serve: bool = False,
    stream: TextIO,
    progress: Progress,
) -> FleetReport:
    """Watch `clip` with a camera's settings as if it came from that camera, `speed` times as fast as it was filmed.

    Only the lines, and `data` if given, get anything: what the configuration sends elsewhere is left out.
    """
    if camera_address(clip) is not None:
        raise UsageError(f"{redact(clip)}: a live camera", "give a recording; `memwatch watch` is for cameras")
    name, settings = _settings_of(config, camera)
    changes = {"url": clip, "url_env": None, "password_file": None} | ({"model": model} if model else {})
    settings = settings.model_copy(update=changes)
    fleet = Settings(camera={name: settings}, data=data, page=Page() if serve else None)
    return run_fleet(lambda: fleet, stream=stream, progress=progress, pace=speed or FASTEST)


def _settings_of(config: Path | None, camera: str | None) -> tuple[str, Camera]:
    if config is None:
        return camera or "replay", Camera(url="replay")
    cameras = load_settings(config).camera
    if camera is None and len(cameras) != 1:
        raise UsageError(f"{config}: has {len(cameras)} cameras", "name one with --camera")
    name = camera or next(iter(cameras))
    if name not in cameras:
        raise UsageError(f"{config}: no camera {name}", f"it has {', '.join(sorted(cameras)) or 'none'}")
    return name, cameras[name]
