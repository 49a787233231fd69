"""Clips that browsers play, whole or not there."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from memwatch.errors import EXIT_FAILED, MemwatchError
from memwatch.video import VideoWriter, open_source
from tests.video.drawn import block_at, draw


def _times(path: Path) -> list[float]:
    with open_source(str(path)) as source:
        return [frame.seconds for frame in source]


def _broken_off(path: Path, error: BaseException) -> None:
    with VideoWriter(path, fps=10) as writer:
        writer.write(draw(0))
        raise error


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clip.mp4"
    with VideoWriter(path, fps=25) as writer:
        for index in range(30):
            writer.write(draw(index), index / 25)
        assert not path.exists()
    with open_source(str(path)) as source:
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.seconds for frame in frames] == pytest.approx([i / 25 for i in range(30)], abs=0.001)
    assert all(abs(block_at(frame.image) - frame.index) <= 1 for frame in frames)
    assert np.abs(frames[0].image.astype(int) - draw(0)).mean() < 6
    assert [entry.name for entry in path.parent.iterdir()] == ["clip.mp4"]


def test_clip_is_one_that_browsers_play(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, fps=10) as writer:
        for index in range(5):
            writer.write(draw(index))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
    data = path.read_bytes()
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < data.index(b"mdat")


def test_frames_without_times_follow_the_rate(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", fps=8) as writer:
        for index in range(5):
            writer.write(draw(index))
    assert _times(tmp_path / "clip.mp4") == pytest.approx([i / 8 for i in range(5)], abs=0.001)


def test_times_that_do_not_rise_are_made_to(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", fps=10) as writer:
        for index, seconds in enumerate([0.0, 0.1, 0.1, 0.05, 2.0]):
            writer.write(draw(index), seconds)
    assert _times(tmp_path / "clip.mp4") == pytest.approx([0, 0.1, 0.101, 0.102, 2.0], abs=0.0005)


def test_odd_sizes_lose_a_line_and_other_sizes_are_scaled(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", fps=10) as writer:
        writer.write(draw(0, width=97, height=65))
        writer.write(draw(1, width=192, height=128))
    with open_source(str(tmp_path / "clip.mp4")) as source:
        assert [frame.image.shape for frame in source] == [(64, 96, 3)] * 2


def test_abort_and_exceptions_leave_nothing(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "a.mp4", fps=10)
    writer.write(draw(0))
    writer.abort()
    writer.close()
    with pytest.raises(KeyboardInterrupt):
        _broken_off(tmp_path / "b.mp4", KeyboardInterrupt())
    with VideoWriter(tmp_path / "c.mp4", fps=10):
        pass
    assert list(tmp_path.iterdir()) == []


def test_older_clip_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"older")
    with pytest.raises(RuntimeError):
        _broken_off(path, RuntimeError())
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("frames", [1, 60])
def test_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, frames: int) -> None:
    path = tmp_path / "clip.mp4"
    (tmp_path / "clip.mp4.part").symlink_to("/dev/full")
    noise = np.random.default_rng(0)

    def write_all() -> None:
        with VideoWriter(path, fps=10, crf=1) as writer:
            for _ in range(frames):
                writer.write(noise.integers(0, 256, (128, 128, 3), np.uint8))

    with pytest.raises(MemwatchError) as caught:
        write_all()
    assert caught.value.code == EXIT_FAILED
    assert str(path) in caught.value.line()
    assert "No space left" in caught.value.line()
    assert "free some space" in caught.value.line()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MemwatchError, match=r"clip\.mp4: cannot be written"):
        VideoWriter(tmp_path / "file" / "clip.mp4", fps=10).write(draw(0))


@pytest.mark.parametrize("fps", [29.97, 1000 / 33, 0.5, 120.0])
def test_odd_rates_are_accepted(tmp_path: Path, fps: float) -> None:
    with VideoWriter(tmp_path / "clip.mp4", fps=fps) as writer:
        for index in range(3):
            writer.write(draw(index))
    assert _times(tmp_path / "clip.mp4")[-1] == pytest.approx(2 / fps, abs=0.002)
