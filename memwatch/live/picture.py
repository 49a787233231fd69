"""What is wrong with a picture as a whole, told apart from what happens in it.

A light that is switched changes nearly all of the picture at once and leaves the edges where they are; an infrared
filter takes the colour; a camera that was moved shows other edges; one that is covered shows none. Each is a named
state, told once, and while a change is under way nothing is scored: the whole picture would be an anomaly.
"""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from memwatch.types import Frame, Image, StateEvent
from memwatch.video import GRAY_CHROMA, chroma

SIZE = (64, 48)
"""Pictures are judged at this size: (width, height)."""
EVERY_S = 0.1
"""No more often than this."""
BEFORE_S = 1.0
"""A picture is compared with one so long ago: lights take up to a second to come."""
CHANGED = 10.0
"""Levels by which a place must differ …"""
MOST = 0.6
"""… in this share of the picture, for a change of the whole."""
STILL = 0.1
"""A change is over when less than this share differs from each picture of the last STILL_S."""
STILL_S = 0.5
LONGEST_S = 10.0
"""A change that goes on for longer is taken as it is."""
SAME_EDGES = 0.5
"""Correlation of the edges before and after, from which on the view is the same."""
COLOURED = 6
"""Levels between a place's channels from which on it has a colour."""
COLOURFUL, COLOURLESS = 0.3, 0.02
"""Shares of places with a colour: of a picture that has colours, and of one that lost them. No single thing that comes
or goes makes the one the other."""
FLAT = 5.0
"""Spread of levels below which a picture shows nothing …"""
DARK = 30.0
"""… for want of light, if its mean is lower than this."""
FROZEN_S = 5.0
"""Pictures that are alike to the last bit for so long come from no living sensor."""
TORN = 0.25
"""Share of the rows, from the bottom up, that are one colour, where there was something before."""

BLIND = ("dark", "covered", "torn")
"""Kinds that last for as long as their cause."""

Small = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Look:
    """A picture in few numbers."""

    seconds: float
    small: Small
    gray: bool
    coloured: float
    """Share of its places that have a colour."""


class PictureWatch:
    """Of one camera; `push` frame by frame, in order."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._looks: deque[Look] = deque()
        self._good: Look | None = None
        """The newest before what is going on began."""
        self._since: float | None = None
        self._kind = ""
        self._print: tuple[int, float] | None = None
        """Of the newest different picture: its check sum, and its seconds."""
        self._frozen = False
        self._whole = False
        """Whether a picture has come that was not torn."""
        self.gray = False
        """Whether the newest picture has no colour."""

    @property
    def kind(self) -> str:
        """What is going on: empty where all is well."""
        return "frozen" if self._frozen else self._kind

    def push(self, frame: Frame) -> list[StateEvent]:
        """What the frame ends or begins. `scene` of a state says what that means for scoring."""
        if frame.gap:
            while len(self._looks) > 1:  # the light may have changed while nobody saw
                self._looks.popleft()
        told = self._still_alive(frame)
        if self._looks and frame.seconds - self._looks[-1].seconds < EVERY_S - 1e-6:
            return told
        look = _look(frame)
        self.gray = look.gray
        torn = self._torn(frame.image)
        if torn and not self._kind:
            return [*told, self._begin(frame, "torn", torn)]
        if self._kind == "torn":
            return told if torn else [*told, self._end(frame, "")]
        self._looks.append(look)
        while len(self._looks) > 2 and look.seconds - self._looks[1].seconds >= BEFORE_S:
            self._looks.popleft()
        if self._kind:
            return told + self._settled(frame, look)
        before = self._looks[0]
        share = _changed(before.small, look.small)
        if share >= MOST or _filtered(before, look, share):
            self._good = before
            return [*told, self._begin(frame, _kind(before, look), share)]
        return told

    def _settled(self, frame: Frame, look: Look) -> list[StateEvent]:
        """What follows from a picture while a change is going on."""
        assert self._good is not None
        assert self._since is not None
        elapsed = look.seconds - self._since
        still = elapsed >= STILL_S and self._stands(look)
        if not still and elapsed < LONGEST_S:
            return []
        kind = _kind(self._good, look)
        if kind in BLIND:  # for as long as it takes
            if kind == self._kind:
                return []
            return [self._begin(frame, kind, _changed(self._good.small, look.small))]
        told = [] if kind == self._kind else [self._begin(frame, kind, _changed(self._good.small, look.small))]
        self._looks.clear()
        self._looks.append(look)
        return [*told, self._end(frame, "relight" if kind == "light" else "anew")]

    def _stands(self, look: Look) -> bool:
        """Whether nothing of size has moved for STILL_S; a light that flickers is now and then as it was."""
        for one in reversed(self._looks):
            if _changed(one.small, look.small) >= STILL:
                return False
            if look.seconds - one.seconds >= STILL_S - 1e-6:
                return True
        return False

    def _begin(self, frame: Frame, kind: str, share: float) -> StateEvent:
        self._since = frame.seconds if self._since is None else self._since
        self._kind = kind
        return self._state(frame, "scene_change", {"kind": kind, "fraction": round(share, 3)}, "hold")

    def _end(self, frame: Frame, scene: str) -> StateEvent:
        kind, self._kind = self._kind, ""
        took = frame.seconds - (self._since if self._since is not None else frame.seconds)
        self._since = None
        facts = {"kind": kind, "over": True, "took_s": round(took, 1), "scene": SCENES[scene]}
        return self._state(frame, "scene_change", facts, scene or "go on")

    def _still_alive(self, frame: Frame) -> list[StateEvent]:
        """Whether the camera sends the same picture over and over."""
        print_ = zlib.crc32(frame.image[::4, ::4].tobytes())
        if self._print is None or self._print[0] != print_ or frame.gap:
            self._print = print_, frame.seconds
            if self._frozen:
                self._frozen = False
                return [self._state(frame, "camera_thawed", {}, "hold" if self._kind else "go on")]
            return []
        same = frame.seconds - self._print[1]
        if self._frozen or same < FROZEN_S:
            return []
        self._frozen = True
        text = f"the same picture for {same:.0f} s"
        return [self._state(frame, "camera_frozen", {"text": text, "since_s": round(same, 1)}, "hold")]

    def _torn(self, image: Image) -> float:
        """Which share of the picture, from below, is one flat colour; 0 unless that is new and not all of it."""
        rows = image[:, :: max(1, image.shape[1] // 64)]
        flat = np.ptp(rows.reshape(len(rows), -1, 3), axis=1).max(axis=1) == 0
        alike = flat & (np.abs(rows[:, 0].astype(np.int16) - rows[-1, 0]).max(axis=1) <= 2)
        count = len(rows) if alike.all() else int(np.argmin(alike[::-1]))
        share = count / len(rows)
        if share < TORN or share == 1:
            self._whole = self._whole or share < TORN
            return 0.0
        # One that always looked so has a black bar, not a torn picture.
        return share if self._whole else 0.0

    def _state(self, frame: Frame, kind: str, facts: dict[str, Any], scene: str) -> StateEvent:
        # What was going on goes on in another light; of a picture that shows nothing nobody knows.
        lasting = scene == "hold" and (kind == "camera_frozen" or facts["kind"] in BLIND)
        return StateEvent(self._camera, kind, frame.time, facts, ends="scene_change" if lasting else "", scene=scene)


SCENES = {
    "": "as it was",
    "relight": "the picture is brought back into the known light",
    "anew": "the scene is learned anew",
}


def _look(frame: Frame) -> Look:
    small = cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_AREA)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)
    spread = small.max(axis=2) - small.min(axis=2)
    return Look(
        frame.seconds, gray, chroma(np.asarray(small, np.uint8)) < GRAY_CHROMA, float((spread >= COLOURED).mean())
    )


def _filtered(before: Look, now: Look, share: float) -> bool:
    """Whether the colour went or came, as an infrared filter takes it; most pictures change their brightness with it,
    by `share` of their places."""
    if before.gray == now.gray:
        return False
    least, most = sorted((before.coloured, now.coloured))
    return share >= MOST / 2 or (least <= COLOURLESS and most >= COLOURFUL)


def _changed(a: Small, b: Small) -> float:
    """Share of the picture in which two differ by CHANGED levels, or by as much of their own, where it is dark."""
    limit = np.minimum(CHANGED, 0.25 * np.maximum(a, b) + 2)
    return float((np.abs(a - b) > limit).mean())


def _kind(before: Look, now: Look) -> str:
    spread = float(now.small.std())
    if spread < FLAT:
        return "dark" if now.small.mean() < DARK else "covered"
    if before.gray != now.gray:
        return "infrared"
    return "light" if _alike(before.small, now.small) >= SAME_EDGES else "moved"


def _alike(a: Small, b: Small) -> float:
    """Correlation of two pictures' edges, whatever their light."""
    first, second = _edges(a), _edges(b)
    return float((first * second).mean() / max(float(first.std() * second.std()), 1e-6))


def _edges(small: Small) -> Small:
    """Where brightness changes, of equal strength all over the picture, without the mean."""
    x, y = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    strength = np.sqrt(x * x + y * y)
    even = strength / (cv2.blur(strength, (9, 9)) + 1)
    return np.asarray(even - even.mean(), np.float32)
