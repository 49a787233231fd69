"""Footage to learn from: read once, scaled to the network's size, kept in memory as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.config import ModelConfig
from memwatch.errors import MemwatchError, UsageError
from memwatch.tasks.progress import Progress
from memwatch.types import Clip, Frame
from memwatch.video import GRAY_CHROMA, Span, chroma, find_clips, is_gap, open_source, positions, prepare, scaled

HELD_OUT = 0.15
"""Share kept out of training: it calibrates score, gate and threshold. Of a few clips it is the last part of each."""
ONE_IN = 6
"""Of many clips every so many-th is held out whole: the rest of a clip knows its light and who stands there, and would
vouch for thresholds that the next day breaks."""
MIN_TRAINING, MIN_HELD_OUT = 100, 20
"""Clips of frames without which training is refused."""
SEGMENT_S = 20.0
"""Longest stretch that is kept as one."""
SKIMMED_S = 10.0
"""Of footage that is longer than what is kept, stretches of this length spread evenly: motion stays whole, and as many
hours, lights and crowds as possible are seen."""
MARK_TOLERANCE = 0.25
"""Share of a mark's distance by which a frame may be early: times of live footage jitter."""
BYTES = 2_200_000_000
"""Of pictures that are kept: of the preset base half an hour in colour, an hour and a half in gray. The scene's states
take a quarter more."""
MORE = 1.1
"""Times that room, over which what was kept is halved: headers only say roughly how long footage is."""
STRETCH_CLIPS = 4
"""Clips of the network that a stretch must hold, of footage with a frame now and then."""
LEAST_S = 1.0
"""Seconds beyond one clip of the network without which a piece of a stretch is not worth a search."""
ASSUMED_FPS = 25.0
"""Of footage of which every frame is taken."""
BACKGROUND_FRAMES = 60
PAIRS = 2000
"""Pairs of frames that are compared to see whether anything moves."""
BLOCK = 8
"""Side of the cells that are compared, in network pixels."""
CHANGED = 3.0
"""Levels by which a cell's mean must differ: five times what the noise of a poor sensor (five levels) does to it."""
MOST_MOVING = 0.6
"""A larger share of the picture in half of the pairs is no fixed camera's."""


@dataclass(slots=True)
class Recording:
    """An unbroken stretch of one clip."""

    name: str
    times: list[float] = field(default_factory=list)
    frames: list[NDArray[np.uint8]] = field(default_factory=list)
    """Each (C, h, w)."""
    held_from: int = 0
    """Frames from here on are held out."""

    def targets(self, config: ModelConfig, *, held: bool) -> range:
        """Indices that have a full clip before them, on one side of the split."""
        first = next(
            (i for i, t in enumerate(self.times) if t - self.times[0] >= config.step_s * config.clip_length - 1e-6),
            len(self.times),
        )
        first = max(first, config.clip_length)
        return range(max(first, self.held_from), len(self.times)) if held else range(first, self.held_from)

    def indices(self, target: int, config: ModelConfig) -> list[int]:
        """Which frames form the clip of `target`, oldest first, the target last."""
        oldest = max(0, target - 1)
        while oldest > 0 and self.times[target] - self.times[oldest] < config.step_s * config.clip_length:
            oldest -= 1
        oldest = min(oldest, max(0, target - config.clip_length))
        chosen = positions(self.times[oldest : target + 1], config.clip_length, config.step_s)
        assert chosen is not None, "targets() offers only frames with a full clip"
        return [oldest + i for i in chosen] + [target]

    def clip(self, target: int, config: ModelConfig) -> Clip:
        """The clip whose target is frame `target`, as `watch` would make it."""
        *inputs, last = (self.frames[i] for i in self.indices(target, config))
        frame = Frame(self.name, target, 0.0, self.times[target], np.empty((0, 0, 3), np.uint8))
        return Clip(scaled(np.concatenate(inputs)), scaled(last), frame)


@dataclass(slots=True)
class Footage:
    """All recordings of a training, and what was lost on the way."""

    recordings: list[Recording]
    names: list[str]
    broken: int = 0
    seconds: float = 0.0
    thinned: int = 1
    """One in so many stretches of SKIMMED_S was read, for memory's and time's sake."""
    problems: list[str] = field(default_factory=list)

    def targets(self, config: ModelConfig, *, held: bool) -> list[tuple[int, int]]:
        """(recording, target) pairs."""
        return [(n, i) for n, r in enumerate(self.recordings) for i in r.targets(config, held=held)]

    def busy(self, targets: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """How much of the picture moves at each of these (recording, target) pairs, added up: (len(targets),)."""
        found: dict[int, list[float]] = {}
        for number in {number for number, _ in targets}:
            cells = [_coarse(frame) for frame in self.recordings[number].frames]
            found[number] = [0.0, 0.0, *(_change(*pair) for pair in zip(cells, cells[2:], strict=False))]
        return np.cumsum([found[number][target] for number, target in targets])

    def backgrounds(self, config: ModelConfig) -> list[NDArray[np.float32]]:
        """Each recording's median picture (C, h, w), in levels, from at most BACKGROUND_FRAMES of its clip's frames:
        those that are not held out, if there are any."""
        by_clip: dict[str, list[NDArray[np.uint8]]] = {}
        for recording in self.recordings:
            by_clip.setdefault(recording.name, []).extend(recording.frames[: recording.held_from])
        for recording in self.recordings:
            if not by_clip[recording.name]:  # held out whole
                by_clip[recording.name] = recording.frames
        medians = {
            name: np.median(frames[:: max(1, len(frames) // BACKGROUND_FRAMES)], axis=0).astype(np.float32)
            for name, frames in by_clip.items()
            if frames
        }
        blank = np.zeros((config.channels, config.height, config.width), np.float32)
        return [medians.get(recording.name, blank) for recording in self.recordings]


def look(sources: Sequence[str], *, fps: float | None) -> tuple[int, int, bool]:
    """(width, height, gray) of the footage, from the first pictures of its clips."""
    size: tuple[int, int] | None = None
    gray = True
    for path in clip_paths(sources)[:8]:
        with open_source(str(path), fps=fps) as source:
            image = next(iter(source)).image
            gray = gray and chroma(image) < GRAY_CHROMA
            size = size or (image.shape[1], image.shape[0])
    assert size is not None
    return (*size, gray)


def read_footage(
    sources: Sequence[str], config: ModelConfig, *, fps: float | None, progress: Progress, unseen: bool = False
) -> Footage:
    """Decode everything once. A part is held out (HELD_OUT, ONE_IN); all of it, where the footage is `unseen`.

    Raises UsageError when there is nothing, or too little, to learn from.
    """
    paths = clip_paths(sources)
    plan = Plan.of(paths, config, fps)
    footage = Footage([], [path.name for path in paths], thinned=plan.thinned)
    room = BYTES // (config.channels * config.width * config.height)
    progress.start("reading", None)
    kept: list[list[Recording]] = []
    sparse = 1
    for path, spans in zip(paths, plan.spans, strict=True):
        kept.append([])
        if plan.thinned > 1 and not spans:
            continue
        with open_source(str(path), fps=fps) as source:
            shown = source.skimmed(spans) if plan.thinned > 1 else source
            for number, segment in enumerate(_segments(shown, config, path.name)):
                if number % sparse == 0:
                    kept[-1].append(segment)
                progress.step(len(segment.frames))
                if sum(len(r.frames) for clip in kept for r in clip) > MORE * room:  # a header promised less
                    sparse, footage.thinned, kept = 2 * sparse, 2 * footage.thinned, _halved(kept)
            footage.broken += source.broken
            footage.problems += source.problems
    kept = [clip for clip in kept if clip]
    for clip, share in zip(kept, [1.0] * len(kept) if unseen else shares(len(kept)), strict=True):
        _hold_out(clip, share=share)
        footage.recordings += clip
        footage.seconds += sum(r.times[-1] - r.times[0] for r in clip)
    progress.done()
    if footage.thinned > 1:
        stretches = f"{footage.seconds / 60:.0f} minutes of it, in stretches spread evenly"
        progress.note(f"there is more footage than room for it: one in {footage.thinned} is taken, {stretches}")
    _check_enough(footage, config, sources, training=0 if unseen else MIN_TRAINING, progress=progress)
    return footage


def clip_paths(sources: Sequence[str]) -> list[Path]:
    """The normal clips that these name: files, folders of frames, or the training parts of data sets."""
    return [clip.path for source in sources for clip in find_clips(source, part="train").clips]


@dataclass(frozen=True, slots=True)
class Plan:
    """What of some clips is to be read: everything, or stretches spread evenly over all of them."""

    thinned: int
    """One in so many stretches."""
    spans: list[list[Span]]
    """Of each clip, in its own seconds; of no use where nothing is thinned."""

    @classmethod
    def of(cls, paths: Sequence[Path], config: ModelConfig, fps: float | None) -> Plan:
        """By what the clips' headers say of their length and rate."""
        wanted = 2 / config.step_s if config.step_s else ASSUMED_FPS
        lengths, frames, stretch = [], 0.0, SKIMMED_S
        for path in paths:
            with open_source(str(path), fps=fps) as source:
                rate = min(wanted, source.fps or wanted) if config.step_s else source.fps or wanted
                lengths.append(source.about_s or 0.0)
            frames += lengths[-1] * rate
            stretch = max(stretch, STRETCH_CLIPS * (config.clip_length + 1) / rate)
        thinned = max(1, ceil(frames * config.channels * config.width * config.height / BYTES))
        least = config.step_s * config.clip_length + LEAST_S
        return cls(thinned, spread(lengths, stretch, stretch * thinned, least))


def spread(lengths: Sequence[float], stretch: float, every: float, least: float) -> list[list[Span]]:
    """The first `stretch` of every `every` seconds of clips of these lengths laid end to end, in each clip's own
    seconds; what a clip's end leaves of one goes on in the next. Spans under `least` are left out; a clip whose length
    is not known (0) is taken whole."""
    found: list[list[Span]] = []
    before = 0.0
    for length in lengths:
        spans: list[Span] = [] if length else [(0.0, float("inf"))]
        for number in range(int(before // every), ceil((before + length) / every)):
            start = max(0.0, number * every - before)
            end = min(length, number * every + stretch - before)
            if end - start >= least - 1e-6:
                spans.append((start, end))
        found.append(spans)
        before += length
    return found


def _halved(kept: Sequence[Sequence[Recording]]) -> list[list[Recording]]:
    """Every other of all clips' stretches."""
    numbers = count()
    return [[recording for recording in clip if next(numbers) % 2 == 0] for clip in kept]


def _segments(source: Iterable[Frame], config: ModelConfig, name: str) -> Iterator[Recording]:
    """Unbroken stretches of at most SEGMENT_S, thinned to two frames a clip step.

    Frames are taken as they pass the marks of a fixed grid, so that those of one clip lie as far apart as in `watch`.
    """
    current = Recording(name)
    mark = config.step_s / 2
    due = 0.0
    size: tuple[int, ...] | None = None
    for frame in source:
        changed = size is not None and frame.image.shape != size
        size = frame.image.shape
        broken_off = frame.gap or changed or is_gap(current.times, frame.seconds, config.step_s)
        if current.times and (broken_off or frame.seconds - current.times[0] >= SEGMENT_S):
            yield current
            current = Recording(name)
        if not current.times:
            due = frame.seconds
        if frame.seconds < due - MARK_TOLERANCE * mark:
            continue
        due = max(due + mark, frame.seconds)
        current.times.append(frame.seconds)
        current.frames.append(prepare(frame.image, config))
    if current.times:
        yield current


def shares(clips: int) -> list[float]:
    """What is held out of each of so many clips."""
    if clips <= ONE_IN:
        return [HELD_OUT] * clips
    return [float(number % ONE_IN == ONE_IN // 2) for number in range(clips)]


def _hold_out(clip: list[Recording], *, share: float) -> None:
    total = sum(len(r.frames) for r in clip)
    train = round(total * (1 - share))
    for recording in clip:
        recording.held_from = max(0, min(len(recording.frames), train))
        train -= len(recording.frames)


def _check_enough(
    footage: Footage, config: ModelConfig, sources: Sequence[str], *, training: int, progress: Progress
) -> None:
    train, held = (len(footage.targets(config, held=held)) for held in (False, True))
    if train < training or held < MIN_HELD_OUT:
        raise UsageError(
            f"{', '.join(sources)}: too short to {'train' if training else 'calibrate'} on "
            f"({train} training and {held} held-out clips; {training} and {MIN_HELD_OUT} are needed)",
            "give at least 20 seconds of normal footage, better ten minutes",
        )
    moving = _moving(footage)
    if training and not moving.any():
        raise MemwatchError(
            f"{', '.join(sources)}: nothing moves in this footage, so there is no motion to learn",
            "give footage of an ordinary day",
        )
    if np.median(moving) > MOST_MOVING:
        progress.note(
            f"{', '.join(sources)}: nearly all of the picture moves nearly all of the time: is the camera fixed? "
            "Of one that is not, nothing can be learned"
        )


def _moving(footage: Footage) -> NDArray[np.float64]:
    """The share of the picture that changes from one frame to the next but one, of frames spread over the footage. Less
    than the noise of a sensor is no change, nor is a light that flickers over all of it."""
    pairs = [(r, i) for r in footage.recordings for i in range(2, len(r.frames))]
    some = pairs[:: max(1, len(pairs) // PAIRS)]
    return np.array([_change(_coarse(r.frames[i - 2]), _coarse(r.frames[i])) for r, i in some])


def _change(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """The share of the cells (C, rows, columns) that differ from one frame to another, but for a change of all."""
    change = now - before
    return float((np.abs(change - np.median(change)) > CHANGED).mean())


def _coarse(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(C, h, w) to the mean levels of its cells."""
    size = frame.shape[2] // BLOCK, frame.shape[1] // BLOCK
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in frame.astype(np.float32)]
    return np.asarray(planes, np.float32)
