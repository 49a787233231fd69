"""How cues are joined: those that answer one question add up, of several questions the rarest answer counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import combine_pvalues, gamma

from memwatch.scoring import CUES
from memwatch.scoring.calibration import QUESTIONS, SLOW, combine, join
from memwatch.types import Grid


def grid(values: Sequence[object]) -> Grid:
    return np.array(values, np.float32)


@given(st.lists(st.floats(0, 12), min_size=2, max_size=5))
def test_cues_combine_by_fisher_s_rule(rarities: list[float]) -> None:
    """As scipy has it, while its numbers last."""
    combined = float(combine([grid([rarity]) for rarity in rarities])[0])
    wanted = combine_pvalues([10.0**-rarity for rarity in grid(rarities).astype(float)], method="fisher").pvalue
    assert combined == pytest.approx(-math.log10(wanted), abs=1e-4)
    law = gamma.logsf(math.log(10) * float(grid(rarities).sum(dtype=np.float64)), len(rarities))
    assert combined == pytest.approx(-law / math.log(10), abs=1e-4)


def test_two_cues_by_hand_and_far_beyond_what_a_probability_can_hold() -> None:
    """p = 0.01 twice: q = 1e-4, joint q · (1 - ln q) = 1.0210e-3."""
    two = grid([[2.0]])
    assert combine([two, two])[0, 0] == pytest.approx(-math.log10(1.0210340e-3), abs=1e-5)
    far = combine([two * 500, two * 500])[0, 0]
    assert far == pytest.approx(2000 - math.log10(1 + 2000 * math.log(10)), rel=1e-5)
    assert combine([two]) is two


def test_a_cue_that_sees_nothing_costs_a_little() -> None:
    seen, nothing = grid([[4.0]]), grid([[0.0]])
    assert 2 < combine([seen, nothing])[0, 0] < 4


def test_answers_to_one_question_add_up_and_of_several_questions_the_rarest_answer_counts() -> None:
    two = np.full((1, 1), 2, np.float32)
    joined = combine([two, two])
    assert joined > two
    assert join({"moves": two, "looks": two}) == two
    assert join({"moves": two, "stays": two * 2}) == two * 2
    assert join({"moves": two, "moves_here": two, "looks": two}) == joined
    assert join({"place": two, "stays": two}) == joined
    assert join({"prediction": two, "motion": two, "looks": two * 3}) == two * 3


def test_a_question_counts_as_far_as_it_is_trusted() -> None:
    two, five = np.full((1, 1), 2, np.float32), np.full((1, 1), 5, np.float32)
    assert join({"moves": two, "looks": five}, {"looks": 0.5}) == pytest.approx(2.5)
    assert join({"moves": two, "looks": five}, {"looks": 0.3}) == two
    assert join({"moves": two, "moves_here": two, "looks": five}, {"movement": 0.5, "looks": 0.1}) == pytest.approx(
        combine([two, two])[0, 0] / 2
    )


def test_what_answers_no_question_is_one_of_its_own() -> None:
    two = np.full((1, 1), 2, np.float32)
    assert join({"scene": two}) == two
    assert join({"scene": two * 2, "looks": two}) == two * 2


def test_every_cue_of_the_moment_answers_one_question() -> None:
    asked = [name for cues in QUESTIONS.values() for name in cues]
    assert sorted(asked) == sorted(set(CUES) - set(SLOW))
