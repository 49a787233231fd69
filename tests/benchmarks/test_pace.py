"""The pace of a camera that is always ahead: every frame goes by once, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.pace import _AsLive, main
from tests.conftest import Trained
from tests.scene import film, video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return video(tmp_path / "gate.mp4", film(60, colour=False))


def test_every_frame_comes_once_in_order(clip: Path) -> None:
    assert [frame.index for frame in _AsLive(clip)] == list(range(60))


def test_the_pace_is_told_with_what_it_is_of(
    gray_model: Trained, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(clip), "--model", str(gray_model.path)]) == 0
    told = capsys.readouterr().out
    assert "frames/s" in told
    assert "gate.mp4" in told
    assert 0 < float(told.split()[0]) < 1000
