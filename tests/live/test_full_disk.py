"""A disk that is full: cameras go on, it is said, and what was kept before can still be read."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.live import rtsp
from tests.live.rtsp import RtspCamera
from tests.live.watching import Watching
from tests.sinks.kept import pictures

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(rtsp.missing()), reason=rtsp.missing() or "never"),
]
MEGABYTE = 1_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
    except OSError as error:
        pytest.skip(f"mount does not run here ({error.strerror})")
    if made.returncode:
        pytest.skip(f"a disk of its own needs root and mount ({made.stderr.strip()})")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, name: str, leave: int = 0) -> Path:
    """Take what is free but so many bytes."""
    path = disk / name
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
                if free <= leave:
                    break
                file.write(b"\0" * min(65536, free - leave))
        except OSError:
            pass
    return path


@pytest.mark.parametrize("least_gb", [0.000001, 0.004], ids=["to the last byte", "some kept free"])
def test_cameras_go_on_with_a_full_disk_and_clips_come_back_with_room(
    disk: Path, tmp_path: Path, least_gb: float
) -> None:
    data, config = disk / "data", tmp_path / "cameras.toml"
    with RtspCamera(ROOT / "samples" / "walkway-test.mp4") as camera:
        config.write_text(
            f'schema = 1\ndata = "{data}"\n[retention]\nmin_free_gb = {least_gb:f}\n'
            f'[camera.yard]\nurl = "{camera.url()}"\nmodel = "{ROOT}/models/walkway.safetensors"\n'
            "cooldown_s = 0.0\npost_roll_s = 1.0\n"
        )
        with Watching(config) as watching:
            watching.state("yard", "end", 60)
            time.sleep(3)
            kept = list(data.rglob("*.mp4"))
            assert len(kept) == 1
            base = sqlite3.connect(data / "events.sqlite")
            base.execute("UPDATE events SET label = 'anomaly'")  # so that it isn't given up for the next one
            base.commit()
            base.close()

            ballast = fill(disk, "ballast")
            full = time.monotonic()
            _, told = watching.wait_for(lambda one: one["type"] in ("disk_full", "evidence_failed"), 60, full)
            assert told["camera"] == "yard"
            watching.state("yard", "end", 60, full)
            counted = len(watching.lines)
            assert ("yard", "camera_lost") not in watching.told()
            assert pictures(kept[0])

            ballast.unlink()
            room = time.monotonic()
            watching.state("yard", "disk_ok", 100, room)
            assert len(watching.lines) > counted
            assert watching.end(signal.SIGTERM) == 0
        troubles = [kind for _, kind in watching.told() if kind in ("disk_full", "evidence_failed")]
        assert len(troubles) == 1
        assert not any("Traceback" in line for line in watching.errors), watching.errors
    base = sqlite3.connect(data / "events.sqlite")
    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = base.execute("SELECT id, clip FROM events ORDER BY start").fetchall()
    base.close()
    ready = {event for event, clip in rows if clip == "ready"}
    assert {path.stem for path in data.rglob("*.mp4")} == ready
    for path in data.rglob("*.mp4"):
        assert pictures(path), path
