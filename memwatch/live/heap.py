"""Memory that was freed and is still held: given back now and then, for a process that is to run for a year."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's, where it is the C library."""
    with suppress(OSError, AttributeError):
        found = ctypes.CDLL("libc.so.6").malloc_trim
        found.argtypes = [ctypes.c_size_t]
        return found
    return None


def give_back() -> bool:
    """Return what is free to the system; whether there was any to return.

    Each thread's pictures and buffers leave holes in glibc's arenas that it keeps: four cameras that come and go held
    a tenth more after half an hour than after one minute (docs/log.md), though nothing was kept.
    """
    trim = _trim()
    return bool(trim(0)) if trim else False
