"""The cues: which are read, where they point, and what the slow one remembers."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.scoring import CUES, RunningScene, SceneMemory, SceneReader, read_cues, squared_error
from memwatch.scoring.cues import whole
from memwatch.types import ANSWERS, Clip, Prediction
from tests import tiny

GRID = (tiny.HEIGHT // 8, tiny.WIDTH // 8)
SETTINGS = tiny.config()


def predicted(clip: Clip, *, head: bool = True) -> Prediction:
    """A perfect prediction; the head is sure that the first cell is odd and no other."""
    seen = answered(clip, 1)
    return seen if head else replace(seen, oddity=None)


def answered(clip: Clip, answers: int) -> Prediction:
    """The same; of several answers each is sure of another cell of the first row."""
    oddity = np.full((answers, *GRID), -20, np.float32)
    oddity[np.arange(answers), 0, np.arange(answers)] = 20
    return Prediction(frame=clip.target, distance=np.zeros((3, 4), np.float32), oddity=oddity, query=None)


def textured(seed: int) -> NDArray[np.float32]:
    """A smooth random picture (1, h, w) in [-1, 1]."""
    noise = np.random.default_rng(seed).normal(0, 1, (tiny.HEIGHT, tiny.WIDTH)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0), np.float32)
    return np.asarray(smooth / np.abs(smooth).max(), np.float32)[None]


def place(grid: NDArray[np.float32]) -> tuple[int, int]:
    """Row and column of the highest cell."""
    return divmod(int(grid.argmax()), GRID[1])


def scene_of(clip: Clip) -> SceneMemory:
    """A memory of the clip's scene under changing light."""
    pictures = [np.clip(clip.target * gain, -1, 1) for gain in (0.8, 0.9, 1.0)]
    return SceneMemory.fit(np.stack([RunningScene().push(picture, 0.0) for picture in pictures]))


def test_only_the_named_cues_are_read() -> None:
    rest = np.zeros((2 * SETTINGS.channels, SETTINGS.height // 2, SETTINGS.width // 2), np.float32)
    clip = replace(tiny.noise_clip(SETTINGS, 1), scene=rest)
    for name in CUES:
        prediction = answered(clip, len(ANSWERS) if name in ANSWERS else 1)
        error = squared_error(prediction.frame, clip.target)
        found = read_cues((name,), clip, prediction, error, np.ones(GRID, np.float32))
        assert list(found) == [name]
        assert found[name].shape == GRID
        assert found[name].dtype == np.float32
        assert found[name].min() >= 0


def test_a_model_without_a_head_or_a_scene_has_no_such_cue() -> None:
    clip = tiny.noise_clip(SETTINGS, 1)
    found = read_cues(CUES, clip, predicted(clip, head=False), np.zeros_like(clip.target), None)
    assert set(found) == {"prediction", "memory", "motion"}


def test_prediction_and_oddity_point_to_their_cell() -> None:
    clip = tiny.noise_clip(SETTINGS, 1)
    error = np.zeros_like(clip.target)
    error[:, 16:24, 40:48] = 0.5
    found = read_cues(("prediction", "oddity"), clip, predicted(clip), error, None)
    assert place(found["prediction"]) == (2, 5)
    assert found["prediction"].max() == pytest.approx(0.5)
    assert place(found["oddity"]) == (0, 0)
    assert found["oddity"][0, 0] == pytest.approx(20, abs=1e-3)


def test_each_answer_of_the_head_is_a_cue_of_its_own() -> None:
    """In logits from LEAST_LOGIT on: -20 is under it, 20 is 30 over it."""
    clip = tiny.noise_clip(SETTINGS, 1)
    found = read_cues(ANSWERS, clip, answered(clip, len(ANSWERS)), np.zeros_like(clip.target), None)
    assert list(found) == list(ANSWERS)
    for number, grid in enumerate(found.values()):
        assert (place(grid), grid.max(), grid.min()) == ((0, number), 30, 0)


def test_nothing_stays_before_the_scene_has_settled() -> None:
    """Whoever is in the first picture has been there for as long as anything has."""
    clip = replace(tiny.noise_clip(SETTINGS, 1), settled=False)
    found = read_cues(ANSWERS, clip, answered(clip, len(ANSWERS)), np.zeros_like(clip.target), None)
    assert {name for name, grid in found.items() if grid.any()} == set(ANSWERS) - {"stays"}


def test_motion_is_the_speed_between_a_clip_s_last_two_frames() -> None:
    ground = textured(3)
    clip = replace(tiny.noise_clip(SETTINGS, 1), target=np.roll(ground, 3, axis=2))
    inputs = np.concatenate([textured(seed) for seed in (4, 5, 6)] + [ground])
    nothing = np.zeros_like(clip.target)
    moved = read_cues(("motion",), replace(clip, inputs=inputs), predicted(clip), nothing, None)
    assert float(np.median(moved["motion"])) == pytest.approx(3, abs=0.5)
    still = replace(clip, inputs=inputs, target=ground)
    stood = read_cues(("motion",), still, predicted(still), nothing, None)
    assert float(stood["motion"].max()) == pytest.approx(0, abs=0.1)


def test_the_scene_cue_notices_what_stays_and_hardly_what_passes() -> None:
    empty = replace(tiny.noise_clip(SETTINGS, 1), target=textured(3) * 0.5)
    bag = empty.target.copy()
    bag[:, 24:32, 8:16] = 1
    reader, scene = SceneReader(), scene_of(empty)

    def seen(target: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        return scene.view(reader.read(target, index / 5), novelty=True).novelty

    before = max(float(seen(empty.target, i).max()) for i in range(20))
    passing = seen(bag, 20)
    gone = [seen(empty.target, i) for i in range(21, 60)][-1]
    staying = [seen(bag, i) for i in range(60, 110)][-1]
    assert place(staying) == (3, 1)
    assert float(staying.max()) > 8 * float(passing.max())
    assert float(gone.max()) < float(passing.max())
    assert before < 1e-6


def test_the_whole_is_one_number_put_where_most_of_it_lies() -> None:
    """A hand-worked picture: 0.2 brighter in a quarter of it, 0.04 times a quarter in the mean; by the window's blur a
    little of that at the quarter's border."""
    rest = np.zeros((1, 32, 48), np.float32)
    rest[:, :16, :24] = 0.2
    grid = whole(rest)
    assert grid.shape == (8, 12)
    assert grid.max() == pytest.approx(0.01, rel=0.02)
    assert np.unravel_index(grid.argmax(), grid.shape) < (4, 6)
    assert grid[5:, 7:].max() == 0
    assert whole(np.zeros_like(rest)).max() == 0
    # Light that is a little off everywhere counts as much as a thing that is far off somewhere.
    assert whole(np.full_like(rest, 0.1)).max() == pytest.approx(0.01, rel=1e-4)
