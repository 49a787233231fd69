"""A camera's state file: what is kept comes back as it was, and whatever else lies there gives one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save
from safetensors.torch import save as save_tensors

from memwatch.errors import EXIT_USAGE, UsageError
from memwatch.model import Model, save_model
from memwatch.pipeline import state_file
from memwatch.pipeline.detector import Detector
from memwatch.pipeline.knowledge import Knowledge, Refusals
from memwatch.pipeline.state_file import (
    FORMAT,
    KEY,
    CameraState,
    NotAStateError,
    check_model,
    load_state,
    save_state,
    to_arrays,
)
from memwatch.runtime import open_runtime
from memwatch.scoring import Calibration
from memwatch.tasks.memory import show
from tests import tiny

TOLD: dict[str, Any] = {
    "format": FORMAT, "model": "0123456789ab", "memory": "mnad", "camera": "yard", "begun": 1e9, "saved": 1e9 + 60,
    "taken": 7, "refused": {"anomalous": 1, "irregular": 2, "quarantined": 3}, "undone": 4, "frozen": False,
}  # fmt: skip
USE = {"use": np.full(5, 0.2, np.float32)}


@pytest.fixture(scope="module")
def made() -> Model:
    return tiny.model(cues=("prediction", "motion"), rate=0.2, head_scene=True, head_place=4)


def detecting(made: Model) -> Detector:
    assert made.calibration is not None
    return Detector(open_runtime(made), Calibration.from_record(made.calibration, "tiny"))


@pytest.fixture(scope="module")
def taught(made: Model) -> Detector:
    detector = detecting(made)
    detector.step(tiny.clips(tiny.frames(60), made.config))
    assert detector.learner.taken > 0
    return detector


def state(made: Model, detector: Detector, **changes: Any) -> CameraState:
    arrays = to_arrays(detector.learner.knowledge, detector.runtime)
    told = CameraState(made.id, "mnad", "yard", 1e9, 1e9 + 60, 7, Refusals(1, 2, 3), 4, True, arrays)
    return replace(told, **changes)


@pytest.fixture(scope="module")
def whole(made: Model, taught: Detector, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("state") / "yard.state"
    save_state(path, state(made, taught))
    return path.read_bytes()


def written(arrays: dict[str, NDArray[Any]] | None = None, **changes: Any) -> bytes:
    """A sound container with other things told in it; None leaves one out."""
    told = {name: value for name, value in (TOLD | changes).items() if value is not None}
    return save(USE if arrays is None else arrays, {KEY: json.dumps(told)})


def refused(path: Path, data: bytes | None = None) -> str:
    """The one line that reading `data` gives, with a remedy."""
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        load_state(path)
    error = caught.value
    assert path.name in error.message
    assert "\n" not in error.line()
    assert error.remedy
    assert error.code == EXIT_USAGE
    assert error.__cause__ is None
    return error.message


# There and back


def test_what_is_kept_comes_back_bit_for_bit(made: Model, taught: Detector, tmp_path: Path) -> None:
    one, path = state(made, taught), tmp_path / "deep" / "yard.state"
    save_state(path, one)
    back = load_state(path)
    assert set(back.arrays) == {"memory.items", "use", "scene.mean"} == set(one.arrays)
    for name, value in one.arrays.items():
        assert back.arrays[name].tobytes() == value.tobytes(), name
    assert replace(back, arrays={}) == replace(one, arrays={})
    assert [p.name for p in path.parent.iterdir()] == ["yard.state"]


def test_a_detector_goes_on_where_it_stood(made: Model, taught: Detector, tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "yard.state"
    path.write_bytes(whole)
    known = load_state(path).to_knowledge(taught.runtime, taught.calibration, path)
    here, there = taught.learner.knowledge, to_arrays(known, taught.runtime)
    for name, value in to_arrays(here, taught.runtime).items():
        assert there[name].tobytes() == value.tobytes()
    assert known.scene is not None
    assert here.scene is not None
    assert known.scene.components is here.scene.components  # the model's, and in no state file
    later = tiny.clips(tiny.frames(20, start=60), made.config)
    runtime, calibration = taught.runtime, taught.calibration
    seen = [Detector(runtime, calibration, knowledge=knowledge).step(later) for knowledge in (here, known)]
    assert [o.score for o in seen[0]] == [o.score for o in seen[1]]
    assert [o.score for o in seen[0]] != [o.score for o in detecting(made).step(later)]


def test_a_state_that_was_reset_is_the_trained_one(made: Model, taught: Detector, tmp_path: Path) -> None:
    path = tmp_path / "yard.state"
    save_state(path, state(made, taught, arrays={}))
    known = load_state(path).to_knowledge(taught.runtime, taught.calibration, path)
    trained = Knowledge.as_trained(taught.runtime, taught.calibration)
    for name, value in to_arrays(trained, taught.runtime).items():
        assert to_arrays(known, taught.runtime)[name].tobytes() == value.tobytes()


# Of something else


def test_a_state_of_another_model_or_memory(made: Model, taught: Detector, tmp_path: Path) -> None:
    path, one = tmp_path / "yard.state", state(made, taught)
    check_model(one, path, model=made.id, memory="mnad")
    for other, said in (({"model": "beef"}, f"of another model ({made.id}, here beef)"),
                        ({"memory": "memae"}, "of a model with another memory (mnad, here memae)")):  # fmt: skip
        with pytest.raises(UsageError) as caught:
            check_model(one, path, **({"model": made.id, "memory": "mnad"} | other))
        assert said in caught.value.line()
        assert caught.value.remedy


@pytest.mark.parametrize("name", ["memory.items", "use", "scene.mean", "surplus"])
def test_arrays_of_another_shape_or_too_many_or_few(made: Model, taught: Detector, tmp_path: Path, name: str) -> None:
    one = state(made, taught)
    other = {name: np.zeros((4, 3), np.float32)}
    harmed = [one.arrays | other]
    if name in one.arrays:
        harmed += [{kept: value for kept, value in one.arrays.items() if kept != name}]
    for arrays in harmed:
        with pytest.raises(UsageError, match="does not fit its own description") as caught:
            replace(one, arrays=arrays).to_knowledge(taught.runtime, taught.calibration, tmp_path / "yard.state")
        assert caught.value.remedy


# What is no state


def test_a_file_that_is_missing_and_a_folder(tmp_path: Path) -> None:
    assert "no such state file" in refused(tmp_path / "missing.state")
    (tmp_path / "folder").mkdir()
    assert "no such state file" in refused(tmp_path / "folder")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.05, 0.5, 0.999])
def test_an_empty_file_and_a_truncated_one(whole: bytes, tmp_path: Path, share: float) -> None:
    assert "cut short, or damaged" in refused(tmp_path / "yard.state", whole[: int(share * len(whole))])


def test_zeros_as_a_power_cut_leaves_them(tmp_path: Path) -> None:
    assert "cut short, or damaged" in refused(tmp_path / "yard.state", bytes(5000))


def test_what_only_begins_with_zeros_is_somebodys(tmp_path: Path) -> None:
    (tmp_path / "disk.img").write_bytes(bytes(5000) + b"boot")
    with pytest.raises(NotAStateError, match=r"disk\.img: not a state file"):
        load_state(tmp_path / "disk.img")


def test_what_cannot_be_read_is_told_and_not_taken_for_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "yard.state"
    path.write_bytes(b"secret")

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(state_file, "safe_open", denied)
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(NotAStateError, match=r"yard\.state: cannot be read \(Permission denied\)"):
        load_state(path)


def test_a_model_is_no_state(made: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(made, path)
    assert "not a state file" in refused(path)


def test_a_newer_format(tmp_path: Path) -> None:
    assert "newer version of memwatch" in refused(tmp_path / "yard.state", written(format=FORMAT + 1))


@pytest.mark.parametrize("name", ["use", "memory.items", "scene.mean"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite(tmp_path: Path, name: str, bad: float) -> None:
    arrays = {name: np.array([0.1, bad], np.float32)}
    assert "not finite" in refused(tmp_path / "yard.state", written(arrays))


@pytest.mark.parametrize(
    "harm",
    [
        {"taken": -1}, {"undone": -1}, {"taken": 0.5}, {"taken": "7"}, {"undone": [1]},
        {"refused": {"anomalous": -1}}, {"refused": {"anomalous": "1"}}, {"refused": {"late": 1}}, {"refused": [1]},
        {"refused": None}, {"format": None}, {"model": None}, {"camera": None}, {"begun": None},
        {"model": 7}, {"memory": ["mnad"]}, {"camera": {}}, {"frozen": 1}, {"frozen": "no"}, {"colour": "red"},
        {"begun": "now"}, {"begun": float("nan")}, {"saved": float("inf")}, {"begun": 10**400},
        {"begun": 1e300}, {"saved": -1e300},
    ],
    ids=str,
)  # fmt: skip
def test_facts_that_do_not_hold(tmp_path: Path, harm: dict[str, Any]) -> None:
    assert "not a state file, or damaged" in refused(tmp_path / "yard.state", written(**harm))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '"text"', "[" * 100_000], ids=lambda text: text[:9])
def test_metadata_that_is_no_table(tmp_path: Path, text: str) -> None:
    assert "not a state file, or damaged" in refused(tmp_path / "yard.state", save(USE, {KEY: text}))


@pytest.mark.parametrize(
    "use", [np.zeros(0), np.array(0.5), np.ones((2, 2)), np.ones(3, np.float64), -USE["use"]], ids=str
)
def test_a_use_that_is_no_list_of_shares(tmp_path: Path, use: NDArray[Any]) -> None:
    array = use if use.ndim == 1 and len(use) else np.asarray(use, np.float32)
    assert "not a state file, or damaged" in refused(tmp_path / "yard.state", written({"use": array}))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float8_e4m3fn, torch.int32, torch.float16], ids=str)
def test_numbers_of_another_kind(tmp_path: Path, kind: torch.dtype) -> None:
    data = save_tensors({"use": torch.ones(3).to(kind)}, {KEY: json.dumps(TOLD)})
    assert "damaged" in refused(tmp_path / "yard.state", data)


# Whatever there is


def sound_or_one_line(path: Path, data: bytes, made: Model, taught: Detector) -> bool:
    """Whether it loads, and then all the way: to a detector's knowledge and to what `memory show` says."""
    path.write_bytes(data)
    try:
        back = load_state(path)
        report = show(path)
        assert report.rows()
        assert json.dumps(report.to_dict(), allow_nan=False)
        check_model(back, path, model=made.id, memory="mnad")
        known = back.to_knowledge(taught.runtime, taught.calibration, path)
    except UsageError as error:
        line = error.line()
    else:
        line = ""
    if line:
        assert path.name in line
        assert "\n" not in line
        return False
    detector = Detector(taught.runtime, taught.calibration, knowledge=known)
    detector.step(tiny.clips(tiny.frames(26), made.config)[:2])
    return True


changes = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255))
anything = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@anything
@given(data=st.binary(max_size=400))
def test_random_bytes_are_no_state(data: bytes, made: Model, taught: Detector, tmp_path: Path) -> None:
    assert not sound_or_one_line(tmp_path / "yard.state", data, made, taught)


@anything
@given(share=st.floats(0, 1, exclude_max=True))
def test_no_truncation_is_a_state(share: float, whole: bytes, made: Model, taught: Detector, tmp_path: Path) -> None:
    assert not sound_or_one_line(tmp_path / "yard.state", whole[: int(share * len(whole))], made, taught)


@anything
@given(changes=st.lists(changes, min_size=1, max_size=4), header=st.booleans())
def test_bytes_changed_anywhere_are_a_state_or_one_line(
    whole: bytes, made: Model, taught: Detector, tmp_path: Path, changes: list[tuple[float, int]], header: bool
) -> None:
    """Half of the time in the header, which is most of what can go wrong."""
    data = bytearray(whole)
    length = 8 + int.from_bytes(whole[:8], "little") if header else len(whole)
    for share, value in changes:
        data[int(share * length)] = value
    sound_or_one_line(tmp_path / "yard.state", bytes(data), made, taught)
