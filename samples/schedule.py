"""When anomalies happen in a clip: one after the other, with ordinary time before, between and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from samples.actors import Actor

CALM = 2.0
"""Least seconds of ordinary time before, between and after anomalies."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One kind of anomaly that a scene knows."""

    make: Callable[[float, float, np.random.Generator], list[Actor]]
    """(start, length, rng), seconds, to those who take part."""
    length: float
    """Seconds it takes, unless planned otherwise."""
    shown: bool = True
    """Whether the scene's test clip has it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An anomaly whose time is given."""

    kind: str
    start: float
    length: float
    """Seconds."""
    seed: int | None = None
    """Those of one kind and seed look alike and do the same; None draws each anew."""


def stage_anomalies(kinds: Sequence[str | Planned], known: Mapping[str, Anomaly], *, seconds: float,
                    rng: np.random.Generator) -> list[Actor]:
    """The actors of `kinds`, in this order and evenly spaced over a clip of `seconds`, but those that are planned.

    Raises ValueError for a kind that isn't known and for a clip too short for them all.
    """
    for one in kinds:
        kind = one.kind if isinstance(one, Planned) else one
        if kind not in known:
            raise ValueError(f"no anomaly '{kind}' in this scene; known: {', '.join(known)}")
    actors: list[Actor] = []
    for one in kinds:
        if isinstance(one, Planned):
            own = rng if one.seed is None else np.random.default_rng(one.seed)
            actors += known[one.kind].make(one.start, one.length, own)
    kinds = [one for one in kinds if not isinstance(one, Planned)]
    busy = sum(known[kind].length for kind in kinds)
    calm = (seconds - busy) / (len(kinds) + 1)
    if kinds and calm < CALM:
        need = busy + CALM * (len(kinds) + 1)
        raise ValueError(f"{seconds:g} s are too short for {', '.join(kinds)}; at least {need:.1f} s are needed")
    start = calm
    for kind in kinds:
        actors += known[kind].make(start, known[kind].length, rng)
        start += known[kind].length + calm
    return actors
