"""`memwatch evaluate`: a labelled data set in, figures by both protocols out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from memwatch.errors import EXIT_DONE, EXIT_PARTIAL, MemwatchError, UsageError
from memwatch.pipeline import run_session
from memwatch.scoring import protocols
from memwatch.scoring.metrics import Labels, PixelAuc, Values
from memwatch.scoring.protocols import SMOOTHING_FRAMES, Figures
from memwatch.sinks import Sink
from memwatch.tasks.colour import check_colour
from memwatch.tasks.progress import Progress, Steps
from memwatch.tasks.score import frames_of
from memwatch.tasks.session import Loaded, load
from memwatch.types import Frame, Observation, State, Tally
from memwatch.video import ClipRef, find_clips, load_truth, open_source


class Collected(Sink):
    """Keeps a clip's observations in memory."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if observation is not None:
            self.observations.append(observation)


@dataclass(slots=True)
class EvaluateReport:
    """Figures of one model on one data set."""

    model: Path
    model_id: str
    dataset: str
    memory: str
    """frozen, gated, or gated and carried from clip to clip."""
    clips: int
    frames: int
    filled: int
    broken: int
    causal: Figures
    paper: Figures
    """The same score, each clip stretched by its own extremes; `paper_smoothed` under a Gaussian first."""
    paper_smoothed: Figures
    mnad_paper: Figures
    """MNAD's published score, PSNR and distance fused, of the same predictions."""
    mnad_paper_smoothed: Figures
    psnr_causal: Figures
    pixel_auc: float | None
    seconds: float
    per_clip: list[tuple[str, int, float | None]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return EXIT_PARTIAL if self.problems else EXIT_DONE

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": "memwatch.evaluate/1",
            "model": str(self.model),
            "model_id": self.model_id,
            "dataset": self.dataset,
            "memory": self.memory,
            "frames": self.frames,
            "clips": self.clips,
            "filled": self.filled,
            "broken": self.broken,
            "causal": self.causal.to_dict(),
            "paper": self.paper.to_dict(),
            "paper_smoothed": self.paper_smoothed.to_dict(),
            "mnad": {
                "paper": self.mnad_paper.to_dict(),
                "paper_smoothed": self.mnad_paper_smoothed.to_dict(),
                "psnr_causal": self.psnr_causal.to_dict(),
            },
            "pixel_auc": self.pixel_auc,
            "seconds": round(self.seconds, 3),
            "frames_per_second": round(self.frames / self.seconds, 1) if self.seconds else None,
            "per_clip": [{"clip": name, "frames": n, "auc": auc} for name, n, auc in self.per_clip],
            "problems": self.problems,
        }

    def rows(self) -> list[tuple[str, str]]:
        protocol = {
            "causal": self.causal,
            "paper, min-max": self.paper,
            f"paper, smoothed by {SMOOTHING_FRAMES:.0f} frames": self.paper_smoothed,
            "MNAD's own score, paper": self.mnad_paper,
            "PSNR alone, causal": self.psnr_causal,
        }
        return [
            ("data", f"{self.dataset}: {self.clips} clips, {self.frames} frames, {self.filled} filled"),
            *((name, _figures(figures)) for name, figures in protocol.items()),
            ("pixel AUC", _number(self.pixel_auc)),
            ("memory", self.memory),
            ("speed", f"{self.frames / self.seconds:.0f} frames/s, decoding included" if self.seconds else "–"),
            *(("problem", text) for text in self.problems[:5]),
        ]


def evaluate(
    dataset: str,
    *,
    model: Path,
    learn: bool = True,
    carry_memory: bool = False,
    fps: float | None = None,
    progress: Progress,
) -> EvaluateReport:
    """Score the test part of `dataset` and compare it with its truth.

    Every clip starts from the memory as trained; `carry_memory` hands it on from clip to clip in their order, as
    MNAD's published protocol does. Raises UsageError where there is no truth to compare with.
    """
    loaded = load(model)
    data = find_clips(dataset, part="test")
    clips = [clip for clip in data.clips if clip.truth is not None]
    if not clips:
        raise UsageError(
            f"{dataset}: no truth found beside its clips", "use `memwatch score` for footage without labels"
        )
    scored = _Scored()
    state: State | None = None
    progress.start("evaluating", frames_of(clips, fps))
    for clip in clips:
        detector = loaded.detector(learn=learn, state=state if carry_memory else None)
        collected = Collected()
        began = time.perf_counter()
        try:
            with open_source(str(clip.path), fps=fps, name=clip.name) as source:
                check_colour(source, loaded)
                tally = run_session(source, detector, sinks=(collected,), watch=Steps(progress))
            scored.seconds += time.perf_counter() - began
            scored.add(clip, collected.observations, tally)
        except MemwatchError as error:
            if len(clips) == 1:
                raise
            scored.problems.append(f"{clip.name}: {error.line()}")
        state = detector.state
    progress.done()
    if not scored.labels:
        raise MemwatchError(f"{dataset}: not one clip could be evaluated", scored.problems[0])
    memory = "frozen" if not learn or not loaded.runtime.new_state() else "gated"
    return scored.report(loaded, data.name, memory + (", carried from clip to clip" if carry_memory else ""))


class _Scored:
    """Scores and truth of all clips so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.frames = self.filled = self.broken = 0
        self.names: list[str] = []
        self.labels: list[Labels] = []
        self.values: list[Values] = []
        self.psnr: list[Values] = []
        self.distance: list[Values] = []
        self.pixels = PixelAuc()
        self.masked = False
        self.problems: list[str] = []

    def add(self, clip: ClipRef, observations: list[Observation], tally: Tally) -> None:
        """Compare one clip with its truth; raises MemwatchError where they don't fit."""
        frames = tally.read + tally.broken
        if not observations:
            raise MemwatchError(f"{clip.name}: too short to score ({frames} frames)", "leave it out")
        assert clip.truth is not None
        truth = load_truth(clip.truth, frames=frames, size=observations[0].size)
        at = [o.index for o in observations]
        filled = protocols.fill_head([o.score.value for o in observations], frames, at=at, clip=clip.name)
        self.names.append(clip.name)
        self.labels.append(truth.labels)
        self.values.append(filled.values)
        for kept, values in (
            (self.psnr, [o.score.psnr for o in observations]),
            (self.distance, [o.score.distance for o in observations]),
        ):
            kept.append(protocols.fill_head(values, frames, at=at, clip=clip.name).values)
        self.frames += frames
        self.filled += filled.head
        self.broken += tally.broken
        if tally.broken or tally.partial:
            self.problems += [f"{clip.name}: {problem}" for problem in tally.problems]
        if truth.masks is not None:
            self.masked = True
            newest = np.maximum(np.searchsorted(at, np.arange(frames), side="right") - 1, 0)
            for index in range(frames):
                grid = observations[newest[index]].map
                assert grid is not None
                self.pixels.add(grid, truth.masks(index))

    def report(self, loaded: Loaded, dataset: str, memory: str) -> EvaluateReport:
        own = [protocols.causal([v], [t]).auc for v, t in zip(self.values, self.labels, strict=True)]
        mnad = [protocols.mnad_anomaly(p, d) for p, d in zip(self.psnr, self.distance, strict=True)]
        return EvaluateReport(
            model=loaded.path,
            model_id=loaded.model.id,
            dataset=dataset,
            memory=memory,
            clips=len(self.names),
            frames=self.frames,
            filled=self.filled,
            broken=self.broken,
            causal=protocols.causal(self.values, self.labels),
            paper=protocols.paper_of(self.values, self.labels),
            paper_smoothed=protocols.paper_of(self.values, self.labels, smoothing=SMOOTHING_FRAMES),
            mnad_paper=protocols.paper(self.psnr, self.distance, self.labels),
            mnad_paper_smoothed=protocols.paper_of(mnad, self.labels, smoothing=SMOOTHING_FRAMES),
            psnr_causal=protocols.causal([-p for p in self.psnr], self.labels),
            pixel_auc=self.pixels.value() if self.masked else None,
            seconds=self.seconds,
            per_clip=[(n, len(t), auc) for n, t, auc in zip(self.names, self.labels, own, strict=True)],
            problems=self.problems,
        )


def _figures(figures: Figures) -> str:
    macro = f"macro {_number(figures.macro_auc)} ({figures.macro_clips} clips)"
    return f"AUC {_number(figures.auc)}   {macro}   EER {_number(figures.eer)}   AP {_number(figures.ap)}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
