"""`memwatch score`: recordings in, a folder of results for each out."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from memwatch.config import EventConfig, RegionConfig
from memwatch.errors import EXIT_DONE, EXIT_PARTIAL, MemwatchError, SourceError, UsageError
from memwatch.events import EventBuilder
from memwatch.files import write_text
from memwatch.pipeline import run_session
from memwatch.sinks import EventFile, Marked, ScoreRows, Sink
from memwatch.tasks.colour import check_colour
from memwatch.tasks.progress import Progress, Steps
from memwatch.tasks.run_files import remove_report_files, report_sinks
from memwatch.tasks.session import Loaded, load
from memwatch.types import Tally
from memwatch.video import ClipRef, find_clips, open_source

SUMMARY = "summary.json"
"""Written last: a clip's folder that holds it is complete."""
RESULTS = (SUMMARY, "scores.csv", "regions.csv", "scores.ndjson", "events.ndjson", "marked.mp4")
"""All that may lie in a clip's folder: whatever else is there is the user's."""
NEARLY_ALL, FEW = 0.9, 50
"""Share of the scored frames, and of so many at least, over the threshold, at which the model looks like another's."""


@dataclass(slots=True)
class ScoreReport:
    """What was scored, clip by clip."""

    out: Path
    model_id: str
    clips: list[dict[str, Any]] = field(default_factory=list)
    skipped: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        damaged = any(clip["broken"] or clip["partial"] for clip in self.clips)
        return EXIT_PARTIAL if self.failed or damaged else EXIT_DONE

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": "memwatch.score/1",
            "out": str(self.out),
            "model_id": self.model_id,
            "clips": self.clips,
            "skipped": self.skipped,
            "failed": self.failed,
        }

    def rows(self) -> list[tuple[str, str]]:
        rows = [(clip["clip"], _sentence(clip)) for clip in self.clips]
        if self.skipped:
            rows.append(("done before", f"{self.skipped} clips"))
        rows += [("failed", text) for text in self.failed]
        return [*rows, ("results", str(self.out))]


def score(
    sources: list[str],
    *,
    model: Path,
    out: Path,
    fmt: Literal["csv", "ndjson"] = "csv",
    annotate: bool = False,
    resume: bool = False,
    fps: float | None = None,
    learn: bool = True,
    per_day: float | None = None,
    sizes: RegionConfig | None = None,
    progress: Progress,
) -> ScoreReport:
    """Score every clip of `sources` into a folder of its own under `out`.

    Each clip starts from the memory as trained. A clip that can't be read does not stop the others. `resume` skips
    clips that are complete and were scored by this model with these options. `sizes` says which regions count,
    `per_day` for how many false alarms a day the threshold is meant instead of the model's own.
    """
    loaded = load(model, per_day=per_day)
    sizes = sizes or RegionConfig()
    done_as = {"model_id": loaded.model.id, "format": fmt, "annotate": annotate, "learn": learn, "fps": fps}
    done_as["threshold"] = loaded.calibration.threshold
    done_as |= sizes.to_dict()
    clips = _named([clip for source in sources for clip in find_clips(source, part="any").clips])
    prepare_folder(out, resume=resume)
    report = ScoreReport(out, loaded.model.id)
    progress.start("scoring", frames_of(clips, fps))
    for clip in clips:
        folder = out / clip.name
        if resume and _complete(folder, done_as):
            report.skipped += 1
            continue
        _clear(folder)
        try:
            tally = _score_clip(
                clip, folder, loaded, fmt=fmt, annotate=annotate, fps=fps, learn=learn, sizes=sizes, progress=progress
            )
        except MemwatchError as error:
            _clear(folder)
            if len(clips) == 1 or not isinstance(error, SourceError | UsageError):
                raise
            report.failed.append(f"{clip.name}: {error.line()}")
            progress.note(report.failed[-1])
            continue
        summary = _summary(clip, tally, loaded) | done_as
        write_text(folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
        report.clips.append(summary)
    progress.done()
    if not report.clips and not report.skipped:
        raise MemwatchError(f"{out}: not one of {len(clips)} clips could be scored", report.failed[0])
    return report


def prepare_folder(out: Path, *, resume: bool = False) -> None:
    """Make the folder for results; UsageError if it holds something already, MemwatchError if it can't be written."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file, not a folder", "choose another --out")
    if out.is_dir() and not resume and any(out.iterdir()):
        raise UsageError(f"{out}: the folder exists and is not empty", "choose another --out, or remove it")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MemwatchError(f"{out}: cannot be made ({error.strerror})", "choose a folder you may write to") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise MemwatchError(f"{out}: cannot be written", "choose a folder you may write to")


def frames_of(clips: list[ClipRef], fps: float | None) -> int | None:
    """Frames of all clips, where their sources know; for showing progress only."""
    total = 0
    for clip in clips:
        try:
            with open_source(str(clip.path), fps=fps) as source:
                total += source.length or 0
        except MemwatchError:
            continue  # told when its turn comes
    return total or None


def require_scores(tally: Tally, name: str, clip_length: int) -> None:
    """SourceError where a source ended before a single frame could be scored."""
    if not tally.scored:
        raise SourceError(
            f"{name}: too short to score, {tally.read} readable frames", f"the model needs {clip_length + 1} in a row"
        )


def _score_clip(
    clip: ClipRef,
    folder: Path,
    loaded: Loaded,
    *,
    fmt: Literal["csv", "ndjson"],
    annotate: bool,
    fps: float | None,
    learn: bool,
    sizes: RegionConfig,
    progress: Progress,
) -> Tally:
    with ExitStack() as stack:
        source = stack.enter_context(open_source(str(clip.path), fps=fps, name=clip.name))
        check_colour(source, loaded)
        rows = stack.enter_context(ScoreRows(folder, format=fmt))
        sinks: list[Sink] = [rows, stack.enter_context(EventFile(folder / "events.ndjson", model=loaded.about()))]
        sinks += report_sinks(
            folder, stack, source, verb="score", address=str(clip.path), loaded=loaded, learn=learn
        )
        if annotate:
            sinks.append(stack.enter_context(Marked(folder / "marked.mp4", fps=source.fps or 10.0)))
        events = EventBuilder(clip.name, EventConfig())
        detector = loaded.detector(learn=learn, sizes=sizes)
        tally = run_session(source, detector, sinks=sinks, events=events, watch=Steps(progress))
        require_scores(tally, str(clip.path), loaded.model.config.clip_length)
        rows.pad(tally.read + tally.broken)
    return tally


def _complete(folder: Path, done_as: dict[str, Any]) -> bool:
    """Whether the clip was scored to its end by the same model with the same options."""
    try:
        summary = json.loads((folder / SUMMARY).read_text())
        return all(summary[key] == value for key, value in done_as.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _clear(folder: Path) -> None:
    """Remove an earlier run's results, which a run with other options would leave beside its own, and the folder
    if nothing else is in it: with --out beside the footage it can be the clip's own folder of frames."""
    for name in RESULTS:
        with suppress(OSError):
            (folder / name).unlink()
    remove_report_files(folder)
    with suppress(OSError):
        folder.rmdir()


def _named(clips: list[ClipRef]) -> list[ClipRef]:
    """Names that are folders: the second clip of one name becomes name-2."""
    seen: dict[str, int] = {}
    named = []
    for clip in clips:
        seen[clip.name] = seen.get(clip.name, 0) + 1
        number = seen[clip.name]
        named.append(clip if number == 1 else ClipRef(f"{clip.name}-{number}", clip.path, clip.truth))
    return named


def _summary(clip: ClipRef, tally: Tally, loaded: Loaded) -> dict[str, Any]:
    return {
        "clip": clip.name,
        "frames": tally.read + tally.broken,
        "scored": tally.scored,
        "filled": tally.filled,
        "broken": tally.broken,
        "partial": tally.partial,
        "over": tally.over,
        "events": tally.events,
        "learned": tally.learned,
        "seconds": round(tally.seconds, 3),
        "problems": tally.problems,
    }


def nearly_all(over: int, scored: int) -> str:
    """What is to be asked where nearly every frame is over the threshold; nothing where that is not so."""
    odd = over > NEARLY_ALL * max(scored, FEW)
    return " (nearly all: is it the camera that the model was trained on?)" if odd else ""


def _sentence(clip: dict[str, Any]) -> str:
    text = f"{clip['frames']} frames, {clip['over']} over the threshold, {clip['events']} events"
    text += nearly_all(clip["over"], clip["scored"])
    if clip["broken"]:
        text += f", {clip['broken']} broken"
    if clip["partial"]:
        text += ", ends early"
    return text + (f" ({clip['problems'][0]})" if clip["problems"] else "")
