"""DAAD's adversary: losses by hand, who moves whom, stopped and resumed the same, and for one memory only."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from memwatch.errors import UsageError
from memwatch.model import load_model
from memwatch.tasks.adversary import (
    ADVERSARIAL_WEIGHT,
    ALIGNMENT_WEIGHT,
    Adversary,
    alignment,
    check_adversarial,
    deception,
    verdict,
)
from memwatch.tasks.presets import PRESETS
from memwatch.tasks.progress import Silent
from memwatch.tasks.step import Run, optimiser_for, train_step
from memwatch.tasks.train import TrainReport, train
from tests import tiny
from tests.conftest import TRAINING, Command, Trained, weights_of
from tests.tasks.listeners import CtrlC, Recorder

STEPS = 10
ADVERSARIAL: dict[str, Any] = {"memory": "blockwise", "memory_options": ["items=9"], "adversarial": True}


@pytest.fixture
def adversary() -> Adversary:
    torch.manual_seed(0)
    return Adversary.made(1)


def weights(adversary: Adversary) -> list[torch.Tensor]:
    return [value.detach().clone() for value in adversary.judge.parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_losses_by_hand() -> None:
    """σ(ln 3) = 3/4, σ(-ln 4) = 1/5."""
    true, made = torch.tensor([log(3)]), torch.tensor([-log(4)])
    assert float(verdict(true, made)) == pytest.approx(log(4 / 3) + log(5 / 4))  # 0.287682 + 0.223144
    assert float(verdict(true, made)) == pytest.approx(0.510826, abs=1e-6)
    assert float(deception(made)) == pytest.approx(log(5))
    assert float(deception(torch.tensor([log(3), -log(4)]))) == pytest.approx((log(4 / 3) + log(5)) / 2)
    known, seen = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[1.0, 0.0, 3.0, 5.0]])
    assert float(alignment(known, seen)) == pytest.approx((4 + 1) / 4)


def test_nobody_knows_at_first_and_weights_are_a_fortieth(adversary: Adversary) -> None:
    """A D that answers 0 everywhere says one half: ln 2 for the predictor's frames."""
    for value in adversary.judge.logit.parameters():
        torch.nn.init.zeros_(value)
    picture = torch.rand(2, 1, 16, 16)
    terms = adversary.terms(picture, 1 - picture)
    assert float(terms["adversarial"]) == pytest.approx(log(2) / 40)
    with torch.no_grad():
        known, seen = adversary.judge(picture)[0], adversary.judge(1 - picture)[0]
    assert float(terms["alignment"]) == pytest.approx(float((known - seen).square().mean()) / 40, rel=1e-5)
    assert (ADVERSARIAL_WEIGHT, ALIGNMENT_WEIGHT) == (1 / 40, 1 / 40)


def test_equal_pictures_are_aligned(adversary: Adversary) -> None:
    picture = torch.rand(2, 1, 16, 16)
    assert float(adversary.terms(picture, picture.clone())["alignment"]) == 0
    assert float(adversary.terms(picture, -picture)["alignment"]) > 0


def test_the_judge_learns_to_tell_bright_from_dark(adversary: Adversary) -> None:
    true, made = torch.full((4, 1, 16, 16), 0.8), torch.full((4, 1, 16, 16), -0.8)
    losses = [adversary.learn(true, made) for _ in range(150)]
    assert losses[0] == pytest.approx(2 * log(2), abs=0.1)
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        logits = [float(adversary.judge(frames)[1].mean()) for frames in (true, made)]
    assert logits[0] > 0 > logits[1]


def test_the_predictor_is_moved_towards_what_is_true_and_the_judge_is_not(adversary: Adversary) -> None:
    true = torch.full((1, 1, 16, 16), 0.8)
    made = torch.full((1, 1, 16, 16), -0.8, requires_grad=True)
    for _ in range(150):
        adversary.learn(true, made)
    assert made.grad is None  # the judge's own step is none of the predictor's
    adversary.optimiser.zero_grad(set_to_none=True)
    before = weights(adversary)
    for name, term in adversary.terms(true, made).items():
        (gradient,) = torch.autograd.grad(term, made, retain_graph=True)
        assert float(gradient.sum()) < 0, name  # brighter is better
    sum(adversary.terms(true, made).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert all(value.grad is None and value.requires_grad for value in adversary.judge.parameters())
    assert same(weights(adversary), before)


def test_a_judge_of_broken_frames_has_not_learned(adversary: Adversary) -> None:
    before = weights(adversary)
    picture = torch.rand(1, 1, 16, 16)
    assert not np.isfinite(adversary.learn(picture, picture * float("nan")))
    assert same(weights(adversary), before)


def test_one_step_trains_both(adversary: Adversary) -> None:
    net = tiny.network(tiny.config(memory="blockwise", head_width=0)).train()
    run = Run(net, optimiser_for(net, PRESETS["plain"]), {}, PRESETS["plain"], "fp32", {}, adversary=adversary)
    batch = np.random.default_rng(0).uniform(-1, 1, (4, 5, 32, 32)).astype(np.float32)
    before, judged = [value.detach().clone() for value in net.parameters()], weights(adversary)
    assert train_step(run, batch) is not None
    assert not same([value.detach() for value in net.parameters()], before)
    assert not same(weights(adversary), judged)
    after, judged = [value.detach().clone() for value in net.parameters()], weights(adversary)
    assert np.isnan(train_step(run, batch * np.float32(np.nan)) or 0)
    assert same([value.detach() for value in net.parameters()], after)
    assert same(weights(adversary), judged)


def again(model: Trained, out: Path, **changes: Any) -> TrainReport:
    """A short adversarial training on the footage of `model`."""
    how = TRAINING | ADVERSARIAL | {"steps": STEPS, "progress": Silent()}
    return train(model.footage, out, **(how | changes))


def test_stopped_and_resumed_it_ends_where_it_would_have(colour_model: Trained, tmp_path: Path) -> None:
    whole, out = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    again(colour_model, whole)
    with pytest.raises(KeyboardInterrupt):
        again(colour_model, out, progress=CtrlC("training", 5))  # two of the judge's steps are done
    with safe_open(str(out.with_suffix(".checkpoint.safetensors")), framework="pt") as file:
        assert {name.split(".")[1] for name in file.keys() if name.startswith("judge.")} == {"net", "optimiser"}  # noqa: SIM118
    with pytest.raises(UsageError, match=r"another training \(adversarial was True, now False\)"):
        again(colour_model, out, resume=True, adversarial=False)
    again(colour_model, out, resume=True)
    assert weights_of(out) == weights_of(whole)
    assert load_model(out).card["adversarial"] is True
    assert b"judge" not in out.read_bytes()
    plain = again(colour_model, tmp_path / "c.safetensors", adversarial=False)
    assert load_model(plain.model).card["adversarial"] is False
    assert weights_of(plain.model) != weights_of(whole)  # it makes a difference


@pytest.mark.parametrize("memory", [None, "mnad", "none", "memae", "prototypes", "grid"])
def test_another_memory_has_no_adversary(colour_model: Trained, tmp_path: Path, memory: str | None) -> None:
    listener = Recorder()
    with pytest.raises(UsageError, match="--adversarial is for the memory blockwise, not for"):
        again(colour_model, tmp_path / "b.safetensors", memory=memory, memory_options=(), progress=listener)
    assert listener.stretches == []
    assert list(tmp_path.iterdir()) == []
    check_adversarial("blockwise")


def test_the_command_line_refuses_in_one_line(command: Command, tmp_path: Path) -> None:
    done = command(
        "train", tmp_path / "no.mp4", "--out", tmp_path / "m.safetensors", "--memory", "grid", "--adversarial"
    )
    assert done.code == 2
    assert done.out == ""
    assert "memory blockwise, not for grid" in done.complaint()
    assert done.err.count("\n") == 1
