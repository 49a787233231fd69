"""A threshold's meaning in false alarms a day, and what the footage it comes from can prove of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from memwatch.errors import UsageError
from memwatch.scoring import DAY, LEAST_PER_DAY, MOST_PER_DAY, Calibration, poisson_bound

NO_CALIBRATION = "not calibrated: `memwatch calibrate` does it, and nothing can be scored before"
NO_BUDGET = "not known: calibrated before thresholds were set in false alarms; `memwatch calibrate` sets one"


@dataclass(frozen=True, slots=True)
class Budget:
    """The false alarms that a threshold is meant for."""

    threshold: float
    per_day: float
    seconds: float
    """Held-out normal footage."""

    @classmethod
    def of(cls, calibration: Calibration) -> Budget | None:
        """None where the calibration is older than budgets."""
        if calibration.per_day is None:
            return None
        return cls(calibration.threshold, calibration.per_day, calibration.seconds)

    @property
    def certified_per_day(self) -> float:
        """The rate that the footage proves not to be exceeded, with 95 % confidence, if it holds as many events as the
        budget grants it."""
        return poisson_bound(self.granted, max(self.seconds, 1e-3) / DAY)

    @property
    def granted(self) -> int:
        """Whole events in the footage's length."""
        return int(self.per_day * self.seconds / DAY)

    @property
    def extrapolated(self) -> bool:
        """Whether the footage is too short to hold even one such event."""
        return self.granted == 0

    def sentence(self) -> str:
        """What the threshold is meant for and how far the footage vouches for it, for a person."""
        text = f"meant for {_alarms(self.per_day)}; {_length(self.seconds)} of held-out footage can prove no fewer than"
        return f"{text} {_number(self.certified_per_day)} a day" + (
            ", the rest is extrapolated" if self.extrapolated else ""
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "per_day": self.per_day,
            "held_out_seconds": round(self.seconds, 1),
            "certified_per_day": float(f"{self.certified_per_day:.3g}"),
            "extrapolated": self.extrapolated,
            "in_words": self.sentence(),
        }


def check_budget(per_day: float) -> None:
    """UsageError for a number of false alarms a day that no threshold can be meant for."""
    if not LEAST_PER_DAY <= per_day <= MOST_PER_DAY:
        raise UsageError(
            f"{per_day:g} false alarms a day cannot be asked for",
            f"give --false-alarms-per-day {LEAST_PER_DAY:g} to {MOST_PER_DAY:g}",
        )


def _alarms(per_day: float) -> str:
    if per_day < 0.5:
        return f"1 false alarm in {_number(1 / per_day)} days"
    return f"{_number(per_day)} false alarm{'' if per_day == 1 else 's'} a day"


def _length(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def _number(value: float) -> str:
    """Two significant digits, written out, thousands apart."""
    return f"{float(f'{value:.2g}'):,.10g}" if value >= 1 else f"{value:.2g}"
