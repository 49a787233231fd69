"""Whether footage is of the kind that a model was trained on: colour or gray."""

from __future__ import annotations

from itertools import islice

from memwatch.errors import UsageError
from memwatch.sinks import Sink
from memwatch.tasks.progress import Progress
from memwatch.tasks.session import Loaded
from memwatch.types import Frame, Observation
from memwatch.video import GRAY_CHROMA, Source, chroma

FRAMES = 8
"""First frames of a source by which it is judged."""
CLEARLY = 1.5
"""Factor beyond training's own limit between gray and colour: footage near the limit goes with either model."""


def check_colour(source: Source, loaded: Loaded) -> None:
    """Raise UsageError where a recording is clearly colour and the model learned gray footage, or the reverse.

    Such a model would answer, and be wrong without a word. Cameras are let pass (see `ColourNote`).
    """
    if source.live:
        return
    wrong = _mismatch([chroma(frame.image) for frame in islice(source, FRAMES)], loaded)
    if wrong:
        raise UsageError(
            f"{source.name}: {wrong} ({loaded.path})", "train one on footage like this, or give footage of its kind"
        )


class ColourNote(Sink):
    """Says once that a camera's picture is of the other kind; it may turn to infrared at night and must go on."""

    def __init__(self, loaded: Loaded, progress: Progress) -> None:
        self._loaded = loaded
        self._progress = progress
        self._chromas: list[float] = []

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        if len(self._chromas) == FRAMES:
            return
        self._chromas.append(chroma(frame.image))
        if len(self._chromas) == FRAMES and (wrong := _mismatch(self._chromas, self._loaded)):
            self._progress.note(f"{frame.source}: {wrong}; scores may mislead")


def _mismatch(chromas: list[float], loaded: Loaded) -> str | None:
    mean = sum(chromas) / len(chromas)
    trained = loaded.trained_on
    if trained == "gray" and mean > GRAY_CHROMA * CLEARLY:
        return "is in colour, the model was trained on gray footage"
    if trained == "colour" and mean < GRAY_CHROMA / CLEARLY:
        return "is gray, the model was trained on colour footage"
    return None
