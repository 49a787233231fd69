"""Where a training computes. There is no GPU to test on: what can be told without one is which device each tensor is
on, and torch's `meta` device, which has shapes and no numbers, refuses to mix with another as a GPU does."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from memwatch.config import MEMORIES
from memwatch.errors import MemwatchError, UsageError
from memwatch.model import Predictor
from memwatch.tasks import step as steps
from memwatch.tasks.adversary import Adversary
from memwatch.tasks.ahead import ahead
from memwatch.tasks.device import computing_on, cores, device_of, drawers, moved
from memwatch.tasks.presets import PRESETS, model_config
from memwatch.tasks.progress import Silent
from memwatch.tasks.pseudo import OddBatch
from memwatch.tasks.step import Run, train_step
from memwatch.tasks.train import train
from memwatch.types import ANSWERS

META = torch.device("meta")
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@NO_GPU
def test_without_a_gpu_auto_is_the_processor_and_cuda_is_refused() -> None:
    assert device_of("auto") == device_of("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="finds no GPU"):
        device_of("cuda")


@NO_GPU
def test_a_gpu_that_does_not_compute_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*shape: int, device: str) -> torch.Tensor:
        raise RuntimeError("no kernel image is available\nfor a reason that fills a page")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", refuse)
    assert device_of("cpu") == torch.device("cpu")
    with pytest.raises(MemwatchError, match="the GPU cannot be used") as told:
        device_of("auto")
    assert told.value.line().endswith("no kernel image is available. train on the processor with --device cpu")


@NO_GPU
def test_a_training_on_a_gpu_that_is_not_there_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="finds no GPU"):
        train([str(tmp_path / "not-there.mp4")], tmp_path / "a.safetensors", device="cuda", progress=Silent())


def test_batches_come_in_order_whoever_draws_them() -> None:
    def draw(step: int) -> tuple[int, np.ndarray]:
        return step, np.random.default_rng(step).random(3)

    wanted = [draw(step) for step in range(5, 12)]
    for processes in (0, 1):
        drawn = list(islice(ahead(draw, 5, processes=processes), 7))
        assert [step for step, _ in drawn] == [step for step, _ in wanted]
        np.testing.assert_array_equal([batch for _, batch in drawn], [batch for _, batch in wanted])


def test_only_a_gpu_has_batches_drawn_by_processes() -> None:
    assert drawers(torch.device("cpu")) == 0
    assert drawers(torch.device("cuda")) == max(1, cores() - 1)


def test_tensors_made_from_nothing_are_made_on_the_device() -> None:
    with computing_on(META):
        assert torch.rand(3).device == META
    assert torch.rand(3).device.type == "cpu"
    assert {value.device for value in moved({"items": torch.zeros(2)}, META).values()} == {META}


@pytest.fixture
def _no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step asks of numbers, answered without any."""
    monkeypatch.setattr(steps, "isfinite", lambda value: True)
    monkeypatch.setattr(torch.Tensor, "__float__", lambda self: 0.5)
    monkeypatch.setattr(torch, "bincount", lambda rows, minlength=0: torch.zeros(minlength, device=rows.device))


CHOICES = [("predictor", name, False) for name in MEMORIES]
CHOICES += [("predictor", "blockwise", True), ("base", None, False), ("paper", None, False)]


@pytest.mark.parametrize(("preset", "memory", "adversarial"), CHOICES)
@pytest.mark.usefixtures("_no_numbers")
def test_a_step_mixes_no_devices(preset: str, memory: str | None, adversarial: bool) -> None:
    options = {"students": ("patch=33",), "prototypes": ("meta=true",)}.get(memory or "", ())
    config = model_config(preset, (64, 64), gray=True, memory=memory, options=options)
    schedule = PRESETS[preset]
    net = Predictor(config).to(META)
    plain = torch.optim.SGD(net.parameters(), 1e-3)  # the fused one has no step for tensors without numbers
    run = Run(net, plain, moved(net.memory.new_state(), META), schedule, "fp32", {})
    if adversarial:
        run.adversary = Adversary.made(config.channels)
        run.adversary.judge.to(META)
    size, cells = (4, 5 * config.channels, config.height, config.width), (4, config.height // 8, config.width // 8)
    batch, odd = np.zeros(size, np.float32), None
    if net.head:
        rest = np.zeros((4, 2 * config.channels, config.height // 2, config.width // 2), np.float32)
        labels = np.zeros(cells, np.float32)
        odd = OddBatch(batch, rest, labels, labels, np.zeros((4, len(ANSWERS)), bool), [(0, 0)] * 4)
    for run.step in range(3):  # the third is a task, where prototypes learn to adapt
        with computing_on(META):
            net.memory.at(run.step / 3)
            train_step(run, batch, odd)
    assert {value.device for value in run.state.values()} <= {META}
