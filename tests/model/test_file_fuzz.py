"""Model files from strangers: whatever is in one, it loads or is refused in one line, and nothing of it is run."""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memwatch.errors import MemwatchError
from memwatch.model import save_model
from memwatch.tasks import session
from tests import tiny

SLOWLY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "whole.safetensors"
    save_model(tiny.model(cues=("prediction", "scene")), path)
    return path.read_bytes()


def load(folder: Path, data: bytes) -> None:
    path = folder / "strange.safetensors"
    path.write_bytes(data)
    with contextlib.suppress(MemwatchError):
        session.load(path)


@SLOWLY
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=16), st.booleans())
def test_bytes_in_other_places(tmp_path: Path, whole: bytes, at: int, put: bytes, cut: bool) -> None:
    at = at * len(whole) // 10_000
    load(tmp_path, whole[:at] + put + (b"" if cut else whole[at + len(put) :]))


@SLOWLY
@given(st.data())
def test_other_words_in_the_description(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    """One value, anywhere in the JSON of the head, is something else."""
    (length,) = struct.unpack("<Q", whole[:8])
    head = json.loads(whole[8 : 8 + length])
    told = json.loads(head["__metadata__"]["memwatch"])
    places = list(_places(told))
    where, key = places[data.draw(st.integers(0, len(places) - 1))]
    where[key] = data.draw(JSON)
    head["__metadata__"]["memwatch"] = json.dumps(told)
    text = json.dumps(head).encode()
    load(tmp_path, struct.pack("<Q", len(text)) + text + whole[8 + length :])


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _places(tree: Any) -> Any:
    """(container, key) of every value in a JSON tree."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])
