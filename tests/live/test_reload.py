"""SIGHUP: what changed is changed, what didn't runs on, and a file with mistakes changes nothing."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.live import rtsp
from tests.live.rtsp import RtspCamera
from tests.live.watching import Watching

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(rtsp.missing()), reason=rtsp.missing() or "never"),
]
CLIP = ROOT / "samples" / "walkway-normal.mp4"


def configuration(cameras: dict[str, RtspCamera], extra: str = "") -> str:
    tables = [f'[camera.{name}]\nurl = "{camera.url()}"' for name, camera in cameras.items()]
    model = ROOT / "models" / "walkway.safetensors"
    return "\n".join(["schema = 1", "[defaults]", f'model = "{model}"', *tables, extra, ""])


def test_cameras_that_did_not_change_run_on(tmp_path: Path) -> None:
    file = tmp_path / "cameras.toml"
    with ExitStack() as stack:
        cameras = {name: stack.enter_context(RtspCamera(CLIP)) for name in ("yard", "gate", "later")}
        first = {name: cameras[name] for name in ("yard", "gate")}
        file.write_text(configuration(first))
        watching = stack.enter_context(Watching(file))
        for name in first:
            watching.state(name, "camera_back", 60)

        began = time.monotonic()
        file.write_text(configuration(first, "pre_roll = 3"))  # in gate's table
        watching.process.send_signal(signal.SIGHUP)
        _, refused = watching.state("", "config_refused", 20, began)
        assert len(refused["mistakes"]) == 1
        assert f"{file}:8: camera.gate.pre_roll: unknown setting; did you mean pre_roll_s?" in refused["mistakes"][0]

        began = time.monotonic()
        changed = {"yard": cameras["yard"], "gate": cameras["gate"], "later": cameras["later"]}
        file.write_text(configuration(changed).replace("[camera.later]", "start_hits = 2\n[camera.later]"))
        watching.process.send_signal(signal.SIGHUP)
        _, told = watching.state("", "config_reloaded", 20, began)
        assert (told["added"], told["changed"], told["removed"]) == (["later"], ["gate"], [])
        for name in ("gate", "later"):
            watching.state(name, "camera_back", 30, began)

        began = time.monotonic()
        file.write_text(configuration(first))
        watching.process.send_signal(signal.SIGHUP)
        _, told = watching.state("", "config_reloaded", 20, began)
        assert (told["added"], told["changed"], told["removed"]) == ([], ["gate"], ["later"])
        watching.state("gate", "camera_back", 30, began)
        assert watching.end(signal.SIGTERM) == 0
        mine = [line for _, line in watching.lines if line["camera"] == "yard"]
        kinds = [line["type"] for line in mine if line["schema"].startswith("memwatch.state")]
        assert kinds == ["camera_connecting", "camera_back"]
        assert {line.split()[0] for line in watching.errors if " live:" in line} == {"yard", "gate"}
