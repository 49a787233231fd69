"""Masks to regions, and regions to tracks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.true_regions import TrackLinker, TrueRegion, region_reader
from memwatch.types import Box


def mask(*boxes: Box) -> NDArray[np.bool_]:
    picture = np.zeros((20, 30), dtype=bool)
    for x1, y1, x2, y2 in boxes:
        picture[y1:y2, x1:x2] = True
    return picture


def tracks(linker: TrackLinker, *boxes: Box) -> list[int]:
    return [region.track for region in linker.push(mask(*boxes))]


def test_parts_are_boxes_and_corners_join() -> None:
    found = TrackLinker().push(mask((0, 0, 4, 4), (4, 4, 8, 8), (20, 10, 30, 20)))
    assert [region.box for region in found] == [(0, 0, 8, 8), (20, 10, 30, 20)]
    assert len({region.track for region in found}) == 2


def test_a_thing_that_moves_keeps_its_track() -> None:
    linker = TrackLinker()
    assert [tracks(linker, (x, 0, x + 4, 4)) for x in (0, 3, 6)] == [[1], [1], [1]]
    assert tracks(linker, (20, 0, 24, 4)) == [2], "it shares no pixel with the one before"


def test_a_thing_that_was_gone_for_a_frame_is_another() -> None:
    linker = TrackLinker()
    assert tracks(linker, (0, 0, 4, 4)) == [1]
    assert linker.push(mask()) == ()
    assert tracks(linker, (0, 0, 4, 4)) == [2]


def test_a_crack_makes_no_second_track_and_a_meeting_keeps_the_larger_share() -> None:
    linker = TrackLinker()
    assert tracks(linker, (0, 0, 10, 4)) == [1]
    assert tracks(linker, (0, 0, 4, 4), (6, 0, 10, 4)) == [1, 1]
    assert tracks(linker, (0, 0, 4, 4), (14, 0, 20, 4)) == [1, 2]
    assert tracks(linker, (2, 0, 20, 4)) == [2], "6 columns of track 2, 2 of track 1"


def test_boxes_that_name_their_anomaly_are_taken_as_they_are() -> None:
    read = region_reader(lambda _: mask((0, 0, 1, 1)), lambda index: ((index, (1, 2, 3, 4)),))
    assert read is not None
    assert read(7) == (TrueRegion(7, (1, 2, 3, 4)),)


def test_masks_are_linked_and_labels_alone_know_no_place() -> None:
    read = region_reader(lambda index: mask((index, 0, index + 4, 4)), None)
    assert read is not None
    assert [read(index)[0] for index in range(2)] == [TrueRegion(1, (0, 0, 4, 4)), TrueRegion(1, (1, 0, 5, 4))]
    assert region_reader(None, None) is None
