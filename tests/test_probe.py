"""What probe says of good and bad sources."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from memwatch.errors import MemwatchError
from memwatch.tasks.probe import probe
from tests.video.drawn import camera_feed, draw, write_video


def test_video(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", [draw(i) for i in range(50)])
    report = probe(str(clip), seconds=1.0)
    assert (report.kind, report.codec, report.width, report.height) == ("video", "h264", 96, 64)
    assert (report.frames, report.frames_read, report.broken) == (50, 26, 0)
    assert report.fps_declared == pytest.approx(25, rel=0.01)
    assert report.fps_measured == pytest.approx(25, rel=0.01)
    assert report.length_s == pytest.approx(2.0, abs=0.05)
    assert report.colour == "colour"
    assert report.problem is None
    assert json.loads(json.dumps(report.to_dict()))["source"] == str(clip)


def test_variable_rate_is_measured_not_believed(tmp_path: Path) -> None:
    times = [i / 4 for i in range(12)]
    clip = write_video(tmp_path / "a.mp4", [draw(i) for i in range(12)], times=times, fps=25)
    assert probe(str(clip)).fps_measured == pytest.approx(4, rel=0.01)


def test_folder_of_gray_16_bit_images(tmp_path: Path) -> None:
    for index in range(12):
        cv2.imwrite(str(tmp_path / f"{index}.tif"), draw(index)[..., 1].astype(np.uint16) * 16)
    report = probe(str(tmp_path))
    assert (report.kind, report.codec, report.bits, report.colour) == ("images", "tif", 12, "gray")
    assert (report.frames, report.fps_declared, report.length_s) == (12, 10, 1.2)
    assert report.fps_measured is None


def test_data_set_counts_its_clips_and_looks_at_the_first(tmp_path: Path) -> None:
    for clip in ["Train/Train001", "Test/Test001", "Test/Test002", "Test/Test001_gt"]:
        (tmp_path / clip).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / clip / "001.tif"), draw(0))
    report = probe(str(tmp_path))
    assert (report.kind, report.clips, report.codec) == ("clips", 3, "tif")


def test_half_black_picture_is_a_problem(tmp_path: Path) -> None:
    images = [draw(i) for i in range(12)]
    for image in images:
        image[32:] = 0
    assert "stays black" in (probe(str(write_video(tmp_path / "a.mp4", images))).problem or "")


def test_end_that_is_missing_is_seen_without_reading_all(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", [draw(i) for i in range(70)], options={"movflags": "+faststart"})
    assert probe(str(clip), seconds=0.4).problem is None
    clip.write_bytes(clip.read_bytes()[: int(clip.stat().st_size * 0.7)])
    report = probe(str(clip), seconds=0.4)
    assert report.frames_read == 11
    assert report.problem == "the file ends before the 2.80 s that its header promises"


def test_error_after_some_frames_is_the_problem(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), draw(0))
    cv2.imwrite(str(tmp_path / "2.png"), draw(0, width=128))
    report = probe(str(tmp_path))
    assert report.frames_read == 1
    assert "2.png: is 128x64" in (report.problem or "")


def test_camera_report_holds_no_password(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.ts", [draw(i) for i in range(30)], container="mpegts").read_bytes()
    with camera_feed(clip, pieces=30) as host:
        report = probe(f"http://me:canary@{host}/clip.ts")
    assert report.kind == "http"
    assert report.fps_measured == pytest.approx(25, rel=0.05)
    assert "broke off after 30 frames" in (report.problem or "")
    assert "canary" not in json.dumps(report.to_dict())


def test_nothing_to_probe_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no")
    with pytest.raises(MemwatchError, match=r"a\.mp4: is not a video"):
        probe(str(tmp_path / "a.mp4"))
