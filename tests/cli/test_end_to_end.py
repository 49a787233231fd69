"""The main job as a user does it: train on footage, look at the model, score, watch and evaluate with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command, Memwatch, Trained
from tests.scene import film, labels, ucsd, video

ODD = range(50, 62)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a day of normal footage and a test clip with its truth."""
    home = tmp_path_factory.mktemp("home")
    for seed in range(4):
        video(home / "normal" / f"{seed}.mp4", film(75, seed=seed))
    video(home / "test" / "walk.mp4", film(75, seed=11, odd=ODD))
    labels(home / "test" / "labels.csv", 75, ODD)
    return home


def test_from_footage_to_events_by_five_commands(memwatch: Memwatch, home: Path) -> None:
    """In processes of their own, in a folder of the user's: stdout is data, stderr is words."""
    model = ("--model", "models/yard.safetensors")

    trained = memwatch(
        *("train", "normal", "--out", model[1], "--preset", "small", "--steps", "200", "--seed", "3"), cwd=home
    )
    assert trained.returncode == 0, trained.stderr
    report = json.loads(trained.stdout)
    assert report["schema"] == "memwatch.train/1"
    assert report["footage"]["clips"] == 4
    told = dict.fromkeys(line.split(":")[0] for line in trained.stderr.splitlines())
    assert list(told) == ["reading", "training", "calibrating"]
    assert sorted(p.name for p in (home / "models").iterdir()) == [
        "yard.frames.png", "yard.loss.png", "yard.safetensors"
    ]  # fmt: skip

    known = memwatch("info", model[1], cwd=home)
    assert json.loads(known.stdout)["id"] == report["model_id"]
    assert known.stderr == ""

    scored = memwatch("score", "test", *model, "--out", "runs/score", cwd=home)
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout)["clips"][0]["frames"] == 75
    assert len((home / "runs/score/walk/scores.csv").read_text().splitlines()) == 76

    # Seconds of footage set no threshold for one alarm a day that a toy's flicker would reach.
    lax = ("--false-alarms-per-day", "1000")
    watched = memwatch("watch", "test/walk.mp4", *model, *lax, "--out", "runs/watch", cwd=home)
    assert watched.returncode == 0, watched.stderr
    events = [json.loads(line) for line in watched.stdout.splitlines()]
    assert any(ODD[0] - 1 <= event["start"]["frame"] <= ODD[0] + 1 for event in events)
    assert events[-1]["state"] == "closed"
    assert (home / "runs/watch/marked.mp4").stat().st_size > 1000
    assert "runs/watch/timeline.png" in watched.stderr  # it says where things are

    measured = memwatch("evaluate", "test", *model, "--format", "json", cwd=home)
    assert measured.returncode == 0, measured.stderr
    figures = json.loads(measured.stdout)
    assert figures["paper"]["auc"] > 0.85
    assert figures["frames"] == 75


def test_a_table_for_people_and_json_for_programs(gray_model: Trained, tmp_path: Path, command: Command) -> None:
    data = ucsd(tmp_path / "set", [(20, range(10, 15))])
    table = command("evaluate", data, "--model", gray_model.path, "--format", "table")
    assert table.code == 0
    assert "AUC" in table.out
    assert "1 clips, 20 frames" in table.out
    piped = command("evaluate", data, "--model", gray_model.path)
    assert json.loads(piped.out)["frames"] == 20


def test_ctrl_c_in_train_leaves_a_checkpoint_from_which_it_goes_on(
    home: Path, tmp_path: Path, command: Command
) -> None:
    out, checkpoint = tmp_path / "m.safetensors", tmp_path / "m.checkpoint.safetensors"
    line = ["train", str(home / "normal"), "--out", str(out), "--preset", "small", "--steps", "30"]
    training = subprocess.Popen(
        [sys.executable, "-m", "memwatch", *line],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:  # the first of two epochs is over
        time.sleep(0.01)
    training.send_signal(signal.SIGINT)
    out_text, said = training.communicate(timeout=30)
    assert (training.returncode, out_text) == (130, ""), said
    assert "go on with --resume" in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]
    done = command(*line, "--resume")
    assert done.code == 0, done.err
    assert json.loads(done.out)["steps"] == 30
    assert not checkpoint.exists()
