"""The picture of an item of the memory: the training patch nearest to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from memwatch.model import Model
from memwatch.runtime import open_runtime
from memwatch.tasks.exemplars import exemplars
from memwatch.tasks.footage import Footage
from tests import tiny
from tests.tasks.walks import footage

SIZE = {"width": 96, "height": 64, "head_width": 0}
PLACES = ((0, 9, 0, 0), (1, 30, 2, 3), (2, 50, 3, 5), (0, 40, 1, 2))
"""Recording, frame, row and column of the encoder's 4 × 6 places."""


@pytest.fixture(scope="module")
def clips() -> Footage:
    """Three short walks; the end of the last is held out, and something stands there then."""
    made = footage(3)
    made.recordings[2].held_from = 52
    for frame in made.recordings[2].frames[52:]:
        frame[:, 34:46, 34:46] = 255
    return made


def knowing(clips: Footage, *places: tuple[int, int, int, int]) -> Model:
    """A model whose items are the queries at these places, so that it is known what each one stands for."""
    made = tiny.model(items=len(places), **SIZE)
    runtime, queries = open_runtime(made), []
    for number, index, row, column in places:
        clip = clips.recordings[number].clip(index, made.config)
        (prediction,) = runtime.predict([clip], [runtime.new_state()])
        queries.append(prediction.query[0, :, row, column])
    made.state = {"items": F.normalize(torch.stack(queries), dim=1)}
    return made


def patch(clips: Footage, number: int, index: int, row: int, column: int) -> NDArray[np.uint8]:
    """32 × 32 pixels around the middle of a place of 16 × 16, inside the picture: of the newest frame that the query
    was made from, the one before the target."""
    recording = clips.recordings[number]
    seen = recording.indices(index, tiny.model(**SIZE).config)[-2]
    top, left = min(max(16 * row + 8 - 16, 0), 64 - 32), min(max(16 * column + 8 - 16, 0), 96 - 32)
    return recording.frames[seen][:, top : top + 32, left : left + 32]


def test_the_picture_of_an_item_is_the_patch_whose_query_it_is(clips: Footage) -> None:
    found = exemplars(knowing(clips, *PLACES), clips)
    assert found is not None
    assert (found.shape, found.dtype) == ((4, 1, 32, 32), np.uint8)
    for picture, place in zip(found, PLACES, strict=True):
        np.testing.assert_array_equal(picture, patch(clips, *place))


def test_what_was_held_out_is_never_shown(clips: Footage) -> None:
    """An item that stands exactly for a held-out patch gets one that was trained on."""
    held = (2, 57, 2, 2)
    made = knowing(clips, held)
    found = exemplars(made, clips)
    assert found is not None
    assert not np.array_equal(found[0], patch(clips, *held))
    clips.recordings[2].held_from = 60
    everything = exemplars(made, clips)
    clips.recordings[2].held_from = 52
    assert everything is not None
    np.testing.assert_array_equal(everything[0], patch(clips, *held))


def test_a_small_picture_has_small_patches() -> None:
    made = tiny.model(items=3, width=32, height=16, head_width=0)
    few = footage(1)
    few.recordings[0].frames = [frame[:, :16, :32] for frame in few.recordings[0].frames]
    found = exemplars(made, few)
    assert found is not None
    assert found.shape == (3, 1, 16, 16)


def test_colour_stays_colour() -> None:
    found = exemplars(tiny.model(items=2, channels=3, **SIZE), footage(1, channels=3))
    assert found is not None
    assert found.shape == (2, 3, 32, 32)


@pytest.mark.parametrize("memory", ["none", "memae"])
def test_a_memory_without_items_as_state_has_none(memory: str) -> None:
    assert exemplars(tiny.model(memory=memory, **SIZE), footage(1)) is None
