"""Where a training computes. There is no GPU to test on: what can be told without one is which device each tensor is
on, with torch's `meta` device, which has shapes and no numbers, in the GPU's place."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from memwatch.config import MEMORIES
from memwatch.errors import MemwatchError, UsageError
from memwatch.model import Predictor
from memwatch.tasks import device, step
from memwatch.tasks.adversary import Adversary
from memwatch.tasks.checkpoint import load_checkpoint, save_checkpoint
from memwatch.tasks.device import computing_on, cores, device_of, moved, workers
from memwatch.tasks.prefetch import prefetched
from memwatch.tasks.presets import PRESETS, model_config
from memwatch.tasks.progress import Silent
from memwatch.tasks.pseudo import OddBatch
from memwatch.tasks.step import Run, train_step
from memwatch.tasks.train import train
from memwatch.types import ANSWERS

META = torch.device("meta")
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


@NO_GPU
def test_without_a_gpu_auto_is_the_processor_and_cuda_is_refused() -> None:
    assert device_of("auto", Silent()) == device_of("cpu", Silent()) == torch.device("cpu")
    with pytest.raises(UsageError, match="finds no GPU"):
        device_of("cuda", Silent())


@NO_GPU
def test_a_gpu_that_does_not_compute_is_told_and_left_alone_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*shape: int, device: str) -> torch.Tensor:
        raise RuntimeError("no kernel image is available\nfor a reason that fills a page")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", refuse)
    told = Notes()
    assert device_of("cpu", told) == torch.device("cpu")
    assert told.lines == []
    assert device_of("auto", told) == torch.device("cpu")
    assert told.lines == ["the GPU cannot be used: no kernel image is available; training on the processor"]
    with pytest.raises(MemwatchError, match="no kernel image is available") as raised:
        device_of("cuda", told)
    assert raised.value.line().endswith("train on the processor with --device cpu")


@NO_GPU
def test_a_training_on_a_gpu_that_is_not_there_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="finds no GPU"):
        train([str(tmp_path / "not-there.mp4")], tmp_path / "a.safetensors", device="cuda", progress=Silent())


def test_batches_come_in_order_whoever_draws_them_and_however_long_it_takes() -> None:
    def draw(number: int) -> tuple[int, np.ndarray[Any, Any]]:
        time.sleep(0.2 if number == 5 else 0)
        return number, np.random.default_rng(number).random(3)

    wanted = [draw(number) for number in range(5, 12)]
    for some in (0, cores()):
        drawn = list(islice(prefetched(draw, 5, workers=some), 7))
        assert [number for number, _ in drawn] == list(range(5, 12))
        np.testing.assert_array_equal([batch for _, batch in drawn], [batch for _, batch in wanted])
    assert multiprocessing.active_children() == []


STOPPED = """
import sys, time
from memwatch.tasks.interrupts import HeldSignals
from memwatch.tasks.prefetch import prefetched
from memwatch.process import listening
with listening():
    try:
        with HeldSignals() as signals:
            for step in prefetched(lambda step: step, 0, workers=1):
                signals.let_through()
                print(step, flush=True)
                time.sleep(0.5)  # the stop comes in the middle of a step
    except KeyboardInterrupt:
        print("saved", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_of_the_whole_group_is_the_training_s_to_take(number: signal.Signals) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stdout.readline() == "0\n"
    os.killpg(run.pid, number)
    said, errors = run.communicate(timeout=60)
    assert said == "saved\n", errors
    with pytest.raises(ProcessLookupError):  # nobody of the group is left
        os.killpg(run.pid, 0)


@pytest.mark.parametrize(("there", "wanted"), [(1, 1), (2, 1), (8, 7), (128, device.MOST_WORKERS)])
def test_beside_a_gpu_all_cores_but_one_draw(monkeypatch: pytest.MonkeyPatch, there: int, wanted: int) -> None:
    monkeypatch.setattr(device, "cores", lambda: there)
    assert workers(torch.device("cuda")) == wanted
    assert workers(torch.device("cpu")) == 0


def test_tensors_made_from_nothing_are_made_on_the_device() -> None:
    with computing_on(META):
        assert torch.rand(3).device == META
    assert torch.rand(3).device.type == "cpu"
    assert {value.device for value in moved({"items": torch.zeros(2)}, META).values()} == {META}


def test_moments_lie_as_their_weights_do_after_a_checkpoint(tmp_path: Path) -> None:
    """A fused step reads both as they lie in memory."""

    def made() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        net = torch.nn.Conv2d(8, 8, 3).to(memory_format=torch.channels_last)
        return net, torch.optim.AdamW(net.parameters(), 1e-2, fused=True)

    def go_on(net: torch.nn.Module, optimiser: torch.optim.Optimizer, seeds: Iterable[int]) -> torch.Tensor:
        for seed in seeds:
            optimiser.zero_grad()
            pictures = torch.rand(2, 8, 6, 6, generator=torch.Generator().manual_seed(seed))
            net(pictures.contiguous(memory_format=torch.channels_last)).square().sum().backward()
            optimiser.step()
        return next(net.parameters()).detach()

    wanted = go_on(*made(), range(8))
    first, second = made(), made()
    go_on(*first, range(4))
    save_checkpoint(tmp_path / "c.safetensors", {"": first}, {}, {})
    load_checkpoint(tmp_path / "c.safetensors", {"": second}, {})
    torch.testing.assert_close(go_on(*second, range(4, 8)), wanted, rtol=0, atol=0)


class OneDevice(TorchFunctionMode):
    """Refuses what a GPU refuses: tensors of two devices in one function, but for numbers and indices."""

    MAY = ("to", "copy_", "__getitem__", "__setitem__", "__get__", "__set__")

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor) and one.dim()]
        if func.__name__ not in self.MAY:
            assert len({one.device for one in given}) < 2, f"{func.__name__} of two devices"
        return func(*args, **(kwargs or {}))


@pytest.fixture
def _no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step asks of numbers, answered without any."""
    monkeypatch.setattr(step, "isfinite", lambda value: True)
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
    run.adversary = Adversary.made(config.channels, META) if adversarial else None
    size, cells = (4, 5 * config.channels, config.height, config.width), (4, config.height // 8, config.width // 8)
    batch, odd = np.zeros(size, np.float32), None
    if net.head:
        rest = np.zeros((4, 2 * config.channels, config.height // 2, config.width // 2), np.float32)
        labels = np.zeros(cells, np.float32)
        odd = OddBatch(batch, rest, labels, labels, np.zeros((4, len(ANSWERS)), bool), [(0, 0)] * 4)
    for run.step in range(3):  # the third is a task, where prototypes learn to adapt
        with OneDevice(), computing_on(META):
            net.memory.at(run.step / 3)
            train_step(run, batch, odd)
    assert {value.device for value in run.state.values()} <= {META}
