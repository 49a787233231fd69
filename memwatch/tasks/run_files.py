"""What every run leaves for its report, whichever verb made it."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from memwatch.sinks import Sink
from memwatch.sinks.event_pictures import PICTURES, EventPictures
from memwatch.sinks.run_file import RUN, RunFile
from memwatch.tasks.session import Loaded
from memwatch.video import Source, redact

_OURS = re.compile(r"[0-9A-Z]{26}(-map)?\.jpg")


def report_sinks(
    folder: Path, stack: ExitStack, source: Source, *, verb: str, address: str, loaded: Loaded, learn: bool
) -> list[Sink]:
    """The sinks, entered on `stack`, that leave `run.json` and the pictures of events in `folder`.

    address: what names the source, as the user gave it; a recording's is kept whole, so that its truth is found.
    """
    about = {
        "verb": verb,
        "source": redact(address) if source.live else str(Path(address).absolute()),
        "live": source.live,
        "fps": source.fps,
        "memory": _memory(loaded, learn),
        "model": about_model(loaded),
    }
    pictures = stack.enter_context(EventPictures(folder / PICTURES))
    return [pictures, stack.enter_context(RunFile(folder / RUN, about=about))]


def about_model(loaded: Loaded) -> dict[str, Any]:
    """The model's name, its card and how it sees, for the record of a run."""
    config = loaded.model.config
    return loaded.about() | {
        "file": loaded.path.name,
        "picture": f"{config.width}×{config.height} {config.colour}",
        "cues": list(loaded.calibration.cues),
        "calibrated_on_s": loaded.calibration.seconds,
        "card": loaded.model.card,
    }


def remove_report_files(folder: Path) -> None:
    """Undo what an earlier run left: nothing else that lies in the folder is touched."""
    with suppress(OSError):
        (folder / RUN).unlink()
    for path in (folder / PICTURES).glob("*.jpg"):
        if _OURS.fullmatch(path.name):  # --out beside the footage may make this a folder of the user's
            with suppress(OSError):
                path.unlink()
    with suppress(OSError):
        (folder / PICTURES).rmdir()


def _memory(loaded: Loaded, learn: bool) -> str:
    if not loaded.runtime.new_state():
        return "none"
    return "gated" if learn else "frozen"
