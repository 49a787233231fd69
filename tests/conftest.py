"""What every test shares: one thread for the numbers, no screen, and the command line as a user runs it."""

from __future__ import annotations

import os

# Before numpy or torch is imported: on one thread tiny networks run fastest and always alike.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
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
