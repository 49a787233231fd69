"""Typed settings. Every range is checked where the value is made, and the message names the field."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
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
            kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
            allowed = kinds.get(str(wanted))
            if allowed and (not isinstance(value, allowed) or (wanted != "bool" and isinstance(value, bool))):
                raise UsageError(f"{where}: '{key}' should be {wanted}, not {value!r}")
        try:
            return cls(**values)
        except TypeError as error:
            raise UsageError(f"{where}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]


def check(ok: bool, what: str, remedy: str = "") -> None:
    """Refuse a setting: what it must be, and the remedy where that does not say it."""
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
        check(1 <= self.start_hits <= self.start_window, "start_hits must be 1 … start_window")
        check(self.end_gap_s > 0, "end_gap_s must be above 0")
        check(self.min_length_s >= 0, "min_length_s must not be negative")
        check(self.max_length_s > self.min_length_s, "max_length_s must exceed min_length_s")


@dataclass(frozen=True, slots=True)
class RegionConfig(Strict):
    """Which regions count: those whose box is of a size that matters, as a share of the picture's area."""

    min_area: float = 0.0
    max_area: float = 1.0

    def __post_init__(self) -> None:
        check(
            0 <= self.min_area < self.max_area <= 1,
            f"regions of {self.min_area:.2%} to {self.max_area:.2%} of the picture: no size lies between these",
            "the smallest must be under the largest, both 0 … 100 %",
        )


MEMORIES = {
    "mnad": "items that go on learning (MNAD)",
    "memae": "few of many learned items replace the features (MemAE)",
    "prototypes": "rebuilt from each frame (MPN)",
    "blockwise": "blocks of all features, skips too, from learned ones (DAAD)",
    "grid": "points of continuous learned grids (GRAD)",
    "students": "guess what a teacher says of the picture's patches (Uninformed Students)",
    "none": "plain prediction",
}
"""Kinds of memory, in a line each."""
TASKS = {
    "predict": "the next frame from those before it",
    "reconstruct": "the frame from itself, without skips",
}
"""What the network is asked for, in a line each."""


@dataclass(frozen=True, slots=True)
class ModelConfig(Strict):
    """Everything about a network that its weights alone don't say. Stored in the model file."""

    preset: str
    """small, base, predictor, plain or paper: where the defaults came from."""
    width: int
    """Input width in pixels, a multiple of stem · 2^levels and of the head's cells of 8."""
    height: int
    channels: int = 1
    """1 gray, 3 BGR."""
    clip_length: int = 4
    """Input frames T; the network predicts frame T+1."""
    step_s: float = 0.2
    """Seconds between a clip's frames, so that a 25 fps camera and a 10 fps recording look alike;
    0 takes every frame (as published)."""
    net_width: int = 16
    """Channels of the first level; each level below doubles them (MNAD: 64)."""
    stem: int = 2
    """The network works on stem × stem pixels folded into channels; 1 is MNAD, 2 costs a quarter."""
    levels: int = 3
    """How often the network halves its picture on the way down (MNAD: 3)."""
    skips: bool = True
    """Whether the decoder is handed the encoder's features of each level, as published. Without them all that it knows
    comes through the memory."""
    centred: bool = False
    """Whether the deepest features, the memory's queries, are taken less their mean over the footage, in their standard
    deviations."""
    task: str = "predict"
    """One of TASKS. `reconstruct` has no skips."""
    memory: str = "mnad"
    """One of MEMORIES."""
    items: int = 10
    """mnad: memory items M."""
    temperature: float = 1.0
    """mnad: of the read's softmax; 1 as published."""
    update: str = "nudge"
    """mnad: nudge (explicit rate) or published (an accepted frame nearly replaces the items it touches)."""
    rate: float = 0.02
    """mnad: share of an item that one accepted frame may move, for `nudge`."""
    recall: str = "beside"
    """mnad: what is recalled stands beside the query in the decoder's input (as published), or alone."""
    drift: float = 0.5
    """mnad: farthest that learning on takes an item from where training left it, for `nudge`; 2 is anywhere."""
    head_width: int = 24
    """Channels of the oddity head's first stage; 0 for none (as published)."""
    head_scene: bool = False
    """Whether the head sees how the picture differs from the scene behind. (Model files from before it don't say.)"""
    head_place: int = 0
    """Numbers that the head learns for each place of the picture."""
    options: dict[str, Any] = field(default_factory=dict)
    """Of a memory that has options of its own, as its config has them."""

    def __post_init__(self) -> None:
        check(1 <= self.levels <= 4, "levels must be 1 … 4")
        unit = max(8, self.stem << self.levels)
        check(self.channels in (1, 3), f"channels must be 1 or 3, not {self.channels}")
        check(
            self.width >= unit and self.height >= unit and self.width % unit == 0 and self.height % unit == 0,
            f"width and height must be multiples of {unit}, not {self.width}×{self.height}",
        )
        check(max(self.width, self.height) <= 2048, "width and height must be at most 2048")
        check(1 <= self.clip_length <= 16, "clip_length must be 1 … 16")
        check(0 <= self.step_s <= 60, "step_s must be 0 … 60 seconds")
        check(1 <= self.net_width <= 256, "net_width must be 1 … 256")
        check(self.stem in (1, 2, 4), "stem must be 1, 2 or 4")
        check(self.task in TASKS, f"unknown task '{self.task}'", f"choose one of {', '.join(TASKS)}")
        check(self.memory in MEMORIES, f"unknown memory '{self.memory}'", f"choose one of {', '.join(MEMORIES)}")
        check(isinstance(self.options, dict), f"options must be a table of settings, not {self.options!r}")
        check(
            not self.options or self.memory not in ("mnad", "none"), f"memory {self.memory} has no options of that kind"
        )
        check(1 <= self.items <= 100_000, "items must be 1 … 100000")
        check(self.temperature > 0, "temperature must be above 0")
        check(self.update in ("nudge", "published"), f"unknown update '{self.update}'")
        check(0 <= self.rate <= 1, "rate must be 0 … 1")
        check(self.recall in ("beside", "alone"), f"unknown recall '{self.recall}'", "choose one of beside, alone")
        check(0 <= self.drift <= 2, "drift must be 0 … 2")
        check(0 <= self.head_width <= 256, "head_width must be 0 … 256")
        check(0 <= self.head_place <= 64, "head_place must be 0 … 64")

    @property
    def inputs(self) -> int:
        """Channels that the network sees: the frames before the target, or the target itself."""
        return self.channels * (self.clip_length if self.task == "predict" else 1)

    @property
    def colour(self) -> str:
        return "colour" if self.channels == 3 else "gray"
