"""A real broker: what a listener hears of a camera, and what becomes of it when either side is killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.live import mosquitto, rtsp
from tests.live.mosquitto import Listener, Mosquitto
from tests.live.rtsp import RtspCamera
from tests.live.watching import Watching

MISSING = rtsp.missing() or ("" if mosquitto.PROGRAM else "mosquitto is not installed (tests/live/parts.sh)")
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "never"),
]
BASE = "memwatch/lab"
CONFIG = "homeassistant/device/memwatch_lab_yard/config"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    """Its first event comes some ten seconds after it is connected."""
    with RtspCamera(ROOT / "samples" / "walkway-test.mp4") as camera:
        yield camera


@pytest.fixture
def config(tmp_path: Path, broker: Mosquitto, camera: RtspCamera) -> Path:
    path = tmp_path / "cameras.toml"
    path.write_text(
        f'schema = 1\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nnode = "lab"\n'
        f'[camera.yard]\nurl = "{camera.url()}"\nmodel = "{ROOT}/models/walkway.safetensors"\ncooldown_s = 0.0\n'
    )
    return path


def test_a_listener_hears_all_of_a_camera(broker: Mosquitto, config: Path) -> None:
    with Listener(broker.port) as listener:
        with Watching(config) as watching:
            watching.state("yard", "camera_back", 40)
            listener.wait_for(lambda: listener.now.get(f"{BASE}/yard/state") == b"live", 10)
            assert listener.now[f"{BASE}/available"] == b"online"
            assert listener.now[f"{BASE}/yard/anomaly"] == b"OFF"
            device = json.loads(listener.now[CONFIG])
            assert device["dev"]["ids"] == ["memwatch_lab_yard"]
            for part in device["cmps"].values():
                assert (part.get("stat_t") or part["img_t"]).startswith(f"{BASE}/yard/")

            _, start = watching.state("yard", "start", 60)
            listener.wait_for(lambda: listener.now.get(f"{BASE}/yard/anomaly") == b"ON", 5)
            _, end = watching.state("yard", "end", 60)
            listener.wait_for(lambda: listener.now.get(f"{BASE}/yard/anomaly") == b"OFF", 5)
            assert float(listener.now[f"{BASE}/yard/score"]) >= 0
            assert listener.now[f"{BASE}/yard/snapshot"].startswith(b"\xff\xd8")
            told = [json.loads(payload) for topic, payload, _ in listener.heard if topic == f"{BASE}/events"]
            mine = [(line["type"], line["id"]) for line in told if line["id"] == start["id"]]
            assert mine[0] == ("start", start["id"])
            assert mine[-1] == ("end", end["id"])
            short = [json.loads(payload) for topic, payload, _ in listener.heard if topic == f"{BASE}/yard/event"]
            assert [(one["event_type"], one["id"]) for one in short[:2]] == [("start", start["id"]), ("end", end["id"])]

            with Listener(broker.port) as late:  # one that comes later knows what is
                late.wait_for(lambda: f"{BASE}/yard/state" in late.now and CONFIG in late.now, 5)
                kept = {topic for topic, _, retained in late.heard if retained}
                assert {f"{BASE}/available", f"{BASE}/yard/anomaly", f"{BASE}/yard/snapshot", CONFIG} <= kept
                assert f"{BASE}/events" not in kept

            listener.now.pop(CONFIG)
            listener.publish("homeassistant/status", "online")  # it was started anew, and asks
            listener.wait_for(lambda: CONFIG in listener.now, 5)

            assert watching.end(signal.SIGTERM) == 0
        listener.wait_for(lambda: listener.now[f"{BASE}/available"] == b"offline", 5)
        assert listener.now[f"{BASE}/yard/state"] == b"disabled"


def test_the_broker_says_it_for_a_process_that_was_killed(broker: Mosquitto, config: Path) -> None:
    with Listener(broker.port) as listener, Watching(config) as watching:
        watching.state("yard", "camera_back", 40)
        listener.wait_for(lambda: listener.now.get(f"{BASE}/available") == b"online", 10)
        watching.end(signal.SIGKILL)
        assert listener.wait_for(lambda: listener.now[f"{BASE}/available"] == b"offline", 60) < 60


def test_cameras_go_on_without_the_broker_and_all_is_said_when_it_is_back(broker: Mosquitto, config: Path) -> None:
    with Watching(config) as watching:
        watching.state("yard", "camera_back", 40)
        broker.kill()
        cut = time.monotonic()
        watching.state("yard", "start", 60, cut)
        watching.state("yard", "end", 60, cut)
        assert ("yard", "camera_lost") not in watching.told()
        assert any("the connection is lost" in line for line in watching.errors)
        broker.start()
        with Listener(broker.port) as listener:
            wanted = {f"{BASE}/available": b"online", f"{BASE}/yard/state": b"live"}
            listener.wait_for(lambda: wanted.items() <= listener.now.items() and CONFIG in listener.now, 70)
            listener.wait_for(lambda: f"{BASE}/events" in listener.now, 10)  # what was missed, too
        assert watching.end(signal.SIGTERM) == 0


def test_a_camera_that_is_taken_out_of_the_file_leaves_nothing_behind(broker: Mosquitto, config: Path) -> None:
    more = config.read_text() + config.read_text().partition("[camera.yard]")[2].join(["\n[camera.door]", ""])
    config.write_text(more)
    with Watching(config) as watching, Listener(broker.port) as listener:
        for name in ("yard", "door"):
            watching.state(name, "camera_back", 40)
        listener.wait_for(lambda: listener.now.get(f"{BASE}/door/state") == b"live", 10)
        config.write_text(more.partition("\n[camera.door]")[0])
        watching.process.send_signal(signal.SIGHUP)
        watching.state("", "config_reloaded", 20)
        time.sleep(1)
        with Listener(broker.port) as late:
            late.wait_for(lambda: late.now.get(f"{BASE}/yard/state") == b"live", 5)
            time.sleep(0.5)
            assert [topic for topic in late.now if "door" in topic] == []
        assert watching.end(signal.SIGTERM) == 0
