"""Typed settings. Every range is checked where the value is made, and the message names the field."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from memwatch.errors import UsageError


class Strict:
    """Dataclass configs that refuse unknown keys and wrong types by name."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str) -> Self:
        """Build from parsed JSON or TOML; `where` names the file in errors."""
        known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
        for key, value in values.items():
            if key not in known:
                raise UsageError(f"{where}: unknown setting '{key}'", f"known: {', '.join(sorted(known))}")
            wanted = known[key].type
            allowed = {"int": int, "float": (int, float), "str": str, "bool": bool}.get(str(wanted))
            if allowed and (not isinstance(value, allowed) or (wanted != "bool" and isinstance(value, bool))):
                raise UsageError(f"{where}: '{key}' should be {wanted}, not {value!r}")
        try:
            return cls(**values)
        except TypeError as error:
            raise UsageError(f"{where}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]


def _check(ok: bool, what: str, remedy: str = "") -> None:
    if not ok:
        raise UsageError(what, remedy)


@dataclass(frozen=True, slots=True)
class EventConfig(Strict):
    """When frames over the threshold become an event (live.md's k of n rule)."""

    start_hits: int = 3
    """Frames over the threshold needed, within `start_window` scored frames, to open an event."""
    start_window: int = 5
    end_gap_s: float = 1.0
    """Quiet seconds that close an event; shorter gaps are merged."""
    min_length_s: float = 0.2
    """Events shorter than this, from first to last frame over the threshold, are not reported."""
    max_length_s: float = 120.0
    """A longer event is closed with reason max_length and goes on as a new one."""

    def __post_init__(self) -> None:
        _check(1 <= self.start_hits <= self.start_window, "start_hits must be 1 … start_window")
        _check(self.end_gap_s > 0, "end_gap_s must be above 0")
        _check(self.min_length_s >= 0, "min_length_s must not be negative")
        _check(self.max_length_s > self.min_length_s, "max_length_s must exceed min_length_s")
