"""Pseudo-anomalies for the oddity head: pieces of other moments of the same camera, pasted in without a seam.

Positives are what never happens here: too fast, too large, gliding without walking, at another place, the other way
round, lying, or standing where nothing stood. Negatives are the bare clip and pieces pasted in the same way that are as
usual, so that the pasting itself teaches nothing. A piece at another place may well look as usual there; the head then
sees as many like it that are normal, and answers how much rarer the one is than the other, which is what is wanted.
Cells count as abnormal where what was pasted covers a good part of them, as normal where it hardly touches them, and
not at all between.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.tasks import pasting
from memwatch.tasks.crops import Crops, Pixels
from memwatch.tasks.pasting import figures, halved, lay
from memwatch.tasks.scenes import FootageScene
from memwatch.types import ANSWERS

CELL = 8
CLEAR, COVERED = 0.02, 0.25
"""Share of a cell under which it is normal, and from which it is abnormal."""
KINDS = {
    "normal": 0.30,
    "fast": 0.13,
    "shape": 0.14,
    "glide": 0.09,
    "moved": 0.15,
    "mirrored": 0.07,
    "turned": 0.04,
    "still": 0.08,
}
ASKED = {
    "fast": ("moves", "moves_here"),
    "glide": ("moves", "moves_here"),
    "shape": ("looks", "looks_here"),
    "mirrored": ("looks", "looks_here"),
    "turned": ("looks", "looks_here"),
    "moved": ("place",),
    "still": ("stays",),
}
"""Which of the head's ANSWERS each kind is for."""
ANYWHERE = ("moved", "still")
"""Kinds that are mostly pasted where nothing moves."""
FAST = (1.8, 3.5)
MOVES = 6.0
"""Levels of change between a clip's last frames, in a small window, above which something moves."""
RECOLOURED = 0.35
"""Share of the figures cut out and pasted that wear other colours, normal ones too: a few minutes show few clothes."""
TRIES = 4
"""Moments looked at for one that serves."""
STAYS_S = 3.0
"""Mean of the time that a still thing has stood, in time constants of the running mean."""


@dataclass(frozen=True, slots=True)
class OddBatch:
    """Labelled crops for the head."""

    clips: NDArray[np.float32]
    """(B, (T+1)·C, side, side) in [-1, 1]."""
    rest: NDArray[np.float32]
    """(B, 2C, side/2, side/2): the difference from the scene behind, see `OddityHead`."""
    labels: NDArray[np.float32]
    """(B, side/8, side/8), 1 where something abnormal shows."""
    weights: NDArray[np.float32]
    """1 where a cell counts. Abnormal cells count only for those answers that are asked."""
    asked: NDArray[np.bool_]
    """(B, ANSWERS): which answers each crop's abnormal cells are for."""
    at: list[tuple[int, int]]
    """Each crop's top left cell."""


@dataclass(slots=True)
class _Sample:
    """A crop in levels, as it is being changed."""

    clip: Pixels
    behind: Pixels
    """(C, side/2, side/2): the scene."""
    state: Pixels
    """The mean of the last second, likewise."""
    covered: Pixels
    """(side, side): where something abnormal shows in the last frame."""


@dataclass(frozen=True, slots=True)
class PseudoAnomalies:
    """Draws labelled batches for the head from the same crops as the predictor's."""

    crops: Crops
    backgrounds: list[NDArray[np.float32]]
    """Each recording's median picture (C, h, w), in levels: figures are cut out by it."""
    scene: FootageScene

    def draw(self, step: int) -> OddBatch:
        rng = np.random.default_rng((self.crops.seed, 2, step))
        drawn = (self._sample(rng) for _ in range(self.crops.batch))
        clips, rest, labels, weights, asked, at = zip(*drawn, strict=True)
        return OddBatch(
            np.stack(clips), np.stack(rest), np.stack(labels), np.stack(weights), np.array(asked), list(at)
        )

    def _sample(self, rng: np.random.Generator) -> tuple[Pixels, Pixels, Pixels, Pixels, list[bool], tuple[int, int]]:
        side = self.crops.side
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        number, target = self._settled(rng)
        y, x = self._place(number, target, rng, anywhere=kind in ANYWHERE and rng.random() < 0.8)
        area = (slice(y // 2, (y + side) // 2), slice(x // 2, (x + side) // 2))
        sample = _Sample(
            self._clip(number, target, y, x),
            self.scene.behind(number, target, area) * 255,
            self.scene.state(number, target, area) * 255,
            np.zeros((side, side), np.float32),
        )
        self._change(sample, kind, y, x, rng)
        share = cv2.resize(sample.covered, (side // CELL, side // CELL), interpolation=cv2.INTER_AREA)
        labels = (share >= COVERED).astype(np.float32)
        weights = ((share >= COVERED) | (share <= CLEAR)).astype(np.float32)
        asked = [answer in ASKED.get(kind, ()) for answer in ANSWERS]
        return *self._lit(sample, rng), labels, weights, asked, (y // CELL, x // CELL)

    def _settled(self, rng: np.random.Generator) -> tuple[int, int]:
        """(recording, target) where one can tell what stands from who was passing at first, if a few draws find one."""
        drawn = [self.crops.pick(rng) for _ in range(TRIES)]
        return next(((number, target) for number, target in drawn if self.scene.settled[number][target]), drawn[0])

    def _place(self, number: int, target: int, rng: np.random.Generator, *, anywhere: bool) -> tuple[int, int]:
        """Top and left of a crop, on whole cells."""
        stack = self.crops.stack(number, target)
        if anywhere:
            y, x = (int(rng.integers(length - self.crops.side + 1)) for length in stack.shape[1:])
        else:
            y, x = self.crops.place(stack, rng)
        return y // CELL * CELL, x // CELL * CELL

    def _clip(self, number: int, target: int, y: int, x: int, speed: float = 1.0) -> Pixels:
        """A crop of the clip of `target` at `speed` times its own."""
        recording, side = self.crops.footage.recordings[number], self.crops.side
        wanted = [round(target - (target - i) * speed) for i in recording.indices(target, self.crops.config)]
        frames = [recording.frames[max(0, i)][:, y : y + side, x : x + side] for i in wanted]
        return np.concatenate(frames).astype(np.float32)

    def _change(self, sample: _Sample, kind: str, y: int, x: int, rng: np.random.Generator) -> None:
        if kind == "still":
            self._stand(sample, rng)
        elif kind == "normal":
            kind = str(rng.choice(["bare", "replayed", "laid"], p=[0.4, 0.3, 0.3]))
            if kind != "bare":
                self._paste(sample, kind, self._other(rng, (y, x)), rng)
                sample.covered[:] = 0
        else:
            speed = rng.uniform(*FAST) if kind == "fast" else 1.0
            self._paste(sample, kind, self._other(rng, None if kind == "moved" else (y, x), speed), rng)

    def _other(
        self, rng: np.random.Generator, place: tuple[int, int] | None, speed: float = 1.0
    ) -> tuple[Pixels, Pixels]:
        """Another moment's clip and its background: of the same place, the one of a few in which most moves; or,
        without a place, from wherever something moves."""
        crops, side = self.crops, self.crops.side
        channels = crops.config.channels
        best: tuple[float, Pixels, Pixels] | None = None
        for _ in range(TRIES if place else 1):
            number, target = crops.pick(rng)
            y, x = place or self._place(number, target, rng, anywhere=False)
            clip = self._clip(number, target, y, x, speed)
            moving = float(np.abs(clip[-channels:] - clip[-2 * channels : -channels]).mean())
            if best is None or moving > best[0]:
                best = moving, clip, self.backgrounds[number][:, y : y + side, x : x + side]
        assert best is not None
        return best[1:]

    def _paste(self, sample: _Sample, kind: str, other: tuple[Pixels, Pixels], rng: np.random.Generator) -> None:
        """Lay a piece of another moment over the sample."""
        piece, background = other
        channels = len(background)
        frames = len(piece) // channels
        frame = pasting.rectangle(self.crops.side, rng)
        if kind in ("fast", "replayed"):
            # What stands still in a replay is as normal as ever.
            change = np.abs(piece[-channels:] - piece[-2 * channels : -channels]).max(axis=0)
            moving = cv2.blur(change, (9, 9)) > MOVES
            sample.clip = sample.clip * (1 - frame) + piece * frame
            sample.covered = figures(piece[-channels:], background)[0] * moving * frame
            return
        masks = figures(piece, background) * frame
        if rng.random() < RECOLOURED:
            piece = pasting.recoloured(piece, channels, rng)
        if kind == "glide":  # one moment's figure, carried along a straight line
            masks, piece = np.repeat(masks[-1:], frames, axis=0), np.tile(piece[-channels:], (frames, 1, 1))
            warps = pasting.glides(frame, frames, rng)
        else:
            warps = [self._warp(kind, frame, rng)] * frames
        sample.clip, sample.covered = lay(sample.clip, piece, masks, warps)

    @staticmethod
    def _warp(kind: str, frame: Pixels, rng: np.random.Generator) -> pasting.Warp:
        match kind:
            case "shape":
                return pasting.stretched(frame, rng)
            case "mirrored":
                return pasting.mirrored(frame)
            case "turned":
                return pasting.turned(frame, rng)
            case "moved":
                return pasting.moved(frame, rng)
            case _:
                return pasting.varied(frame, rng)

    def _stand(self, sample: _Sample, rng: np.random.Generator) -> None:
        """Something that has stood here for a while: a figure, a thing, or a patch of other light."""
        side, channels = self.crops.side, self.crops.config.channels
        now = sample.clip[-channels:]
        which = rng.random()
        if which < 0.35:
            piece, background = self._other(rng, None)
            frame = pasting.rectangle(side, rng)
            mask = figures(piece[-channels:], background)[:1] * frame
            warp = pasting.moved(frame, rng)
            thing, shown = piece[-channels:], np.asarray(cv2.warpAffine(mask[0], warp, (side, side)), np.float32)
            thing = np.stack([cv2.warpAffine(t, warp, (side, side), borderMode=cv2.BORDER_REPLICATE) for t in thing])
        elif which < 0.85:
            shown, thing = pasting.blob(side, rng, soft=False), self._texture(rng)
        else:
            shown = pasting.blob(side, rng, soft=True)
            gain = rng.uniform(0.3, 0.7) if rng.random() < 0.5 else rng.uniform(1.4, 2.5)
            thing = np.asarray(np.clip(now * gain + rng.uniform(-10, 30), 0, 255), np.float32)
        frames = len(sample.clip) // channels
        sample.clip = sample.clip * (1 - shown) + np.tile(thing, (frames, 1, 1)) * shown
        sample.covered = shown * pasting.visible(now, sample.clip[-channels:])
        part = halved(shown) * (1 - np.exp(-rng.exponential(STAYS_S)))
        sample.state = sample.state * (1 - part) + halved(thing) * part

    def _texture(self, rng: np.random.Generator) -> Pixels:
        """What a thing may be made of: a piece of the picture, or of nearly one colour."""
        side = self.crops.side
        picture = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
        y, x = (int(rng.integers(length - side + 1)) for length in picture.shape[1:])
        piece = picture[:, y : y + side, x : x + side]
        if rng.random() < 0.5:
            mean = piece.mean(axis=(1, 2), keepdims=True)
            piece = np.clip(mean + (piece - mean) * 0.3 + rng.uniform(-60, 60, (len(piece), 1, 1)), 0, 255)
        return np.asarray(piece, np.float32)

    def _lit(self, sample: _Sample, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        """The network's two inputs. Light drifts: a little gain and offset for all, a little more for the scene, which
        the memory never knows quite right."""
        gain, offset = rng.uniform(0.85, 1.15), rng.uniform(-12, 12)
        clip = np.clip(sample.clip * gain + offset, 0, 255)
        behind = (sample.behind * rng.uniform(0.97, 1.03) + rng.uniform(-4, 4)) * gain + offset
        now = halved(clip[-self.crops.config.channels :])
        rest = np.concatenate((now - behind, sample.state * gain + offset - behind)) / 127.5
        return np.asarray(clip / 127.5 - 1, np.float32), np.asarray(rest, np.float32)
