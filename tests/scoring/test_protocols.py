"""Clips to figures: numbers worked by hand for both protocols."""

from __future__ import annotations

import numpy as np
import pytest

from memwatch.errors import MemwatchError
from memwatch.scoring.protocols import (
    HEAD_LIMIT,
    causal,
    fill_head,
    mnad_anomaly,
    paper,
    paper_of,
    smooth,
    stretch,
)

SCORES = [[1.0, 2.0], [10.0, 10.0], [5.0]]
LABELS = [[False, True], [False, True], [True]]
"""Clip A ranks right, B cannot tell, C is abnormal throughout."""


def test_causal_micro_and_macro_by_hand() -> None:
    figures = causal(SCORES, LABELS)
    # Abnormal 2, 10, 5 against normal 1, 10: 1 + 1.5 + 1 of 6.
    assert figures.auc == pytest.approx(3.5 / 6)
    assert figures.macro_auc == pytest.approx((1.0 + 0.5) / 2)
    assert figures.macro_clips == 2
    assert figures.positives == pytest.approx(3 / 5)


def test_paper_stretches_each_clip_first() -> None:
    figures = paper_of(SCORES, LABELS)
    # A becomes 0, 1; flat B and C become 0.5. Abnormal 1, 0.5, 0.5 against 0, 0.5: 2 + 1.5 + 1.5 of 6.
    assert figures.auc == pytest.approx(5 / 6)
    assert figures.macro_auc == causal(SCORES, LABELS).macro_auc


def test_smoothing_is_applied_before_stretching() -> None:
    peak = [0.0] * 30 + [1.0] + [0.0] * 30
    around = [False] * 25 + [True] * 11 + [False] * 25
    # A single peak finds but one of eleven frames until smoothing spreads it evenly to both sides.
    assert paper_of([peak], [around]).auc == pytest.approx((50 + 10 * 25) / 550)
    assert paper_of([peak], [around], smoothing=10).auc == pytest.approx(1.0)
    # The flattened peak is stretched to 1 again, so it ranks with the top of a normal clip that rises slowly.
    only = [i == 30 for i in range(61)]
    figures = paper_of([peak, list(range(61))], [only, [False] * 61], smoothing=10)
    assert figures.auc == pytest.approx((60 + 60 + 0.5) / 121)


def test_figures_of_one_class_are_none() -> None:
    figures = causal([[1.0, 2.0]], [[True, True]])
    assert (figures.auc, figures.macro_auc, figures.eer, figures.ap) == (None, None, None, None)
    assert figures.positives == 1.0
    assert figures.macro_clips == 0
    assert causal([], []).positives is None


def test_figures_as_a_record() -> None:
    assert set(causal(SCORES, LABELS).to_dict()) == {
        "auc", "macro_auc", "eer", "ap", "positives", "macro_clips",
    }  # fmt: skip


def test_clips_that_do_not_pair_are_refused() -> None:
    with pytest.raises(MemwatchError, match="3 clips have scores, 2 labels"):
        causal(SCORES, LABELS[:2])
    with pytest.raises(MemwatchError, match="2 scores stand against 1 labels"):
        causal([[1.0, 2.0]], [[True]])


def test_stretch_by_hand() -> None:
    assert stretch([2, 4, 3]).tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize("flat", [[3.0, 3.0], [0.0, 0.0], [0.1 + 0.2, 0.3, 0.3]])
def test_a_constant_clip_stretches_to_one_half(flat: list[float]) -> None:
    assert stretch(flat).tolist() == [0.5] * len(flat)
    assert stretch(smooth(flat, 10)).tolist() == [0.5] * len(flat)


def test_mnad_score_of_three_frames() -> None:
    psnr = 10 * np.log10(1 / np.array([1e-4, 4e-4, 1e-3]))
    assert psnr == pytest.approx([40, 33.979400, 30], abs=1e-6)
    assert stretch(psnr) == pytest.approx([1, 0.397940, 0], abs=1e-6)
    anomaly = mnad_anomaly(psnr, [0.0010, 0.0012, 0.0011])
    assert anomaly == pytest.approx([0, 0.761236, 0.800000], abs=1e-6)


def test_mnad_score_of_a_constant_distance_is_the_psnr_alone() -> None:
    assert mnad_anomaly([40, 30, 35], [0.1] * 3) == pytest.approx([0.2, 0.8, 0.5])


def test_paper_ranks_the_mnad_score() -> None:
    figures = paper([[40, 30, 35]], [[0.1] * 3], [[False, True, False]])
    assert figures.auc == 1.0
    assert paper([[40, 30]], [[0.0, 1.0]], [[True, False]], weight=0.6).auc == 0.0


def test_smoothing_is_symmetric_and_keeps_the_mean() -> None:
    values = np.zeros(101)
    values[50] = 1.0
    smoothed = smooth(values, 10)
    assert smoothed == pytest.approx(smoothed[::-1])
    assert smoothed.sum() == pytest.approx(1.0)
    # One standard deviation from the peak a Gaussian has exp(−1/2) of its height.
    assert smoothed[60] / smoothed[50] == pytest.approx(np.exp(-0.5), rel=1e-6)


def test_head_carries_the_first_score() -> None:
    filled = fill_head([0.3, 0.9], 5)
    assert filled.values.tolist() == [0.3, 0.3, 0.3, 0.3, 0.9]
    assert (filled.head, filled.held) == (3, 0)


def test_broken_frames_carry_the_last_score_before_them() -> None:
    filled = fill_head([1, 2, 3], 7, at=[1, 2, 5])
    assert filled.values.tolist() == [1, 1, 2, 2, 2, 3, 3]
    assert (filled.head, filled.held) == (1, 3)


def test_head_has_a_limit() -> None:
    assert fill_head([1.0], HEAD_LIMIT + 1).head == HEAD_LIMIT
    with pytest.raises(MemwatchError, match="07: its first 11 frames have no score"):
        fill_head([1.0], HEAD_LIMIT + 2, clip="07")


@pytest.mark.parametrize(
    ("values", "at"),
    [([], None), ([1, 2, 3, 4], None), ([1, 2], [2, 1]), ([1], [3]), ([1], [-1]), ([1, 2], [0])],
)
def test_scores_that_are_not_the_clips(values: list[float], at: list[int] | None) -> None:
    with pytest.raises(MemwatchError):
        fill_head(values, 3, at=at)
