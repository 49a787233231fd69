"""How long it takes from a frame's arrival to what is said of it, with four cameras."""

from __future__ import annotations

import os
import signal
import statistics
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.live import rtsp
from tests.live.figures import scraped
from tests.live.rtsp import RtspCamera, free_port
from tests.live.watching import Watching

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(rtsp.missing()), reason=rtsp.missing() or "never"),
]
CAMERAS = ("north", "east", "south", "west")
SECONDS = 60.0
MEDIAN_S, MOST_S = 0.15, 0.4


def test_four_cameras_are_followed_without_delay(tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        tables = []
        for name in CAMERAS:
            camera = stack.enter_context(RtspCamera(ROOT / "samples" / "walkway-test.mp4"))
            tables.append(f'[camera.{name}]\nurl = "{camera.url()}"\n')
        config = tmp_path / "cameras.toml"
        config.write_text(
            f'schema = 1\n[page]\nport = {port}\n[defaults]\nmodel = "{ROOT}/models/walkway.safetensors"\n'
            + "".join(tables)
        )
        wall = time.time() - time.monotonic()
        watching = stack.enter_context(Watching(config, "--data", tmp_path / "data"))
        for name in CAMERAS:
            watching.state(name, "camera_back", 60)
        time.sleep(SECONDS)
        figures = scraped(port)
        assert watching.end(signal.SIGTERM) == 0

    def upto(edge: str) -> float:
        return sum(figures[f'memwatch_lag_seconds_bucket{{camera="{name}",le="{edge}"}}'] for name in CAMERAS)

    count = upto("+Inf")
    edges = ("0.025", "0.05", "0.1", "0.15", "0.2", "0.4", "0.8", "1.6", "5.0", "+Inf")
    shares = {edge: upto(edge) / count for edge in edges}
    mean = sum(figures[f'memwatch_lag_seconds_sum{{camera="{name}"}}'] for name in CAMERAS) / count
    dropped = sum(figures[f'memwatch_frames_dropped_total{{camera="{name}"}}'] for name in CAMERAS)
    # A start names the frames it rests on, the newest of which is as old as its peak or newer.
    late = sorted(
        wall + at - datetime.fromisoformat(line["peak"]["wall"]).timestamp()
        for at, line in watching.lines
        if line["type"] == "start"
    )
    middle = next(edge for edge, share in shares.items() if share >= 0.5)
    last = next(edge for edge, share in shares.items() if share >= 0.99)
    print(
        f"\n{count:.0f} frames of 4 cameras, {dropped:.0f} dropped: mean {1000 * mean:.0f} ms, median <= {middle} s, "
        f"99 % <= {last} s; {len(late)} starts, median {1000 * statistics.median(late):.0f} ms after their peak"
    )
    assert count > 0.5 * SECONDS * 10 * len(CAMERAS) * (1 if len(os.sched_getaffinity(0)) > 1 else 0.5)
    assert len(late) >= len(CAMERAS)
    if len(os.sched_getaffinity(0)) > 1:
        assert shares["0.15"] >= 0.5
        assert shares["0.4"] >= 0.99
        assert statistics.median(late) < MEDIAN_S + 0.5
