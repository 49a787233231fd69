"""A real Prometheus that scrapes the page."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.live import rtsp
from tests.live.rtsp import RtspCamera, free_port
from tests.live.watching import Watching

PROGRAM = shutil.which("prometheus")
MISSING = rtsp.missing() or ("" if PROGRAM else "prometheus is not installed (tests/live/parts.sh)")
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "never"),
]
TOKEN = "scrape-me-if-you-can"


class Prometheus:
    def __init__(self, folder: Path, target: int) -> None:
        assert PROGRAM is not None
        self.port = free_port()
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n"
            f"scrape_configs:\n- job_name: memwatch\n  authorization: {{credentials: {TOKEN}}}\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{target}']}}]\n"
        )
        self._process = subprocess.Popen(
            [PROGRAM, f"--config.file={config}", f"--storage.tsdb.path={folder / 'series'}",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, query: str) -> dict[str, float]:
        """The value of each series by its camera's name; empty where there is none yet."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                told: Any = json.load(answer)
        except (OSError, urllib.error.URLError):
            return {}
        assert told["status"] == "success"
        return {one["metric"].get("camera", ""): float(one["value"][1]) for one in told["data"]["result"]}

    def wait_for(self, query: str, wanted: dict[str, float], timeout: float) -> None:
        until = time.monotonic() + timeout
        while (found := self.ask(query)) != wanted:
            assert time.monotonic() < until, (query, found)
            time.sleep(0.3)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def page() -> int:
    return free_port()


@pytest.fixture
def prometheus(tmp_path: Path, page: int) -> Iterator[Prometheus]:
    prometheus = Prometheus(tmp_path, page)
    yield prometheus
    prometheus.close()


def test_a_camera_is_up_until_it_is_lost_and_its_frames_are_counted(
    prometheus: Prometheus, page: int, tmp_path: Path
) -> None:
    clip = ROOT / "samples" / "walkway-test.mp4"
    with RtspCamera(clip) as yard, RtspCamera(clip) as door:
        config = tmp_path / "cameras.toml"
        config.write_text(
            f'schema = 1\n[page]\nport = {page}\ntoken_env = "PAGE_TOKEN"\n'
            f'[defaults]\nmodel = "{ROOT}/models/walkway.safetensors"\n'
            f'[camera.yard]\nurl = "{yard.url()}"\n[camera.door]\nurl = "{door.url()}"\n'
        )
        with Watching(config, env={"PAGE_TOKEN": TOKEN}) as watching:
            for name in ("yard", "door"):
                watching.state(name, "camera_back", 40)
            prometheus.wait_for("up", {"": 1.0}, 30)
            prometheus.wait_for("memwatch_camera_up", {"yard": 1.0, "door": 1.0}, 10)
            watching.state("yard", "start", 60)
            prometheus.wait_for("memwatch_events_total >= 1 and memwatch_events_total{camera='yard'}", {"yard": 1.0}, 5)
            rate = prometheus.ask("rate(memwatch_frames_received_total[8s])")
            assert 4 < rate["yard"] < 12
            scored = prometheus.ask("memwatch_frames_scored_total + memwatch_frames_dropped_total")
            assert scored["yard"] > 30
            assert 0 < prometheus.ask("memwatch_camera_lag_seconds")["yard"] < 2
            assert prometheus.ask("histogram_quantile(0.5, memwatch_lag_seconds_bucket)")["yard"] < 2
            age = prometheus.ask("time() - memwatch_camera_last_frame_timestamp_seconds")
            assert -1 < age["yard"] < 5

            door.kill()
            watching.state("door", "camera_lost", 12)
            prometheus.wait_for("memwatch_camera_up", {"yard": 1.0, "door": 0.0}, 5)
            prometheus.wait_for("memwatch_camera_losses_total", {"yard": 0.0, "door": 1.0}, 5)
            assert watching.end(signal.SIGTERM) == 0
        prometheus.wait_for("up", {"": 0.0}, 10)
        assert TOKEN not in " ".join(watching.errors)
