"""What a model file says of its own making."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from memwatch import __version__


def card(**training: Any) -> dict[str, Any]:
    """The facts of a training (footage, seed, steps …) with those of the program and the machine."""
    return {
        "memwatch": __version__,
        "commit": _commit(),
        **training,
        "torch": version("torch"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def _commit() -> str | None:
    """The repository's commit, where memwatch runs from one."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
