"""MPN's fast weights: both loops by hand, what a task trains, stopped and resumed the same, one step at a new scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from memwatch.errors import UsageError
from memwatch.model import FAST, Model, Predictor, load_model, save_model
from memwatch.model.memory.prototypes import STEP_SIZE
from memwatch.tasks import train as training
from memwatch.tasks.adapt import adapt
from memwatch.tasks.crops import Crops
from memwatch.tasks.fast_weights import EVERY, FRAMES, is_task, second_half, stepped, take_fast_step, told
from memwatch.tasks.footage import Footage, Recording
from memwatch.tasks.presets import PRESETS, model_config
from memwatch.tasks.progress import Silent
from memwatch.tasks.step import PREDICTOR_EVERY, STEP_RATE, Run, optimiser_for, set_rate, train_step
from memwatch.tasks.train import TrainReport, train
from tests import tiny
from tests.conftest import TRAINING, Trained, weights_of
from tests.scene import film, folder
from tests.tasks.listeners import CtrlC

STEPS = PREDICTOR_EVERY * (EVERY - 1) + 2
META: dict[str, Any] = {"memory": "prototypes", "memory_options": ["meta=true"]}


def network(*, meta: bool = True, **changes: Any) -> Predictor:
    options = {"items": 3, "meta": meta}
    return tiny.network(tiny.config(memory="prototypes", options=options, head_width=0, **changes)).train()


def clips(net: Predictor, seed: int = 0, count: int = 6) -> torch.Tensor:
    channels = (net.config.clip_length + 1) * net.config.channels
    return torch.rand(count, channels, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def copied(net: Predictor) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def moved(net: Predictor, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in net.named_parameters() if not torch.equal(value, before[name])}


def test_both_loops_by_hand() -> None:
    """Inner loss (θ - 1)² at θ0 = 3, α = 0.1: g = 4, θ1 = 2.6. Outer loss (θ1 - 2)² = 0.36, its slope in θ1 is 1.2. By
    way of the inner step: 1.2 · (1 - α · 2) = 0.96 in θ0, of which a step without the second order would make 1.2;
    -1.2 · g = -4.8 in α."""
    slow, step = torch.tensor([3.0], requires_grad=True), torch.tensor([0.1], requires_grad=True)
    fast = stepped({"θ": slow}, [step], (slow - 1).square().sum(), create_graph=True)
    assert fast["θ"].item() == pytest.approx(2.6)
    outer = (fast["θ"] - 2).square().sum()
    assert outer.item() == pytest.approx(0.36)
    of_slow, of_step = torch.autograd.grad(outer, (slow, step))
    assert of_slow.item() == pytest.approx(0.96)
    assert of_step.item() == pytest.approx(-4.8)


def test_without_the_graph_a_step_is_constant() -> None:
    slow = torch.tensor([3.0], requires_grad=True)
    fast = stepped({"θ": slow}, [torch.tensor([0.1])], (slow - 1).square().sum())
    (first_order,) = torch.autograd.grad((fast["θ"] - 2).square().sum(), slow)
    assert first_order.item() == pytest.approx(1.2)


def test_each_number_has_its_own_step_size() -> None:
    slow = torch.tensor([1.0, 1.0], requires_grad=True)
    fast = stepped({"θ": slow}, [torch.tensor([0.0, 0.25])], slow.square().sum())
    assert fast["θ"].tolist() == [1.0, 0.5]


def test_step_sizes_lie_in_the_memory_of_a_model_that_learns_to_adapt(tmp_path: Path) -> None:
    net, plain = network(), network(meta=False)
    weights = dict(net.named_parameters())
    assert [step.shape for step in net.memory.step_sizes()] == [weights[name].shape for name in FAST]
    assert all(bool((step == STEP_SIZE).all()) for step in net.memory.step_sizes())
    assert plain.memory.step_sizes() == []
    assert set(weights) - set(dict(plain.named_parameters())) == {f"memory.steps.{i}" for i in range(len(FAST))}
    with torch.no_grad():
        net.memory.step_sizes()[0].fill_(0.25)
    path = tmp_path / "m.safetensors"
    save_model(Model(net.eval(), {}, {"cues": []}), path)
    assert bool((load_model(path).net.memory.step_sizes()[0] == 0.25).all())


def test_of_a_task_the_second_half_is_judged_after_a_step_on_the_first() -> None:
    """With step sizes of 0 the answer is the ordinary one; with others it depends on the first half."""
    net = network()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eval()  # so that halves can be compared with the whole
    given = clips(net)
    other = torch.cat((clips(net, seed=1)[:3], given[3:]))
    with torch.no_grad():
        for step in net.memory.step_sizes():
            step.zero_()
        expected = net(given, {})[0][3:]
    rest, (predicted, _, _) = second_half(net, given, {})
    assert torch.equal(rest, given[3:])
    torch.testing.assert_close(predicted.detach(), expected)
    with torch.no_grad():
        for step in net.memory.step_sizes():
            step.fill_(0.5)
    one, two = (second_half(net, some, {})[1][0].detach() for some in (given, other))
    assert float((one - expected).abs().max()) > 1e-4
    assert float((one - two).abs().max()) > 1e-5


def test_a_task_s_gradient_holds_the_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against differences of the outer loss, inner step and all: θ0 and α get the whole gradient; all else gets the
    outer loss's alone, since the inner step takes it for constant."""
    monkeypatch.setattr(torch.Tensor, "float", lambda self: self)  # differences need doubles throughout
    net = network().double()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.eval()
    weights = dict(net.named_parameters())
    with torch.no_grad():
        weights["memory.attention.weight"].mul_(20)  # or it would see all places alike
        for step in net.memory.step_sizes():
            step.fill_(1.0)
    given = clips(net).double()

    def outer() -> torch.Tensor:
        rest, said = second_half(net, given, {})
        return net.losses(rest, said, {})["prediction"]

    def measured(name: str, way: torch.Tensor, by: float = 1e-4) -> float:
        values = []
        with torch.no_grad():
            before = weights[name].clone()
            for sign in (1, -1):
                weights[name].copy_(before + sign * by * way)
                with torch.enable_grad():
                    values.append(float(outer().detach()))
            weights[name].copy_(before)
        return (values[0] - values[1]) / (2 * by)

    for name in (*FAST, "memory.steps.0", "memory.steps.1", "memory.steps.2", "decoder.entrance.0.weight"):
        (gradient,) = torch.autograd.grad(outer(), weights[name])
        way = gradient / gradient.norm()
        whole = measured(name, way) == pytest.approx(float(gradient.norm()), rel=1e-3)
        assert whole is (name != "decoder.entrance.0.weight"), name


def test_a_task_trains_step_sizes_and_other_steps_do_not() -> None:
    net = network()
    run = Run(net, optimiser_for(net, PRESETS["plain"]), {}, PRESETS["plain"], "fp32", {})
    steps = {f"memory.steps.{index}" for index in range(len(FAST))}
    for number in range(2 * EVERY):
        run.step = number
        set_rate(run, 0.0)
        before = copied(net)
        assert train_step(run, clips(net, number).numpy()) is not None
        changed = moved(net, before)
        assert set(FAST) <= changed
        assert changed & steps == (steps if is_task(net, number) else set())
    assert [is_task(net, number) for number in range(6)] == [False, False, True] * 2
    assert not is_task(network(meta=False), EVERY - 1)


def test_step_sizes_have_a_rate_and_a_gradient_norm_of_their_own() -> None:
    net = network()
    rest, steps = optimiser_for(net, PRESETS["small"]).param_groups
    assert {id(step) for step in steps["params"]} == {id(step) for step in net.memory.step_sizes()}
    assert (rest["peak"], steps["peak"]) == (PRESETS["small"].rate, STEP_RATE)
    assert len(rest["params"]) + len(steps["params"]) == len(list(net.parameters()))


def moments(net: Predictor) -> Crops:
    """Whole frames of noise in a single recording of 40."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (1, tiny.HEIGHT, tiny.WIDTH), np.uint8) for _ in range(40)]
    footage = Footage([Recording("a", [index / 5 for index in range(40)], frames, 40)], ["a"])
    return Crops(footage, net.config, footage.targets(net.config, held=False), 4, 32, 0)


def test_the_fast_step_by_its_formula() -> None:
    """θ1 = θ0 - α ⊙ ∇L for the three weights, and nothing else moves."""
    net = network()
    with torch.no_grad():
        for number, step in enumerate(net.memory.step_sizes()):
            step.fill_(0.1 * (number + 1))
    crops, before = moments(net), copied(net)
    shown = [crops.targets[index] for index in np.linspace(0, len(crops.targets) - 1, FRAMES).round().astype(int)]
    given = torch.from_numpy(np.stack([crops.stack(*target) for target in shown]).astype(np.float32) / 127.5 - 1)
    loss = sum(net.losses(given, net(given, {}), {}).values(), torch.zeros(()))
    loss.backward()  # type: ignore[no-untyped-call]
    wanted = {}
    for number, name in enumerate(FAST):
        gradient = dict(net.named_parameters())[name].grad
        assert gradient is not None
        wanted[name] = before[name] - 0.1 * (number + 1) * gradient
    take_fast_step(net, crops, {})
    assert moved(net, before) == set(FAST)
    for name, value in wanted.items():
        torch.testing.assert_close(dict(net.named_parameters())[name].detach(), value)
    assert told(net) == {"fast_step": 10}


def test_a_network_that_has_not_learned_to_adapt_takes_no_step() -> None:
    net = network(meta=False)
    before = copied(net)
    take_fast_step(net, moments(net), {})
    assert moved(net, before) == set()
    assert told(net) == {}


def again(model: Trained, out: Path, **changes: Any) -> TrainReport:
    """A short training of prototypes with fast weights on the footage of `model`."""
    return train(model.footage, out, **(TRAINING | META | {"steps": STEPS, "progress": Silent()} | changes))


@pytest.fixture(scope="module")
def quick(gray_model: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with fast weights, one task old."""
    return again(gray_model, tmp_path_factory.mktemp("quick") / "a.safetensors").model


@pytest.mark.parametrize("stop", [STEPS - 2, STEPS - 1])
def test_stopped_and_resumed_it_ends_where_it_would_have(
    gray_model: Trained, quick: Path, tmp_path: Path, stop: int
) -> None:
    """Before its one task and right after it."""
    out = tmp_path / "b.safetensors"
    with pytest.raises(KeyboardInterrupt):
        again(gray_model, out, progress=CtrlC("training", stop))
    again(gray_model, out, resume=True)
    assert weights_of(out) == weights_of(quick)
    assert all(bool((step != STEP_SIZE).any()) for step in load_model(out).net.memory.step_sizes())


def test_a_new_scene_gets_the_fast_step_once(quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the ordinary steps, and not again where these are resumed; the card says it either way."""
    taken = []

    def counted(net: Predictor, crops: Crops, state: Any) -> None:
        before = copied(net)
        take_fast_step(net, crops, state)
        taken.append((moved(net, before), crops.footage.names, len(crops.targets)))

    monkeypatch.setattr(training, "take_fast_step", counted)
    gate, out = folder(tmp_path / "gate", film(180, seed=21, colour=False)), tmp_path / "gate.safetensors"
    with pytest.raises(KeyboardInterrupt):
        adapt(quick, [str(gate)], out, steps=3, progress=CtrlC("training", 1))
    adapt(quick, [str(gate)], out, steps=3, resume=True, progress=Silent())
    assert [(names, clips) for names, clips, _ in taken] == [(set(FAST), ["gate"])]
    assert load_model(out).card["fast_step"] == FRAMES == 10
    whole = adapt(quick, [str(gate)], tmp_path / "whole.safetensors", steps=3, progress=Silent())
    assert weights_of(whole.model) == weights_of(out)
    assert "fast_step" not in load_model(quick).card


def test_a_plain_model_gets_none(gray_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = again(gray_model, tmp_path / "a.safetensors", memory_options=(), steps=1).model
    step = training.train_step
    before = copied(load_model(plain).net)

    def checked(run: Run, *batches: Any) -> float | None:
        assert moved(run.net, before) <= {"head.places"}
        return step(run, *batches)

    monkeypatch.setattr(training, "train_step", checked)
    gate = folder(tmp_path / "gate", film(180, seed=21, colour=False))
    report = adapt(plain, [str(gate)], tmp_path / "b.safetensors", steps=1, progress=Silent())
    assert "fast_step" not in load_model(report.model).card


def test_the_option_is_yes_or_no() -> None:
    def options(*given: str) -> dict[str, Any]:
        return model_config("small", (96, 64), gray=True, memory="prototypes", options=given).options

    assert options() == {"items": 10, "meta": False}
    assert options("meta=true") == {"items": 10, "meta": True}
    assert options("meta=false", "items=4") == {"items": 4, "meta": False}
    for text in ("yes", "1", "True", ""):
        with pytest.raises(UsageError, match=rf"memory prototypes: 'meta' should be bool, not '{text}'"):
            options(f"meta={text}")
