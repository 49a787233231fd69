"""What is usual at each place, learned from held-out normal footage, and how rare anything beyond it is.

Every cell of a cue is divided by what is usual at its place; the ratios of all cells share one tail, empirical as far
as the footage reaches and a generalised Pareto distribution beyond (Pickands 1975). A map value of 3 means: normal
places looked at least this odd once in a thousand times. No value of the footage being scored is needed, so the
score is causal, and one threshold serves all clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from math import factorial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import genpareto

from memwatch.errors import MemwatchError, UsageError
from memwatch.scoring.rate import EventRate
from memwatch.scoring.scene import SceneMemory
from memwatch.types import ANSWERS, Grid

USUAL_QUANTILE = 0.99
"""Of a cell's errors on normal footage: its usual upper size."""
TAIL_SHARE = 0.002
"""Share of all cells that the Pareto tail is fitted to."""
TABLE = 200
GATE_QUANTILE = 0.95
"""Normal frames with a larger regularity error than this share of held-out ones teach the memory nothing."""
FALSE_ALARMS_PER_DAY = 1.0
"""The budget that the threshold is set for, unless another is asked."""
MOMENT = "moment"
"""What the cues that are not slow say together, where it needs a name beside the slow ones."""
LASTS = "lasts"
"""What they say together over the last half second or so."""
TOGETHER = 0.8
"""Share of a budget that the moment and what lasts have each: what raises one's alarm mostly raises the other's too.
With half of it for each fewer alarms came than were due (docs/log.md)."""
QUESTIONS = {
    "movement": ("prediction", "oddity", "motion", "moves", "moves_here"),
    "looks": ("looks", "looks_here"),
    "place": ("place", "stays"),
    "whole": ("whole",),
    "memory": ("memory",),
}
"""Cues that answer the same question (how it moves, how it looks, whether it belongs there, if the scene as a whole is
known, if the memory knows it) and add up."""
PLACELESS = ("oddity", *ANSWERS, "whole")
"""Cues that are not compared with what is usual at the place: the head has learned that already."""
SLOW = ("scene",)
"""Cues of the last seconds, not of the moment."""
LEAST_LEVEL = 0.1
"""Lowest threshold of a slow cue by itself: lower ones would blow up whatever it says."""
MIN_FRAMES = 20
"""Held-out frames without which no calibration is made."""


@dataclass(frozen=True, slots=True)
class Tail:
    """P(X >= x) for a positive quantity: a table, then a generalised Pareto distribution beyond `start`."""

    values: NDArray[np.float32]
    """(TABLE,), rising: quantiles of the normal values."""
    rarity: NDArray[np.float32]
    """(TABLE,), rising: -log10 of the share of normal values that is at least as large."""
    start: float
    share: float
    """Share of values beyond `start`."""
    shape: float
    scale: float

    @classmethod
    def fit(cls, sample: NDArray[np.floating[Any]], share: float) -> Tail:
        """From normal values, any shape; `share` of them shape the Pareto part."""
        ordered = np.sort(sample, axis=None).astype(np.float64)
        count = len(ordered)
        share = min(0.5, max(share, 20 / count))
        start = float(np.quantile(ordered, 1 - share))
        beyond = ordered[ordered > start] - start
        # Fewer than a handful of excesses (or all equal) say nothing of a shape: take an exponential tail.
        scale = float(beyond.mean()) if len(beyond) else 0.0
        scale = max(scale, 1e-3 * start, 1e-9)
        shape = 0.0
        if len(beyond) >= 20 and beyond.std() > 0:
            fitted_shape, _, fitted_scale = genpareto.fit(beyond, floc=0)
            # A bounded tail (shape < 0) would call everything beyond its end equally, infinitely rare; a very
            # heavy one comes from a few outliers of a short recording.
            shape = float(np.clip(fitted_shape, 0.0, 0.5))
            scale = float(fitted_scale) if shape == fitted_shape else scale * (1 - shape)
        rarity = np.linspace(0, -np.log10(share), TABLE)
        values = np.quantile(ordered, 1 - 10.0**-rarity)
        return cls(values.astype(np.float32), rarity.astype(np.float32), start, share, shape, scale)

    def __call__(self, value: NDArray[np.floating[Any]] | float) -> NDArray[np.float32]:
        """-log10 P(X >= value), rising without end."""
        x = np.asarray(value, dtype=np.float64)
        # Read from above: of equal values (a cue that is often exactly 0) "at least as large" includes them all.
        table = np.interp(-x, -self.values[::-1], self.rarity[::-1])
        excess = np.maximum(x - self.start, 0) / self.scale
        tail = np.log1p(self.shape * excess) / self.shape if self.shape > 1e-6 else excess
        pareto = tail / np.log(10)
        return np.where(x > self.start, -np.log10(self.share) + pareto, table).astype(np.float32)

    def value_at(self, share: float) -> float:
        """The value that `share` of normal ones reach; beyond the table by the Pareto part."""
        if share >= self.share:
            return float(np.interp(-np.log10(share), self.rarity, self.values))
        ratio = self.share / share
        if self.shape > 1e-6:
            return float(self.start + self.scale / self.shape * (ratio**self.shape - 1))
        return self.start + self.scale * float(np.log(ratio))


@dataclass(frozen=True, slots=True)
class CueCalibration:
    """What is usual for one cue at each place, and the tail that all places share."""

    usual: Grid
    tail: Tail

    @classmethod
    def fit(cls, values: NDArray[np.float32], *, placed: bool = True) -> CueCalibration:
        """From a cue's values (N, gh, gw), >= 0, of normal footage; `placed` asks what is usual at each place."""
        usual = usual_size(values) if placed else np.ones(values.shape[1:], np.float32)
        return cls(usual, Tail.fit(values / usual, TAIL_SHARE))

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., gh, gw) to -log10 tail probability."""
        return self.tail(values / self.usual)

    def sound(self) -> bool:
        """Whether numbers read from a file can be calculated with."""
        tail = self.tail
        return (
            self.usual.ndim == 2
            and self.usual.min() > 0
            and tail.values.shape == tail.rarity.shape == (TABLE,)
            and bool((np.diff(tail.values) >= 0).all() and (np.diff(tail.rarity) >= 0).all())
            and 0 < tail.share <= 1
            and tail.scale > 0
            and tail.shape >= 0
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """What held-out normal footage says: each cue's usual values and tail, the gate and the threshold."""

    cues: dict[str, CueCalibration]
    gate: float
    """γ: the memory learns only from frames whose regularity error is at most this."""
    threshold: float
    """Score over which a frame is anomalous."""
    frames: int
    seconds: float
    scene: SceneMemory | None = None
    """What the cue `scene` compares with."""
    scales: dict[str, float] = field(default_factory=dict)
    """Factor for each slow cue's rarity that puts its own threshold where the others' is."""
    rates: dict[str, EventRate] = field(default_factory=dict)
    """How often normal footage makes events, of MOMENT and of each slow cue; empty in older models."""
    per_day: float | None = None
    """False alarms a day that the threshold is meant for; None in older models."""
    half_life: float = 0.0
    """Seconds after which a moment counts half in the maps that the threshold is for (`Persistence`); 0 in older
    models, whose frames stand by themselves."""
    lasts: float = 0.0
    """The same for what has lasted, which has a threshold of its own; 0 in older models, which do not ask."""
    trust: dict[str, float] = field(default_factory=dict)
    """Factor of each of the QUESTIONS' rarity, at most 1, by how far its answers told odd from normal on held-out
    footage (`tasks/trust.py`); 1 where it is not known."""
    together: float = 0.0
    """Share of the budget that the moment and what lasts have each, of what the slow cues leave. 0 in older models: the
    moment has half there, and what lasts an even part of the other half."""

    @classmethod
    def fit(
        cls,
        cues: dict[str, NDArray[np.float32]],
        regularity: NDArray[np.float64],
        *,
        seconds: float,
        scene: SceneMemory | None = None,
        stretches: dict[str, NDArray[np.float32]] | None = None,
        rates: dict[str, EventRate] | None = None,
        per_day: float = FALSE_ALARMS_PER_DAY,
        half_life: float = 0.0,
        lasts: float = 0.0,
        trust: Mapping[str, float] | None = None,
    ) -> Calibration:
        """From each cue's values (N, gh, gw) and the regularity errors (N,) of normal frames that span `seconds`.

        A slow cue says nearly the same for seconds, so its frames are not so many observations: its tail is fitted to
        `stretches`, the largest values (S, gh, gw) in each of S stretches of footage. `rates` of MOMENT and of each
        slow cue set the threshold; without them every frame, or stretch, is taken for an event of its own.
        """
        frames = len(regularity)
        if frames < MIN_FRAMES:
            raise MemwatchError(
                f"only {frames} held-out normal frames to calibrate on, {MIN_FRAMES} are needed",
                "give more normal footage",
            )
        samples = cues | (stretches or {})
        fitted = {name: CueCalibration.fit(some, placed=name not in PLACELESS) for name, some in samples.items()}
        if rates is None:
            moment = {name: fitted[name](values) for name, values in cues.items() if name not in SLOW}
            rates = {MOMENT: EventRate.fit(peaks(join(moment, trust)), seconds)}
            rates |= {n: EventRate.fit(peaks(fitted[n](samples[n])), seconds) for n in samples if n in SLOW}
        gate = float(np.quantile(regularity, GATE_QUANTILE))
        known: dict[str, Any] = {"rates": rates, "half_life": half_life, "lasts": lasts if LASTS in rates else 0.0}
        known |= {"trust": dict(trust or {}), "together": TOGETHER if LASTS in rates else 0.0}
        return cls(fitted, gate, 0.0, frames, seconds, scene, **known).at(per_day)

    def at(self, per_day: float) -> Calibration:
        """The same with the threshold meant for another budget of false alarms a day: half of it for the slow cues, if
        there are any, the rest for what the others say of the moment and what of that lasts, which have most of their
        alarms in common (`together`). ValueError where the rates of events are not known."""
        if not self.rates:
            raise ValueError("a calibration without rates of events has one threshold only")
        shares = self._shares(per_day)
        threshold = self.rates[MOMENT].level(shares[MOMENT])
        own = {name: self.rates[name].level(shares[name]) for name in self.rates if name != MOMENT}
        scales = {name: threshold / max(level, LEAST_LEVEL) for name, level in own.items()}
        return replace(self, threshold=threshold, scales=scales, per_day=per_day)

    def _shares(self, per_day: float) -> dict[str, float]:
        """Alarms a day that each of the rates is granted."""
        others = [name for name in self.rates if name != MOMENT]
        slow = [name for name in others if name in SLOW] if self.together else others
        rest = per_day / 2 if slow else per_day
        quick = [name for name in self.rates if name not in slow]
        granted = dict.fromkeys(quick, self.together * rest) if self.together else {MOMENT: rest}
        return granted | {name: per_day / 2 / len(slow) for name in slow}

    def rarity(self, cues: dict[str, Grid]) -> dict[str, Grid]:
        """Each cue's values (gh, gw) to its -log10 tail probabilities, a slow one's on the scale of the others."""
        return {
            name: calibration(cues[name]) * np.float32(self.scales.get(name, 1.0))
            for name, calibration in self.cues.items()
        }

    def with_lasting(self, grid: Grid, lasting: Grid) -> Grid:
        """A map together with what has lasted of it, on the scale on which that one's threshold is the same. Its share
        of the threshold counts squared, so that what has lasted half as much as an alarm must hardly counts."""
        share = lasting * np.float32(self.scales[LASTS] / max(self.threshold, LEAST_LEVEL))
        return np.asarray(np.maximum(grid, np.float32(self.threshold) * np.square(share)), dtype=np.float32)

    def map(self, rarity: dict[str, Grid]) -> Grid:
        """What all cues say together, from each one's `rarity`: one map (gh, gw).

        A slow cue sees other things than those of the moment (`join`) and is rare by another measure: it stands beside
        them on a scale on which its threshold is theirs.
        """
        moment = {name: values for name, values in rarity.items() if name not in SLOW}
        slow = [values for name, values in rarity.items() if name in SLOW]
        return np.asarray(np.maximum.reduce([join(moment, self.trust), *slow]), dtype=np.float32)

    def to_record(self) -> dict[str, Any]:
        """Numbers and arrays for the model file, flat."""
        record: dict[str, Any] = {
            "cues": list(self.cues),
            "gate": self.gate,
            "threshold": self.threshold,
            "frames": self.frames,
            "seconds": self.seconds,
        }
        for name, cue in self.cues.items():
            record[f"{name}.usual"] = cue.usual
            record |= {f"{name}.{key}": value for key, value in asdict(cue.tail).items()}
        record |= {f"to_threshold.{name}": scale for name, scale in self.scales.items()}
        if self.per_day is not None:
            record["per_day"] = self.per_day
        if self.half_life:
            record["half_life"] = self.half_life
        if self.lasts:
            record["lasts"] = self.lasts
        if self.together:
            record["together"] = self.together
        record |= {f"trust.{question}": factor for question, factor in self.trust.items()}
        for name, rate in self.rates.items():
            record |= {f"rate.{name}.{key}": value for key, value in asdict(rate).items()}
        if self.scene:
            record |= {"scene_memory.mean": self.scene.mean, "scene_memory.components": self.scene.components}
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any], where: str) -> Calibration:
        """Back from `to_record`; UsageError when something is missing or not finite."""
        damaged = UsageError(f"{where}: its calibration is damaged", "train the model anew")
        try:
            cues = {
                name: CueCalibration(
                    record[f"{name}.usual"], Tail(**{f.name: record[f"{name}.{f.name}"] for f in fields(Tail)})
                )
                for name in record["cues"]
            }
            numbers = {key: record[key] for key in ("gate", "threshold", "frames", "seconds")}
            lasts = float(record.get("lasts", 0.0))
            scaled = [name for name in (*cues, *([LASTS] if lasts else [])) if name in (*SLOW, LASTS)]
            scales = {name: float(record[f"to_threshold.{name}"]) for name in scaled}
            scene = None
            if "scene_memory.mean" in record:
                scene = SceneMemory(record["scene_memory.mean"], record["scene_memory.components"])
            finite = all(np.isfinite(value).all() for key, value in record.items() if key != "cues")
            sound = finite and all(isinstance(value, int | float) for value in numbers.values())
            sound = sound and bool(cues) and all(cue.sound() for cue in cues.values())
            if scene is not None:
                sound = sound and scene.mean.ndim == 3 and scene.components.shape[1:] == scene.mean.shape
            sound = sound and (scene is not None or "scene" not in cues)
            sound = sound and any(name not in SLOW for name in cues) and all(s > 0 for s in scales.values())
            rates, per_day = _rates(record, scaled)
            half_life = float(record.get("half_life", 0.0))
            trust = {name: float(record[f"trust.{name}"]) for name in QUESTIONS if f"trust.{name}" in record}
            together = float(record.get("together", 0.0))
            sound = sound and half_life >= 0 and lasts >= 0 and all(0 < factor <= 1 for factor in trust.values())
            sound = sound and 0 <= together <= 1
        except (AttributeError, KeyError, TypeError, ValueError):
            raise damaged from None
        if not sound:
            raise damaged
        known: dict[str, Any] = {"scales": scales, "rates": rates, "per_day": per_day}
        known |= {"half_life": half_life, "lasts": lasts, "trust": trust, "together": together}
        return cls(cues, **numbers, scene=scene, **known)


def usual_size(values: NDArray[np.float32]) -> Grid:
    """Upper size of a cue at each place, (N, gh, gw) to (gh, gw): its own high quantile, smoothed over neighbours,
    mixed with the whole picture's, so that a cell that saw little borrows from where more happened."""
    own = np.quantile(values, USUAL_QUANTILE, axis=0).astype(np.float32)
    smooth = cv2.GaussianBlur(own, (0, 0), 2.0)
    everywhere = float(np.quantile(values, USUAL_QUANTILE))
    return np.asarray((smooth + everywhere) / 2 + 1e-8, dtype=np.float32)


def _rates(record: dict[str, Any], others: Iterable[str]) -> tuple[dict[str, EventRate], float | None]:
    """What a record says of the rate of events: nothing, in an older one, or all; KeyError for anything between."""
    if "per_day" not in record and not any(key.startswith("rate.") for key in record):
        return {}, None
    families = [MOMENT, *others]
    rates = {name: EventRate(*(record[f"rate.{name}.{f.name}"] for f in fields(EventRate))) for name in families}
    if not (record["per_day"] > 0 and all(rate.sound() for rate in rates.values())):
        raise ValueError("rates that cannot be calculated with")
    return rates, float(record["per_day"])


def peaks(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The highest place (N,) of each map (N, gh, gw)."""
    return np.asarray(maps.reshape(len(maps), -1).max(axis=1), dtype=np.float32)


def join(moment: Mapping[str, NDArray[np.float32]], trust: Mapping[str, float] | None = None) -> NDArray[np.float32]:
    """The -log10 tail probabilities of the cues of the moment, by name, to one map: those that answer one of the
    QUESTIONS add up (`answered`), and of the several questions the one with the rarest answer counts, each as far as it
    is trusted. That several were asked is paid for by the threshold, which is set by what all of them say of normal
    footage together. What answers none of them is a question of its own."""
    said = answered(moment)
    factors = {question: np.float32((trust or {}).get(question, 1.0)) for question in said}
    return np.asarray(np.maximum.reduce([factors[question] * rarity for question, rarity in said.items()]), np.float32)


def question_of(cue: str) -> str:
    """Which of the QUESTIONS a cue answers; its own name where it answers none of them."""
    return next((question for question, cues in QUESTIONS.items() if cue in cues), cue)


def answered(moment: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Each question's answer: its cues' -log10 tail probabilities as one (`combine`)."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    for name, rarity in moment.items():
        found.setdefault(question_of(name), []).append(rarity)
    return {question: combine(some) for question, some in found.items()}


def combine(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Several cues' -log10 tail probabilities to one, by Fisher's rule (1925): for n independent cues the sum of
    -ln p follows a Gamma(n) law, whose tail is the joint probability. Cues add up, and each one tried is paid for."""
    if len(maps) == 1:
        return maps[0]
    total = np.sum(maps, axis=0, dtype=np.float64) * np.log(10)
    terms = sum(total**k / factorial(k) for k in range(len(maps)))
    return np.asarray((total - np.log(terms)) / np.log(10), dtype=np.float32)
