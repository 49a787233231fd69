"""Why it is odd, in words for whoever watches the screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memwatch.types import Observation, Region

MUCH = 1.15
"""Ratio from which it is worth saying by how much."""
LASTING_S = 2.0
"""Seconds from which it is worth saying for how long."""


def reason(cue: str, *, ratio: float | None = None, age: float = 0.0) -> str:
    """What a cue has seen, as the end of a sentence that begins with "something".

    ratio: the cue's size as a multiple of what is usual at the place; age: seconds that it has been there.
    No cue, no words. Raises KeyError for a cue that nobody has put into words.
    """
    return WORDS[cue](ratio, age) if cue else ""


def length_text(seconds: float) -> str:
    """40 s, 3 min, 2 h: as exact as a person would say it."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.0f} h"


def _motion(ratio: float | None, age: float) -> str:
    if ratio is None or ratio < MUCH:
        return "moves as nothing usually does here"
    return f"moves {ratio:.{1 if ratio < 9.95 else 0}f} times faster than usual here"


def _scene(ratio: float | None, age: float) -> str:
    if age < LASTING_S:
        return "new here: never seen before at this place"
    return f"here for {length_text(age)}: never seen before at this place"


WORDS: dict[str, Callable[[float | None, float], str]] = {
    "prediction": lambda ratio, age: "changes in a way never seen here",
    "memory": lambda ratio, age: "is unlike what the memory knows",
    "oddity": lambda ratio, age: "looks or moves unlike anything seen here",
    "moves": lambda ratio, age: "moves unlike anything seen here",
    "looks": lambda ratio, age: "looks unlike anything seen here",
    "moves_here": lambda ratio, age: "moves unlike anything seen at this place",
    "looks_here": lambda ratio, age: "looks unlike anything seen at this place",
    "place": lambda ratio, age: "is where nothing like it was ever seen",
    "stays": _scene,
    "whole": lambda ratio, age: "makes the whole picture unlike any seen here",
    "motion": _motion,
    "scene": _scene,
}
"""By the cue's name (`scoring.CUES`): its words, from how much it exceeds the usual and for how many seconds."""


@dataclass(slots=True)
class _Share:
    """What one cue has said in an event."""

    best: Region
    age: float
    frames: int = 0


class Causes:
    """Why an event is one: a count of which cue said most in its frames."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}

    def add(self, observation: Observation) -> None:
        """Count a frame over the threshold by its strongest region; one whose region names no cue counts nothing."""
        strongest = max(observation.regions, key=lambda region: region.peak, default=None)
        if strongest is None or not strongest.cue:
            return
        share = self._shares.setdefault(strongest.cue, _Share(strongest, strongest.age))
        share.frames += 1
        share.age = max(share.age, strongest.age)
        if strongest.peak > share.best.peak:
            share.best = strongest

    @property
    def cue(self) -> str:
        """The cue of most frames, of several the one that was surest; empty where there is none."""
        return max(self._shares, key=lambda cue: (self._shares[cue].frames, self._shares[cue].best.peak), default="")

    @property
    def reason(self) -> str:
        """Its words: by how much where it was surest, for as long as it has been there."""
        share = self._shares.get(self.cue)
        return reason(self.cue, ratio=share.best.ratio, age=share.age) if share else ""
