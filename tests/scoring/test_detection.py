"""Regions and tracks found, worked by hand and held against another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from memwatch.scoring.detection import DetectionCurve, area_up_to, iou, ladder
from memwatch.scoring.true_regions import TrueRegion
from memwatch.types import Box

HERE: Box = (0, 0, 10, 10)
HALF: Box = (0, 0, 10, 5)
BESIDE: Box = (9, 0, 19, 10)
"""Shares 10 of 190 pixels with HERE: under a tenth."""
FAR: Box = (50, 50, 60, 60)


def at(box: Box, track: int = 1) -> list[TrueRegion]:
    return [TrueRegion(track, box)]


def test_iou_of_half_open_boxes() -> None:
    found = iou([HERE, FAR], [HERE, HALF, BESIDE])
    assert found == pytest.approx(np.array([[1, 0.5, 10 / 190], [0, 0, 0]]))
    assert iou([], [HERE]).shape == (0, 1)
    assert iou([(0, 0, 10, 10)], [(10, 0, 20, 10)])[0, 0] == 0, "they only touch"


def test_a_tenth_is_enough_and_less_is_a_false_region_and_a_miss() -> None:
    curve = DetectionCurve([1.0])
    curve.add(at(HERE), [[(0, 0, 10, 1)]])  # 10 of 100 pixels
    curve.add(at(HERE), [[BESIDE]])
    assert curve.points() == [(0.5, 1.0, 0.5)]


def test_a_region_is_found_once_and_what_finds_it_again_is_not_false() -> None:
    curve = DetectionCurve([1.0])
    curve.add(at(HERE), [[HERE, HERE, HALF]])
    assert curve.points() == [(1.0, 1.0, 0.0)]
    assert curve.mean_iou(1.0) == pytest.approx(1.0), "the best of them counts"


def test_one_box_may_find_two_regions() -> None:
    curve = DetectionCurve([1.0])
    curve.add([TrueRegion(1, (0, 0, 10, 10)), TrueRegion(2, (10, 0, 20, 10))], [[(0, 0, 20, 10)]])
    assert curve.points() == [(1.0, 1.0, 0.0)]
    assert curve.mean_iou(1.0) == pytest.approx(0.5)


def test_a_track_is_found_with_a_tenth_of_its_regions() -> None:
    """Two tracks of 10 and of 11 regions, one of each found: 1/10 is enough, 1/11 is not."""
    curve = DetectionCurve([1.0])
    for index in range(11):
        truth = [TrueRegion(2, FAR)] + (at(HERE) if index < 10 else [])
        curve.add(truth, [[HERE, FAR] if index == 0 else []])
    assert curve.points() == [(2 / 21, 0.5, 0.0)]


def test_three_of_thirty_are_a_tenth_whatever_binary_says() -> None:
    curve = DetectionCurve([1.0])
    for index in range(30):
        curve.add(at(HERE), [[HERE] if index < 3 else []])
    assert curve.points()[0].tracks == 1.0


def test_a_curve_by_hand() -> None:
    """Four frames, two with a region; at 3 one is found, at 2 both and one is false, at 1 three are false."""
    curve = DetectionCurve([3.0, 2.0, 1.0])
    curve.add(at(HERE), [[HERE], [HERE], [HERE]])
    curve.add(at(HERE, 2), [[], [HERE, FAR], [HERE, FAR]])
    curve.add([], [[], [], [FAR]])
    curve.add([], [[], [], [FAR]])
    assert curve.points() == [(0.5, 0.5, 0.0), (1.0, 1.0, 0.25), (1.0, 1.0, 0.75)]
    # A trapezoid of 0.25 × (0.5 + 1) / 2 and, from there to 1, all found: the curve ends at 0.75 and goes on level.
    assert curve.rbdc() == curve.tbdc() == pytest.approx(0.25 * 0.75 + 0.75)


def test_nothing_found_and_no_boxes_at_all() -> None:
    curve = DetectionCurve([2.0, 1.0])
    curve.add(at(HERE), [[], []])
    assert (curve.rbdc(), curve.tbdc(), curve.mean_iou(1.0)) == (0.0, 0.0, None)


def test_without_true_regions_nothing_is_defined() -> None:
    curve = DetectionCurve([2.0, 1.0])
    curve.add([], [[], [FAR]])
    assert curve.points() == []
    assert (curve.rbdc(), curve.tbdc(), curve.mean_iou(1.0)) == (None, None, None)
    assert DetectionCurve([1.0]).rbdc() is None


def test_a_clip_that_is_all_abnormal() -> None:
    """There is no normal frame, yet false regions are possible: RBDC is defined where the frame AUC is not."""
    curve = DetectionCurve([2.0, 1.0])
    for _ in range(4):
        curve.add(at(HERE), [[HERE], [HERE, FAR]])
    assert curve.points() == [(1.0, 1.0, 0.0), (1.0, 1.0, 1.0)]
    assert curve.rbdc() == pytest.approx(1.0)


def test_clips_together() -> None:
    """Track 1 of one clip is not track 1 of another; frames and regions add up."""
    whole = DetectionCurve([1.0])
    for found in ([HERE], [FAR]):
        clip = DetectionCurve([1.0])
        clip.add(at(HERE), [found])
        clip.add([], [[]])
        whole.merge(clip)
    assert whole.points() == [(0.5, 0.5, 0.25)]
    assert whole.frames == 4


@pytest.mark.parametrize(
    ("x", "y", "area"),
    [
        ([0.0], [1.0], 1.0),  # perfect: no false region however low the threshold
        ([0.5], [1.0], 0.75),  # up in a straight line from nothing, then level
        ([0.5, 2.0], [0.5, 1.0], 0.125 + 0.5 * (0.5 + 2 / 3) / 2),  # cut at 1, a third of the way up
        ([2.0], [1.0], 0.25),  # passes 1 with its first point
        ([0.0, 0.0, 1.0], [0.2, 0.4, 0.4], 0.4),  # two thresholds without a false region: the better counts
        ([0.2, 0.4, 1.0], [1.0, 0.0, 1.0], 0.1 + 0.8),  # a threshold that nobody would choose
        ([1.0, 0.4, 0.2], [1.0, 0.0, 1.0], 0.1 + 0.8),  # in any order
        ([], [], None),
    ],
)
def test_area_of_curves_that_end_early_late_or_run_backwards(
    x: list[float], y: list[float], area: float | None
) -> None:
    assert area_up_to(1.0, x, y) == (None if area is None else pytest.approx(area))


def test_the_ladder_holds_the_models_own_threshold() -> None:
    levels = ladder(5.5, 2)
    assert 5.5 in levels
    assert list(levels) == sorted(levels, reverse=True)
    assert (levels[0], levels[-1], len(levels)) == (64.0, 2.0, 12)
    assert len(ladder(4.0, 2)) == 11, "a threshold that is a step already stands there once"


def scattered() -> tuple[list[list[tuple[int, Box]]], list[list[tuple[Box, float]]]]:
    """40 frames of 96 × 64 pixels: true regions and boxes with scores that never fall on a hundredth."""
    truth: list[list[tuple[int, Box]]] = []
    found: list[list[tuple[Box, float]]] = []
    for f in range(40):
        regions: list[tuple[int, Box]] = []
        boxes: list[tuple[Box, float]] = []
        if 2 <= f % 10 < 8:
            x = 8 + 8 * (f % 10)
            regions.append((f // 10, (x, 2, x + 12, 14)))
            if f // 10 == 2:
                regions.append((2, (x, 18, x + 12, 26)))
            for k, (_, box) in enumerate(regions):
                shift = (5 * f + 3 * k) % 13
                if (f + k) % 7:
                    moved = (box[0] + shift, box[1], box[2] + shift, box[3])
                    boxes.append((moved, ((37 * f + 11 * k) % 90 + 5.5) / 100))
        if f % 20 < 17:
            x = 2 + 24 * (f % 4)
            boxes.append(((x, 36, x + 10, 60), (53 * f % 95 + 2.5) / 100))
        truth.append(regions)
        found.append(boxes)
    return truth, found


def test_against_py_ssvad_metrics() -> None:
    """The expected areas were printed by py-ssvad-metrics 1.0.0 (CurrentCriteriaAccumulator, α = β = 0.1).

    It was given `scattered()` as boxes, true ones with score 1, each frame's `anomaly_track_id` that of its regions and
    −1 without any. It tries the thresholds 1.01, 1.00 … −0.01 and, at those up to 0, takes the whole picture for a
    region, which draws its curve down to (1, 0). Here the 40 false boxes in 40 frames end the curve at exactly 1, where
    that cannot matter. (The package wants pydantic 1, numba and pandas: too much to install for two numbers.)
    """
    truth, found = scattered()
    curve = DetectionCurve(np.arange(101, 0, -1) / 100)
    for regions, boxes in zip(truth, found, strict=True):
        cut = [[box for box, score in boxes if score >= level] for level in curve.levels]
        curve.add([TrueRegion(*region) for region in regions], cut)
    assert curve.points()[-1].false_regions == 1.0
    assert curve.rbdc() == pytest.approx(0.3725, abs=1e-9)
    assert curve.tbdc() == pytest.approx(0.875, abs=1e-9)
