"""What a running watch says of itself, and what the system says of it."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import dataclass
from pathlib import Path


def scraped(port: int) -> dict[str, float]:
    """Every figure of the page's metrics, by its name with labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


@dataclass(frozen=True, slots=True)
class Use:
    """Of one process."""

    rss_mb: float
    threads: int
    files: int

    @classmethod
    def of(cls, process: int) -> Use:
        told = Path(f"/proc/{process}/status").read_text()
        rss, threads = (int(re.search(rf"{key}:\s+(\d+)", told)[1]) for key in ("VmRSS", "Threads"))  # type: ignore[index]
        return cls(rss / 1024, threads, len(list(Path(f"/proc/{process}/fd").iterdir())))
