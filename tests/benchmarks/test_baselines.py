"""What the detector has to beat, on pictures whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import baselines
from benchmarks.baselines import Answer, Subspace
from benchmarks.scenes import LabelledClip
from memwatch.types import Frame
from tests.scene import film, video


def test_the_subspace_of_points_on_a_line_leaves_what_lies_beside_it() -> None:
    """Normal pictures (a, a, 0) span one direction; (2, 0, 3) lies (1, -1, 3) beside it, squared 1, 1, 9."""
    normal = np.array([[a, a, 0.0] for a in (-2, -1, 0, 1, 2)], np.float32).reshape(5, 1, 3, 1)
    subspace = Subspace(normal, components=1)

    assert subspace.residual(np.array([2, 0, 3], np.float32).reshape(1, 3, 1)).ravel() == pytest.approx([1, 1, 9])
    assert subspace.residual(np.array([7, 7, 0], np.float32).reshape(1, 3, 1)).ravel() == pytest.approx(
        [0, 0, 0], abs=1e-6
    )


def test_the_subspace_goes_through_the_mean_of_what_is_normal() -> None:
    """Around (5, 0), along the second axis: (6, 9) lies (1, 0) beside it."""
    normal = np.array([[5, a] for a in (-1.0, 0.0, 1.0)], np.float32).reshape(3, 1, 2, 1)

    assert Subspace(normal, components=1).residual(np.array([6, 9], np.float32).reshape(1, 2, 1)).ravel() == (
        pytest.approx([1, 0], abs=1e-6)
    )


def test_a_subspace_has_no_more_components_than_pictures() -> None:
    pictures = np.random.default_rng(0).uniform(size=(3, 4, 4, 1)).astype(np.float32)

    assert Subspace(pictures).residual(pictures[0]).max() < 1e-8


def test_a_subspace_of_footage_knows_it_and_notices_a_change(tmp_path: Path) -> None:
    path = video(tmp_path / "normal.mp4", film(40))
    with baselines.open_source(str(path)) as source:
        frames = list(source)
    odd = Frame("x", 0, 0.0, 0.0, 255 - frames[-1].image)

    scores = [next(iter(answer.values.values())) for answer in Subspace.of(path)(iter([frames[5], odd]))]

    assert scores[1] > 20 * scores[0]


def _moving(speeds: list[int]) -> Iterator[Frame]:
    """A bright textured block that moves by so many pixels before each frame."""
    texture = np.random.default_rng(1).integers(150, 255, (40, 40, 1), np.uint8)
    left = 10
    for index, step in enumerate([0, *speeds]):
        left += step
        image = np.full((120, 240, 3), 40, np.uint8)
        image[40:80, left : left + 40] = texture
        yield Frame("block", index, 0.0, index / 10, image)


@pytest.mark.parametrize("method", [baselines.optical_flow, baselines.frame_difference])
def test_motion_is_seen_as_it_happens_and_where(method: baselines.Method) -> None:
    answers = list(method(_moving([0, 0, 0, 4, 4, 0, 0, 0])))

    assert [answer.frame for answer in answers] == list(range(2, 9))
    values = np.array([next(iter(answer.values.values())) for answer in answers])
    still, moving = values[[0, 1, 5, 6]], values[2:5]
    assert moving.min() > 10 * max(still.max(), 1e-3)
    loudest = next(iter(answers[3].maps.values()))
    row, column = np.unravel_index(loudest.argmax(), loudest.shape)
    assert 40 <= 8 * row + 4 <= 80
    assert 0 <= 8 * column + 4 <= 80


def test_flow_is_measured_in_pixels() -> None:
    *_, last = baselines.optical_flow(_moving([3, 3]))

    assert last.values["optical flow"] == pytest.approx(6, rel=0.15)


def test_methods_see_nothing_of_later_frames() -> None:
    short, long = (list(baselines.optical_flow(_moving(speeds))) for speeds in ([2, 0, 3], [2, 0, 3, 9, 9]))

    assert [a.values for a in short] == [a.values for a in long[: len(short)]]


def test_the_median_of_the_last_five_is_causal() -> None:
    assert baselines.running_median([1, 9, 2, 8, 3, 7]) == [1, 5, 2, 5, 3, 7]


def test_a_run_scores_every_variant_and_the_pixels_of_those_with_maps(tmp_path: Path) -> None:
    """A method that knows the truth: all its figures are 1, and its median lags behind."""
    path = video(tmp_path / "clip.mp4", film(20))
    labels = np.zeros(20, dtype=bool)
    labels[10:15] = True
    mask = np.zeros((64, 96), dtype=bool)
    mask[:32] = True

    def masks(index: int) -> NDArray[np.bool_]:
        return mask if labels[index] else np.zeros_like(mask)

    def oracle(frames: Iterator[Frame]) -> Iterator[Answer]:
        for frame in frames:
            grid = np.zeros((2, 1), np.float32)
            grid[0] = labels[frame.index]
            yield Answer(frame.index, frame.seconds, {"oracle": float(labels[frame.index])}, {"oracle": grid})

    clip = LabelledClip("clip", path, 20, labels, masks, {"odd": labels})
    found = baselines.run(oracle, [clip], medians=True)

    assert found["oracle"]["causal"]["auc"] == 1
    assert found["oracle"]["pixel_auc"] > 0.95
    assert found["oracle"]["ms"] > 0
    lagging = found["oracle, median of 5"]
    assert 0.5 < lagging["causal"]["auc"] < 1
    assert lagging["pixel_auc"] is None
