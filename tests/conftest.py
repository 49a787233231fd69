"""What every test shares: one thread for the numbers, no screen, and the command line as a user runs it."""

from __future__ import annotations

import os

# Before numpy or torch is imported: on one thread tiny networks run fastest and always alike.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from hypothesis import settings

settings.register_profile("memwatch", deadline=None, derandomize=True)
settings.load_profile("memwatch")

ROOT = Path(__file__).parent.parent
Memwatch = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def memwatch() -> Memwatch:
    """Runs `memwatch ARGUMENTS` in a process of its own; an exit code is a result, never an exception."""

    def run(
        *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path = ROOT, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        colourless = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return subprocess.run(
            [sys.executable, "-m", "memwatch", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=colourless | {"PYTHONPATH": path} | (env or {}),
            cwd=cwd,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    return run


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def complaint(self) -> str:
        """The one line of error, which is the last line on stderr; before it only progress may stand."""
        *before, last = self.err.splitlines() or [""]
        assert last.startswith("memwatch: "), self.err
        assert not any(line.startswith("memwatch:") or "Traceback" in line for line in before), self.err
        return last


Command = Callable[..., Outcome]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process; hears what decoders write as well."""

    def run(*arguments: str | Path) -> Outcome:
        from memwatch import cli, process

        capfd.readouterr()
        code = process.run(typer.main.get_command(cli.app), [str(argument) for argument in arguments])
        return Outcome(code, *capfd.readouterr())

    return run


@dataclass(frozen=True)
class Trained:
    """A model that knows `tests/scene.py` a little, and how it was made."""

    path: Path
    footage: list[str]
    id: str
    weights: bytes
    threshold: float
    """That training came to; the model's own is of all cues."""


TRAINING = {"preset": "small", "steps": 20, "seed": 3}


def _trained(folder: Path, *, colour: bool) -> Trained:
    from memwatch.model import load_model, save_model
    from memwatch.scoring import CUES
    from memwatch.tasks.calibrate import calibrate
    from memwatch.tasks.footage import read_footage
    from memwatch.tasks.progress import Silent
    from memwatch.tasks.scenes import learn_scene
    from memwatch.tasks.train import train
    from tests.scene import film, video

    footage = [str(video(folder / f"normal-{seed}.mp4", film(75, seed=seed, colour=colour))) for seed in range(4)]
    report = train(footage, folder / "tiny.safetensors", **TRAINING, progress=Silent())
    # A head of twenty steps knows nothing yet, so the score is made of all cues, those too that need no learning.
    model = load_model(report.model)
    assert model.calibration is not None
    threshold = float(model.calibration["threshold"])
    clips = read_footage(footage, model.config, fps=None, progress=Silent())
    calibrate(model, clips, learn_scene(clips), cues=CUES, progress=Silent())
    save_model(model, report.model)
    return Trained(report.model, footage, report.model_id, weights_of(report.model), threshold)


def weights_of(path: Path) -> bytes:
    """Every tensor of a model's network and memory, in the order of their names."""
    from safetensors.numpy import load_file

    tensors = load_file(path)
    return b"".join(tensors[name].tobytes() for name in sorted(tensors) if not name.startswith("calibration."))


@pytest.fixture(scope="session")
def colour_model(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained on colour footage by 20 steps of the smallest preset. Read it, never write it."""
    return _trained(tmp_path_factory.mktemp("colour"), colour=True)


@pytest.fixture(scope="session")
def gray_model(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same on gray footage."""
    return _trained(tmp_path_factory.mktemp("gray"), colour=False)
