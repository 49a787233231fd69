"""Footage is thinned for training, and yet its clips are spaced as `watch` spaces them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.config import ModelConfig
from memwatch.errors import MemwatchError
from memwatch.tasks import footage as reading
from memwatch.tasks.footage import HELD_OUT, SEGMENT_S, Plan, _segments, read_footage, shares, spread
from memwatch.tasks.presets import model_config
from memwatch.tasks.progress import Silent
from memwatch.tasks.train import train
from memwatch.types import Clip, Frame
from memwatch.video import ClipWindow
from tests.scene import HEIGHT, WIDTH, film, folder
from tests.tasks.listeners import Recorder

CONFIG = ModelConfig(preset="small", width=32, height=16)


def shown(fps: float, *, seconds: float = 6.0, jitter: float = 0.0) -> list[Frame]:
    """Frames of one level each, so that a clip's pictures tell which they are."""
    rng = np.random.default_rng(0)
    frames = []
    for index in range(round(seconds * fps)):
        image = np.full((16, 32, 3), index % 250, np.uint8)
        at = (index + rng.uniform(-jitter, jitter)) / fps
        frames.append(Frame("yard", index, 1e9 + at, at, image))
    return frames


def levels(clip: Clip) -> list[int]:
    pictures: NDArray[np.float32] = np.concatenate([clip.inputs, clip.target])
    return [round((float(picture.mean()) + 1) * 127.5) for picture in pictures]


@pytest.mark.parametrize("fps", [10.0, 25.0, 30.0])
def test_clips_are_spaced_by_the_step_as_in_watch(fps: float) -> None:
    frames = shown(fps)
    window = ClipWindow(CONFIG)
    watched = {frame.seconds: clip for frame in frames if (clip := window.push(frame))}
    (recording,) = _segments(frames, CONFIG, "yard")
    targets = recording.targets(CONFIG, held=True)
    assert len(targets) > 40
    for target in targets:
        clip = recording.clip(target, CONFIG)
        times = [frames[level].seconds for level in levels(clip)]
        np.testing.assert_allclose(np.diff(times), CONFIG.step_s, atol=1e-6)
        assert levels(clip) == levels(watched[recording.times[target]])


@pytest.mark.parametrize("fps", [15.0, 24.0, 29.97, 50.0, 60.0])
def test_at_other_rates_a_clip_is_as_long_as_in_watch(fps: float) -> None:
    """Each frame within half a frame of its place, or what thinning leaves of it."""
    frames = shown(fps, seconds=4)
    (recording,) = _segments(frames, CONFIG, "yard")
    for target in recording.targets(CONFIG, held=True):
        times = np.array([recording.times[i] for i in recording.indices(target, CONFIG)])
        wanted = times[-1] - CONFIG.step_s * np.arange(CONFIG.clip_length, -1, -1)
        np.testing.assert_allclose(times, wanted, atol=1 / fps + 1e-6)


@pytest.mark.parametrize("fps", [25.0, 30.0])
def test_jitter_does_not_shift_the_grid(fps: float) -> None:
    (recording,) = _segments(shown(fps, seconds=8, jitter=0.2), CONFIG, "yard")
    assert len(recording.times) == pytest.approx(80, abs=1)
    assert np.diff(recording.times).mean() == pytest.approx(CONFIG.step_s / 2, rel=0.02)


def test_a_step_of_none_takes_every_frame() -> None:
    config = ModelConfig(preset="paper", width=32, height=16, step_s=0.0)
    (recording,) = _segments(shown(25.0, seconds=2), config, "yard")
    assert len(recording.times) == 50
    assert recording.indices(10, config) == [6, 7, 8, 9, 10]


def test_stretches_end_at_a_gap_a_hole_in_time_another_size_and_after_a_while() -> None:
    frames = shown(10.0, seconds=3)
    later = [Frame(f.source, f.index, f.time, f.seconds + (2 if f.index >= 10 else 0), f.image) for f in frames]
    assert [len(r.times) for r in _segments(later, CONFIG, "yard")] == [10, 20]
    marked = [Frame(f.source, f.index, f.time, f.seconds, f.image, gap=f.index == 12) for f in frames]
    assert [len(r.times) for r in _segments(marked, CONFIG, "yard")] == [12, 18]
    other = [f if f.index < 5 else Frame(f.source, f.index, f.time, f.seconds, f.image[:, :16]) for f in frames]
    assert [len(r.times) for r in _segments(other, CONFIG, "yard")] == [5, 25]
    long = list(_segments(shown(10.0, seconds=2 * SEGMENT_S + 3), CONFIG, "yard"))
    assert [len(r.times) for r in long] == [200, 200, 30]


def test_of_a_few_clips_the_ends_are_held_out_and_of_many_whole_ones() -> None:
    assert shares(1) == [HELD_OUT]
    assert shares(6) == [HELD_OUT] * 6
    assert shares(7) == [0, 0, 0, 1, 0, 0, 0]
    assert [number for number, share in enumerate(shares(16)) if share] == [3, 9, 15]
    assert set(shares(100)) == {0, 1}
    assert 0.1 < np.mean(shares(100)) < 0.2


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_still_footage_holds_nothing_to_learn(tmp_path: Path, preset: str) -> None:
    """The noise of the sensor is no motion. (`paper` enlarges these small pictures, and their noise with them.)"""
    shown = film(200, moving=False) if preset == "small" else 200 * film(1)
    still = folder(tmp_path / "still", shown)
    with pytest.raises(MemwatchError, match="still: nothing moves"):
        train([str(still)], tmp_path / "b.safetensors", preset=preset, steps=1, progress=Silent())
    # A night in which nothing happens is as good to calibrate on as any.
    config = model_config(preset, (WIDTH, HEIGHT), gray=False, memory=None)
    assert read_footage([str(still)], config, fps=10, progress=Silent(), unseen=True).targets(config, held=True)


def test_a_camera_that_never_stands_still_is_told_of_before_the_training(tmp_path: Path) -> None:
    coarse = np.random.default_rng(1).uniform(0, 255, (8, 12, 3)).astype(np.float32)
    ground = np.clip(cv2.resize(coarse, (WIDTH, HEIGHT)), 0, 255).astype(np.uint8)
    shaken = [np.roll(ground, (11 * index, 17 * index), (0, 1)) for index in range(200)]
    footage, progress = folder(tmp_path / "shaken", shaken), Recorder()
    config = model_config("small", (WIDTH, HEIGHT), gray=False, memory=None)
    read_footage([str(footage)], config, fps=10, progress=progress)
    (line,) = progress.notes
    assert "is the camera fixed?" in line
    progress.notes.clear()
    read_footage([str(folder(tmp_path / "calm", film(200)))], config, fps=10, progress=progress)
    assert progress.notes == []


def test_footage_longer_than_there_is_room_for_is_skimmed_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the border of two clips as within one."""
    config = model_config("small", (WIDTH, HEIGHT), gray=False, memory=None)
    clips = [folder(tmp_path / name, film(600)) for name in ("monday", "tuesday")]
    monkeypatch.setattr(reading, "BYTES", 400 * config.channels * config.width * config.height)
    progress = Recorder()
    read = read_footage([str(clip) for clip in clips], config, fps=10, progress=progress)
    assert read.thinned == 3
    assert [(r.name, round(r.times[0]), len(r.times)) for r in read.recordings] == [
        ("monday", 0, 100),
        ("monday", 30, 100),
        ("tuesday", 0, 100),
        ("tuesday", 30, 100),
    ]
    (note,) = progress.notes
    assert "one in 3 is taken, 1 minutes of it" in note


def test_stretches_go_on_from_clip_to_clip_and_stubs_are_left_out() -> None:
    """Twenty seconds of every sixty: of clips of 25 s, of short ones, of one whose length nobody knows."""
    assert spread([25.0] * 5, 20.0, 60.0, 2.0) == [
        [(0.0, 20.0)], [], [(10.0, 25.0)], [(0.0, 5.0)], [(20.0, 25.0)],
    ]  # fmt: skip
    short = spread([3.0] * 40, 20.0, 60.0, 2.0)
    assert sum(end - start for spans in short for start, end in spans) == pytest.approx(40, abs=2)
    assert all(end - start >= 2 for spans in short for start, end in spans)
    assert spread([10.5, 0.0, 30.0], 10.0, 30.0, 1.0) == [[(0.0, 10.0)], [(0.0, float("inf"))], [(19.5, 29.5)]]


def test_footage_with_a_frame_now_and_then_has_longer_stretches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is counted in frames that there are, and a stretch holds some clips of them."""
    config = model_config("small", (WIDTH, HEIGHT), gray=False, memory=None)
    clip = folder(tmp_path / "slow", film(400))
    monkeypatch.setattr(reading, "BYTES", 500 * config.channels * config.width * config.height)
    assert Plan.of([clip], config, 1.0).thinned == 1
    monkeypatch.setattr(reading, "BYTES", 200 * config.channels * config.width * config.height)
    plan = Plan.of([clip], config, 1.0)
    assert plan.thinned == 2
    assert plan.spans[0][0] == (0.0, 20.0)
    read = read_footage([str(clip)], config, fps=1.0, progress=Recorder())
    assert len(read.targets(config, held=False)) >= 100


def test_where_headers_say_nothing_footage_is_thinned_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As evenly: its last minute is no better known than its first."""
    config = model_config("small", (WIDTH, HEIGHT), gray=False, memory=None)
    clip = folder(tmp_path / "monday", film(3200))
    monkeypatch.setattr(reading, "BYTES", 500 * config.channels * config.width * config.height)
    monkeypatch.setattr(reading.Plan, "of", classmethod(lambda cls, *_: cls(1, [[]])))
    read = read_footage([str(clip)], config, fps=10, progress=Recorder())
    assert sum(len(r.frames) for r in read.recordings) <= 550
    assert read.thinned == 8
    assert [round(r.times[0]) for r in read.recordings] == [0, 160]


def test_moments_are_weighed_by_what_moves_in_them(tmp_path: Path) -> None:
    config = model_config("small", (WIDTH, HEIGHT), gray=False, memory=None)
    shown = folder(tmp_path / "night", [*film(1) * 200, *film(100)])
    read = read_footage([str(shown)], config, fps=10, progress=Recorder())
    targets = read.targets(config, held=False)
    weights = np.diff(read.busy(targets), prepend=0.0)
    still = np.array([30 < 200 * number + index < 195 for number, index in targets])
    moving = np.array([200 * number + index > 205 for number, index in targets])
    assert weights[still].max() == 0
    assert weights[moving].min() > 0
