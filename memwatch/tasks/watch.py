"""`memwatch watch`: one camera or recording in, events out as they happen."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from memwatch.clock import iso
from memwatch.config import EventConfig, RegionConfig
from memwatch.errors import EXIT_DONE, EXIT_PARTIAL, UsageError
from memwatch.events import EventBuilder
from memwatch.pipeline import Interrupted, run_session
from memwatch.sinks import EventFile, EventLines, Marked, ScoreRows, Sink, Timeline
from memwatch.sinks.style import clock_text
from memwatch.tasks.camera_state import StateKeeper
from memwatch.tasks.colour import ColourNote, check_colour
from memwatch.tasks.progress import Progress, Steps
from memwatch.tasks.run_files import report_sinks
from memwatch.tasks.score import nearly_all, prepare_folder, require_scores
from memwatch.tasks.session import Loaded, load
from memwatch.types import Event, Tally
from memwatch.video import Source, open_source


@dataclass(slots=True)
class WatchReport:
    """What a watch saw, and where it left things."""

    source: str
    tally: Tally
    files: list[Path]

    @property
    def exit_code(self) -> int:
        return EXIT_PARTIAL if self.tally.broken or self.tally.partial else EXIT_DONE

    def to_dict(self) -> dict[str, Any]:
        tally = self.tally
        return {
            "schema": "memwatch.watch/1",
            "source": self.source,
            "frames": tally.read,
            "scored": tally.scored,
            "broken": tally.broken,
            "over": tally.over,
            "events": tally.events,
            "learned": tally.learned,
            "seconds": round(tally.seconds, 3),
            "files": [str(path) for path in self.files],
            "problems": tally.problems,
        }

    def rows(self) -> list[tuple[str, str]]:
        tally = self.tally
        seen = f"{tally.read} frames, {tally.over} over the threshold, {tally.events} events"
        return [
            (self.source, seen + nearly_all(tally.over, tally.scored)),
            ("memory", f"learned from {tally.learned} frames"),
            *(("problem", text) for text in tally.problems),
            *((path.stem, str(path)) for path in self.files),
        ]


def watch(
    source: str,
    *,
    model: Path | None,
    out: Path | None = None,
    learn: bool = True,
    rate: float | None = None,
    state: Path | None = None,
    fps: float | None = None,
    duration: float | None = None,
    per_day: float | None = None,
    sizes: RegionConfig | None = None,
    stream: TextIO,
    progress: Progress,
) -> WatchReport:
    """Watch `source` until it ends, `duration` seconds of it have passed, or the user stops it.

    Events go to `stream` as NDJSON; with `out` the marked clip, scores, events and a timeline are left there too.
    The memory goes on learning from calm frames unless `learn` is False; `rate` overrides the model's own; what it
    learned is kept in the file `state`, if named, and gone on from the next time. `sizes` says
    which regions count, `per_day` for how many false alarms a day the threshold is meant instead of the model's own.
    """
    if model is None:
        raise UsageError("no model", "name one with --model, as `memwatch train` makes them")
    loaded = load(model, per_day=per_day)
    with ExitStack() as stack:
        camera = stack.enter_context(open_source(source, fps=fps))
        check_colour(camera, loaded)
        if out is not None:
            prepare_folder(out)
        sinks: list[Sink] = [stack.enter_context(EventLines(stream, model=loaded.about()))]
        sinks.append(EventNotes(progress, live=camera.live))
        if camera.live:
            sinks.append(ColourNote(loaded, progress))
        keeper = StateKeeper(state, loaded, camera.name, progress, learns=learn) if state is not None else None
        learn = keeper.learns if keeper else learn
        known = keeper.knowledge if keeper else None
        # Score files have each frame's regularity error, events have no use for it.
        detector = loaded.detector(learn=learn, rate=rate, sizes=sizes, knowledge=known, thrifty=out is None)
        if keeper:
            stack.callback(keeper.save, detector)
        files = _files(out, camera, loaded, sinks, stack) if out is not None else []
        if out is not None:
            sinks += report_sinks(out, stack, camera, verb="watch", address=source, loaded=loaded, learn=learn)
        steps = Steps(progress)
        progress.start("watching", None if camera.live else camera.length)
        stopped: Interrupted | None = None

        def during(tally: Tally) -> bool:
            if keeper:
                keeper.tick(detector)
            return steps(tally) and (duration is None or tally.seconds < duration)

        try:
            tally = run_session(
                camera,
                detector,
                sinks=sinks,
                events=EventBuilder(camera.name, EventConfig()),
                watch=during,
            )
            require_scores(tally, camera.name, loaded.model.config.clip_length)
        except Interrupted as interrupt:
            stopped = interrupt  # the sinks close as at any end: what was seen until now is kept
        progress.done()
    if stopped is not None:
        raise stopped
    return WatchReport(camera.name, tally, files)


class EventNotes(Sink):
    """Says what was seen, in a line of words as an event opens: when, and why it is one."""

    def __init__(self, progress: Progress, *, live: bool) -> None:
        self._progress = progress
        self._live = live

    def on_event(self, event: Event) -> None:
        if event.phase == "opened":
            at = iso(event.start.time) if self._live else clock_text(event.start.seconds)
            self._progress.note(f"{event.source} {at}: {event.reason} (score {event.peak.score.value:.1f})")


def _files(out: Path, camera: Source, loaded: Loaded, sinks: list[Sink], stack: ExitStack) -> list[Path]:
    """Add the sinks of `--out`; answers the files they will leave."""
    clip, timeline = out / "marked.mp4", out / "timeline.png"
    sinks += [
        stack.enter_context(EventFile(out / "events.ndjson", model=loaded.about())),
        stack.enter_context(ScoreRows(out)),
        stack.enter_context(Marked(clip, fps=camera.fps or 10.0)),
        stack.enter_context(Timeline(timeline)),
    ]
    return [clip, out / "scores.csv", out / "regions.csv", out / "events.ndjson", timeline]
