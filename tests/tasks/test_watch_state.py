"""`watch --state`: what a camera's memory has learned is kept, and gone on from the next time."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memwatch.errors import MemwatchError, UsageError
from memwatch.pipeline import Interrupted, state_file
from memwatch.pipeline.state_file import load_state, save_state
from memwatch.tasks import camera_state, memory
from memwatch.tasks.session import load
from memwatch.tasks.watch import WatchReport, watch
from tests.conftest import Command, Trained
from tests.scene import film, video
from tests.tasks.listeners import CtrlC, Recorder

COUNT = 160
WHOLE = film(COUNT, seed=21)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("state") / "walk.mp4", WHOLE)


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("halves")
    parts = {"first": WHOLE[: COUNT // 2], "second": WHOLE[COUNT // 2 :]}
    return [video(folder / f"{name}.mp4", frames) for name, frames in parts.items()]


def run(model: Trained, source: Path, **options: Any) -> tuple[WatchReport, Recorder]:
    listener = Recorder()
    how: dict[str, Any] = {"progress": listener, "per_day": 0.01} | options  # hardly a false alarm
    return watch(str(source), model=model.path, stream=io.StringIO(), **how), listener


def test_what_was_learned_is_kept_at_the_end(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "yard.state"
    report, listener = run(colour_model, clip, state=path)
    kept = load_state(path)
    assert listener.notes == []
    assert kept.taken == report.tally.learned > 0
    assert (kept.model, kept.memory, kept.camera, kept.frozen) == (colour_model.id, "mnad", "walk", False)
    assert kept.begun <= kept.saved
    told = memory.show(path, model=colour_model.path).drift
    assert told is not None
    assert told.items.max() > 0
    assert told.scene


def test_two_halves_learn_as_much_as_the_whole_but_for_the_break(
    colour_model: Trained, clip: Path, halves: list[Path], tmp_path: Path
) -> None:
    """What waits at the break is lost, two seconds at five lessons each, and so are the four frames that the first
    clip of the second half needs."""
    run(colour_model, clip, state=tmp_path / "whole.state")
    whole, path = load_state(tmp_path / "whole.state"), tmp_path / "halves.state"
    first, _ = run(colour_model, halves[0], state=path)
    between = load_state(path)
    second, _ = run(colour_model, halves[1], state=path)
    after = load_state(path)
    assert 0 < whole.taken - after.taken <= (2.0 + 0.8) / 0.2 + 1
    assert after.taken == first.tally.learned + second.tally.learned
    assert second.tally.learned > 0
    assert after.begun == between.begun
    assert after.saved > between.saved
    assert (between.camera, after.camera) == ("first", "second")
    drifts = [memory.show(p, model=colour_model.path).drift for p in (tmp_path / "whole.state", path)]
    assert all(drift is not None and drift.items.max() > 0 and drift.scene for drift in drifts)


def test_the_second_time_begins_with_what_the_first_has_learned(
    colour_model: Trained, halves: list[Path], tmp_path: Path
) -> None:
    """Without learning on, what is kept is what was read, bit for bit; and scores are not those of a fresh start."""
    path = tmp_path / "yard.state"
    run(colour_model, halves[0], state=path)
    before = load_state(path)
    assert before.taken > 0
    frozen, _ = run(colour_model, halves[1], state=path, learn=False, out=tmp_path / "known")
    after = load_state(path)
    assert frozen.tally.learned == 0
    assert (after.taken, after.refused, after.undone) == (before.taken, before.refused, before.undone)
    assert all(after.arrays[name].tobytes() == value.tobytes() for name, value in before.arrays.items())
    run(colour_model, halves[1], learn=False, out=tmp_path / "fresh")
    known, fresh = ((tmp_path / name / "scores.csv").read_text() for name in ("known", "fresh"))
    assert known != fresh


def test_a_frozen_state_learns_nothing_and_stays_frozen(
    colour_model: Trained, halves: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "yard.state"
    run(colour_model, halves[0], state=path)
    before = memory.freeze(path).state
    report, _ = run(colour_model, halves[1], state=path)
    after = load_state(path)
    assert report.tally.learned == 0
    assert after.frozen
    assert after.taken == before.taken
    assert all(after.arrays[name].tobytes() == value.tobytes() for name, value in before.arrays.items())
    memory.thaw(path)
    assert run(colour_model, halves[1], state=path)[0].tally.learned > 0


def test_a_state_that_was_reset_begins_as_trained(colour_model: Trained, halves: list[Path], tmp_path: Path) -> None:
    path, fresh = tmp_path / "yard.state", tmp_path / "fresh.state"
    run(colour_model, halves[0], state=path)
    memory.reset(path)
    _, listener = run(colour_model, halves[1], state=path)
    run(colour_model, halves[1], state=fresh)
    assert listener.notes == []
    one, other = load_state(path), load_state(fresh)
    assert one.taken == other.taken
    assert all(one.arrays[name].tobytes() == value.tobytes() for name, value in other.arrays.items())


HARMS = {
    "model": "of another model",
    "memory": "",
    "shape": "",
    "newer": "update memwatch",
    "truncated": "",
    "nan": "",
}
"""What is wrong with a state file, and words that the remedy must have."""


@pytest.mark.parametrize("harm", HARMS)
def test_a_state_that_does_not_fit_is_told_and_set_aside(
    colour_model: Trained, halves: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    path, aside = tmp_path / "yard.state", tmp_path / "yard.state.refused"
    run(colour_model, halves[0], state=path)
    kept = load_state(path)
    match harm:
        case "model" | "memory":
            save_state(path, replace(kept, **{harm: "another"}))
        case "shape":
            save_state(path, replace(kept, arrays={"use": np.ones(3, np.float32)}))
        case "newer":
            with monkeypatch.context() as later:
                later.setattr(state_file, "FORMAT", state_file.FORMAT + 1)
                save_state(path, kept)
        case "truncated":
            path.write_bytes(path.read_bytes()[:-20])
        case "nan":
            bad = {name: np.full_like(value, np.nan) for name, value in kept.arrays.items()}
            save_state(path, replace(kept, arrays=bad))
    before = path.read_bytes()
    report, listener = run(colour_model, halves[1], state=path)
    (note,) = listener.notes
    assert str(path) in note
    assert f"the file is kept as {aside}" in note
    assert HARMS[harm] in note
    assert "\n" not in note
    assert aside.read_bytes() == before
    after = load_state(path)
    assert after.model == colour_model.id
    assert after.taken == report.tally.learned > 0
    assert after.begun > kept.begun


@pytest.mark.parametrize("text", ["once upon a time", "notes\n", '{"shopping": ["milk"]}'])
def test_somebody_elses_file_is_told_and_stays_as_it_is(
    colour_model: Trained, clip: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "notes.txt").write_text(text)
    with pytest.raises(UsageError, match=r"notes\.txt: not a state file") as caught:
        run(colour_model, clip, state=tmp_path / "notes.txt")
    assert caught.value.remedy.startswith("name another file")
    assert (tmp_path / "notes.txt").read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_what_was_set_aside_before_is_not_written_over(
    colour_model: Trained, halves: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "yard.state"
    run(colour_model, halves[0], state=path)
    for model in ("first", "second"):
        save_state(path, replace(load_state(path), model=model))
        run(colour_model, halves[1], state=path)
    aside = [tmp_path / "yard.state.refused", tmp_path / "yard.state.refused-2"]
    assert [load_state(one).model for one in aside] == ["first", "second"]


def test_a_folder_is_no_place_for_a_state_and_stays_where_it_is(
    colour_model: Trained, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "footage").mkdir()
    with pytest.raises(UsageError, match="footage: is a folder"):
        run(colour_model, clip, state=tmp_path / "footage")
    assert [p.name for p in tmp_path.iterdir()] == ["footage"]


def test_an_interrupted_watch_keeps_what_it_learned(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "yard.state"
    with pytest.raises(Interrupted) as caught:
        run(colour_model, clip, state=path, progress=CtrlC("watching", COUNT // 2))
    assert caught.value.tally.read < COUNT
    assert load_state(path).taken == caught.value.tally.learned > 0


def test_it_is_saved_now_and_then_and_a_full_disk_is_told_and_watched_on(
    colour_model: Trained, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each save tells of all that was learned until then, once."""
    monkeypatch.setattr(camera_state, "SAVE_EVERY_S", 0.0)
    taken, save = [], camera_state.save_state

    def saving(path: Path, state: camera_state.CameraState) -> None:
        taken.append(state.taken)
        if len(taken) == 3:
            raise MemwatchError(f"{path}: cannot be written (No space left on device)", "free some space")
        save(path, state)

    monkeypatch.setattr(camera_state, "save_state", saving)
    report, listener = run(colour_model, clip, state=tmp_path / "yard.state")
    (note,) = listener.notes
    assert note.endswith("yard.state: cannot be written (No space left on device). free some space")
    assert len(taken) > 5
    assert taken[0] == 0
    assert taken[-1] == report.tally.learned == load_state(tmp_path / "yard.state").taken


def test_without_a_name_nothing_is_kept(colour_model: Trained, clip: Path, tmp_path: Path) -> None:
    run(colour_model, clip, duration=3.0)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_keeps_a_state_and_shows_it(
    colour_model: Trained, clip: Path, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "yard.state"
    done = command("watch", clip, "--model", colour_model.path, "--state", path, "--duration", "8")
    assert done.code == 0, done.err
    line = ["memory", "show", "--state", path, "--model", colour_model.path, "--picture", tmp_path / "items.png"]
    shown = command(*line, "--format", "json")
    assert shown.code == 0, shown.err
    told = json.loads(shown.out)
    assert told["lessons"] > 0
    assert len(told["use"]) == len(told["drift"]["items"]) == load(colour_model.path).model.config.items
    assert (tmp_path / "items.png").stat().st_size > 10_000
    assert command("memory", "freeze", "--state", path).code == 0
    assert command("watch", clip, "--model", colour_model.path, "--state", path, "--duration", "3").code == 0
    assert load_state(path).taken == told["lessons"]
