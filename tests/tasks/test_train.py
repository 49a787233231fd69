"""Training: one seed, one model; stopped and resumed, the same; refusals before work, nothing half-written after."""

from __future__ import annotations

import errno
import math
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memwatch.config import ModelConfig
from memwatch.errors import MemwatchError, UsageError
from memwatch.model import load_model
from memwatch.tasks import step
from memwatch.tasks import train as training
from memwatch.tasks.footage import Recording
from memwatch.tasks.presets import model_config
from memwatch.tasks.progress import Silent
from memwatch.tasks.pseudo import OddBatch
from memwatch.tasks.step import PREDICTOR_EVERY, head_loss, predicts
from memwatch.tasks.train import TrainReport, train
from memwatch.types import ANSWERS
from tests import tiny
from tests.conftest import TRAINING, Trained, weights_of
from tests.scene import HEIGHT, WIDTH, film, folder, video
from tests.tasks.listeners import CtrlC, Recorder

STEPS = int(TRAINING["steps"])
EPOCH = 14
"""Steps an epoch takes on the 300 frames of the fixtures' footage."""


def again(model: Trained, out: Path, **changes: Any) -> TrainReport:
    """The training of `model` once more, to `out`."""
    return train(model.footage, out, **(TRAINING | {"progress": Silent()} | changes))


def checkpoint_of(out: Path) -> Path:
    return out.with_suffix(".checkpoint.safetensors")


def test_one_seed_gives_one_model_and_another_gives_another(colour_model: Trained, tmp_path: Path) -> None:
    report = again(colour_model, tmp_path / "b.safetensors")
    assert report.model_id == colour_model.id
    assert weights_of(report.model) == colour_model.weights
    assert again(colour_model, tmp_path / "c.safetensors", seed=4, steps=1).model_id != colour_model.id


def test_a_model_leaves_itself_and_two_pictures_and_no_checkpoint(colour_model: Trained) -> None:
    left = {path.name for path in colour_model.path.parent.iterdir()} - {
        Path(clip).name for clip in colour_model.footage
    }
    assert left == {"tiny.safetensors", "tiny.loss.png", "tiny.frames.png"}
    for name in ("tiny.loss.png", "tiny.frames.png"):
        picture = colour_model.path.with_name(name)
        assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert cv2.imread(str(picture)).std() > 10


def test_the_card_tells_how_it_was_made(colour_model: Trained) -> None:
    card = load_model(colour_model.path).card
    facts = {"preset": "small", "seed": 3, "steps": STEPS, "footage_colour": "colour", "precision": "fp32"}
    assert facts.items() <= card.items()
    assert card["footage"] == [f"normal-{seed}.mp4" for seed in range(4)]
    assert card["footage_seconds"] == pytest.approx(4 * 7.4, abs=0.1)
    assert card["memwatch"]
    assert card["torch"]
    assert card["machine"]


def test_colour_footage_gives_three_channels_and_gray_footage_one(colour_model: Trained, gray_model: Trained) -> None:
    assert load_model(colour_model.path).config.channels == 3
    assert load_model(gray_model.path).config.channels == 1


@pytest.mark.parametrize("stop", [1, EPOCH + 3])
def test_stopped_and_resumed_it_ends_where_it_would_have(colour_model: Trained, tmp_path: Path, stop: int) -> None:
    out = tmp_path / "b.safetensors"
    listener = CtrlC("training", stop)
    with pytest.raises(KeyboardInterrupt):
        again(colour_model, out, progress=listener)
    assert listener.notes == [f"stopped at step {stop}; go on with --resume"]
    assert [path.name for path in tmp_path.iterdir()] == ["b.checkpoint.safetensors"]
    report = again(colour_model, out, resume=True)
    assert report.steps == STEPS
    assert weights_of(out) == colour_model.weights
    assert report.loss == load_model(colour_model.path).card["loss"]
    assert not checkpoint_of(out).exists()


def test_stopped_while_it_calibrates_it_need_not_train_again(
    colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "b.safetensors"
    with pytest.raises(KeyboardInterrupt):
        again(colour_model, out, progress=CtrlC("calibrating", 1))
    assert [path.name for path in tmp_path.iterdir()] == ["b.checkpoint.safetensors"]
    monkeypatch.setattr(training, "train_step", lambda *_: pytest.fail("trained again"))
    again(colour_model, out, resume=True)
    assert weights_of(out) == colour_model.weights


def test_a_signal_in_the_middle_of_a_step_waits_for_its_end(
    colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optimiser stopped half-way would leave weights that no resumed run could reach."""
    step, done = training.train_step, []

    def signalled(*arguments: Any) -> float:
        if len(done) == 7:
            signal.raise_signal(signal.SIGINT)
        done.append(step(*arguments))
        return done[-1]

    out = tmp_path / "b.safetensors"
    monkeypatch.setattr(training, "train_step", signalled)
    listener = Recorder()
    with pytest.raises(KeyboardInterrupt):
        again(colour_model, out, progress=listener)
    assert len(done) == 8
    assert listener.notes == ["stopped at step 8; go on with --resume"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again(colour_model, out, resume=True)
    assert weights_of(out) == colour_model.weights


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(
    colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, done = training.train_step, []

    def poisoned(run: Any, batch: Any, odd: Any = None) -> float:
        if run.step == EPOCH + 2:
            return float(step(run, np.full_like(batch, np.nan), odd))
        done.append(step(run, batch, odd))
        return done[-1]

    out = tmp_path / "b.safetensors"
    with monkeypatch.context() as patched:
        patched.setattr(training, "train_step", poisoned)
        with pytest.raises(MemwatchError, match=rf"not finite at step {EPOCH + 2}") as caught:
            again(colour_model, out)
    assert str(checkpoint_of(out)) in caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["b.checkpoint.safetensors"]
    again(colour_model, out, resume=True)  # from the last whole epoch
    assert weights_of(out) == colour_model.weights


def test_before_the_first_checkpoint_a_bad_loss_promises_none(
    colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "train_step", lambda *_: float("nan"))
    with pytest.raises(MemwatchError, match="not finite at step 0") as caught:
        again(colour_model, tmp_path / "b.safetensors")
    assert "checkpoint" not in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MemwatchError, match=r"checkpoint\.safetensors: cannot be written \(No space") as caught:
        again(colour_model, tmp_path / "b.safetensors", steps=1)
    assert "free some space" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_replaced_only_by_force(colour_model: Trained, tmp_path: Path) -> None:
    out = tmp_path / "b.safetensors"
    out.write_bytes(b"precious")
    with pytest.raises(UsageError, match="exists already"):
        again(colour_model, out, steps=1)
    assert out.read_bytes() == b"precious"
    again(colour_model, out, steps=1, force=True)
    assert load_model(out).card["steps"] == 1


def test_an_unfinished_training_is_not_overwritten_unasked(colour_model: Trained, tmp_path: Path) -> None:
    out = tmp_path / "b.safetensors"
    checkpoint_of(out).write_bytes(b"hours of work")
    with pytest.raises(UsageError, match=r"b\.checkpoint\.safetensors: an unfinished training.*") as caught:
        again(colour_model, out, steps=1)
    assert "--resume" in caught.value.remedy
    again(colour_model, out, steps=1, force=True)
    assert not checkpoint_of(out).exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"minutes": 1.0}, "exclude each other"),
        ({"steps": 0}, "positive length"),
        ({"steps": None, "minutes": float("nan")}, "positive length"),
        ({"preset": "huge"}, "unknown preset 'huge'"),
        ({"memory": "blockwise", "memory_options": ["block=64", "items=20"]}, "20 items with block 64 are .* numbers"),
        ({"resume": True}, r"b\.checkpoint\.safetensors: no checkpoint"),
        ({"fps": 5.0}, r"normal-0\.mp4: has its own frame times"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_work(
    colour_model: Trained, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    listener = Recorder()
    with pytest.raises(UsageError, match=says):
        again(colour_model, tmp_path / "b.safetensors", progress=listener, **options)
    assert listener.stretches == []
    assert list(tmp_path.iterdir()) == []


def test_a_model_has_its_own_ending_and_is_a_file(colour_model: Trained, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.safetensors"):
        again(colour_model, tmp_path / "b.pt")
    (tmp_path / "b.safetensors").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        again(colour_model, tmp_path / "b.safetensors", force=True)


@pytest.mark.parametrize(("option", "value"), [("seed", 4), ("steps", 21), ("memory", "none")])
def test_a_checkpoint_is_resumed_only_by_its_own_training(
    colour_model: Trained, tmp_path: Path, option: str, value: Any
) -> None:
    out = tmp_path / "b.safetensors"
    with pytest.raises(KeyboardInterrupt):
        again(colour_model, out, progress=CtrlC("training", 1))
    kept = checkpoint_of(out).read_bytes()
    with pytest.raises(UsageError, match=rf"another training \({option} was .*, now {value}\)"):
        again(colour_model, out, resume=True, **{option: value})
    assert checkpoint_of(out).read_bytes() == kept


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_damaged_checkpoint_is_told(colour_model: Trained, tmp_path: Path, share: float) -> None:
    out = tmp_path / "b.safetensors"
    whole = colour_model.path.read_bytes()
    checkpoint_of(out).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UsageError, match=r"b\.checkpoint\.safetensors: not a checkpoint"):
        again(colour_model, out, resume=True)


def test_several_sources_and_a_damaged_one_become_one_model(tmp_path: Path) -> None:
    first = video(tmp_path / "a.mp4", film(130, seed=1))
    frames = folder(tmp_path / "b", film(130, seed=2))
    (frames / "050.png").write_bytes(b"not a picture")
    report = train([str(first), str(frames)], tmp_path / "m.safetensors", preset="small", steps=1, progress=Silent())
    assert report.footage == {"clips": 2, "seconds": pytest.approx(25.8, abs=0.1), "broken": 1}
    assert report.problems == ["050.png: does not decode"]
    assert load_model(report.model).card["footage"] == ["a.mp4", "b"]


def test_a_budget_too_small_for_a_single_step_is_told(
    colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_calibration_seconds", lambda *_: 60.0)
    with pytest.raises(UsageError, match=r"6 seconds are too few.*calibration will take 60") as caught:
        again(colour_model, tmp_path / "b.safetensors", steps=None, minutes=0.1)
    assert caught.value.remedy in ("give --minutes 3 or more", "give --minutes 4 or more")  # reading takes moments
    assert list(tmp_path.iterdir()) == []


def test_a_moment_in_which_the_machine_is_busy_is_not_taken_for_its_pace(
    colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stall of ten seconds in a timed prediction is not hours of calibration."""
    timings, reserves = iter([0.01, 10.0, 0.01, 10.0, 0.01]), []
    monkeypatch.setattr(training, "_seconds_of", lambda *_: next(timings))

    def stop(*_: Any, reserve: float, **__: Any) -> None:
        reserves.append(reserve)
        raise InterruptedError

    monkeypatch.setattr(training, "_loop", stop)
    with pytest.raises(InterruptedError):
        again(colour_model, tmp_path / "b.safetensors", steps=None, minutes=1.0)
    assert reserves[0] < 30


def test_minutes_are_filled_by_a_clock(colour_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what calibration will need kept back, to the step. A stopwatch chooses the precision here, and only here: a
    number of steps must end in one model."""
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    step = training.train_step

    def timed(*arguments: Any) -> float:
        clock.now += 0.7
        return step(*arguments)

    monkeypatch.setattr(training, "time", clock)
    monkeypatch.setattr(training, "train_step", timed)
    monkeypatch.setattr(training, "faster_precision", lambda *_: "bf16")
    monkeypatch.setattr(training, "_calibration_seconds", lambda *_: 5.0)
    report = again(colour_model, tmp_path / "b.safetensors", steps=None, minutes=0.2)
    assert report.steps == 10  # of 0.7 seconds each, in 12 - 5 seconds
    assert report.minutes == pytest.approx(7 / 60)
    assert load_model(report.model).card["precision"] == "bf16"


@pytest.mark.slow
def test_minutes_are_kept(colour_model: Trained, tmp_path: Path) -> None:
    """Within 5 %, and the five seconds set aside for what a run this short can't foresee."""
    began = time.monotonic()
    again(colour_model, tmp_path / "b.safetensors", steps=None, minutes=0.5)
    assert -5 < time.monotonic() - began - 30 < 0.05 * 30 + 2


@given(
    st.lists(st.floats(0.03, 0.3), min_size=1, max_size=120),
    st.floats(0, 1),
    st.sampled_from(["small", "paper"]),
)
def test_no_training_clip_holds_a_held_out_frame(gaps: list[float], share: float, preset: str) -> None:
    """Whatever the rate, and wherever the split falls."""
    config = model_config(preset, (WIDTH, HEIGHT), gray=True, memory=None)
    times = [0.0, *np.cumsum(gaps).tolist()]
    recording = Recording("a", times, [np.zeros((1, 1, 1), np.uint8)] * len(times), round(share * len(times)))
    for held in (False, True):
        for target in recording.targets(config, held=held):
            clip = recording.indices(target, config)
            assert len(clip) == config.clip_length + 1
            assert clip == sorted(set(clip))
            assert clip[-1] == target
            assert (target >= recording.held_from) is held
            if not held:
                assert max(clip) < recording.held_from


def test_beside_a_head_the_predictor_has_a_turn_now_and_then() -> None:
    odd = OddBatch(*(np.zeros(1, np.float32) for _ in range(5)), [])  # type: ignore[arg-type]
    assert [step for step in range(9) if predicts(step, odd)] == [0, PREDICTOR_EVERY, 2 * PREDICTOR_EVERY]
    assert all(predicts(step, None) for step in range(9))


def test_where_a_head_s_batches_are_drawn_a_core_is_left_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        cases = ((4, 4, True, 3), (2, 2, True, 1), (1, 1, True, 1), (4, 2, True, 2), (4, 4, False, 4))
        for cores, threads, wanted, left in cases:
            monkeypatch.setattr(step, "cores", lambda cores=cores: cores)
            torch.set_num_threads(threads)
            with step.a_core_for_drawing(wanted) as had:
                assert had == torch.get_num_threads() == left
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_an_abnormal_cell_counts_only_for_the_answers_that_are_asked() -> None:
    """Each answer's loss by hand: ln 2 at a logit of 0, five times that for an abnormal cell."""
    settings = tiny.config(head_scene=True)
    net = tiny.network(settings)
    assert net.head is not None
    for layer in (net.head.logit, net.head.here_logit):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    clips = np.zeros((1, settings.clip_length + 1, 16, 16), np.float32)
    labels = np.array([[[1, 0], [0, 0]]], np.float32)
    weights = np.array([[[1, 1], [1, 0]]], np.float32)
    asked = np.array([[answer == "looks" for answer in ANSWERS]])
    odd = OddBatch(clips, np.zeros((1, 2, 8, 8), np.float32), labels, weights, asked, [(0, 0)])
    looks, others = (5 + 1 + 1) / 3, (1 + 1) / 2
    expected = math.log(2) * (looks + others * (len(ANSWERS) - 1))
    assert float(head_loss(net, odd).detach()) == pytest.approx(expected, rel=1e-5)


def test_settings_of_a_memory_are_taken_by_name() -> None:
    def made(memory: str, *options: str) -> ModelConfig:
        return model_config("small", (WIDTH, HEIGHT), gray=True, memory=memory, options=options)

    assert made("mnad", "items=30", "rate=0.1").items == 30
    assert made("memae", "items=50", "shrink=2").options == {"items": 50, "shrink": 2.0, "temperature": 0.1}
    assert made("grid").options == {"local": 8, "whole": 4}  # defaults too: a later version's may be others


@pytest.mark.parametrize(
    ("memory", "option", "says"),
    [
        ("mnad", "shrink=2", "memory mnad has no option 'shrink'"),
        ("none", "items=2", "memory none has no option 'items'"),
        ("memae", "width=2", "memory memae has no option 'width'"),
        ("memae", "items=many", "'items' should be int, not 'many'"),
        ("memae", "items=0", "items must be"),
        ("grid", "local", "no setting"),
    ],
)
def test_settings_that_a_memory_does_not_have_are_refused_by_name(memory: str, option: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        model_config("small", (WIDTH, HEIGHT), gray=True, memory=memory, options=[option])
