"""Trust in the head's questions: by how far each tells pseudo-anomalies from normal crops, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from memwatch.scoring import CueCalibration
from memwatch.tasks import trust as trusting
from memwatch.tasks.pseudo import OddBatch
from memwatch.tasks.scenes import learn_scene
from memwatch.tasks.trust import LEAST, SURE, apart, trust_in
from memwatch.types import ANSWERS
from tests import tiny
from tests.tasks.walks import footage

CELLS, EACH = 12, 16
Array = NDArray[np.float32]


def test_by_hand() -> None:
    """Of 0 … 100 a quarter lies up to 25 and all but a hundredth up to 99."""
    every = [float(x) for x in range(101)]
    assert apart(every, [x / 10 for x in every]) == pytest.approx(25 / 9.9)
    assert apart(every, every) == SURE


@pytest.mark.parametrize(("odd", "normal"), [(19, 100), (100, 19), (0, 0)])
def test_of_few_nothing_is_said(odd: int, normal: int) -> None:
    assert apart([1.0] * odd, [1.0] * normal) is None


class Drawn:
    """Crops of which the second half has something odd in a corner, each for one answer in turn."""

    def __init__(self, *_: Any) -> None:
        pass

    def draw(self, step: int) -> OddBatch:
        labels = np.zeros((EACH, CELLS, CELLS), np.float32)
        labels[EACH // 2 :, :3, :3] = 1
        asked = np.array([[number == which % len(ANSWERS) for number in range(len(ANSWERS))] for which in range(EACH)])
        clips = np.full((EACH, 1, 1, 1), step, np.float32)
        return OddBatch(clips, clips, labels, np.ones_like(labels), asked, [(0, 0)] * EACH)


class Head(nn.Module):
    """Answers by the book: noise, and `loud` more at what is odd."""

    scene = True

    def __init__(self, loud: dict[str, float]) -> None:
        super().__init__()
        self.loud = np.array([loud.get(name, 0.0) for name in ANSWERS], np.float32)

    def answers(self, clips: Array, rest: Array, at: Sequence[tuple[int, int]]) -> Array:
        step = int(clips[0, 0, 0, 0])
        noise = np.random.default_rng(step).standard_normal((len(ANSWERS), EACH, CELLS, CELLS), np.float32)
        return noise + self.loud[:, None, None, None] * Drawn().draw(step).labels


def told(monkeypatch: pytest.MonkeyPatch, loud: dict[str, float]) -> dict[str, float]:
    monkeypatch.setattr(trusting, "PseudoAnomalies", Drawn)
    shown = footage(2)
    made = tiny.model(width=96, height=64, head_scene=True)
    monkeypatch.setattr(made.net, "head", Head(loud))
    normal = np.random.default_rng(1).normal(10, 1, (400, 6, 6)).astype(np.float32)
    fitted = {name: CueCalibration.fit(normal, placed=False) for name in ANSWERS}
    return trust_in(made, shown, learn_scene(shown), fitted)


def test_the_question_that_tells_best_is_believed_and_the_others_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    loud = {"moves": 12.0, "moves_here": 12.0, "looks": 7.0, "looks_here": 7.0, "place": 1.0, "stays": 1.0}
    found = told(monkeypatch, loud)
    assert found["movement"] == 1.0
    assert LEAST <= found["place"] < found["looks"] < 0.9


def test_one_that_tells_nothing_still_has_a_say(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(monkeypatch, {"moves": 40.0, "moves_here": 40.0})
    assert found == {"movement": 1.0, "looks": LEAST, "place": LEAST}


def test_where_all_tell_alike_all_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(monkeypatch, dict.fromkeys(ANSWERS, 12.0))
    assert min(found.values()) > 0.85


def test_a_model_whose_head_knows_no_scene_has_no_questions() -> None:
    shown = footage(1)
    assert trust_in(tiny.model(width=96, height=64), shown, learn_scene(shown), {}) == {}


def test_answers_are_what_the_network_says() -> None:
    head = tiny.model(width=96, height=64, head_scene=True).net.eval().head
    assert head is not None
    rng = np.random.default_rng(0)
    clips = rng.uniform(-1, 1, (2, 5 * head.channels, 32, 32)).astype(np.float32)
    rest = rng.uniform(-1, 1, (2, 2 * head.channels, 16, 16)).astype(np.float32)
    at = [(0, 0), (2, 3)]
    said = head.answers(clips, rest, at)
    assert said.shape == (len(ANSWERS), 2, 4, 4)
    with torch.no_grad():
        wanted = head(torch.from_numpy(clips), torch.from_numpy(rest), at)
    np.testing.assert_allclose(said.swapaxes(0, 1), wanted, atol=1e-5)
