"""Figures of all clips together, as a table and as JSON. docs/metrics.md defines each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memwatch.errors import EXIT_DONE, EXIT_PARTIAL
from memwatch.scoring import protocols
from memwatch.scoring.detection import DetectionCurve, Point
from memwatch.scoring.metrics import Labels, PixelAuc, Values, auc, eer
from memwatch.scoring.protocols import SMOOTHING_FRAMES, Figures
from memwatch.scoring.segments import CONFIDENCE, Outcome
from memwatch.tasks.evaluate_clip import ClipFigures
from memwatch.tasks.evaluate_map import MapFigures
from memwatch.types import Tally


@dataclass(frozen=True, slots=True)
class MapReport:
    """What one map, all cues' or a single cue's, gives on a data set; None where the truth leaves it open."""

    auc: float | None
    """Causal, of the map's highest value in each frame."""
    pixel_auc: float | None
    rbdc: float | None
    tbdc: float | None
    at_threshold: Point | None
    """Regions, tracks and false regions at the model's threshold."""
    mean_iou: float | None
    """Of the regions found at the threshold."""
    alarms: Outcome

    def to_dict(self) -> dict[str, Any]:
        return {
            "auc": self.auc,
            "pixel_auc": self.pixel_auc,
            "rbdc": self.rbdc,
            "tbdc": self.tbdc,
            "mean_iou": self.mean_iou,
            "regions_found": self.at_threshold.regions if self.at_threshold else None,
            "tracks_found": self.at_threshold.tracks if self.at_threshold else None,
            "false_regions_per_frame": self.at_threshold.false_regions if self.at_threshold else None,
            "segments": len(self.alarms.delays),
            "segments_found": self.alarms.segments_found,
            "median_delay_s": self.alarms.median_delay_s,
            "median_delay_scored_s": self.alarms.median_delay_scored_s,
            "alarms": self.alarms.alarms,
            "misplaced_alarms": self.alarms.misplaced,
            "false_alarms": self.alarms.false,
            "false_alarms_per_day": self.alarms.false_alarms_per_day,
            "false_alarms_per_day_bounds": self.alarms.false_alarms_per_day_bounds,
            "normal_hours": round(self.alarms.normal_s / 3600, 5),
        }


@dataclass(slots=True)
class EvaluateReport:
    """Figures of one model on one data set."""

    model: Path
    model_id: str
    threshold: float
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
    combined: MapReport
    pixel_level: tuple[float | None, float | None]
    """AUC and EER by UCSD's pixel-level criterion."""
    cues: dict[str, MapReport]
    """Each cue alone, held against the same threshold."""
    seconds: float
    per_clip: list[tuple[str, int, float | None]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return EXIT_PARTIAL if self.problems else EXIT_DONE

    @property
    def pixel_auc(self) -> float | None:
        return self.combined.pixel_auc

    def to_dict(self) -> dict[str, Any]:
        combined = self.combined.to_dict()
        del combined["auc"]  # it is the causal protocol's
        return {
            "schema": "memwatch.evaluate/1",
            "model": str(self.model),
            "model_id": self.model_id,
            "threshold": self.threshold,
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
            **combined,
            "pixel_level": {"auc": self.pixel_level[0], "eer": self.pixel_level[1]},
            "cues": {name: cue.to_dict() for name, cue in self.cues.items()},
            "seconds": round(self.seconds, 3),
            "frames_per_second": round(self.frames / self.seconds, 1) if self.seconds else None,
            "per_clip": [{"clip": name, "frames": n, "auc": auc} for name, n, auc in self.per_clip],
            "problems": self.problems,
        }

    def rows(self) -> list[tuple[str, str]]:
        frames = {
            "causal": self.causal,
            "paper, min-max": self.paper,
            f"paper, smoothed by {SMOOTHING_FRAMES:.0f} frames": self.paper_smoothed,
            "MNAD's own score, paper": self.mnad_paper,
            "PSNR alone, causal": self.psnr_causal,
        }
        return [
            ("data", f"{self.dataset}: {self.clips} clips, {self.frames} frames, {self.filled} filled"),
            *((name, _figures(figures)) for name, figures in frames.items()),
            *self._rows_of_places(),
            *_rows_of_alarms(self.combined.alarms, self.threshold),
            *((f"cue {name}", _cue(cue)) for name, cue in self.cues.items()),
            ("memory", self.memory),
            ("speed", f"{self.frames / self.seconds:.0f} frames/s, decoding included" if self.seconds else "–"),
            *(("problem", text) for text in self.problems[:5]),
        ]

    def _rows_of_places(self) -> list[tuple[str, str]]:
        if self.pixel_auc is None and self.combined.rbdc is None:
            return []
        criterion = f"40 % covered: AUC {_number(self.pixel_level[0])}, EER {_number(self.pixel_level[1])}"
        rows = [("pixels", f"AUC {_number(self.pixel_auc)}   {criterion}")]
        point = self.combined.at_threshold
        if point is not None:
            found = f"{_number(point.regions)} of regions, {_number(point.tracks)} of tracks"
            false = f"{point.false_regions:.3f} false regions a frame"
            rows += [
                ("regions, tracks", f"RBDC {_number(self.combined.rbdc)}   TBDC {_number(self.combined.tbdc)}"),
                ("found at the threshold", f"{found}, {false}, mean IoU {_number(self.combined.mean_iou)}"),
            ]
        return rows


class Totals:
    """Scores, truth and counts of all clips so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.names: list[str] = []
        self.labels: list[Labels] = []
        self.problems: list[str] = []
        self._frames = self._filled = self._broken = 0
        self._psnr: list[Values] = []
        self._distance: list[Values] = []
        self._covering: list[float] = []
        self._covered: list[bool] = []
        self._combined: _MapTotals | None = None
        self._cues: dict[str, _MapTotals] = {}

    def add(self, name: str, clip: ClipFigures, tally: Tally) -> None:
        """Count one clip."""
        self.names.append(name)
        self.labels.append(clip.labels)
        self._frames += len(clip.labels)
        self._filled += clip.filled
        self._broken += tally.broken
        self._psnr.append(clip.psnr)
        self._distance.append(clip.distance)
        self._covering += clip.covering
        self._covered += clip.covered
        if self._combined is None:
            self._combined = _MapTotals(clip.combined)
            self._cues = {cue: _MapTotals(figures) for cue, figures in clip.cues.items()}
        else:
            self._combined.add(clip.combined)
            for cue, figures in clip.cues.items():
                self._cues[cue].add(figures)
        if tally.broken or tally.partial:
            self.problems += [f"{name}: {problem}" for problem in tally.problems]

    def report(self, *, model: Path, model_id: str, threshold: float, dataset: str, memory: str) -> EvaluateReport:
        """The figures of all clips; at least one has been added."""
        assert self._combined is not None
        values, labels = self._combined.values, self.labels
        own = [auc(v, t) for v, t in zip(values, labels, strict=True)]
        mnad = [protocols.mnad_anomaly(p, d) for p, d in zip(self._psnr, self._distance, strict=True)]
        return EvaluateReport(
            model=model,
            model_id=model_id,
            threshold=threshold,
            dataset=dataset,
            memory=memory,
            clips=len(self.names),
            frames=self._frames,
            filled=self._filled,
            broken=self._broken,
            causal=protocols.causal(values, labels),
            paper=protocols.paper_of(values, labels),
            paper_smoothed=protocols.paper_of(values, labels, smoothing=SMOOTHING_FRAMES),
            mnad_paper=protocols.paper(self._psnr, self._distance, labels),
            mnad_paper_smoothed=protocols.paper_of(mnad, labels, smoothing=SMOOTHING_FRAMES),
            psnr_causal=protocols.causal([-p for p in self._psnr], labels),
            combined=self._combined.report(labels, threshold),
            pixel_level=(auc(self._covering, self._covered), eer(self._covering, self._covered)),
            cues={name: cue.report(labels, threshold) for name, cue in self._cues.items()},
            seconds=self.seconds,
            per_clip=[(n, len(t), own_auc) for n, t, own_auc in zip(self.names, labels, own, strict=True)],
            problems=self.problems,
        )


class _MapTotals:
    """One map's figures of all clips so far."""

    def __init__(self, first: MapFigures) -> None:
        self.values: list[Values] = []
        self._curve = DetectionCurve(first.curve.levels)
        self._pixels = PixelAuc()
        self._alarms = Outcome()
        self.add(first)

    def add(self, clip: MapFigures) -> None:
        self.values.append(clip.values)
        self._curve.merge(clip.curve)
        self._pixels.merge(clip.pixels)
        self._alarms.merge(clip.alarms)

    def report(self, labels: list[Labels], threshold: float) -> MapReport:
        points = self._curve.points()
        return MapReport(
            auc=protocols.causal(self.values, labels).auc,
            pixel_auc=self._pixels.value(),
            rbdc=self._curve.rbdc(),
            tbdc=self._curve.tbdc(),
            at_threshold=points[self._curve.levels.index(threshold)] if points else None,
            mean_iou=self._curve.mean_iou(threshold),
            alarms=self._alarms,
        )


def _rows_of_alarms(alarms: Outcome, threshold: float) -> list[tuple[str, str]]:
    rows = []
    if alarms.delays:
        delay, later = alarms.median_delay_s, alarms.median_delay_scored_s
        soon = f", median delay {delay:.1f} s" if delay is not None else ""
        if delay is not None and later is not None and later < delay - 0.05:
            soon += f" ({later:.1f} s from the first frame scored)"
        rows.append((f"alarms at {threshold:.2f}", f"{_segments(alarms)} segments found{soon}"))
    rate, bounds = alarms.false_alarms_per_day, alarms.false_alarms_per_day_bounds
    if rate is not None and bounds is not None:
        seen = f"{alarms.false} in {_span(alarms.normal_s)} of normal footage"
        sure = f"{100 * CONFIDENCE:.0f} % sure: {bounds[0]:,.0f} … {bounds[1]:,.0f}"
        text = f"{seen}: {rate:,.0f} a day ({sure})"
        misplaced = f", {alarms.misplaced} beside what is odd" if alarms.misplaced else ""
        rows.append(("false alarms", text + misplaced))
    return rows


def _span(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def _segments(alarms: Outcome) -> str:
    return f"{sum(d is not None for d in alarms.delays)} of {len(alarms.delays)}"


def _cue(cue: MapReport) -> str:
    text = f"AUC {_number(cue.auc)}"
    if cue.pixel_auc is not None:
        text += f"   pixels {_number(cue.pixel_auc)}"
    if cue.rbdc is not None:
        text += f"   RBDC {_number(cue.rbdc)}   TBDC {_number(cue.tbdc)}"
    alarms = cue.alarms
    if alarms.delays:
        text += f"   segments {_segments(alarms)}"
    if alarms.median_delay_s is not None:
        text += f" after {alarms.median_delay_s:.1f} s"
    rate = alarms.false_alarms_per_day
    return text + (f"   false {rate:,.0f} a day" if rate is not None else "")


def _figures(figures: Figures) -> str:
    macro = f"macro {_number(figures.macro_auc)} ({figures.macro_clips} clips)"
    return f"AUC {_number(figures.auc)}   {macro}   EER {_number(figures.eer)}   AP {_number(figures.ap)}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
