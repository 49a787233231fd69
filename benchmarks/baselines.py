"""What a detector has to beat, each causal: frame difference, optical flow, a principal subspace, plain prediction.

Difference and flow learn nothing: frame t is compared with frame t-2, the answer averaged in a window, the largest
window is the score; both also with the median of the last five scores. The subspace and the prediction learn from the
footage that the detector was trained on, and all are calibrated on it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from benchmarks.figures import Series, figures
from benchmarks.judged import Mapped, Rule, judge, last_share
from benchmarks.scenes import LabelledClip
from memwatch.scoring import psnr, squared_error
from memwatch.scoring.errors import windowed
from memwatch.tasks.footage import HELD_OUT
from memwatch.tasks.session import Loaded
from memwatch.types import Frame, Grid
from memwatch.video import GRAY_CHROMA, ClipWindow, chroma, find_clips, open_source

STRIDE = 2
WINDOW = 28
"""Source pixels, as in the published table of Ped2's flow baseline."""
CELL = 8
"""Source pixels between the values of a map that are kept."""
MEDIAN = 5
PREDICTION_WINDOW = 32
"""Network pixels."""
COMPONENTS = 20
SMALL = (128, 64)
"""(width, height) of the frames that the subspace is made of."""
MOST_FRAMES = 1000
"""Training frames that the subspace is fitted to, evenly spaced."""


class Answer(NamedTuple):
    """What a method says of one frame: a score for each of its variants, and a map where it has one."""

    frame: int
    seconds: float
    values: dict[str, float]
    maps: dict[str, Grid]


Method = Callable[[Iterator[Frame]], Iterator[Answer]]
"""One clip's frames, in order, to answers; knows nothing of later frames or of other clips."""


def optical_flow(frames: Iterator[Frame]) -> Iterator[Answer]:
    """Largest windowed mean speed in pixels, from frame 2 on; OpenCV's DIS, medium preset (Kroeger et al. 2016)."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def speed(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.float32]:
        flow = dis.calc(before, now, None)  # type: ignore[call-overload]
        return np.asarray(np.hypot(flow[..., 0], flow[..., 1]), dtype=np.float32)

    yield from _windowed(frames, "optical flow", speed)


def frame_difference(frames: Iterator[Frame]) -> Iterator[Answer]:
    """Largest windowed mean squared difference, from frame 2 on."""

    def difference(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(np.square(now.astype(np.float32) - before), dtype=np.float32)

    yield from _windowed(frames, "frame difference", difference)


class Subspace:
    """The principal subspace of small normal frames; a frame's score is its mean squared distance from it.

    The less a subspace can express, the more it notices: twenty components, on 128 × 64 pixels, in colour where the
    footage is.
    """

    def __init__(self, pictures: NDArray[np.float32], components: int = COMPONENTS) -> None:
        """From normal pictures (N, h, w, C), N >= 2."""
        self.colour = pictures.shape[-1] == 3
        flat = pictures.reshape(len(pictures), -1)
        self.pca = PCA(min(components, *flat.shape), svd_solver="full").fit(flat)

    @classmethod
    def of(cls, footage: Path) -> Subspace:
        """From the part of training footage (a clip, or a data set's training part) that the detector learns from."""
        paths = [clip.path for clip in find_clips(footage, part="train").clips]
        with open_source(str(paths[0])) as source:
            colour = chroma(next(iter(source)).image) >= GRAY_CHROMA
        seen: list[NDArray[np.float32]] = []
        for path in paths:
            with open_source(str(path)) as source:
                pictures = [small(frame.image, colour=colour) for frame in source]
            seen += pictures[: int(len(pictures) * (1 - HELD_OUT))]
        step = -(-len(seen) // MOST_FRAMES)
        return cls(np.stack(seen[::step]))

    def residual(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared distance of each value of a picture from the subspace, in the picture's shape."""
        flat = picture.reshape(1, -1)
        back = self.pca.inverse_transform(self.pca.transform(flat))
        return np.asarray(np.square(flat - back).reshape(picture.shape), dtype=np.float32)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Answer]:
        name = f"principal subspace, {COMPONENTS} components"
        for frame in frames:
            found = self.residual(small(frame.image, colour=self.colour))
            yield Answer(frame.index, frame.seconds, {name: float(found.mean())}, {name: found.mean(axis=2)})


def plain_prediction(loaded: Loaded) -> Method:
    """A prediction network without anything around it: PSNR, and the largest windowed error; memory frozen."""
    runtime, state = loaded.runtime, loaded.runtime.new_state()

    def method(frames: Iterator[Frame]) -> Iterator[Answer]:
        window = ClipWindow(runtime.config)
        for frame in frames:
            clip = window.push(frame)
            if clip is None:
                continue
            error = squared_error(runtime.predict([clip], [state])[0].frame, clip.target)
            grid = windowed(error, PREDICTION_WINDOW)
            name = f"plain prediction, largest {PREDICTION_WINDOW}-pixel window"
            values = {"plain prediction, PSNR": -psnr(error), name: float(grid.max())}
            yield Answer(frame.index, frame.seconds, values, {name: grid})

    return method


def run(
    method: Method,
    clips: Sequence[LabelledClip],
    *,
    normal: Path | None = None,
    learned: bool = False,
    medians: bool = False,
) -> dict[str, dict[str, Any]]:
    """Every variant's `figures` on labelled clips, and its milliseconds a frame, decoding included.

    `normal` footage calibrates the maps, so that alarms and regions can be judged too: all of it, or, where the method
    has `learned` from it, the part that was held out. `medians` adds each variant with the median of its last five
    scores.
    """
    began = time.perf_counter()
    answers = [_answers(method, clip.path) for clip in clips]
    pace = 1000 * (time.perf_counter() - began) / sum(clip.frames for clip in clips)
    rules = _rules(method, normal, learned=learned) if normal else {}
    found: dict[str, dict[str, Any]] = {}
    for name in answers[0][0].values:
        mapped = [_mapped(some, name) for some in answers] if name in answers[0][0].maps else None
        series = [
            Series([a.frame for a in some], [a.values[name] for a in some], mapped[i].maps if mapped else None)
            for i, some in enumerate(answers)
        ]
        found[name] = figures(series, clips) | {"ms": pace}
        if mapped and name in rules:
            found[name] |= judge(rules[name], mapped, clips)
        if medians:
            smooth = [Series(one.at, running_median(one.values)) for one in series]
            found[f"{name}, median of {MEDIAN}"] = figures(smooth, clips) | {"ms": pace}
    return found


def _answers(method: Method, path: Path) -> list[Answer]:
    with open_source(str(path)) as source:
        return list(method(iter(source)))


def _rules(method: Method, normal: Path, *, learned: bool) -> dict[str, Rule]:
    """What normal footage says of each variant that has maps."""
    answers = [_answers(method, clip.path) for clip in find_clips(normal, part="train").clips]
    rules = {}
    for name in answers[0][0].maps:
        mapped = [_mapped(some, name) for some in answers]
        rules[name] = Rule.fit(last_share(mapped, HELD_OUT) if learned else mapped)
    return rules


def _mapped(answers: Sequence[Answer], name: str) -> Mapped:
    return Mapped([a.frame for a in answers], [a.seconds for a in answers], [a.maps[name] for a in answers])


def running_median(values: Sequence[float], length: int = MEDIAN) -> list[float]:
    """Median of the last `length` values, causal."""
    return [float(np.median(values[max(0, i + 1 - length) : i + 1])) for i in range(len(values))]


def small(image: NDArray[np.uint8], *, colour: bool) -> NDArray[np.float32]:
    """BGR picture (H, W, 3) to (64, 128, 3) in [0, 1], or to (64, 128, 1) without its colour."""
    scaled = cv2.resize(image, SMALL, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.asarray(scaled if colour else scaled.mean(axis=2, keepdims=True), dtype=np.float32)


def _windowed(
    frames: Iterator[Frame],
    name: str,
    compare: Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]],
) -> Iterator[Answer]:
    before: deque[NDArray[np.uint8]] = deque(maxlen=STRIDE + 1)
    for frame in frames:
        before.append(np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), dtype=np.uint8))
        if len(before) > STRIDE:
            found = cv2.blur(compare(before[0], before[-1]), (WINDOW, WINDOW))
            grid = np.ascontiguousarray(found[CELL // 2 :: CELL, CELL // 2 :: CELL], dtype=np.float32)
            yield Answer(frame.index, frame.seconds, {name: float(found.max())}, {name: grid})
