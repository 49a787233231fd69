"""`memwatch evaluate`: a labelled data set in, figures by both protocols out."""

from __future__ import annotations

import time
from pathlib import Path

from memwatch.config import EventConfig, RegionConfig
from memwatch.errors import MemwatchError, UsageError
from memwatch.events import EventBuilder
from memwatch.pipeline import Detector, Knowledge, run_session
from memwatch.tasks.colour import check_colour
from memwatch.tasks.evaluate_clip import ClipFigures, ClipMeasure
from memwatch.tasks.evaluate_report import EvaluateReport, Totals
from memwatch.tasks.progress import Progress, Steps
from memwatch.tasks.score import frames_of
from memwatch.tasks.session import Loaded, load
from memwatch.types import Tally
from memwatch.video import ClipRef, Truth, find_clips, load_truth, open_source


def evaluate(
    dataset: str,
    *,
    model: Path,
    learn: bool = True,
    carry_memory: bool = False,
    fps: float | None = None,
    per_day: float | None = None,
    sizes: RegionConfig | None = None,
    progress: Progress,
) -> EvaluateReport:
    """Score the test part of `dataset` and compare it with its truth.

    Every clip starts from the memory as trained; `carry_memory` hands it on from clip to clip in their order, as
    MNAD's published protocol does. `per_day` and `sizes` set the threshold and the regions that count, as for `watch`.
    Raises UsageError where there is no truth to compare with.
    """
    loaded = load(model, per_day=per_day)
    data = find_clips(dataset, part="test")
    clips = [clip for clip in data.clips if clip.truth is not None]
    if not clips:
        raise UsageError(
            f"{dataset}: no truth found beside its clips", "use `memwatch score` for footage without labels"
        )
    totals = Totals()
    knowledge: Knowledge | None = None
    progress.start("evaluating", frames_of(clips, fps))
    for clip in clips:
        detector = loaded.detector(learn=learn, knowledge=knowledge if carry_memory else None, sizes=sizes)
        try:
            began = time.perf_counter()
            figures, tally = _measure(clip, loaded, detector, fps=fps, progress=progress)
            totals.seconds += time.perf_counter() - began
            totals.add(clip.name, figures, tally)
        except MemwatchError as error:
            if len(clips) == 1:
                raise
            totals.problems.append(f"{clip.name}: {error.line()}")
        knowledge = detector.learner.knowledge
    progress.done()
    if not totals.labels:
        raise MemwatchError(f"{dataset}: not one clip could be evaluated", totals.problems[0])
    memory = "gated" if loaded.detector(learn=learn).learner.learns else "frozen"
    return totals.report(
        model=loaded.path,
        model_id=loaded.model.id,
        threshold=loaded.calibration.threshold,
        dataset=data.name,
        memory=memory + (", carried from clip to clip" if carry_memory else ""),
    )


def _measure(
    clip: ClipRef, loaded: Loaded, detector: Detector, *, fps: float | None, progress: Progress
) -> tuple[ClipFigures, Tally]:
    """One clip's figures; raises MemwatchError where it can't be read or its truth doesn't fit."""
    calibration = loaded.calibration
    with open_source(str(clip.path), fps=fps, name=clip.name) as source:
        check_colour(source, loaded)
        truth = _ClipTruth(clip, length=source.length, fps=fps)
        measure = ClipMeasure(truth.begin, threshold=calibration.threshold, sizes=detector.sizes, cues=calibration.cues)
        events = EventBuilder(clip.name, EventConfig())
        tally = run_session(source, detector, sinks=(measure,), events=events, watch=Steps(progress))
    frames = tally.read + tally.broken
    return measure.figures(frames, truth.whole(frames), clip=clip.name), tally


class _ClipTruth:
    """The truth of a clip that is read before the clip's frames have been counted."""

    def __init__(self, clip: ClipRef, *, length: int | None, fps: float | None) -> None:
        assert clip.truth is not None
        self._clip, self._ref = clip, clip.truth
        self._length, self._fps = length, fps
        self._begun: Truth | None = None
        self._size = (0, 0)

    def begin(self, size: tuple[int, int]) -> Truth:
        """By the length that the clip's header states; where that is not there or does not agree, by a count."""
        self._size = size
        try:
            self._begun = self._load(self._count() if self._length is None else self._length)
        except MemwatchError:
            counted = self._count()
            if counted == self._length:
                raise
            self._begun = self._load(counted)
        return self._begun

    def whole(self, frames: int) -> Truth:
        """Once the clip has turned out to have `frames` frames."""
        if self._begun is None:
            raise MemwatchError(f"{self._clip.name}: too short to score ({frames} frames)", "leave it out")
        return self._begun if len(self._begun.labels) == frames else self._load(frames)

    def _load(self, frames: int) -> Truth:
        return load_truth(self._ref, frames=frames, size=self._size)

    def _count(self) -> int:
        with open_source(str(self._clip.path), fps=self._fps, name=self._clip.name) as source:
            return sum(1 for _ in source) + source.broken
