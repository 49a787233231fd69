"""Clips of the camera's own packets: nothing is encoded anew, and each begins at a keyframe before its pre-roll."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType, VideoFrame

from memwatch.errors import MemwatchError
from memwatch.types import Packet
from memwatch.video import PacketWriter, salvage

FPS, GOP, COUNT = 10, 20, 60
SIZE = (64, 48)


@pytest.fixture(scope="module")
def packets() -> list[Packet]:
    """Six seconds as a camera sends them: a keyframe every two, brighter by four levels a frame."""
    coder = av.CodecContext.create("libx264", "w")
    coder.width, coder.height, coder.pix_fmt = *SIZE, "yuv420p"
    coder.time_base, coder.framerate = Fraction(1, FPS), Fraction(FPS)
    coder.options = {"bf": "0", "g": str(GOP), "sc_threshold": "0", "tune": "zerolatency", "crf": "10"}
    told = []
    for index in range(COUNT):
        frame = VideoFrame.from_ndarray(np.full((SIZE[1], SIZE[0], 3), 4 * index, np.uint8), format="bgr24")
        frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, FPS), PictureType.NONE
        told += coder.encode(frame)
    told += coder.encode(None)
    return [Packet(bytes(one), float(one.pts * one.time_base), bool(one.is_keyframe)) for one in told]


def levels(path: Path) -> list[int]:
    """Which frames of the six seconds a clip shows, by how bright they are."""
    with av.open(str(path)) as clip:
        return [round(float(frame.to_ndarray(format="gray").mean()) / 4) for frame in clip.decode(video=0)]


def test_packets_come_back_as_they_were_from_the_first_keyframe_on(packets: list[Packet], tmp_path: Path) -> None:
    assert [index for index, packet in enumerate(packets) if packet.keyframe] == [0, 20, 40]
    writer = PacketWriter(tmp_path / "clip.mp4", size=SIZE, fps=FPS)
    for packet in packets[15:50]:  # 15 … 19 belong to a keyframe that is gone
        writer.write(packet, packet.seconds - packets[20].seconds)
    writer.close()
    shown = levels(tmp_path / "clip.mp4")
    assert len(shown) == 30
    assert all(abs(level - index) <= 1 for level, index in zip(shown, range(20, 50), strict=True))
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert float(clip.duration or 0) / av.time_base == pytest.approx(3.0, abs=0.11)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


def test_what_a_killed_process_leaves_is_salvaged(packets: list[Packet], tmp_path: Path) -> None:
    writer = PacketWriter(tmp_path / "clip.mp4", size=SIZE, fps=FPS)
    for packet in packets:
        writer.write(packet, packet.seconds)
    part = (tmp_path / "clip.mp4.part").read_bytes()
    (tmp_path / "cut.part").write_bytes(part[: len(part) * 2 // 3])
    salvage(tmp_path / "cut.part", tmp_path / "cut.mp4")
    assert 30 <= len(levels(tmp_path / "cut.mp4")) <= COUNT
    writer.abort()
    assert not (tmp_path / "clip.mp4.part").exists()


def test_without_a_keyframe_there_is_no_clip(packets: list[Packet], tmp_path: Path) -> None:
    writer = PacketWriter(tmp_path / "clip.mp4", size=SIZE, fps=FPS)
    for packet in packets[1:10]:
        writer.write(packet, packet.seconds)
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemwatchError, match=r"clip\.mp4: cannot be written"):
        PacketWriter(tmp_path / "file" / "clip.mp4", size=SIZE, fps=FPS)
