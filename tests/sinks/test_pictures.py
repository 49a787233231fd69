"""The marked clip and the timeline: what can be checked of a picture without looking at it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from memwatch.sinks import Marked, Timeline
from memwatch.sinks.band import ScoreBand
from memwatch.sinks.marked import draw_boxes, enlarged
from memwatch.sinks.story import Span
from memwatch.sinks.style import ALARM, FILLING, INK, NORMAL, TEXT, bgr, clock_text
from memwatch.sinks.timeline import MOST_EVENTS, MOST_POINTS, RECENT, _thumbnail
from memwatch.sinks.timeline_picture import draw
from memwatch.types import Image, Region

from .stream import FPS, frame, observe, play


def decoded(path: Path) -> tuple[list[float], list[Image]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [float(f.time) for f in frames], [f.to_ndarray(format="bgr24") for f in frames]


def share(image: Image, colour: str, tolerance: int = 45) -> float:
    """The part of the picture that is about this colour."""
    difference = np.abs(image.astype(int) - np.array(bgr(colour))).max(axis=-1)
    return float((difference < tolerance).mean())


def test_every_frame_at_its_own_time_enlarged_with_a_band(tmp_path: Path) -> None:
    with Marked(tmp_path / "marked.mp4", FPS) as sink:
        play("????...5x555....", [sink], size=(161, 121))
    times, pictures = decoded(tmp_path / "marked.mp4")
    assert times == pytest.approx([i / FPS for i in range(16) if i != 8], abs=0.002)
    # 161 × 3 = 483 is the first multiple of 480 at least; even sides for H.264.
    assert pictures[0].shape == (3 * 121 + 56 - 1, 482, 3)


def test_boxes_are_drawn_where_the_regions_are(tmp_path: Path) -> None:
    with Marked(tmp_path / "marked.mp4", FPS) as sink:
        play("....9999", [sink], size=(640, 360))
    _, pictures = decoded(tmp_path / "marked.mp4")
    quiet, odd = pictures[3], pictures[7]
    assert share(quiet[:60, :60], ALARM, 90) == 0.0
    assert share(odd[8:24, 5:21], ALARM, 90) > 0.02
    assert share(odd[40:360], ALARM, 90) == 0.0


@pytest.mark.parametrize(("value", "colour"), [(None, FILLING), (0.5, NORMAL), (5.0, ALARM)])
def test_the_band_shows_the_state(value: float | None, colour: str) -> None:
    band = ScoreBand()
    score = None if value is None else observe(frame(0), value).score
    band.add(0.0, score)
    dot = band.draw(800, score)[19:32, 16:29]
    assert share(dot, colour, 12) > 0.5


def test_the_band_says_why_while_an_event_is_open(tmp_path: Path) -> None:
    with Marked(tmp_path / "marked.mp4", FPS) as sink:
        play("....9999..........", [sink], size=(640, 360))
    _, pictures = decoded(tmp_path / "marked.mp4")
    foot = [picture[360 + 54 :, 118:560] for picture in pictures]
    assert share(foot[3], TEXT, 90) == share(foot[-1], TEXT, 90) == 0.0
    assert share(foot[7], TEXT, 90) > 0.01
    assert share(foot[9], TEXT, 90) > 0.01  # quiet, but not yet over


def test_the_trace_is_red_above_the_limit_and_broken_where_nothing_was_scored() -> None:
    band = ScoreBand()
    for i in range(101):
        value = 4.0 if i > 60 else 1.0
        band.add(i / 10, None if 20 <= i < 40 else observe(frame(i), value).score)
    area = band.draw(800, observe(frame(100), 4.0).score)[8:64, 150:708]
    assert share(area[:30, 360:], ALARM) > 0.02
    assert share(area[:, :100], ALARM) == 0.0
    unscored = area[34:, 120:210]
    assert np.ptp(unscored.reshape(-1, 3), axis=0).max() == 0


def test_the_band_forgets_what_has_left_it() -> None:
    band = ScoreBand()
    for i in range(1000):
        band.add(i / 10, None)
    assert len(band._trace) <= 102


@pytest.mark.parametrize("width", [16, 120, 479, 480, 1920])
def test_any_width_can_be_drawn(width: int) -> None:
    picture = enlarged(np.zeros((width // 2, width, 3), np.uint8))
    assert picture.shape[1] >= min(480, 8 * width)
    band = ScoreBand()
    band.add(0.0, observe(frame(0), 5.0).score)
    assert band.draw(picture.shape[1], None).shape[0] % 2 == 0


@pytest.mark.parametrize("ground", ["#000000", "#ffffff", ALARM, INK])
def test_boxes_show_on_any_ground(ground: str) -> None:
    picture = np.full((100, 100, 3), bgr(ground), np.uint8)
    draw_boxes(picture, (Region(box=(20, 20, 60, 60), area=1600, peak=3.0),), 1.0)
    edge = picture[40, 15:25].astype(int) - bgr(ground)
    assert np.abs(edge).max() > 100


@pytest.mark.parametrize("corner", [(0, 0), (180, 240), (610, 0), (610, 450)])
@pytest.mark.parametrize("number", [3, 12345])
def test_a_track_s_number_stands_at_its_box_and_in_the_picture(corner: tuple[int, int], number: int) -> None:
    bare, numbered = (np.full((480, 640, 3), 128, np.uint8) for _ in range(2))
    x, y = corner
    region = Region(box=(x, y, x + 30, y + 30), area=900, peak=3.0)
    draw_boxes(bare, (region,), 1.0)
    draw_boxes(numbered, (replace(region, track=number),), 1.0)
    rows, columns = np.nonzero((bare != numbered).any(axis=2))
    assert len(rows) > 100, "not drawn"
    tag = numbered[rows.min() : rows.max(), columns.min() : columns.max()]
    assert share(tag, ALARM) > 0.3
    assert share(tag, INK, 90) > 0.02
    assert y - 30 < rows.min() <= rows.max() < y + 30
    assert x - 60 < columns.min() <= x + 4
    assert tag.shape[1] > 8 * len(str(number)), "cut off"


def test_a_thumbnail_has_the_boxes_without_their_tracks_numbers() -> None:
    """Its event has a number of its own, beside which they would mislead."""
    seen = observe(frame(9), 9.0)
    assert seen.regions[0].track == 7
    same = replace(seen, regions=tuple(replace(region, track=None) for region in seen.regions))
    image = frame(9).image
    assert _thumbnail(image, seen) == _thumbnail(image, same) != _thumbnail(image, replace(seen, regions=()))


def test_the_timeline_says_why_under_each_event(tmp_path: Path) -> None:
    sink = Timeline(tmp_path / "t.png")
    play("....55555......", [sink])
    assert [span.reason for span in sink._story.spans.values()] == ["moves 2.4 times faster than usual here"]
    sink.close()
    lines = [text.get_text() for text in draw(sink._story).texts]
    assert lines[-1] == "moves 2.4 times faster than usual here"


def test_the_timeline_is_a_picture_with_and_without_events(tmp_path: Path) -> None:
    for name, text in (("quiet", "????" + "." * 20), ("odd", "????......55555......")):
        with Timeline(tmp_path / f"{name}.png", truth=[(0.9, 1.6, "cyclist")]) as sink:
            play(text, [sink])
    quiet, odd = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("quiet", "odd"))
    assert quiet is not None
    assert odd is not None
    assert odd.shape[0] > quiet.shape[0] + 200, "no thumbnail"
    assert odd.shape[1] == 2400
    assert share(odd, ALARM) > share(quiet, ALARM)
    assert share(quiet, NORMAL) > 0.0


def test_names_are_not_formulas(tmp_path: Path) -> None:
    with Timeline(tmp_path / "t.png", title=r"yard $\x_1$ 100 %") as sink:
        play("...", [sink])
    assert (tmp_path / "t.png").exists()


def test_a_long_source_keeps_its_peaks_and_little_memory(tmp_path: Path) -> None:
    sink = Timeline(tmp_path / "t.png")
    seen = frame(0, (16, 12))
    peak = 31_415
    for i in range(50_000):
        sink._add(i * 0.04, 7.0 if i == peak else 0.5)
    for i in range(RECENT + 50):
        sink.on_frame(replace(seen, index=i, seconds=2000.0 + i), observe(seen, 3.0))
    story = sink._story
    assert len(story.values) <= MOST_POINTS
    assert max(story.values) == 7.0
    assert story.seconds[int(np.argmax(story.values))] == pytest.approx(peak * 0.04)
    assert len(sink._recent) == RECENT


def test_many_events_keep_the_strongest(tmp_path: Path) -> None:
    sink = Timeline(tmp_path / "t.png")
    play("55555......99999......", [sink])
    strong = sink._story.spans["b"]
    sink._story.spans.update({f"x{i}": Span(i, i, i, 6.0) for i in range(MOST_EVENTS)})
    play("88888......", [sink])
    assert len(sink._story.spans) == MOST_EVENTS
    assert sink._story.spans["b"] == strong


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00.0"), (59.97, "1:00.0"), (75.25, "1:15.2"), (3723.4, "1:02:03.4")]
)
def test_clock_text(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
