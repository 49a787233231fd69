"""`memwatch calibrate`: what is normal is measured anew, and the network stays what it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from memwatch.model import load_model
from memwatch.tasks import counted
from memwatch.tasks import footage as reading
from memwatch.tasks.suspects import Suspect
from tests.conftest import Command, Outcome, Trained, weights_of
from tests.scene import film, video


@pytest.fixture(scope="module")
def flickering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Normal footage of a place where what is odd elsewhere happens all day."""
    return video(tmp_path_factory.mktemp("other") / "flicker.mp4", film(120, seed=9, odd=range(0, 120, 2)))


def calibrated(command: Command, model: Path, *footage: Path | str, out: Path, more: tuple[str, ...] = ()) -> Outcome:
    return command("calibrate", model, *footage, "--out", out, "--format", "json", *more)


def scores(command: Command, model: Path, clip: Path, out: Path) -> list[float]:
    assert command("score", clip, "--model", model, "--out", out, "--no-learn").code == 0
    with (out / clip.stem / "scores.csv").open(newline="") as file:
        return [float(row["score"]) for row in csv.DictReader(file) if row["state"] == "scored"]


def test_scores_change_and_weights_do_not(
    colour_model: Trained, flickering: Path, tmp_path: Path, command: Command
) -> None:
    before = colour_model.path.read_bytes()
    done = calibrated(command, colour_model.path, flickering, out=tmp_path / "new.safetensors")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["schema"] == "memwatch.calibrate/1"
    assert report["model"] == str(tmp_path / "new.safetensors")
    assert report["held_out"]["frames"] >= 100  # all of it is unseen
    assert weights_of(tmp_path / "new.safetensors") == colour_model.weights
    assert colour_model.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["new.safetensors"]

    clip = video(tmp_path / "clip.mp4", film(30, seed=12, odd=range(12, 24)))
    old = scores(command, colour_model.path, clip, tmp_path / "old")
    new = scores(command, tmp_path / "new.safetensors", clip, tmp_path / "new")
    assert len(old) == len(new)
    assert max(new) < max(old)  # what flickers is ordinary now


def test_the_report_is_what_the_model_file_says(
    colour_model: Trained, flickering: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "new.safetensors"
    held = json.loads(calibrated(command, colour_model.path, flickering, out=out).out)["held_out"]
    record = load_model(out).calibration
    assert record is not None
    assert (held["threshold"], held["gate"]) == (record["threshold"], record["gate"])
    assert (held["frames"], held["seconds"]) == (record["frames"], pytest.approx(record["seconds"], abs=0.1))


def test_held_out_takes_only_what_training_kept_apart(colour_model: Trained, tmp_path: Path, command: Command) -> None:
    """And so comes to what training itself came to."""
    out = tmp_path / "same.safetensors"
    done = calibrated(command, colour_model.path, *colour_model.footage, out=out, more=("--held-out",))
    assert done.code == 0, done.err
    again, first = load_model(out).calibration, load_model(colour_model.path).calibration
    assert again is not None
    assert first is not None
    assert (again["frames"], again["threshold"]) == (first["frames"], pytest.approx(colour_model.threshold, rel=1e-4))
    all_of_it = calibrated(command, colour_model.path, *colour_model.footage, out=tmp_path / "all.safetensors")
    assert json.loads(all_of_it.out)["held_out"]["frames"] > 4 * again["frames"]
    asked = "was trained on footage of that name; if it is the same, add --held-out"
    assert asked in all_of_it.err
    assert asked not in done.err


def test_without_out_the_model_is_written_where_it_was(
    colour_model: Trained, flickering: Path, tmp_path: Path, command: Command
) -> None:
    model = tmp_path / "mine.safetensors"
    model.write_bytes(colour_model.path.read_bytes())
    assert command("calibrate", model, flickering).code == 0
    assert model.read_bytes() != colour_model.path.read_bytes()
    assert weights_of(model) == colour_model.weights
    assert [path.name for path in tmp_path.iterdir()] == [model.name]


@pytest.mark.parametrize(
    ("seconds", "out", "says"),
    [
        (1.0, "new.safetensors", r"too short to calibrate on"),
        (0.0, "new.safetensors", r"nowhere.mp4: no such file"),
        (4.0, "new.pt", r"a model's name ends in .safetensors"),
    ],
)
def test_refusals_leave_nothing(
    colour_model: Trained, tmp_path: Path, command: Command, seconds: float, out: str, says: str
) -> None:
    clip = tmp_path / "nowhere.mp4"
    if seconds:
        clip = video(tmp_path / "clip.mp4", film(round(10 * seconds), seed=2))
    before = set(tmp_path.iterdir())
    done = calibrated(command, colour_model.path, clip, out=tmp_path / out)
    assert done.code == 2
    assert says in done.complaint()
    assert set(tmp_path.iterdir()) == before
    assert done.out == ""


def test_from_clips_too_short_to_tell_what_stays_it_is_not_asked(
    colour_model: Trained, tmp_path: Path, command: Command
) -> None:
    """Else it would be unheard of, and one logit of it an alarm for ever."""
    clips = [video(tmp_path / "short" / f"{i}.mp4", film(16, seed=i)) for i in range(8)]
    done = calibrated(command, colour_model.path, *clips, out=tmp_path / "new.safetensors")
    assert done.code == 0, done.err
    assert "what stays is not asked for" in done.err
    record = load_model(tmp_path / "new.safetensors").calibration
    assert record is not None
    assert "stays" not in record["cues"]
    assert "moves" in record["cues"]
    assert max(scores(command, tmp_path / "new.safetensors", clips[0], tmp_path / "out")) < 20


def test_the_events_of_all_the_footage_are_counted(
    colour_model: Trained, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute in two clips, of which a third is kept: the threshold rests on all of it, and comes to nearly what a
    calibration on all of it comes to."""
    clips = [video(tmp_path / f"{name}.mp4", film(300, seed=21)) for name in ("monday", "tuesday")]
    whole = calibrated(command, colour_model.path, *clips, out=tmp_path / "kept.safetensors", more=("--all",))
    assert "adds nothing" in whole.err
    one = json.loads(whole.out)["held_out"]

    config = load_model(colour_model.path).config
    monkeypatch.setattr(reading, "BYTES", 220 * config.channels * config.width * config.height)
    less = calibrated(command, colour_model.path, *clips, out=tmp_path / "less.safetensors")
    odd = Suspect("tuesday.mp4", 20.0, 22.0, 9.0, 3.0, (0,))
    monkeypatch.setattr(counted, "suspects_of", lambda *_: [odd])
    every = calibrated(command, colour_model.path, *clips, out=tmp_path / "all.safetensors", more=("--all",))
    assert every.code == 0, every.err
    assert "a stretch looks like no normal footage; if one is not, cut it out" in every.err
    assert json.loads(every.out)["held_out"]["suspects"] == [odd.to_dict()]
    third, all_of_it = (json.loads(done.out)["held_out"] for done in (less, every))
    assert third["seconds"] < 25
    assert all_of_it["seconds"] == pytest.approx(one["seconds"], abs=2)
    assert all_of_it["threshold"] == pytest.approx(one["threshold"], rel=0.25)
    record = load_model(tmp_path / "all.safetensors").calibration
    assert record is not None
    assert record["threshold"] == all_of_it["threshold"]
    assert record["seconds"] == pytest.approx(all_of_it["seconds"], abs=0.1)


def test_counting_all_excludes_leaving_out(
    colour_model: Trained, flickering: Path, tmp_path: Path, command: Command
) -> None:
    for more in ("--held-out", "--leave-out-events"):
        done = calibrated(
            command, colour_model.path, flickering, out=tmp_path / "new.safetensors", more=("--all", more)
        )
        assert done.code == 2
        assert "--all counts every event" in done.err
        assert not (tmp_path / "new.safetensors").exists()
