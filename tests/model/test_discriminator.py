"""DAAD's discriminator: an answer for each place, and each frame judged alone."""

from __future__ import annotations

import pytest
import torch

from memwatch.model import Discriminator
from memwatch.model.discriminator import WIDTHS


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 8, 8), (3, 48, 64), (1, 30, 21)])
def test_every_eighth_place_gets_a_feature_and_an_answer(channels: int, height: int, width: int) -> None:
    inner, logit = Discriminator(channels)(torch.rand(2, channels, height, width))
    assert inner.shape == (2, WIDTHS[-1], height // 8, width // 8)
    assert logit.shape == (2, 1, height // 8, width // 8)


def test_judging_changes_nothing_and_no_frame_depends_on_another() -> None:
    torch.manual_seed(0)
    judge = Discriminator(1).train()
    before = {name: value.clone() for name, value in judge.state_dict().items()}
    frames = torch.rand(3, 1, 16, 24)
    whole = judge(frames)[1]
    torch.testing.assert_close(judge(frames[1:2])[1], whole[1:2])
    assert all(torch.equal(value, before[name]) for name, value in judge.state_dict().items())
