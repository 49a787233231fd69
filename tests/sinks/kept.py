"""Evidence of a made-up camera: a text of scores becomes events with clips in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from memwatch.config import EventConfig
from memwatch.events import EventBuilder
from memwatch.sinks.evidence import Evidence
from memwatch.sinks.index import Index
from memwatch.types import Event, Image, StateEvent

from .stream import frame, observe

MODEL = {"id": "m"}
OFTEN = EventConfig(end_gap_s=0.5)


class Kept:
    """One camera's evidence. `states`: what it told; `events`: what was opened, by id; `lost`: frames that
    found the queue full."""

    def __init__(self, data: Path, *, room: Callable[[], bool] = lambda: True, **settings: Any) -> None:
        self.index = Index(data)
        self.states: list[StateEvent] = []
        self.events: dict[str, Event] = {}
        self.lost = 0
        given = {"pre_roll_s": 1.0, "post_roll_s": 0.5, "fps": 10.0, "record": True} | settings
        self.evidence = Evidence(
            self.index, "yard", model=MODEL, room=room, tell=self.states.append, lost=self._lose, **given
        )
        self._builder = EventBuilder("yard", OFTEN)
        self._at = 0

    def _lose(self) -> None:
        self.lost += 1

    def play(self, text: str) -> None:
        """As `stream.play`, and on from where the last text ended: `?` not scored, `.` quiet, a digit its score."""
        for mark in text:
            seen = frame(self._at)
            self._at += 1
            observation = None if mark == "?" else observe(seen, 0.5 if mark == "." else float(mark))
            self.evidence.on_frame(seen, observation)
            self._tell(self._builder.push(observation) if observation else [])
            self.settle(40)

    def end(self, reason: str) -> None:
        self._tell(self._builder.finish(reason))

    def settle(self, most: int = 0) -> None:
        """Until no more than `most` jobs wait."""
        until = time.monotonic() + 10
        while self.evidence._worker.waiting > most:
            assert time.monotonic() < until
            time.sleep(0.002)

    def close(self) -> Index:
        self.evidence.close()
        return self.index

    def files(self) -> Sequence[Path]:
        return sorted(path for path in (self.index.data / "events").rglob("*") if path.is_file())

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self.events[event.id] = event
            self.evidence.on_event(event)


def pictures(clip: Path) -> list[tuple[float, Image]]:
    """Every picture of a clip with its seconds."""
    with av.open(str(clip)) as container:
        return [
            (float(one.pts * one.time_base), np.asarray(one.to_ndarray(format="bgr24"), np.uint8))
            for one in container.decode(video=0)
        ]


def place(image: Image) -> int:
    """Where the bright square of `stream.frame` stands: its left edge."""
    columns = np.flatnonzero(image[12:20].mean(axis=(0, 2)) > 140)
    return int(columns[0])
