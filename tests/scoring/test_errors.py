"""Errors of a prediction, against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memwatch.scoring import psnr, regularity_error, squared_error
from memwatch.scoring.errors import softplus, window_size, windowed

# Worked by hand: one channel of 2 × 2.
PREDICTION = np.array([[[-1, -0.2], [0.4, 1]]], np.float32)
TARGET = np.array([[[-1, 0], [0, 0.2]]], np.float32)


def test_the_gate_by_hand() -> None:
    error = squared_error(PREDICTION, TARGET)
    np.testing.assert_allclose(error, [[[0, 0.01], [0.04, 0.16]]], atol=1e-7)
    assert regularity_error(error) == pytest.approx(0.128542, abs=5e-7)


@pytest.mark.parametrize(("units", "wanted"), [(2, 0.293085), (1, 0.573334)])
def test_the_gate_as_the_paper_has_it_by_hand(units: int, wanted: float) -> None:
    """It weighs the error itself, where the authors' code and ours take its square: in [0, 1] and in [-1, 1] units."""
    assert regularity_error(np.abs(PREDICTION - TARGET) / units) == pytest.approx(wanted, abs=1e-6)


def test_psnr_by_hand() -> None:
    error = squared_error(PREDICTION, TARGET)
    assert float(error.mean()) == pytest.approx(0.0525, abs=1e-7)
    assert psnr(error) == pytest.approx(12.798407, abs=1e-5)


@given(st.floats(1e-6, 1))
def test_a_constant_error_is_its_own_regularity_error(value: float) -> None:
    assert regularity_error(np.full((1, 6, 8), value, np.float32)) == pytest.approx(value, rel=1e-4)


@given(st.integers(0, 2**31))
def test_the_regularity_error_lies_between_the_mean_and_the_worst(seed: int) -> None:
    error = np.random.default_rng(seed).gamma(0.3, 0.1, (1, 8, 8)).astype(np.float32)
    assert float(error.mean()) * (1 - 1e-5) <= regularity_error(error) <= float(error.max()) * (1 + 1e-5)


def test_a_small_patch_leads_the_regularity_error_and_not_the_psnr() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (1, 256, 256)).astype(np.float32)
    clean = np.square(noise)
    odd = clean.copy()
    odd[0, 100:111, 100:112] = 0.09  # 0.2 % of the pixels
    assert regularity_error(clean) == pytest.approx(0.0003, abs=0.00002)
    assert regularity_error(odd) > 50 * regularity_error(clean)
    assert psnr(clean) - psnr(odd) < 6


def test_a_perfect_prediction() -> None:
    nothing = squared_error(TARGET, TARGET)
    assert regularity_error(nothing) == 0
    assert psnr(nothing) == 100


@pytest.mark.parametrize(("height", "side"), [(16, 8), (48, 8), (160, 24), (256, 40)])
def test_the_window_is_a_share_of_the_height_in_whole_cells(height: int, side: int) -> None:
    assert window_size(height) == side


def test_windowed_error_is_the_mean_around_each_cell_s_middle() -> None:
    error = np.zeros((2, 32, 48), np.float32)
    error[0, 8:16, 16:24] = 1  # exactly cell (1, 2), in one of two channels
    found = windowed(error, 8)
    assert found.shape == (4, 6)
    assert found[1, 2] == pytest.approx(0.5)
    assert found.sum() == pytest.approx(0.5)


@given(st.floats(0, 1))
def test_windowed_error_of_a_constant_error_is_that_error(value: float) -> None:
    np.testing.assert_allclose(windowed(np.full((1, 40, 24), value, np.float32), 16), value, atol=1e-6)


def test_softplus_by_hand() -> None:
    np.testing.assert_allclose(softplus(np.array([-200, 0, 200], np.float32)), [0, np.log(2), 200], atol=1e-6)
