"""Figures of one ranking, against numbers worked by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from memwatch.errors import MemwatchError
from memwatch.scoring.metrics import PixelAuc, ap, auc, covering_score, eer, positives

TIED = ([0.1, 0.4, 0.4, 0.8], [False, False, True, True])


def test_auc_counts_a_tie_half() -> None:
    # Pairs (abnormal, normal): 0.4>0.1 wins, 0.4=0.4 half, 0.8 wins twice: 3.5 of 4.
    assert auc(*TIED) == pytest.approx(0.875)


def test_auc_of_constant_scores_is_chance() -> None:
    assert auc([7.0] * 5, [0, 1, 0, 1, 1]) == pytest.approx(0.5)


def test_eer_is_interpolated_between_thresholds() -> None:
    # ROC goes (0, 0), (0, 1/2), (1/2, 1); on its last stretch FPR = x and FNR = 1/2 − x meet at 1/4.
    assert eer(*TIED) == pytest.approx(0.25)


def test_eer_at_a_threshold_that_meets_it() -> None:
    # At 3: one of two normal frames over, one of two abnormal ones under.
    assert eer([1, 3, 2, 4], [0, 0, 1, 1]) == pytest.approx(0.5)


@pytest.mark.parametrize(("scores", "expected"), [([1, 2, 3, 4], 0.0), ([4, 3, 2, 1], 1.0)])
def test_eer_of_a_perfect_and_of_an_inverted_ranking(scores: list[float], expected: float) -> None:
    assert eer(scores, [0, 0, 1, 1]) == pytest.approx(expected)


def test_ap_steps_from_recall_to_recall() -> None:
    # At 0.8 precision 1 for the first half of recall; at 0.4 precision 2/3 for the second.
    assert ap(*TIED) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_a_perfect_ranking_is_no_better_than_one() -> None:
    """9 of 11 abnormal: the precisions' weighted sum ends an ulp above 1."""
    assert ap(range(11), [False] * 2 + [True] * 9) == 1.0


@pytest.mark.parametrize("size", [11, 60, 137])
def test_every_share_of_abnormal_frames_keeps_perfect_figures_at_one(size: int) -> None:
    for abnormal in range(1, size):
        truth = np.arange(size) >= size - abnormal
        for figure in (auc, ap):
            value = figure(np.arange(size), truth)
            assert value is not None
            assert 1 - 1e-9 < value <= 1


def test_positives() -> None:
    assert positives([1, 0, 1, 1]) == pytest.approx(0.75)
    assert positives([]) is None


@pytest.mark.parametrize("figure", [auc, eer, ap])
@pytest.mark.parametrize("labels", [[False] * 3, [True] * 3])
def test_one_class_leaves_figures_undefined(figure, labels) -> None:  # type: ignore[no-untyped-def]
    assert figure([1, 2, 3], labels) is None


@pytest.mark.parametrize("figure", [auc, eer, ap])
def test_bad_scores_are_refused_in_words(figure) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(MemwatchError, match="1 of 2 scores are not finite"):
        figure([1.0, np.nan], [0, 1])
    with pytest.raises(MemwatchError, match="3 scores stand against 2 labels"):
        figure([1, 2, 3], [0, 1])


def grid(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_pixel_auc_by_hand() -> None:
    area = PixelAuc()
    # Abnormal 1 and 3 against normal 0 and 1: 1 beats 0 and ties 1, 3 beats both: 3.5 of 4.
    area.add(grid([0, 1], [1, 3]), np.array([[False, False], [True, True]]))
    assert area.value() == pytest.approx(0.875)
    # Two more normal pixels, −2 and 2: 1 beats one of them, 3 both: 6.5 of 8.
    area.add(grid([-2, 2]), np.zeros((1, 2), dtype=bool))
    assert area.value() == pytest.approx(0.8125)


def test_pixel_auc_knows_no_zero_below_zero() -> None:
    area = PixelAuc()
    area.add(grid([-0.0, 0.0]), np.array([[True, False]]))
    assert area.value() == pytest.approx(0.5)


def test_pixel_auc_needs_both_classes() -> None:
    area = PixelAuc()
    assert area.value() is None
    area.add(grid([1, 2]), np.zeros((1, 2), dtype=bool))
    assert area.value() is None
    assert area.uncertainty() is None


def test_pixel_auc_refuses_what_is_not_a_number() -> None:
    with pytest.raises(MemwatchError, match="not finite"):
        PixelAuc().add(grid([1, np.nan]), np.zeros((1, 2), dtype=bool))


def test_pixel_aucs_of_two_clips_add_up() -> None:
    whole, first, second = PixelAuc(), PixelAuc(), PixelAuc()
    first.add(grid([0, 1], [1, 3]), np.array([[False, False], [True, True]]))
    second.add(grid([-2, 2]), np.zeros((1, 2), dtype=bool))
    whole.merge(first)
    whole.merge(second)
    assert whole.value() == pytest.approx(0.8125)


def test_a_frame_is_covered_where_40_percent_of_its_true_pixels_are_over() -> None:
    mask = np.array([[True, True, True, True, True, False]])
    # Two of five true pixels reach 3; the 9 beside them is not theirs.
    assert covering_score(grid([1, 2, 3, 4, 0, 9]), mask) == 3
    # Of six, 2.4 are needed: three reach 2.
    assert covering_score(grid([1, 2, 3, 4, 0, 0]), np.ones((1, 6), dtype=bool)) == 2
    # Without a true pixel any one that is over makes it false.
    assert covering_score(grid([1, 2, 3, 4, 0, 9]), np.zeros((1, 6), dtype=bool)) == 9
    assert covering_score(grid([5, 5, 5]), np.array([[True, False, False]])) == 5


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-6, 0.0), (1e4, -2e4)])
def test_pixel_auc_is_exact_to_1e_4_at_any_scale(scale: float, shift: float) -> None:
    random = np.random.default_rng(5)
    area, values, truth = PixelAuc(), [], []
    for _ in range(6):
        mask = np.zeros((48, 72), dtype=bool)
        mask[10:30, 20:45] = True
        coarse = random.gamma(2.0, 1.0, (12, 18)) + 0.5 * mask[2::4, 2::4]
        frame = (coarse * scale + shift).astype(np.float32)
        area.add(frame, mask)
        values.append(cv2.resize(frame, (72, 48), interpolation=cv2.INTER_LINEAR).ravel())
        truth.append(mask.ravel())
    exact = roc_auc_score(np.concatenate(truth), np.concatenate(values))
    assert 0.55 < exact < 0.95
    assert area.value() == pytest.approx(exact, abs=1e-4)
    bound = area.uncertainty()
    assert bound is not None
    assert abs((area.value() or 0) - exact) <= bound < 1e-2
