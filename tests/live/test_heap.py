"""What was freed goes back to the system."""

from __future__ import annotations

import os
import sys

import pytest

from memwatch.live.heap import give_back
from tests.live.figures import Use


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can")
def test_what_was_freed_goes_back() -> None:
    """Many pieces too small for maps of their own, with one kept behind them: without it the heap's end would go down
    by itself."""
    pieces = [bytearray(50_000) for _ in range(2000)]
    keep = [bytearray(50_000) for _ in range(2)]
    full = Use.of(os.getpid()).rss_mb
    pieces.clear()
    held = Use.of(os.getpid()).rss_mb
    if not give_back():
        pytest.skip("another C library than glibc")
    assert Use.of(os.getpid()).rss_mb < min(held, full) - 50
    assert len(keep) == 2
