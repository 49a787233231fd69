"""Real RTSP cameras that are killed, frozen and locked while another lives."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.live import rtsp
from tests.live.rtsp import RtspCamera
from tests.live.watching import Watching

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(rtsp.missing()), reason=rtsp.missing() or "never"),
]

NAMES = ("killed", "frozen", "locked", "living")
SECRET = "p%40ss%2Fword"
NAMED_S, BACK_S = 10.0, 15.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes at 10 frames/s."""
    return ROOT / "samples" / "walkway-normal.mp4"


@pytest.fixture
def cameras(clip: Path) -> Iterator[dict[str, RtspCamera]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(RtspCamera(clip, account="me:right" if name == "locked" else ""))
            for name in NAMES
        }


def test_each_trouble_is_named_and_mended_and_the_living_camera_misses_nothing(
    cameras: dict[str, RtspCamera], tmp_path: Path
) -> None:
    tables = [f'[defaults]\nmodel = "{ROOT}/models/walkway.safetensors"']
    for name, camera in cameras.items():
        account = f"me:{SECRET}" if name == "locked" else ""
        tables.append(f'[camera.{name}]\nurl = "{camera.url(account)}"')
    config = tmp_path / "cameras.toml"
    config.write_text("schema = 1\n" + "\n".join(tables) + "\n")
    with Watching(config, "--data", tmp_path / "data") as watching:
        started = time.monotonic()
        for name in ("killed", "frozen", "living"):
            watching.state(name, "camera_back", 40)
        _, refused = watching.state("locked", "camera_lost", 20)
        assert refused["reason"] == "unauthorized"
        time.sleep(3)

        cut = time.monotonic()
        cameras["killed"].kill()
        cameras["frozen"].freeze()
        killed_at, killed = watching.state("killed", "camera_lost", NAMED_S + 2, cut)
        frozen_at, frozen = watching.state("frozen", "camera_lost", NAMED_S + 2, cut)
        assert max(killed_at, frozen_at) - cut < NAMED_S
        assert killed["reason"] in ("eof", "refused")
        assert frozen["reason"] == "stalled"
        assert frozen["last_frame_wall"]

        time.sleep(10)
        mended = time.monotonic()
        cameras["killed"].start()
        cameras["frozen"].thaw()
        cameras["locked"].kill()
        cameras["locked"].account = ""
        cameras["locked"].start()
        for name in ("killed", "frozen", "locked"):
            at, back = watching.state(name, "camera_back", BACK_S + 2, mended)
            assert at - mended < BACK_S, name
            assert back["attempts"] >= 1
        assert watching.end(signal.SIGTERM) == 0
        assert ("living", "camera_lost") not in watching.told()
        summary = next(line for line in watching.errors if line.startswith("living"))
        scored, dropped = int(summary.split(" scored")[0].split()[-1]), int(summary.split(" dropped")[0].split()[-1])
        assert dropped <= 0.01 * scored, (scored, dropped)
        assert scored > 0.8 * 10 * (mended - started - 10)
        everything = " ".join(watching.errors) + repr(watching.lines)
    for path in (tmp_path / "data").rglob("*"):
        everything += path.read_bytes().decode("latin-1") if path.is_file() else path.name
    assert SECRET not in everything
    assert "p@ss/word" not in everything
