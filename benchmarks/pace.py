"""`make bench-pace`: frames a second of one camera, watched as `watch` does it.

    python -m benchmarks.pace CLIP --model MODEL

The clip's pictures come as fast as they are taken, decoded on a thread of their own as a camera's are, and go one by
one through window, network, regions and events. To be run on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.results import commit, machine
from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.pipeline import run_session
from memwatch.tasks.session import Loaded, load
from memwatch.types import Frame, Tally
from memwatch.video import open_source

DECODED_AHEAD = 4
ROUNDS = 5


class _AsLive:
    """A recording as a camera shows it: frame by frame, decoded on a thread of its own."""

    live, broken, partial, problems = True, 0, False, list[str]()

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Frame]:
        with open_source(str(self._path)) as source, ThreadPoolExecutor(1) as pool:
            frames = iter(source)
            ahead = deque(pool.submit(next, frames, None) for _ in range(DECODED_AHEAD))
            while (frame := ahead.popleft().result()) is not None:
                ahead.append(pool.submit(next, frames, None))
                yield frame


def live_pace(loaded: Loaded, clip: Path) -> float:
    """Milliseconds a frame of a camera that is always ahead, all included; the first half of the clip warms up."""
    events = EventBuilder(clip.stem, EventConfig())
    times: list[float] = []

    def watch(tally: Tally) -> bool:
        times.append(time.perf_counter())
        return True

    run_session(_AsLive(clip), loaded.detector(learn=True, thrifty=True), events=events, watch=watch)
    counted = times[len(times) // 2 : -1]  # the session asks once more at its end
    return 1000 * (counted[-1] - counted[0]) / max(1, len(counted) - 1)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path, help="footage of the camera, of some hundred frames")
    parser.add_argument("--model", type=Path, required=True)
    options = parser.parse_args(arguments)
    loaded = load(options.model)
    found = sorted(live_pace(loaded, options.clip) for _ in range(ROUNDS))
    middle = found[ROUNDS // 2]
    print(
        f"{middle:.1f} ms a frame ({found[0]:.1f} to {found[-1]:.1f} in {ROUNDS}), {1000 / middle:.0f} frames/s: "
        f"{options.model.name}, {options.clip.name}; {commit()}, {machine()}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
