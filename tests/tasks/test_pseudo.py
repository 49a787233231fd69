"""Pseudo-anomalies: drawn by seed and step, labelled where something was pasted and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.tasks import pasting, pseudo
from memwatch.tasks.crops import Crops
from memwatch.tasks.pseudo import CELL, KINDS, OddBatch, PseudoAnomalies, _Sample
from memwatch.tasks.scenes import learn_scene
from memwatch.types import ANSWERS
from tests.tasks.walks import config, footage

SIDE, CELLS = 32, 4
ANOMALIES = tuple(kind for kind in KINDS if kind != "normal")
LAID = ("fast", "shape", "glide", "mirrored", "turned")
"""Kinds of figures that stay about where they were."""


def anomalies(*, seed: int = 0, channels: int = 1, moving: bool = True, batch: int = 8) -> PseudoAnomalies:
    settings, shown = config(channels), footage(channels=channels, moving=moving)
    crops = Crops(shown, settings, shown.targets(settings, held=False), batch, SIDE, seed)
    return PseudoAnomalies(crops, shown.backgrounds(settings), learn_scene(shown))


def only(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(pseudo, "KINDS", {kind: 1.0})


def parts(batch: OddBatch) -> tuple[NDArray[np.float32], ...]:
    return batch.clips, batch.rest, batch.labels, batch.weights, np.asarray(batch.at, np.float32)


def test_the_same_seed_and_step_draw_the_same_and_others_do_not() -> None:
    one = anomalies().draw(3)
    for same, part in zip(parts(anomalies().draw(3)), parts(one), strict=True):
        np.testing.assert_array_equal(same, part)
    assert (anomalies().draw(4).clips != one.clips).any()
    assert (anomalies(seed=1).draw(3).clips != one.clips).any()


def test_a_batch_does_not_depend_on_those_before_it() -> None:
    drawn = anomalies()
    for step in range(3):
        drawn.draw(step)
    for same, part in zip(parts(drawn.draw(3)), parts(anomalies().draw(3)), strict=True):
        np.testing.assert_array_equal(same, part)


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_ranges_and_weights(channels: int) -> None:
    for step in range(6):
        clips, rest, labels, weights, at = parts(anomalies(channels=channels).draw(step))
        assert clips.shape == (8, 5 * channels, SIDE, SIDE)
        assert labels.shape == weights.shape == (8, CELLS, CELLS)
        assert rest.shape == (8, 2 * channels, SIDE // 2, SIDE // 2)
        assert at.shape == (8, 2)
        assert {part.dtype for part in (clips, rest, labels, weights)} == {np.dtype(np.float32)}
        assert -1 <= clips.min() <= clips.max() <= 1
        assert set(np.unique(labels)) <= {0.0, 1.0}
        assert set(np.unique(weights)) <= {0.0, 1.0}
        assert (weights[labels == 1] == 1).all()


def test_what_is_normal_is_labelled_nowhere_and_counts_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "normal")
    for step in range(10):
        _, _, labels, weights, _ = parts(anomalies().draw(step))
        assert not labels.any()
        assert weights.all()


@pytest.mark.parametrize("kind", ANOMALIES)
def test_each_kind_of_anomaly_is_labelled_somewhere(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    only(monkeypatch, kind)
    labels = np.concatenate([anomalies().draw(step).labels for step in range(6)])
    assert labels.any(axis=(1, 2)).mean() > 0.2
    assert labels.mean() < 0.5


@pytest.mark.parametrize("kind", LAID)
def test_labels_lie_where_the_last_frame_was_changed(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A paste leaves the clip as it was, everywhere but where a rectangle of it is covered."""
    only(monkeypatch, kind)
    monkeypatch.setattr(pseudo, "RECOLOURED", 0.0)  # of the ground's own colour a figure would not be seen
    seen = []
    paste = PseudoAnomalies._paste

    def watched(self: PseudoAnomalies, sample: _Sample, *rest: object) -> None:
        before = sample.clip.copy()
        paste(self, sample, *rest)  # type: ignore[arg-type]
        seen.append((before, sample.clip.copy(), sample.covered.copy()))

    monkeypatch.setattr(PseudoAnomalies, "_paste", watched)
    for step in range(6):
        anomalies().draw(step)
    assert seen
    told = []
    for clip, result, covered in seen:
        assert covered.min() >= 0
        assert covered.max() <= 1 + 1e-6
        assert result.shape == clip.shape
        # The same ground at the same place: what differs clearly is a figure that was put there, or covered.
        changed = np.abs(result[-1] - clip[-1]) > 40
        hidden = np.abs(clip[-1] - clip[0]) > 20
        told.append(covered[~changed & ~hidden].mean())
        assert not (changed & (covered == 0) & ~hidden).sum() > 0.03 * changed.size
    assert np.mean(told) < 0.08


def test_what_stands_still_differs_from_the_scene_as_long_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every frame of the clip, in the difference from the scene, and in part in the mean of the last second."""
    only(monkeypatch, "still")
    batch = anomalies(batch=40).draw(0)
    odd = batch.labels.repeat(SIDE // 2 // CELLS, axis=1).repeat(SIDE // 2 // CELLS, axis=2) == 1
    now, stood = np.abs(batch.rest[:, 0]), np.abs(batch.rest[:, 1])
    assert now[odd].mean() > 2 * now[~odd].mean()
    assert now[odd].mean() > stood[odd].mean() > stood[~odd].mean()


def test_labels_are_the_share_of_a_cell_that_is_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of a cell is abnormal, a tenth counts not at all, a hundredth is normal."""
    only(monkeypatch, "fast")
    covered = np.zeros((SIDE, SIDE), np.float32)
    for column, share in enumerate((0.25, 0.1, 0.01, 1.0)):
        covered[:CELL, column * CELL : (column + 1) * CELL] = share
    monkeypatch.setattr(
        PseudoAnomalies, "_paste", lambda self, sample, *rest: setattr(sample, "covered", covered.copy())
    )
    _, _, labels, weights, _ = parts(anomalies(batch=40).draw(0))
    pasted = labels.any(axis=(1, 2))
    assert pasted.mean() > 0.9
    np.testing.assert_array_equal(labels[pasted][0][0], [1, 0, 0, 1])
    np.testing.assert_array_equal(weights[pasted][0][0], [1, 0, 1, 1])
    assert not labels[:, 1:].any()
    assert weights[:, 1:].all()


def test_where_nothing_ever_moves_nothing_moves_oddly(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no figure to cut out; what stands where nothing stood needs none."""
    monkeypatch.setattr(pseudo, "KINDS", {kind: 1 / 7 for kind in KINDS if kind != "still"})
    for step in range(5):
        _, _, labels, weights, _ = parts(anomalies(moving=False).draw(step))
        assert not labels.any()
        assert weights.all()


def test_each_kind_asks_its_own_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    for kind in KINDS:
        only(monkeypatch, kind)
        batch = anomalies().draw(0)
        assert batch.asked.shape == (8, len(ANSWERS))
        assert (batch.asked == batch.asked[0]).all()
        asked[kind] = {answer for answer, wanted in zip(ANSWERS, batch.asked[0], strict=True) if wanted}
    assert asked["normal"] == set()
    assert asked["fast"] == asked["glide"] == {"moves", "moves_here"}
    assert asked["turned"] == {"looks", "looks_here"}
    assert (asked["moved"], asked["still"]) == ({"place"}, {"stays"})
    assert set.union(*asked.values()) == set(ANSWERS)


def test_samples_are_drawn_where_the_scene_has_settled() -> None:
    """Before that, whoever passes looks as if he had always stood there."""
    drawn, rng = anomalies(), np.random.default_rng(0)
    picked = [drawn._settled(rng) for _ in range(300)]
    assert np.mean([drawn.scene.settled[number][target] for number, target in picked]) > 0.99
    assert not all(drawn.scene.settled[number][target] for number, target in drawn.crops.targets)


def test_other_clothes_are_alike_in_all_frames_and_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    frame = rng.uniform(60, 120, (3, 8, 8)).astype(np.float32)
    seen = [pasting.recoloured(np.tile(frame, (5, 1, 1)), 3, rng) for _ in range(50)]
    for piece in seen:
        np.testing.assert_array_equal(piece, np.tile(piece[:3], (5, 1, 1)))
    means = np.array([piece.mean(axis=(1, 2))[:3] for piece in seen])
    assert means.std(axis=0).min() > 10
    assert np.ptp(means - means.mean(axis=1, keepdims=True), axis=1).mean() > 5  # not all channels alike
    bright = pasting.recoloured(np.full((15, 8, 8), 255, np.float32), 3, np.random.default_rng(1))
    assert bright.min() >= 0
    assert bright.max() <= 255


def test_one_figure_differs_from_the_next_by_less_than_an_odd_shape() -> None:
    rng = np.random.default_rng(0)
    frame = np.zeros((32, 32), np.float32)
    frame[8:24, 10:20] = 1
    for _ in range(50):
        warp = pasting.varied(frame, rng)
        sizes = warp[0, 0], warp[1, 1]
        assert pasting.SMALLER[1] < min(sizes) <= max(sizes) < pasting.LARGER[0]
        x, y = warp @ np.array([*pasting.middle(frame), 1.0])
        assert abs(x - pasting.middle(frame)[0]) <= 3.01
        assert abs(y - pasting.middle(frame)[1]) <= 3.01
