"""Batches of crops: the same for the same seed and step, inside the picture, mostly where something moves."""

from __future__ import annotations

import numpy as np
import pytest

from memwatch.tasks.crops import BUSY, MOVING, Crops
from tests.tasks.walks import HEIGHT, LANE, WIDTH, config, footage

SIDE = 32


def crops(*, seed: int = 0, side: int = SIDE, channels: int = 1, moving: bool = True, batch: int = 4) -> Crops:
    settings, shown = config(channels), footage(channels=channels, moving=moving)
    return Crops(shown, settings, shown.targets(settings, held=False), batch, side, seed)


def test_the_same_seed_and_step_draw_the_same_and_others_do_not() -> None:
    one = crops().draw(5)
    np.testing.assert_array_equal(crops().draw(5), one)
    assert (crops().draw(6) != one).any()
    assert (crops(seed=1).draw(5) != one).any()


def test_moments_are_drawn_by_what_moves_in_them_and_the_rest_alike() -> None:
    """All that moves, moves at the fourth of the targets."""
    settings, shown = config(1), footage(channels=1, moving=True)
    targets = shown.targets(settings, held=False)
    busy = (np.arange(len(targets)) >= 3).astype(float)
    rng = np.random.default_rng(0)
    drawn = Crops(shown, settings, targets, 4, SIDE, 0, busy)
    picked = [targets.index(drawn.pick(rng)) for _ in range(2000)]
    assert np.mean(np.array(picked) == 3) == pytest.approx(BUSY, abs=0.05)
    assert set(range(len(targets))) == set(picked)
    still = Crops(shown, settings, targets, 4, SIDE, 0, 0 * busy)
    assert np.bincount([targets.index(still.pick(rng)) for _ in range(2000)]).max() < 200


def test_a_batch_does_not_depend_on_those_before_it() -> None:
    drawn = crops()
    for step in range(5):
        drawn.draw(step)
    np.testing.assert_array_equal(drawn.draw(5), crops().draw(5))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_holds_whole_clips_in_the_network_s_range(channels: int) -> None:
    batch = np.concatenate([crops(channels=channels).draw(step) for step in range(10)])
    assert batch.shape == (40, 5 * channels, SIDE, SIDE)
    assert batch.dtype == np.float32
    assert -1 <= batch.min() < -0.3
    assert 0.5 < batch.max() <= 1


def test_the_frames_of_a_crop_are_one_place_in_one_light() -> None:
    """Where nothing moves they are the same picture five times."""
    batch = crops(moving=False).draw(0)
    np.testing.assert_array_equal(batch, np.repeat(batch[:, :1], 5, axis=1))
    brightness = np.concatenate([crops(moving=False).draw(step) for step in range(8)]).mean(axis=(1, 2, 3))
    assert np.ptp(brightness) > 0.1  # though not the same light in every clip


@pytest.mark.parametrize("side", [8, 32, 64])
def test_crops_stay_inside(side: int) -> None:
    drawn, rng = crops(side=side), np.random.default_rng(0)
    places = [drawn.place(drawn.stack(*target), rng) for target in drawn.targets for _ in range(3)]
    assert all(0 <= y <= HEIGHT - side and 0 <= x <= WIDTH - side for y, x in places)
    if side < HEIGHT:
        assert min(y for y, _ in places) < HEIGHT // 4
        assert max(x for _, x in places) > WIDTH - side - 8


def moving_share(drawn: Crops, *, side: int) -> float:
    """Share of crops whose middle is within `side` of what moved."""
    rng, near = np.random.default_rng(1), []
    for target in drawn.targets:
        stack = drawn.stack(*target).astype(int)
        rows, columns = np.nonzero(stack[-1] != stack[-2])
        y, x = drawn.place(drawn.stack(*target), rng)
        middle = y + side // 2, x + side // 2
        away = np.maximum(abs(rows - middle[0]), abs(columns - middle[1]))
        near.append(bool(away.min() <= side // 2 + 4))
    return float(np.mean(near))


def test_crops_favour_what_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = crops(side=16)
    share = moving_share(drawn, side=16)
    monkeypatch.setattr("memwatch.tasks.crops.MOVING", 0.0)
    anywhere = moving_share(drawn, side=16)
    assert share > 0.9 * MOVING
    assert share > anywhere + 0.25
    assert LANE[1] - LANE[0] < HEIGHT / 2


def test_where_nothing_moves_crops_lie_anywhere() -> None:
    drawn, rng = crops(side=16, moving=False), np.random.default_rng(0)
    places = {drawn.place(drawn.stack(*target), rng) for target in drawn.targets}
    assert len(places) > len(drawn.targets) / 2


def test_an_epoch_shows_every_target_once_but_for_the_last_partial_batch() -> None:
    drawn = crops(batch=10)
    first, second = drawn.epoch(0), drawn.epoch(1)
    assert all(len(batch) == 10 for batch in first)
    assert len(first) == len(drawn.targets) // 10
    shown = np.concatenate(first)
    assert len(set(shown.tolist())) == len(shown)
    assert (np.concatenate(second) != shown).any()
    np.testing.assert_array_equal(np.concatenate(crops(batch=10).epoch(0)), shown)


def test_whole_frames_are_the_footage_itself() -> None:
    drawn = crops()
    whole = drawn.whole(np.array([0, 7]))
    assert whole.shape == (2, 5, HEIGHT, WIDTH)
    np.testing.assert_allclose((whole[1] + 1) * 127.5, drawn.stack(*drawn.targets[7]), atol=1e-4)
