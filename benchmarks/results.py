"""What was measured, one JSON a job, so that a benchmark that was stopped goes on where it stood.

A result's name holds a key made of all that it depends on (footage, model, code); whatever changes makes another key,
and the job is done again.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from memwatch.errors import MemwatchError
from memwatch.files import write_text
from memwatch.tasks.device import cores

ROOT = Path(__file__).parent.parent
SCHEMA = "memwatch.accuracy/1"
ROOMS = ("model", "runtime", "scoring", "events", "pipeline", "video/window.py")
DETECTOR = tuple(f"memwatch/{room}" for room in ROOMS)
"""Code that a detector's figures depend on."""

Record = dict[str, Any]
"""schema, scene, job, model, key, commit, date, machine, seconds, and `figures`, which are the job's own."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to measure on one scene."""

    scene: str
    name: str
    key: str
    measure: Callable[[], dict[str, Any]]
    model: str | None = None
    """Name of the model that it measures, where it measures one."""

    def path(self, work: Path) -> Path:
        named = f"{self.name}-{self.model}" if self.model else self.name
        return work / "results" / self.scene / f"{named}-{self.key}.json"


def done(job: Job, work: Path) -> Record | None:
    """The job's result, if it was measured with this key; a damaged file counts as none."""
    try:
        record = json.loads(job.path(work).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("schema") == SCHEMA else None


def measure(job: Job, work: Path) -> Record:
    """The job's result, measured now unless it was before."""
    if record := done(job, work):
        return record
    began = time.perf_counter()
    figures = job.measure()
    record = {
        "schema": SCHEMA,
        "scene": job.scene,
        "job": job.name,
        "model": job.model,
        "key": job.key,
        "commit": commit(),
        "date": str(date.today()),
        "machine": machine(),
        "seconds": round(time.perf_counter() - began, 1),
        "figures": figures,
    }
    write_text(job.path(work), json.dumps(record, indent=1, allow_nan=False) + "\n")
    return record


def publish(bench: str, made: Callable[[], str], out: Path | None) -> int:
    """Write the page that `made` makes to `out`, or print it; the exit code, with one line where it could not be."""
    try:
        text = made()
    except MemwatchError as error:
        print(f"{bench}: {error.line()}", file=sys.stderr)
        return error.code
    if out:
        write_text(out, text)
    else:
        print(text, end="")
    return 0


def spread(numbers: Sequence[float], digits: int = 3, kind: str = "f") -> str:
    """The mean, and with several seeds how far the farthest is from it; a dash for none."""
    if not numbers:
        return "–"
    mean = sum(numbers) / len(numbers)
    beside = f" ± {max(abs(number - mean) for number in numbers):.{digits}{kind}}" if len(numbers) > 1 else ""
    return f"{mean:.{digits}{kind}}{beside}"


def key_of(*facts: str) -> str:
    """Ten hex digits of everything that a result depends on."""
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:10]


def code_id(paths: Sequence[str]) -> str:
    """Of the Python files under these paths of the repository."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted((ROOT / path).rglob("*.py")) if (ROOT / path).is_dir() else [ROOT / path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def commit() -> str:
    """What git calls this state of the repository; "unknown" where there is no git."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def machine() -> str:
    """Processor and cores that this process may use."""
    name = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {cores()} core{'s' if cores() != 1 else ''}"
