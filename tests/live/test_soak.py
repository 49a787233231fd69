"""Cameras with troubles for a long time: nothing grows, and nothing stays open. MEMWATCH_SOAK_MINUTES says how long."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.live import rtsp
from tests.live.figures import Use
from tests.live.rtsp import RtspCamera
from tests.live.watching import Watching

MINUTES = float(os.environ.get("MEMWATCH_SOAK_MINUTES", "2"))
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(60 * MINUTES + 180),
    pytest.mark.skipif(bool(rtsp.missing()), reason=rtsp.missing() or "never"),
]
CAMERAS = ("north", "east", "south", "west")
WARM_S, CALM_S = max(40.0, 6 * MINUTES), 15.0
"""A tenth of the time, for buffers and the heap's holes to reach their size; and what the last fault needs to mend."""
GROWTH = 0.05
SPARE = 8
"""Threads and files that may come and go: readers that are being given up, clips that are being written."""


def trouble(camera: RtspCamera, chance: random.Random) -> str:
    """One fault, mended after some seconds."""
    kind = chance.choice(["killed", "frozen", "restarted"])
    if kind == "frozen":
        camera.freeze()
        time.sleep(chance.uniform(1, 9))
        camera.thaw()
    else:
        camera.kill()
        time.sleep(0.1 if kind == "restarted" else chance.uniform(1, 9))
        camera.start()
    return kind


def test_nothing_grows_and_every_event_ends(tmp_path: Path) -> None:
    chance, data = random.Random(11), tmp_path / "data"
    faults: list[str] = []
    with ExitStack() as stack:
        clip = ROOT / "samples" / "walkway-test.mp4"
        cameras = {name: stack.enter_context(RtspCamera(clip)) for name in CAMERAS}
        tables = [f'[camera.{name}]\nurl = "{camera.url()}"\n' for name, camera in cameras.items()]
        config = tmp_path / "cameras.toml"
        config.write_text(
            f'schema = 1\ndata = "{data}"\n[defaults]\nmodel = "{ROOT}/models/walkway.safetensors"\n' + "".join(tables)
        )
        watching = stack.enter_context(Watching(config))
        for name in CAMERAS:
            watching.state(name, "camera_back", 60)
        until = time.monotonic() + 60 * MINUTES - CALM_S
        for camera in cameras.values():  # what a reconnection needs for the first time is no growth
            camera.kill()
            camera.start()
        time.sleep(WARM_S)
        warm = Use.of(watching.process.pid)
        used = [warm]
        while time.monotonic() < until:
            faults.append(trouble(cameras[chance.choice(CAMERAS)], chance))
            used.append(Use.of(watching.process.pid))
            time.sleep(chance.uniform(0, 4))
        time.sleep(CALM_S)
        calm = Use.of(watching.process.pid)
        assert watching.end(signal.SIGTERM) == 0
        summaries = [line for line in watching.errors if " scored" in line]
        assert not any("Traceback" in line for line in watching.errors), watching.errors

    told = [line for _, line in watching.lines if line["type"] in ("start", "end")]
    begun = {line["id"] for line in told if line["type"] == "start"}
    ended = {line["id"] for line in told if line["type"] == "end"}
    print(f"\n{MINUTES:g} min, {len(faults)} faults, {len(begun)} events: {warm} -> {calm}")
    print("MB meanwhile:", *(round(one.rss_mb) for one in used), *summaries, sep=" ")
    assert begun == ended != set()
    base = sqlite3.connect(data / "events.sqlite")
    assert base.execute("SELECT count(*) FROM events WHERE stop IS NULL OR clip = 'recording'").fetchone() == (0,)
    base.close()
    assert calm.rss_mb <= (1 + GROWTH) * warm.rss_mb
    assert calm.threads <= warm.threads + SPARE
    assert calm.files <= warm.files + SPARE
