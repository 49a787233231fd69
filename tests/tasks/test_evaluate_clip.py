"""One clip's figures from maps and truth drawn by hand: eight cells of 20 pixels, ten frames a second."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pytest

from memwatch.config import EventConfig, RegionConfig
from memwatch.errors import MemwatchError
from memwatch.events import EventBuilder
from memwatch.tasks.evaluate_clip import ClipFigures, ClipMeasure
from memwatch.types import Box, Frame, Grid, Observation, Region, Score
from memwatch.video import Truth

ROWS, COLUMNS, CELL = 8, 12, 20
SIZE = (COLUMNS * CELL, ROWS * CELL)
THRESHOLD = 5.0
HERE, AWAY = (2, 2), (6, 10)
BOX: Box = (20, 20, 80, 80)
"""Around the cell HERE."""
WALL = 1_700_000_000.0


def grid(at: tuple[int, int] | None, value: float = 9.0) -> Grid:
    """Nearly nothing but one cell."""
    cells = np.full((ROWS, COLUMNS), 0.1, np.float32)
    if at is not None:
        cells[at] = value
    return cells


def frame(index: int, *, gap: bool = False) -> Frame:
    return Frame("yard", index, WALL + index / 10, index / 10, np.zeros((SIZE[1], SIZE[0], 3), np.uint8), gap)


def observation(index: int, map: Grid, cue: Grid | None = None) -> Observation:
    over = float(map.max()) > THRESHOLD
    score = Score(value=float(map.max()), threshold=THRESHOLD, anomalous=over, psnr=30.0 + index, distance=0.5)
    found = (Region((0, 0, 1, 1), 1, float(map.max())),) if over else ()
    cues = {"motion": map if cue is None else cue}
    return Observation("yard", index, WALL + index / 10, index / 10, SIZE, score, found, map, cues)


def truth(frames: int, odd: Collection[int] = (), *, masks: bool = True, boxes: Collection[int] | None = None) -> Truth:
    """Something at BOX in the frames `odd`, drawn in those of `boxes`."""
    labels = np.isin(np.arange(frames), list(odd))
    drawn = odd if boxes is None else boxes

    def mask(index: int) -> np.ndarray:
        picture = np.zeros((SIZE[1], SIZE[0]), dtype=bool)
        if index in drawn:
            picture[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
        return picture

    return Truth(labels, mask if masks else None)


def measure(
    maps: Sequence[Grid | None],
    told: Truth,
    *,
    whole: Truth | None = None,
    cue: Callable[[int], Grid] | None = None,
    sizes: RegionConfig | None = None,
    gaps: Collection[int] = (),
    missing: Collection[int] = (),
) -> ClipFigures:
    """Figures of a clip with these maps, one a frame, None without a score; `missing` did not decode; `whole` is
    the truth once the frames have been counted."""
    clip = ClipMeasure(lambda size: told, threshold=THRESHOLD, sizes=sizes or RegionConfig(), cues=("motion",))
    builder = EventBuilder("yard", EventConfig())
    for index, map in enumerate(maps):
        if index in missing:
            continue
        seen = None if map is None else observation(index, map, cue(index) if cue else None)
        clip.on_frame(frame(index, gap=index in gaps), seen)
        for event in builder.push(seen, gap=index in gaps) if seen else ():
            clip.on_event(event)
    for event in builder.finish("source_end"):
        clip.on_event(event)
    whole = whole or told
    return clip.figures(len(whole.labels), whole, clip="yard")


def test_a_thing_that_is_seen_where_it_is() -> None:
    """Abnormal from 10 to 29, over from 12 to 29: 18 of 20 regions found, and told at the third frame over."""
    maps = [grid(HERE if 12 <= index < 30 else None) for index in range(40)]
    found = measure(maps, truth(40, range(10, 30)))
    combined = found.combined
    assert combined.values.tolist() == pytest.approx([float(map.max()) for map in maps])
    point = combined.curve.points()[combined.curve.levels.index(THRESHOLD)]
    assert point == (pytest.approx(18 / 20), 1.0, 0.0)
    assert combined.curve.rbdc() == pytest.approx(18 / 20)
    assert combined.alarms.delays == [pytest.approx(0.4)]
    assert (combined.alarms.alarms, combined.alarms.false, combined.alarms.misplaced) == (1, 0, 0)
    assert combined.alarms.normal_s == pytest.approx(2.0)
    assert found.cues["motion"].alarms.delays == [pytest.approx(0.4)], "a cue alone makes its own events"
    assert found.covered == [10 <= index < 30 for index in range(40)]
    assert (combined.curve.mean_iou(THRESHOLD) or 0) > 0.1


def test_a_thing_that_is_seen_elsewhere() -> None:
    found = measure([grid(AWAY if index >= 12 else None) for index in range(40)], truth(40, range(10, 40)))
    assert found.combined.alarms.delays == [None]
    assert (found.combined.alarms.false, found.combined.alarms.misplaced) == (0, 1)
    assert found.combined.curve.rbdc() == 0.0
    assert found.combined.curve.points()[-1].false_regions == pytest.approx(28 / 40)


def test_an_alarm_where_nothing_is() -> None:
    found = measure([grid(HERE if index < 10 else None) for index in range(40)], truth(40, range(30, 40)))
    assert (found.combined.alarms.false, found.combined.alarms.misplaced) == (1, 0)
    assert found.combined.alarms.false_alarms_per_day == pytest.approx(1 / 3 * 86400)


def test_frames_without_a_score_carry_the_map_too() -> None:
    """Four at the head take the first map, one that did not decode the one before it, and so do those at the end."""
    maps = [None] * 4 + [grid(HERE) for _ in range(16)]
    found = measure(maps, truth(22, range(22)), missing=[10])
    assert found.filled == 4
    assert found.combined.values.tolist() == [9.0] * 22
    assert found.combined.curve.frames == 22
    assert found.combined.curve.rbdc() == 1.0
    assert len(found.covering) == 22
    assert found.combined.alarms.delays == [pytest.approx(0.6)], "but they raise no alarm: it comes at the third score"


def test_a_clip_that_is_all_abnormal_and_one_that_is_all_normal() -> None:
    everything = measure([grid(HERE)] * 20, truth(20, range(20)))
    # The cell's slopes reach over 40 × 40 of the box's 60 × 60 pixels and win; the others tie with all around.
    assert everything.combined.pixels.value() == pytest.approx((1600 + 2000 / 2) / 3600)
    assert everything.combined.alarms.false_alarms_per_day is None
    assert everything.combined.alarms.segments_found == 1.0
    nothing = measure([grid(None)] * 20, truth(20))
    assert nothing.combined.curve.rbdc() is None
    assert nothing.combined.pixels.value() is None
    assert (nothing.combined.alarms.segments_found, nothing.combined.alarms.false_alarms_per_day) == (None, 0.0)


def test_labels_alone_know_when_but_not_where() -> None:
    maps = [grid(AWAY if 12 <= index < 30 else None) for index in range(40)]
    found = measure(maps, truth(40, range(10, 30), masks=False))
    assert found.combined.alarms.delays == [pytest.approx(0.4)]
    assert (found.combined.curve.rbdc(), found.combined.pixels.value(), found.covering) == (None, None, [])


def test_what_comes_before_the_first_score_is_told_apart() -> None:
    """The clip begins odd, its first score comes at 0.8 s, the alarm at the third one."""
    found = measure([None] * 8 + [grid(HERE)] * 20, truth(28, range(28)))
    for alarms in (found.combined.alarms, found.cues["motion"].alarms):
        assert alarms.median_delay_s == pytest.approx(1.0)
        assert alarms.median_delay_scored_s == pytest.approx(0.2)


def test_what_nobody_has_drawn_can_be_anywhere() -> None:
    """Abnormal from 10 to 29 but drawn only to 19: from there on a box is neither found nor false."""
    maps = [grid(AWAY if 20 <= index < 30 else None) for index in range(40)]
    found = measure(maps, truth(40, range(10, 30), boxes=range(10, 20)))
    assert found.combined.curve.points()[-1] == (0.0, 0.0, 0.0)
    assert found.combined.curve.frames == 30
    assert found.combined.alarms.delays == [pytest.approx(1.2)]
    assert found.combined.alarms.misplaced == 0


def test_boxes_that_name_their_anomaly_are_tracks() -> None:
    told = truth(20, range(20))
    named = Truth(told.labels, told.masks, lambda index: ((0, BOX), (1, (160, 100, 200, 140))))
    found = measure([grid(HERE)] * 20, named)
    assert found.combined.curve.points()[-1] == (0.5, 0.5, 0.0)


def test_regions_of_a_size_that_does_not_count_are_not_there() -> None:
    found = measure([grid(HERE)] * 20, truth(20, range(20)), sizes=RegionConfig(min_area=0.5))
    assert found.combined.curve.rbdc() == 0.0
    assert found.cues["motion"].alarms.alarms == 0


def test_a_break_ends_a_cues_event() -> None:
    maps = [grid(HERE)] * 20
    assert measure(maps, truth(20), gaps=[10]).cues["motion"].alarms.alarms == 2
    assert measure(maps, truth(20)).cues["motion"].alarms.alarms == 1


def test_each_cue_is_measured_by_its_own_map() -> None:
    maps = [grid(HERE)] * 20
    found = measure(maps, truth(20, range(20)), cue=lambda index: grid(HERE, 4.0))
    assert found.cues["motion"].values.tolist() == [4.0] * 20
    assert found.cues["motion"].alarms.delays == [None], "4 is under the threshold"
    assert found.cues["motion"].curve.rbdc() == 1.0, "but the curve reaches down to 2"


def test_more_frames_than_the_truth_has_masks_are_left_to_the_end() -> None:
    """The header may promise less than comes: nothing is read beyond it, and the task loads the truth anew."""
    found = measure([grid(HERE)] * 20, truth(15, range(15)), whole=truth(20, range(20)))
    assert found.combined.curve.frames == 15
    found = measure([grid(HERE)] * 20, truth(15, masks=False), whole=truth(20, [18], masks=False))
    assert found.combined.alarms.delays == [0.0], "labels alone are only needed at the end"


def test_a_clip_too_short_and_a_head_too_long() -> None:
    with pytest.raises(MemwatchError, match=r"yard: too short to score \(3 frames\)"):
        measure([None] * 3, truth(3))
    with pytest.raises(MemwatchError, match="its first 11 frames have no score"):
        measure([None] * 11 + [grid(None)], truth(12))


def test_maps_are_not_kept() -> None:
    """An hour's maps are gigabytes; only the newest, and those an open event may still name, stay."""
    maps: list[weakref.ref[Grid]] = []
    clip = ClipMeasure(lambda size: truth(200), threshold=THRESHOLD, sizes=RegionConfig(), cues=("motion",))
    for index in range(200):
        map = grid(HERE)
        maps.append(weakref.ref(map))
        clip.on_frame(frame(index), observation(index, map))
        del map
        assert sum(kept() is not None for kept in maps) <= 2
