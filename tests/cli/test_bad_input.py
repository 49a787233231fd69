"""Bad input to every verb: one line that names the file and the remedy, the right code, nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from memwatch.model import load_model, save_model
from tests.conftest import Command, Outcome, Trained
from tests.scene import cut_short, damage_tiff, film, folder, labels, video, without_index

Make = Callable[[Path], Path]
FOOTAGE_VERBS = ("train", "score", "watch", "evaluate")


def line_of(verb: str, source: Path, model: Path, out: Path) -> list[str | Path]:
    """A command line of `verb` that would work on good footage."""
    match verb:
        case "train":
            return [verb, source, "--out", out / "m.safetensors", "--preset", "small", "--steps", "1"]
        case "evaluate":
            return [verb, source, "--model", model, "--format", "json"]
        case "info":
            return [verb, model]
        case "probe":
            return [verb, source]
        case _:
            return [verb, source, "--model", model, "--out", out]


def nothing_new(before: set[Path], folder: Path) -> None:
    """Only empty folders may have been made."""
    assert {path for path in folder.rglob("*") if path.is_file()} == before


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("verb", ["train", "score", "evaluate"])
def test_a_camera_where_recordings_are_taken(
    verb: str, tmp_path: Path, colour_model: Trained, command: Command
) -> None:
    line = line_of(verb, tmp_path, colour_model.path, tmp_path / "out")
    done = command(line[0], "rtsp://user:p%40ss@host/x", *line[2:])
    assert done.code == 2
    assert re.search(r"rtsp://\*\*\*@host/x: is a camera's address.*memwatch watch takes cameras", done.complaint())
    assert "p%40ss" not in done.out + done.err
    nothing_new(set(), tmp_path)


# What is fed in: each makes it in a folder and answers its path.


def missing(at: Path) -> Path:
    return at / "nowhere.mp4"


def empty_folder(at: Path) -> Path:
    (at / "empty").mkdir()
    return at / "empty"


def text(at: Path) -> Path:
    (at / "story.mp4").write_text("once upon a time\n" * 50)
    labels(at / "labels.csv", 10)
    return at / "story.mp4"


def truncated(at: Path) -> Path:
    labels(at / "labels.csv", 30)
    return without_index(at / "cut.mp4")


def one_frame(at: Path) -> Path:
    labels(at / "labels.csv", 1)
    return video(at / "one.mp4", film(1))


def mixed_sizes(at: Path) -> Path:
    frames = folder(at / "mixed", film(20))
    cv2.imwrite(str(frames / "012.png"), np.zeros((32, 48, 3), np.uint8))
    labels(frames / "labels.csv", 20)
    return frames


def tiny(at: Path) -> Path:
    frames = folder(at / "tiny", [np.zeros((3, 3, 3), np.uint8)] * 12)
    labels(frames / "labels.csv", 12)
    return frames


def undecodable(at: Path) -> Path:
    frames = at / "noise"
    frames.mkdir()
    for index in range(12):
        (frames / f"{index}.tif").write_bytes(b"II*\0 and nothing more")
    labels(frames / "labels.csv", 12)
    return frames


FOOTAGE: dict[Make, tuple[int, str, dict[str, tuple[int, str]]]] = {
    missing: (2, r"nowhere\.mp4: no such file or folder\. [Cc]heck the path", {}),
    empty_folder: (2, r"empty: no (clip|frames) in .*[Nn]ame|give", {}),
    text: (1, r"story\.mp4: is not a video.*give a video", {}),
    truncated: (1, r"cut\.mp4: is not a video, or its end is missing.*copy it again", {}),
    one_frame: (
        1,
        r"one(\.mp4)?: too short to score.*",
        {"train": (2, r"one\.mp4: too short to train on.*give at least 20 seconds")},
    ),
    mixed_sizes: (1, r"012\.png: is 48x32 pixels, .* 96x64.*keep frames of one size", {}),
    tiny: (1, r"001\.png: the picture is 3x3 .*at least 16x16", {}),
    undecodable: (1, r"not one of its 12 images decodes.*check", {}),
}


@pytest.mark.parametrize("verb", [*FOOTAGE_VERBS, "probe"])
@pytest.mark.parametrize("make", FOOTAGE, ids=lambda make: make.__name__)
def test_bad_footage(make: Make, verb: str, tmp_path: Path, colour_model: Trained, command: Command) -> None:
    source, before = make(tmp_path), files_in(tmp_path)
    code, says, special = FOOTAGE[make]
    code, says = special.get(verb, (code, says))
    done = command(*line_of(verb, source, colour_model.path, tmp_path / "out"))
    if verb == "probe" and make in (one_frame, mixed_sizes):
        assert done.code == 0  # a look at it is what was asked for
        return
    assert re.search(says, done.complaint()), done.err
    assert done.code == code, done.err
    # Events that were told before the source broke off are true: they are closed and stay.
    events = [json.loads(line) for line in done.out.splitlines()]
    assert not events or (verb == "watch" and events[-1]["state"] == "closed")
    nothing_new(before | ({tmp_path / "out" / "events.ndjson"} if events else set()), tmp_path)


def test_footage_too_short_to_train_on(tmp_path: Path, command: Command) -> None:
    clip = video(tmp_path / "short.mp4", film(100))
    done = command("train", clip, "--out", tmp_path / "m.safetensors", "--steps", 1)
    assert done.code == 2
    assert re.search(r"short\.mp4: too short to train on \(\d+ training and \d+ held-out", done.complaint())
    nothing_new({clip}, tmp_path)


def sixteen_bits(at: Path) -> Path:
    return folder(at / "deep", [frame.astype(np.uint16) * 257 for frame in film(12)], ".tif")


def with_alpha(at: Path) -> Path:
    return folder(at / "alpha", [np.dstack([frame, np.full(frame.shape[:2], 9, np.uint8)]) for frame in film(12)])


@pytest.mark.parametrize("make", [sixteen_bits, with_alpha])
def test_odd_but_sound_pictures_score_as_their_plain_selves(
    make: Make, tmp_path: Path, colour_model: Trained, command: Command
) -> None:
    odd, plain = make(tmp_path), folder(tmp_path / "plain", film(12))
    done = command("score", odd, plain, "--model", colour_model.path, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    scores = [(tmp_path / "out" / name / "scores.csv").read_text() for name in (odd.name, "plain")]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("verb", ["score", "watch", "evaluate"])
def test_a_tiff_that_decodes_in_part_is_counted_and_the_terminal_stays_clean(
    verb: str, tmp_path: Path, colour_model: Trained, command: Command
) -> None:
    frames = folder(tmp_path / "walk", film(30), ".tif")
    damage_tiff(frames / "020.tif")
    labels(frames / "labels.csv", 30, range(10, 15))
    done = command(*line_of(verb, frames, colour_model.path, tmp_path / "out"))
    assert done.code == 3
    assert not re.search(r"TIFF|ERROR|WARN|memwatch:", done.err.replace("020.tif: decodes only in part", ""))
    assert "020.tif: decodes only in part" in done.out + done.err
    if verb == "evaluate":
        assert json.loads(done.out)["broken"] == 1


@pytest.mark.parametrize("verb", ["score", "watch"])
def test_a_video_that_ends_early_is_partly_done(
    verb: str, tmp_path: Path, colour_model: Trained, command: Command
) -> None:
    clip = cut_short(tmp_path / "walk.mp4", film(60))
    done = command(*line_of(verb, clip, colour_model.path, tmp_path / "out"))
    assert done.code == 3
    assert re.search(r"ends early: \d+ frames read", done.out + done.err)
    assert list((tmp_path / "out").rglob("scores.csv"))


# Models


def absent(at: Path, model: Path) -> Path:
    return at / "nowhere.safetensors"


def halved(at: Path, model: Path) -> Path:
    (at / "half.safetensors").write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    return at / "half.safetensors"


def headless(at: Path, model: Path) -> Path:
    (at / "head.safetensors").write_bytes(model.read_bytes()[:100])
    return at / "head.safetensors"


def prose(at: Path, model: Path) -> Path:
    (at / "prose.safetensors").write_text("not a model at all")
    return at / "prose.safetensors"


def nothing(at: Path, model: Path) -> Path:
    (at / "nothing.safetensors").touch()
    return at / "nothing.safetensors"


def foreign(at: Path, model: Path) -> Path:
    save_file({"weight": np.zeros(3, np.float32)}, at / "foreign.safetensors")
    return at / "foreign.safetensors"


def newer(at: Path, model: Path) -> Path:
    meta = {"format": 999, "model": load_model(model).config.to_dict()}
    save_file(load_file(model), at / "newer.safetensors", {"memwatch": json.dumps(meta)})
    return at / "newer.safetensors"


def uncalibrated(at: Path, model: Path) -> Path:
    loaded = load_model(model)
    loaded.calibration = None
    save_model(loaded, at / "raw.safetensors")
    return at / "raw.safetensors"


MODELS: dict[Callable[[Path, Path], Path], str] = {
    absent: r"nowhere\.safetensors: no such model file.*memwatch train",
    halved: r"half\.safetensors: the model file is cut short by \d+ bytes.*copy it again",
    headless: r"head\.safetensors: the model file is cut short.*copy it again",
    prose: r"prose\.safetensors: not a memwatch model.*memwatch train",
    nothing: r"nothing\.safetensors: not a memwatch model.*memwatch train",
    foreign: r"foreign\.safetensors: not a memwatch model.*memwatch train",
    newer: r"newer\.safetensors: model format 999 is newer.*update memwatch",
    uncalibrated: r"raw\.safetensors: the model has no calibration, so nothing is.*memwatch calibrate",
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good clip in colour with its truth."""
    home = tmp_path_factory.mktemp("good")
    labels(home / "labels.csv", 20, range(10, 15))
    return video(home / "walk.mp4", film(20))


@pytest.mark.parametrize("verb", ["score", "watch", "evaluate", "info"])
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_bad_model(
    make: Callable[[Path, Path], Path], verb: str, tmp_path: Path, clip: Path, colour_model: Trained, command: Command
) -> None:
    model = make(tmp_path, colour_model.path)
    before = files_in(tmp_path)
    done = command(*line_of(verb, clip, model, tmp_path / "out"))
    if verb == "info" and make is uncalibrated:
        assert done.code == 0
        return
    assert re.search(MODELS[make], done.complaint()), done.err
    assert (done.code, done.out) == (2, "")
    assert not (tmp_path / "out").exists()
    nothing_new(before, tmp_path)


@pytest.mark.parametrize("verb", ["score", "watch", "evaluate"])
@pytest.mark.parametrize("colour", [True, False])
def test_a_model_for_the_other_colour_mode(
    colour: bool, verb: str, tmp_path: Path, colour_model: Trained, gray_model: Trained, command: Command
) -> None:
    footage = video(tmp_path / "walk.mp4", film(20, colour=colour))
    before = files_in(tmp_path) | {labels(tmp_path / "labels.csv", 20)}
    model = (gray_model if colour else colour_model).path
    done = command(*line_of(verb, footage, model, tmp_path / "out"))
    kinds = ("in colour", "gray") if colour else ("gray", "colour")
    assert re.search(rf"walk: is {kinds[0]}, the model was trained on {kinds[1]} footage .*train one", done.complaint())
    assert str(model) in done.err
    assert done.code == 2
    nothing_new(before, tmp_path)


# Outputs


def is_a_file(out: Path) -> Path:
    out.write_text("mine")
    return out


def is_full(out: Path) -> Path:
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    return out


def lies_under_a_file(out: Path) -> Path:
    out.write_text("mine")
    return out / "under"


@pytest.mark.parametrize("verb", ["score", "watch"])
@pytest.mark.parametrize(
    ("make", "code", "says"),
    [
        (is_a_file, 2, r"out: is a file, not a folder.*another --out"),
        (is_full, 2, r"out: the folder exists and is not empty.*another --out"),
        (lies_under_a_file, 1, r"out/under: cannot be made \(Not a directory\).*may write to"),
    ],
)
def test_a_folder_that_cannot_take_results(
    verb: str,
    make: Make,
    code: int,
    says: str,
    tmp_path: Path,
    clip: Path,
    colour_model: Trained,
    command: Command,
) -> None:
    out = make(tmp_path / "out")
    before = files_in(tmp_path)
    done = command(*line_of(verb, clip, colour_model.path, out))
    assert re.search(says, done.complaint()), done.err
    assert (done.code, done.out) == (code, "")
    nothing_new(before, tmp_path)


def test_a_model_that_cannot_be_written_is_told_before_training(
    tmp_path: Path, clip: Path, colour_model: Trained, command: Command
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "old.safetensors").write_text("mine")
    for out, code, says in (
        (tmp_path / "old.safetensors", 2, r"old\.safetensors: exists already.*--force"),
        (tmp_path / "file" / "m.safetensors", 1, r"file: cannot be written.*may write to"),
        (tmp_path / "m.pt", 2, r"m\.pt: a model's name ends in \.safetensors.*m\.pt\.safetensors"),
    ):
        done = command("train", clip, "--out", out, "--steps", 1)
        assert re.search(says, done.complaint()), done.err
        assert done.code == code
    assert files_in(tmp_path) == {tmp_path / "file", tmp_path / "old.safetensors"}


@pytest.mark.parametrize("verb", ["train", "score", "watch"])
def test_a_full_disk(
    verb: str, tmp_path: Path, clip: Path, colour_model: Trained, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = Path(colour_model.footage[0]).parent if verb == "train" else clip
    monkeypatch.setattr(os, "fsync", full)
    done = command(*line_of(verb, source, colour_model.path, tmp_path / "out"))
    assert re.search(r"out/.*: cannot be written \(No space left on device\)\. free some space", done.complaint())
    assert done.code == 1
    assert not list(tmp_path.rglob("*.part"))
    assert {path.name for path in files_in(tmp_path)} <= {"events.ndjson"}


def test_evaluate_without_truth(tmp_path: Path, colour_model: Trained, command: Command) -> None:
    footage = video(tmp_path / "walk.mp4", film(10))
    done = command("evaluate", footage, "--model", colour_model.path)
    assert re.search(r"walk\.mp4: no truth found.*memwatch score", done.complaint())
    assert done.code == 2


def test_an_unexpected_error_is_still_one_line(
    clip: Path, colour_model: Trained, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memwatch.tasks import evaluate

    def broken(*_: object, **__: object) -> None:
        raise IndexError("no such thing")

    monkeypatch.setattr(evaluate, "run_session", broken)
    done: Outcome = command("evaluate", clip, "--model", colour_model.path)
    assert done.code == 1
    assert "a bug: IndexError: no such thing" in done.complaint()
