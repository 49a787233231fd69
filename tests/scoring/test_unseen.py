"""Scores of normal footage by calibrations that have not seen it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.scoring import peaks, unseen_rarity
from memwatch.scoring.calibration import CueCalibration


def maps(frames: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).gamma(2, 0.01, (frames, 6, 8)).astype(np.float32)


def test_each_stretch_is_scored_by_a_calibration_on_the_others() -> None:
    values, other = maps(80), maps(80, 1)
    found = unseen_rarity({"prediction": values, "motion": other})
    rest = np.r_[0:20, 40:80]
    for name, some in (("prediction", values), ("motion", other)):
        np.testing.assert_array_equal(found[name][20:40], CueCalibration.fit(some[rest])(some[20:40]))


def test_what_happened_once_at_a_place_is_odd_there() -> None:
    """The calibration that has seen it finds it less odd than one that has not."""
    values = maps(200)
    values[100:110, 2, 3] = 0.5
    seen = peaks(CueCalibration.fit(values)(values))
    assert peaks(unseen_rarity({"prediction": values})["prediction"])[100:110].min() > 1.5 * seen[100:110].max()


def test_cues_without_places_stay_without() -> None:
    values = maps(40)
    values[:, :3] *= 10
    rest = np.r_[10:40]
    wanted = CueCalibration.fit(values[rest], placed=False)(values[:10])
    np.testing.assert_array_equal(unseen_rarity({"oddity": values})["oddity"][:10], wanted)


@pytest.mark.parametrize("frames", [4, 5, 6, 7, 20])
def test_few_frames_are_enough(frames: int) -> None:
    found = unseen_rarity({"prediction": maps(frames)})["prediction"]
    assert found.shape == (frames, 6, 8)
    assert np.isfinite(found).all()
