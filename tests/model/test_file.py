"""The model file: what is written is read back, and whatever else lies there gives one line that names it."""

from __future__ import annotations

import errno
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from memwatch.errors import EXIT_USAGE, MemwatchError, UsageError
from memwatch.model import Model, load_model, save_model
from memwatch.runtime import open_runtime
from memwatch.tasks import session
from tests import tiny


@pytest.fixture(scope="module")
def made() -> Model:
    return tiny.model(cues=("prediction", "oddity", "scene"))


@pytest.fixture(scope="module")
def whole(made: Model, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "whole.safetensors"
    save_model(made, path)
    return path.read_bytes()


def refused(path: Path, data: bytes | None = None) -> str:
    """The one line that loading `data` gives."""
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        session.load(path)
    line = caught.value.line()
    assert path.name in line
    assert "\n" not in line
    assert caught.value.remedy
    assert caught.value.code == EXIT_USAGE
    return line


def loading(path: Path) -> str | None:
    """The line that loading `path` gives, None where it loads."""
    try:
        session.load(path)
    except MemwatchError as error:
        return error.line()
    return None


def rewritten(
    made: Model, *, meta: dict[str, Any] | None = None, tensors: dict[str, torch.Tensor] | None = None
) -> bytes:
    """A sound container with other metadata or tensors in it."""
    held = made._tensors() | (tensors or {})
    facts = {"format": 1, "model": made.config.to_dict(), "calibration": None, "card": {}} | (meta or {})
    return save(held, {"memwatch": json.dumps(facts)})


# Round trip


@pytest.mark.parametrize(
    "changes", [{}, {"memory": "none", "head_width": 0}, {"channels": 3, "stem": 1}, {"head_place": 4}], ids=str
)
def test_what_is_written_is_read_back(tmp_path: Path, changes: dict[str, Any]) -> None:
    made = tiny.model(3, **changes)
    path = tmp_path / "deep" / "model.safetensors"
    save_model(made, path)
    back = load_model(path)
    assert back.id == made.id
    assert back.config == made.config
    assert back.card == made.card
    clips = [tiny.noise_clip(made.config, seed) for seed in (1, 2)]
    for one, other in zip(*(open_runtime(m).predict(clips, [m.state] * 2) for m in (made, back)), strict=True):
        np.testing.assert_array_equal(one.frame, other.frame)
        np.testing.assert_array_equal(one.distance, other.distance)


def test_scores_are_the_same_after_a_round_trip(made: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(made, path)
    shown = tiny.clips(tiny.frames(30, odd=(20, 21)), made.config)
    loaded = session.load(path)
    once = loaded.detector(learn=True).step(shown)
    save_model(loaded.model, path)
    again = session.load(path).detector(learn=True).step(shown)
    assert [o.score for o in again] == [o.score for o in once]


def test_the_id_tells_models_apart_and_nothing_else() -> None:
    first, second, third = tiny.model(1), tiny.model(2), tiny.model(1)
    assert first.id != second.id
    assert len(first.id) == 12
    third.card = {"footage": "another name"}
    third.calibration = None
    assert third.id == first.id
    third.state = {"items": third.state["items"] * 0.5}
    assert third.id != first.id


def test_a_written_file_replaces_the_old_one_and_leaves_nothing_beside(made: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("old")
    save_model(made, path)
    assert load_model(path).id == made.id
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(
    made: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MemwatchError, match=r"model\.safetensors: cannot be written .*No space") as caught:
        save_model(made, path)
    assert "free some space" in caught.value.line()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_pictures_of_the_items_are_kept_and_make_no_other_model(tmp_path: Path) -> None:
    made, path = tiny.model(), tmp_path / "model.safetensors"
    bare = made.id
    made.exemplars = np.random.default_rng(0).integers(0, 255, (5, 1, 8, 8), np.uint8)
    assert made.id == bare
    save_model(made, path)
    back = load_model(path)
    assert back.exemplars is not None
    assert back.exemplars.dtype == np.uint8
    np.testing.assert_array_equal(back.exemplars, made.exemplars)
    assert back.id == bare
    back.exemplars = None
    save_model(back, path)
    assert load_model(path).exemplars is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.zeros(4, 1, 8, 8, dtype=torch.uint8), "pictures of its memory do not fit"),
        (torch.zeros(5, 3, 8, 8, dtype=torch.uint8), "pictures of its memory do not fit"),
        (torch.zeros(5, 8, 8, dtype=torch.uint8), "pictures of its memory do not fit"),
        (torch.zeros(5, 1, 8, 0, dtype=torch.uint8), "pictures of its memory do not fit"),
        (torch.zeros(5, 1, 8, 8), "another kind"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(tuple(value.shape)),
)
def test_pictures_of_other_items_are_refused(made: Model, tmp_path: Path, value: torch.Tensor, said: str) -> None:
    assert said in refused(tmp_path / "bad.safetensors", rewritten(made, tensors={"exemplars": value}))


def test_pictures_in_a_model_without_items_are_refused(tmp_path: Path) -> None:
    bare = tiny.model(memory="none", head_width=0)
    data = rewritten(bare, tensors={"exemplars": torch.zeros(5, 1, 8, 8, dtype=torch.uint8)})
    assert "pictures of its memory do not fit" in refused(tmp_path / "bad.safetensors", data)


# What is no model


def test_a_path_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    assert "no such model file" in refused(tmp_path / "missing.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.safetensors")


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3, 0.9, 0.9999])
def test_a_truncated_model(whole: bytes, tmp_path: Path, share: float) -> None:
    assert "cut short" in refused(tmp_path / "cut.safetensors", whole[: int(share * len(whole))])


def test_truncated_by_one_byte(whole: bytes, tmp_path: Path) -> None:
    assert "cut short by 1 bytes" in refused(tmp_path / "cut.safetensors", whole[:-1])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        b"\0" * 64,
        b"PK\x03\x04" + b"\0" * 400,
        b"this is a text, and no model at all, whatever its name says\n" * 20,
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"[1] ",
        struct.pack("<Q", 40_000) + b"[" * 40_000,
        struct.pack("<Q", 29) + b'{"a": {"data_offsets": []}}  ',
        struct.pack("<Q", 35) + b'{"a": {"data_offsets": [0, "four"]}}'[:35],
        np.random.default_rng(0).bytes(5000),
    ],
    ids=["empty", "short", "zeros", "zip", "text", "no tensors", "list", "deep", "no offsets", "bad offsets", "random"],
)
def test_a_file_that_is_no_model(tmp_path: Path, data: bytes) -> None:
    assert "not a memwatch model" in refused(tmp_path / "foreign.safetensors", data)


def test_a_model_of_another_program(tmp_path: Path) -> None:
    assert "not a memwatch model" in refused(tmp_path / "other.safetensors", save({"w": torch.zeros(3)}))


def test_a_newer_format(made: Model, tmp_path: Path) -> None:
    line = refused(tmp_path / "new.safetensors", rewritten(made, meta={"format": 2}))
    assert "format 2 is newer" in line
    assert "update memwatch" in line


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"format": "1"}, "not a memwatch model"),
        ({"model": None}, "not a memwatch model"),
        ({"card": [1]}, "not a memwatch model"),
        ({"calibration": [1]}, "not a memwatch model"),
        ({"calibration": {"cues": ["prediction"]}}, "calibration is damaged"),
        ({"calibration": None}, "no calibration"),
        ({"model": tiny.config().to_dict() | {"width": 65}}, "multiples of 16"),
        ({"model": tiny.config().to_dict() | {"width": "64"}}, "'width' should be int"),
        ({"model": tiny.config().to_dict() | {"depth": 3}}, "unknown setting 'depth'"),
        ({"model": {"preset": "small"}}, "width"),
        ({"model": tiny.config(net_width=5).to_dict()}, "weights do not fit"),
        ({"model": tiny.config(items=6).to_dict()}, "memory does not fit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_metadata_that_does_not_hold(made: Model, tmp_path: Path, meta: dict[str, Any], said: str) -> None:
    assert said in refused(tmp_path / "meta.safetensors", rewritten(made, meta=meta))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("state.items", torch.full((5, 32), float("nan")), "not finite"),
        ("net.decoder.last.bias", torch.full((4,), float("inf")), "not finite"),
        ("net.decoder.last.bias", torch.zeros(5), "weights do not fit"),
        ("net.surplus", torch.zeros(5), "weights do not fit"),
        ("net.decoder.last.bias", torch.zeros(4, dtype=torch.int32), "another kind"),
        ("state.items", torch.zeros(5, 32, dtype=torch.bfloat16), "another kind"),
        ("state.items", torch.zeros(6, 32), "memory does not fit"),
        ("state.surplus", torch.zeros(1), "memory does not fit"),
    ],
)
def test_tensors_that_do_not_hold(made: Model, tmp_path: Path, name: str, value: torch.Tensor, said: str) -> None:
    assert said in refused(tmp_path / "bad.safetensors", rewritten(made, tensors={name: value}))


def test_a_file_that_may_not_be_read(whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.safetensors"
    path.write_bytes(whole)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", denied)  # as root, permissions alone keep nobody out
    with pytest.raises(MemwatchError, match=r"secret\.safetensors: cannot be read \(Permission denied\)"):
        load_model(path)


@pytest.mark.parametrize("seed", range(6))
def test_no_mutation_gives_more_than_one_line(whole: bytes, tmp_path: Path, seed: int) -> None:
    """Bytes changed, cut out, doubled and put in, half of them in the header: sound, or a line that names the file."""
    rng = np.random.default_rng(seed)
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    path = tmp_path / "mutated.safetensors"
    sound = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(header if rng.random() < 0.7 else len(data)))
            match rng.integers(4):
                case 0:
                    data[at] = rng.integers(256)
                case 1:
                    data[at] ^= 1 << int(rng.integers(8))
                case 2:
                    del data[at : at + int(rng.integers(1, 40))]
                case 3:
                    data[at:at] = data[at : at + int(rng.integers(1, 40))]
        path.write_bytes(data)
        line = loading(path)
        sound += line is None
        assert line is None or path.name in line
    assert sound < 60
