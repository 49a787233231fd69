"""The live reader: bounded waits, the newest frame, clean ends, no secrets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from memwatch.errors import EXIT_FAILED, SourceError, UsageError
from memwatch.video import CameraSource, Limits, open_source
from tests.video.drawn import block_at, camera_feed, draw, write_video

QUICK = Limits(open_s=1.0, read_s=1.0, stall_s=0.6)
SECRET = "p%40%3A%2F%25%21w"


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    return write_video(tmp_path / "clip.ts", [draw(i) for i in range(50)], container="mpegts").read_bytes()


@contextlib.contextmanager
def _mute_port() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_slow_consumer_gets_the_newest_frame_and_drops_are_counted(clip: bytes) -> None:
    with (
        camera_feed(clip, pieces=50, pause_s=0.02, silent=True) as host,
        CameraSource(f"http://{host}/clip.ts", limits=QUICK) as camera,
    ):
        frames = []
        for frame in camera:
            frames.append(frame)
            if len(frames) == 3:
                break
            time.sleep(0.3)
        assert camera.dropped >= 5
        assert frames[-1].index - frames[0].index > 5
        assert frames[-1].index <= 2 + camera.dropped  # what is not among the three was dropped, and counted
        assert all(abs(block_at(frame.image) - frame.index) <= 1 for frame in frames)


def test_end_of_the_stream_is_one_clean_line(clip: bytes) -> None:
    with (
        camera_feed(clip) as host,
        CameraSource(f"http://me:{SECRET}@{host}/clip.ts", limits=QUICK) as camera,
        pytest.raises(SourceError) as caught,
    ):
        list(camera)
    assert caught.value.code == EXIT_FAILED
    line = caught.value.line()
    assert line == f"http://***@{host}/clip.ts: the connection broke off after 50 frames. check the camera"
    assert camera.partial


def test_silence_is_noticed_within_the_limit(clip: bytes) -> None:
    with (
        camera_feed(clip, pieces=2, silent=True) as host,
        CameraSource(f"http://{host}/clip.ts", limits=Limits(open_s=1, read_s=3, stall_s=0.6)) as camera,
    ):
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"the camera stalled: no frame for 0\.6 s"):
            list(camera)
        assert time.monotonic() - started < 3


def test_closing_from_another_thread_ends_the_iteration_soon(clip: bytes) -> None:
    with camera_feed(clip, pieces=2, silent=True) as host:
        camera = CameraSource(f"http://{host}/clip.ts", limits=Limits(open_s=1, read_s=1, stall_s=20))
        timer = threading.Timer(0.3, camera.close)
        timer.start()
        started = time.monotonic()
        for _ in camera:
            pass
        assert time.monotonic() - started < 1.5
        timer.join()


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_port_that_never_answers_is_given_up(scheme: str) -> None:
    with _mute_port() as port:
        started = time.monotonic()
        with pytest.raises(SourceError, match=r"did not answer for 1 s") as caught:
            CameraSource(f"{scheme}://me:{SECRET}@127.0.0.1:{port}/live", limits=QUICK)
        assert time.monotonic() - started < 3.5
    assert caught.value.line().startswith(f"{scheme}://***@127.0.0.1:{port}/live: ")


@pytest.mark.parametrize("text", [f"rtsp://me:{SECRET}@127.0.0.1:9/x", f"http://me:{SECRET}@127.0.0.1:9/x"])
def test_refused_connection_shows_no_password_anywhere(text: str) -> None:
    with pytest.raises(SourceError, match="refuses the connection") as caught:
        open_source(text)
    everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
    assert SECRET not in everything
    assert "p@:/%!w" not in everything
    assert "me:" not in everything


def test_stream_that_is_not_there(clip: bytes) -> None:
    with camera_feed(clip) as host, pytest.raises(SourceError, match="has no such stream") as caught:
        open_source(f"http://{host}/missing")
    assert "after the host" in caught.value.line()


def test_stream_that_is_no_video() -> None:
    with camera_feed(b"once upon a time\n" * 200) as host, pytest.raises(SourceError, match="sends no video"):
        CameraSource(f"http://{host}/story", limits=QUICK)


def test_webcam_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="usb:97: no such device"):
        open_source("97")


def test_blank_in_an_address_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError) as caught:
        open_source("rtsp://me:pass word@cam/x")
    assert "word" not in caught.value.line()


def test_frames_keep_coming_past_a_damaged_one(clip: bytes) -> None:
    damaged = bytearray(clip)
    damaged[len(clip) // 2 : len(clip) // 2 + 600] = bytes(600)
    with (
        camera_feed(bytes(damaged), pieces=50) as host,
        CameraSource(f"http://{host}/clip.ts", limits=QUICK) as camera,
        contextlib.suppress(SourceError),
    ):
        numbers = [block_at(frame.image) for frame in camera]
        assert max(numbers) > 40
