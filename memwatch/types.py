"""The words every room speaks: frozen, slotted records that travel along the one path.

Boxes are half-open (x1, y1, x2, y2) in source pixels; times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""uint8 (H, W, 3), BGR."""
Grid = NDArray[np.float32]
"""float32 (gh, gw), one number a cell."""
Box = tuple[int, int, int, int]
FIGURE_ANSWERS = ("moves", "looks")
"""What a head answers of a figure, whatever the scene: that it moves, or looks, as nothing does."""
SCENE_ANSWERS = ("moves_here", "looks_here", "place", "stays")
"""What it answers knowing the scene: that something moves, or looks, as nothing does at this place, is where nothing
like it is, or stands where nothing stood."""
ANSWERS = FIGURE_ANSWERS + SCENE_ANSWERS
State = dict[str, Any]
"""A memory's state, opaque to all but its runtime; empty where the memory does not adapt."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A picture as the camera encoded it: H.264, Annex B, without pictures that are shown out of their order."""

    data: bytes
    seconds: float
    """As of the frame that it becomes."""
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture of a source."""

    source: str
    index: int
    """Position in the source, counted from 0; broken frames keep their number."""
    time: float
    """Wall clock, Unix seconds UTC."""
    seconds: float
    """Seconds since the source's first frame, by its own timestamps."""
    image: Image
    gap: bool = False
    """First frame after a break: what came before must not be compared with it."""
    packets: tuple[Packet, ...] = ()
    """Of this frame and of those dropped since the one before, where the camera's own encoding can be kept as it is."""


@dataclass(frozen=True, slots=True)
class StateEvent:
    """What became of a camera, in its place among the camera's frames."""

    source: str
    kind: str
    """camera_connecting, camera_back, camera_lost, scene_change …: docs/events.md has them all."""
    time: float
    """Wall clock, Unix seconds UTC."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What there is to say of it, ready for JSON."""
    ends: str = ""
    """Why events that are open end here; empty where they go on."""
    scene: str = ""
    """What it means for scoring: hold (nothing is scored from here on), then one of go on, relight (the picture is
    brought back into the light that the scene is known in), anew (the scene is learned anew); empty where it means
    nothing."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames ready for the network: `inputs` predict `target`."""

    inputs: NDArray[np.float32]
    """(T·C, h, w) in [-1, 1], oldest first."""
    target: NDArray[np.float32]
    """(C, h, w) in [-1, 1]."""
    frame: Frame
    """The target's frame."""
    scene: NDArray[np.float32] | None = None
    """(2C, h/2, w/2) in [-1, 1] units: how the target, and the mean of the last second, differ from the scene behind
    them; None where nobody has asked."""
    settled: bool = True
    """Whether that mean has been running for long enough to tell what stands from who was passing when it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a runtime's head says of one clip."""

    oddity: NDArray[np.float32] | None
    """(K, h/8, w/8), the head's logits that something here is unlike this scene: one for each of ANSWERS, or a single
    one; None without a head, and where the head wants to know the scene and the clip does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction(Answer):
    """What a runtime says of one clip, its target predicted."""

    frame: NDArray[np.float32]
    """(C, h, w) in [-1, 1]."""
    distance: Grid
    """(h', w'), how far each feature is from what the memory knows, >= 0, as its kind of memory measures it."""
    query: Any
    """What the memory would learn from this clip: opaque, handed back to `Runtime.learn` if the gate lets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One frame's numbers."""

    value: float
    """Calibrated, the map's maximum: -log10 of how rarely a normal place looks at least this odd."""
    threshold: float
    anomalous: bool
    error: float | None = None
    """Regularity error E of MNAD (methods: error-weighted mean of the squared error in [0, 1] units);
    it gates the memory. None, as the next two, where the frame was not predicted."""
    psnr: float | None = None
    """Decibels of the predicted frame against the true one."""
    distance: float | None = None
    """Mean distance of the frame's features to the memory."""
    learned: bool = False
    """Whether this frame was calm enough to teach, once its quarantine has passed without an anomaly; of neighbours one
    does (`Learner.due`)."""


@dataclass(frozen=True, slots=True)
class Region:
    """A connected odd part of one frame."""

    box: Box
    area: int
    """Source pixels."""
    peak: float
    """Highest value of the map in it."""
    cue: str = ""
    """The cue that says most in it; empty where nobody has asked the cues yet."""
    ratio: float | None = None
    """That cue's size at the peak, as a multiple of what is usual at that place."""
    track: int | None = None
    """Number of the thing it shows, counted from 1 in each stream; None before it has been followed."""
    age: float = 0.0
    """Seconds since the first region of its track."""
    zones: tuple[str, ...] = ()
    """Names of the include zones that it touches."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the detector says of one frame: a row of every score file."""

    source: str
    index: int
    time: float
    seconds: float
    size: tuple[int, int]
    """(width, height) of the source's picture."""
    score: Score
    regions: tuple[Region, ...]
    map: Grid | None = None
    """-log10 tail probability per cell; never written into rows."""
    cues: dict[str, Grid] = field(default_factory=dict)
    """What each cue alone says per cell, on the map's scale; never written into rows."""


@dataclass(frozen=True, slots=True)
class Event:
    """A stretch of time in which a source looked anomalous. The same id again is an update."""

    id: str
    source: str
    phase: str
    """opened, updated or closed."""
    start: Observation
    peak: Observation
    last: Observation
    """The newest observation over the threshold."""
    frames_scored: int
    frames_over: int
    cue: str = ""
    """The cue that said most in most of its frames over the threshold; empty where no region names one."""
    reason: str = ""
    """The same in words for a person, with how much or how long."""
    regions: tuple[tuple[float, Region], ...] = ()
    """(seconds since the event's start, region), thinned to a few a second."""
    parent: str = ""
    """Id of the event that it goes on from, where that one grew too long."""
    suppressed_by: str = ""
    """Why nobody is to be told of it, though it is kept: cooldown, flood, profile or continues; empty where notices go
    out."""
    end_reason: str | None = None
    """quiet, source_end, gap, camera_lost, scene_change, error, shutdown or max_length, once closed."""


@dataclass(slots=True)
class Tally:
    """What happened to one source's frames, for summaries and exit codes."""

    read: int = 0
    scored: int = 0
    filled: int = 0
    """Frames without a score of their own: the head of the stream and of what follows a gap."""
    broken: int = 0
    skipped: int = 0
    """Frames that came sooner than they were wanted, and were not scored."""
    over: int = 0
    """Frames over the threshold."""
    events: int = 0
    learned: int = 0
    """Frames that the memory learned from."""
    seconds: float = 0.0
    """Seconds of footage, by its own timestamps."""
    partial: bool = False
    """The source ended before its end: the rest could not be read."""
    problems: list[str] = field(default_factory=list)
