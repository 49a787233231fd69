"""States that are told outside of a camera's stream reach the outputs too, not only the lines."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from memwatch.live.settings import Camera, Settings
from memwatch.sinks import Lines, Sink
from memwatch.tasks.fleet import Fleet
from memwatch.tasks.progress import Silent
from memwatch.types import StateEvent
from tests.conftest import Trained
from tests.tasks.listeners import asked_to_be_thrifty


class Heard(Sink):
    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.closed = 0

    def on_state(self, state: StateEvent) -> None:
        self.kinds.append(state.kind)

    def close(self) -> None:
        self.closed += 1


def test_the_end_of_a_recording_is_heard_by_outputs(colour_model: Trained, tmp_path: Path) -> None:
    heard, stream = Heard(), io.StringIO()
    camera = Camera(url=colour_model.footage[0], model=colour_model.path)
    fleet = Fleet(
        Settings(data=tmp_path, camera={"yard": camera}),
        lines=Lines(stream),
        progress=Silent(),
        extra=lambda name, status, loaded: [heard],
    )
    fleet.start()
    assert fleet.cameras["yard"].join(60)
    fleet.cameras["yard"].tell(StateEvent("yard", "flood", 1.0))
    fleet.stop()
    assert heard.kinds == ["camera_back", "camera_ended", "flood"]
    assert heard.closed == 1
    told = [json.loads(line)["type"] for line in stream.getvalue().splitlines()]
    assert [kind for kind in told if kind not in ("start", "update", "end")] == heard.kinds


def test_an_output_that_fails_is_counted_and_the_others_hear(colour_model: Trained) -> None:
    class Broken(Sink):
        def on_state(self, state: StateEvent) -> None:
            raise RuntimeError("no")

        on_frame = on_state  # type: ignore[assignment]

    heard = Heard()
    camera = Camera(url=colour_model.footage[0], model=colour_model.path)
    fleet = Fleet(
        Settings(camera={"yard": camera}),
        lines=Lines(io.StringIO()),
        progress=Silent(),
        extra=lambda name, status, loaded: [Broken(), heard],
    )
    fleet.start()
    assert fleet.cameras["yard"].join(60)
    fleet.stop()
    assert heard.kinds == ["camera_back", "camera_ended"]
    counts = fleet.cameras["yard"].status.counts
    assert counts.sink_errors >= 1
    assert counts.scored > 30


def test_cameras_predict_only_what_may_teach(colour_model: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else is predicted is a sixth of a camera's work."""
    asked = asked_to_be_thrifty(monkeypatch)
    recording = Camera(url=colour_model.footage[0], model=colour_model.path)
    fleet = Fleet(Settings(camera={"yard": recording}), lines=Lines(io.StringIO()), progress=Silent())
    fleet.start()
    assert fleet.cameras["yard"].join(60)
    fleet.stop()
    assert asked == [True]


def test_a_recording_beside_a_live_camera_goes_as_it_was_filmed(colour_model: Trained) -> None:
    """As fast as it goes, it would take the machine from the cameras."""
    recording = Camera(url=colour_model.footage[0], model=colour_model.path)
    for other, pace in ((recording, None), (Camera(url="rtsp://127.0.0.1:1/x", model=colour_model.path), 1.0)):
        cameras = {"yard": recording, "gate": other}
        fleet = Fleet(Settings(camera=cameras), lines=Lines(io.StringIO()), progress=Silent())
        assert fleet.cameras["yard"].pace == pace
