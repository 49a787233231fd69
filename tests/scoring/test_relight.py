"""A picture brought back into the known light: gains and offsets of known values, and an intruder that stays one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.scoring import NOTICEABLE, Light, SceneMemory, anew, light_of, reduced

WIDTH, HEIGHT = 128, 96
CORNER = (slice(None), slice(40, 64), slice(60, 80))
"""Where an intruder stands, of the whole picture."""

Pixels = NDArray[np.float32]


def drawn(seed: int = 1, channels: int = 1) -> Pixels:
    """A smooth picture (C, h, w) of brightness 0.1 … 0.5 with detail everywhere."""
    rough = np.random.default_rng(seed).uniform(0, 1, (HEIGHT // 4, WIDTH // 4, channels)).astype(np.float32)
    smooth = cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR).reshape(HEIGHT, WIDTH, channels)
    return np.asarray(0.1 + 0.4 * smooth.transpose(2, 0, 1), np.float32)


def signed(picture: Pixels) -> Pixels:
    """0 … 1 to the network's [-1, 1]."""
    return np.asarray(picture * 2 - 1, np.float32)


def found(known: Pixels, now: Pixels) -> Light:
    """The light of `now` where `known` is all that a scene's memory has seen."""
    state = reduced(signed(known))
    return light_of(SceneMemory.fit(state[None]), reduced(signed(now)), state.mean(axis=(1, 2)))


def test_an_unaltered_picture_is_in_the_known_light() -> None:
    light = found(drawn(), drawn())
    assert light.moves < 1e-4 < NOTICEABLE
    assert light.residual < 1e-4
    np.testing.assert_allclose(light.gain, 1, atol=1e-3)
    np.testing.assert_allclose(light.offset, 0, atol=1e-3)


def test_noise_alone_is_no_other_light() -> None:
    noise = np.random.default_rng(3).normal(0, 0.03, (1, HEIGHT, WIDTH)).astype(np.float32)
    assert found(drawn(), drawn() + noise).moves < NOTICEABLE / 2


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (1.6, 0.05), (0.4, 0.3), (1.0, 0.2)])
def test_gain_and_offset_are_recovered(gain: float, offset: float) -> None:
    light = found(drawn(), gain * drawn() + offset)
    np.testing.assert_allclose(light.gain, gain, atol=0.02)
    np.testing.assert_allclose(light.offset, offset, atol=0.01)
    assert light.residual < 0.002


def test_moves_is_the_mean_difference_that_the_light_makes() -> None:
    known = drawn()
    assert found(known, known + 0.2).moves == pytest.approx(0.2, abs=0.002)
    assert found(known, 0.5 * known).moves == pytest.approx(float(0.5 * known.mean()), abs=0.002)


def test_each_channel_has_a_light_of_its_own() -> None:
    known = drawn(channels=3)
    gains, offsets = np.float32([0.5, 1.0, 1.5]), np.float32([0.1, 0.0, 0.05])
    light = found(known, gains[:, None, None] * known + offsets[:, None, None])
    np.testing.assert_allclose(light.gain.mean(axis=(1, 2)), gains, atol=0.02)
    np.testing.assert_allclose(light.offset.mean(axis=(1, 2)), offsets, atol=0.01)


def test_a_lamp_on_one_side_is_recovered_place_by_place() -> None:
    """From 0.6 at the left to 1.4 at the right."""
    gain = np.linspace(0.6, 1.4, WIDTH, dtype=np.float32)[None, None]
    light = found(drawn(), gain * drawn())
    quarter, middle, last = light.gain[0, HEIGHT // 4, [WIDTH // 8, WIDTH // 4, WIDTH * 3 // 8]]
    assert quarter < 0.97 < middle < 1.1 < last
    back = (light.undone(signed(gain * drawn())) + 1) / 2
    assert np.abs(back - drawn()).mean() < 0.02


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (1.5, 0.05), (0.6, 0.2)])
def test_undone_a_picture_is_in_the_known_light_and_an_intruder_stays(gain: float, offset: float) -> None:
    """It is as bright as half of the known range above what it hides, and takes four hundredths of the picture."""
    known = drawn()
    there = known.copy()
    there[CORNER] += 0.25
    light = found(known, gain * there + offset)
    rest = np.abs(light.undone(signed(gain * there + offset)) - signed(known)) / 2
    inside = np.zeros(rest.shape, bool)
    inside[CORNER] = True
    assert rest[inside].mean() == pytest.approx(0.25, abs=0.03)
    assert rest[~inside].mean() < 0.01
    assert np.quantile(rest[~inside], 0.99) < 0.03


def test_undone_works_on_the_pictures_of_a_clip_and_leaves_them_as_they_were() -> None:
    """Three pictures of two channels each, whose lights differ."""
    known = drawn(channels=2)
    gains = np.float32([0.5, 1.5])[:, None, None]
    light = found(known, gains * known)
    clip = np.concatenate([signed(gains * known)] * 3)
    before = clip.copy()
    back = light.undone(clip)
    assert back.shape == clip.shape
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, np.concatenate([signed(known)] * 3), atol=0.02)
    np.testing.assert_array_equal(clip, before)


def test_undone_stays_within_the_network_s_range() -> None:
    light = found(drawn(), 0.3 * drawn())
    back = light.undone(np.ones((1, HEIGHT, WIDTH), np.float32))
    assert (back.min(), back.max()) == (1.0, 1.0)


def test_another_view_is_no_matter_of_light() -> None:
    from memwatch.pipeline.detector import UNLIKE

    assert found(drawn(), 0.6 * drawn() + 0.1).residual < 0.01 < UNLIKE
    assert found(drawn(), drawn(2)).residual > UNLIKE


def test_a_black_or_a_flat_picture_gives_numbers() -> None:
    for level in (0.0, 0.4, 1.0):
        light = found(drawn(), np.full_like(drawn(), level))
        assert np.isfinite(light.gain).all()
        assert light.gain.min() >= 0.1
        assert np.isfinite(light.undone(signed(drawn()))).all()


def test_anew_knows_only_the_one_picture() -> None:
    states = np.stack([reduced(signed(drawn(seed, 3))) for seed in (1, 2, 3)])
    old = SceneMemory.fit(states)
    assert len(old.components) == 2
    new = anew(old, states[1])
    assert len(new.components) == 0
    np.testing.assert_allclose(new.mean.mean(axis=(1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(new.behind(*new.weights(states[1])), states[1], atol=1e-6)
    assert new.novelty(states[1]).max() < 1e-10
    assert old.components.shape[0] == 2
