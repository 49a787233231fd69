"""Frames to clips: spaced by time whatever the source's rate, begun anew at every break, alike in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memwatch.config import ModelConfig
from memwatch.tasks.footage import Recording
from memwatch.types import Clip, Frame
from memwatch.video import ClipWindow, is_gap, positions, prepare, scaled
from tests import tiny

SETTINGS = tiny.config(head_width=0)
"""Four input frames, 0.2 s apart."""


def frame(index: int, seconds: float, *, gap: bool = False, size: tuple[int, int] = (64, 48)) -> Frame:
    """A flat picture whose level is its index."""
    return Frame("yard", index, 0.0, seconds, np.full((size[1], size[0], 3), index, np.uint8), gap)


def shown(clip: Clip | None) -> list[int] | None:
    """Which frames form a clip, the target last, read from its pixels."""
    if clip is None:
        return None
    pictures = np.concatenate([clip.inputs, clip.target])
    return [round((float(picture.mean()) + 1) * 127.5) for picture in pictures]


def pushed(times: Sequence[float], settings: ModelConfig = SETTINGS) -> list[list[int] | None]:
    window = ClipWindow(settings)
    return [shown(window.push(frame(index, seconds))) for index, seconds in enumerate(times)]


@pytest.mark.parametrize(("fps", "spacing"), [(5, 1), (10, 2), (15, 3), (25, 5), (50, 10)])
def test_clips_are_spaced_by_time_not_by_frames(fps: int, spacing: int) -> None:
    found = pushed([i / fps for i in range(8 * spacing)])
    for target in range(4 * spacing, 8 * spacing):
        assert found[target] == [target - k * spacing for k in (4, 3, 2, 1, 0)]


def test_times_need_not_begin_at_zero_nor_be_round() -> None:
    found = pushed([1234.567 + i * 1001 / 30000 for i in range(60)])  # NTSC: 6 frames are 0.2002 s
    assert found[50] == [26, 32, 38, 44, 50]


def test_a_step_of_zero_takes_consecutive_frames() -> None:
    found = pushed([i / 25 for i in range(10)], replace(SETTINGS, step_s=0.0))
    assert found[:4] == [None] * 4
    assert found[4:] == [list(range(t - 4, t + 1)) for t in range(4, 10)]


@pytest.mark.parametrize("fps", [0.5, 1, 2, 4])
def test_a_source_slower_than_the_step_gives_its_newest_frames(fps: float) -> None:
    found = pushed([i / fps for i in range(12)])
    assert found[:4] == [None] * 4
    assert found[4:] == [list(range(t - 4, t + 1)) for t in range(4, 12)]


def test_at_the_head_of_a_stream_the_clip_is_as_wide_as_what_was_seen() -> None:
    found = pushed([i / 25 for i in range(30)])
    assert found[:4] == [None] * 4
    assert found[4] == [0, 1, 2, 3, 4]
    assert found[8] == [0, 2, 4, 6, 8]
    assert found[12] == [0, 3, 6, 9, 12]
    assert found[20] == [0, 5, 10, 15, 20]
    assert found[25] == [5, 10, 15, 20, 25]


def test_irregular_times_by_hand() -> None:
    """Of a target at 1.0 s, the frames nearest to 0.2, 0.4, 0.6 and 0.8 s."""
    times = [0.0, 0.13, 0.22, 0.35, 0.41, 0.52, 0.64, 0.71, 0.78, 0.9, 1.0]
    assert pushed(times)[-1] == [2, 4, 6, 8, 10]


def test_of_two_frames_as_near_the_later_is_taken() -> None:
    assert positions([0.0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8], 2, 0.4) == [0, 4]
    assert positions([0.0, 0.3, 0.5, 0.8], 1, 0.4) == [2]


steps = st.lists(st.floats(0.01, 0.12), min_size=6, max_size=60)


@given(steps)
def test_every_chosen_frame_is_the_nearest_one(gaps: list[float]) -> None:
    times = list(np.cumsum(gaps))
    chosen = positions(times, 4, 0.2)
    assert chosen is not None
    assert chosen == sorted(set(chosen))
    assert chosen[-1] < len(times) - 1
    step = min(0.2, (times[-1] - times[0]) / 4)
    if chosen == list(range(len(times) - 5, len(times) - 1)):
        return  # as dense as the source is
    for k, index in enumerate(chosen):
        wanted = times[-1] - step * (4 - k)
        assert abs(times[index] - wanted) <= min(abs(t - wanted) for t in times) + 1e-8


@given(st.lists(st.floats(0.001, 0.3), min_size=1, max_size=80), st.sampled_from([0.0, 0.1, 0.2]))
def test_training_takes_the_same_frames_as_watching(gaps: list[float], step: float) -> None:
    settings = replace(SETTINGS, step_s=step)
    times = [float(t) for t in np.cumsum(gaps)]
    found = pushed(times, settings)
    recording = Recording("yard", times, [np.zeros((1, 1, 1), np.uint8)] * len(times), held_from=len(times))
    targets = recording.targets(settings, held=False)
    assert not targets or targets[-1] == len(times) - 1
    for target in targets:
        assert recording.indices(target, settings) == found[target]


def test_training_waits_for_a_full_clip() -> None:
    """A target's clip spans four steps; `watch` makes do with less at the head of a stream, training does not."""
    times = [i / 10 for i in range(20)]
    recording = Recording("yard", times, [], held_from=15)
    assert recording.targets(SETTINGS, held=False) == range(8, 15)
    assert recording.targets(SETTINGS, held=True) == range(15, 20)


# Breaks


def regular(window: ClipWindow, count: int, *, start: int = 0, at: float = 0.0) -> list[Clip | None]:
    return [window.push(frame(start + i, at + i / 10)) for i in range(count)]


@pytest.mark.parametrize(
    "odd",
    [
        frame(10, 1.0, gap=True),
        frame(10, 1.0, size=(80, 60)),
        frame(10, 1.0 + 0.6),
        frame(10, 0.3),
    ],
    ids=["gap", "size", "hole", "time runs back"],
)
def test_nothing_from_before_a_break_is_used_after_it(odd: Frame) -> None:
    window = ClipWindow(SETTINGS)
    regular(window, 10)
    assert not window.broke
    assert window.push(odd) is None
    assert window.broke
    size = (odd.image.shape[1], odd.image.shape[0])
    later = [window.push(frame(11 + i, odd.seconds + (1 + i) / 10, size=size)) for i in range(4)]
    assert not window.broke
    assert later[:3] == [None] * 3
    assert shown(later[3]) == [10, 11, 12, 13, 14]


def test_a_short_hole_is_no_break() -> None:
    window = ClipWindow(SETTINGS)
    regular(window, 10)
    clip = window.push(frame(10, 0.9 + 0.45))
    assert not window.broke
    assert shown(clip) == [6, 7, 8, 9, 10]  # spacing fails across the hole: the newest frames are the best there is


def test_the_first_frame_is_no_break() -> None:
    window = ClipWindow(SETTINGS)
    window.push(frame(0, 5.0, gap=True))
    assert not window.broke


@pytest.mark.parametrize(
    ("times", "now", "gap"),
    [
        ([], 100.0, False),
        ([0.0], 60.0, False),  # the first pair shows the pace
        ([0.0, 0.1, 0.2], 0.65, False),  # under 0.5 s
        ([0.0, 0.1, 0.2], 0.75, True),
        ([0.0, 1.0, 2.0], 5.9, False),  # a slow source: four of its own steps
        ([0.0, 1.0, 2.0], 6.1, True),
        ([0.0, 0.1, 0.2], 0.2, False),
        ([0.0, 0.1, 0.2], 0.19, True),
    ],
)
def test_what_counts_as_a_hole(times: list[float], now: float, gap: bool) -> None:
    assert is_gap(times, now, 0.2) is gap


def test_a_long_step_allows_a_long_hole() -> None:
    assert not is_gap([0.0, 0.1, 0.2], 3.9, 2.0)
    assert is_gap([0.0, 0.1, 0.2], 4.3, 2.0)


# Pixels


def test_gray_models_see_gray_and_colour_models_bgr() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 200, 100, 50
    gray = prepare(image, SETTINGS)
    assert gray.shape == (1, 48, 64)
    assert (gray == round(0.114 * 200 + 0.587 * 100 + 0.299 * 50)).all()
    colour = prepare(image, replace(SETTINGS, channels=3))
    assert colour.shape == (3, 48, 64)
    assert [int(plane.mean()) for plane in colour] == [200, 100, 50]


def test_shrinking_averages_areas() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    image[::2, ::2] = 200
    assert (prepare(image, SETTINGS) == 50).all()


def test_scaled_spans_minus_one_to_one() -> None:
    found = scaled(np.array([0, 255], np.uint8))
    assert found.tolist() == [-1, 1]
    assert found.dtype == np.float32


def test_memory_does_not_grow_with_the_stream() -> None:
    window = ClipWindow(SETTINGS)
    for index in range(400):
        window.push(frame(index % 200, index / 50))
    assert len(window._pixels) <= 42


def test_a_clip_is_not_changed_by_later_frames() -> None:
    window = ClipWindow(SETTINGS)
    clip = regular(window, 10)[-1]
    before = shown(clip)
    regular(window, 10, start=100, at=1.0)
    assert shown(clip) == before
