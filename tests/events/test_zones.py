"""Zones worked by hand: which cells count, what is black, what a box touches, where a detector does not look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from memwatch.errors import UsageError
from memwatch.events import Zone, Zones
from memwatch.types import Frame, Observation
from memwatch.video import ClipWindow
from tests import tiny
from tests.pipeline import scripted

MAP = (6, 8)
"""Rows and columns of a 64 × 48 picture's map."""


def zone(left: float, top: float, right: float, bottom: float, kind: str = "include", name: str = "a") -> Zone:
    return Zone(name, kind, ((left, top), (right, top), (right, bottom), (left, bottom)))


def cells(*zones: Zone, shape: tuple[int, int] = MAP) -> list[str]:
    """`#` for cells that count."""
    counts = Zones(zones).scored(shape)
    assert counts is not None
    assert set(np.unique(counts)) <= {0.0, 1.0}
    return ["".join("#" if value else "." for value in row) for row in counts]


def test_without_zones_all_counts() -> None:
    assert Zones().scored(MAP) is None
    assert not Zones()
    assert Zones([zone(0, 0, 1, 1)])


def test_only_what_an_include_zone_holds_counts() -> None:
    assert cells(zone(0, 0, 0.5, 1)) == ["####...."] * 6
    assert cells(zone(0.25, 0.5, 0.5, 1)) == ["........"] * 3 + ["..##...."] * 3


def test_what_two_include_zones_hold_counts() -> None:
    told = cells(zone(0, 0, 0.25, 1), zone(0.75, 0.5, 1, 1, name="b"))
    assert told == ["##......"] * 3 + ["##....##"] * 3


def test_what_an_ignore_zone_holds_does_not_count() -> None:
    assert cells(zone(0, 0, 0.5, 1 / 3, "ignore")) == ["....####"] * 2 + ["########"] * 4


def test_ignore_goes_before_include() -> None:
    assert cells(zone(0, 0, 0.5, 1), zone(0, 0, 1, 0.5, "ignore", "b")) == ["........"] * 3 + ["####...."] * 3


def test_a_cell_belongs_to_a_zone_that_holds_half_of_it() -> None:
    """The picture's half above its diagonal holds 36 of 64 fine pixels of the cells that lie on it."""
    triangle = Zone("a", "include", ((0, 0), (1, 0), (0, 1)))
    assert cells(triangle, shape=(4, 4)) == ["####", "###.", "##..", "#..."]
    assert cells(zone(0, 0, 0.53, 1)) == ["####...."] * 6  # a quarter of the fifth column
    assert cells(zone(0, 0, 0.57, 1)) == ["#####..."] * 6


def test_no_cell_counts_that_touches_a_privacy_zone_or_lies_beside_one_that_does() -> None:
    assert cells(zone(0, 0, 0.1, 0.1, "privacy")) == ["..######"] * 2 + ["########"] * 4
    told = cells(zone(0.3, 0.4, 0.31, 0.41, "privacy"))
    assert told == ["########", "#...####", "#...####", "#...####", "########", "########"]


def test_another_shape_is_worked_out_for_itself() -> None:
    zones = Zones([zone(0, 0, 0.5, 1)])
    shapes = [(6, 8), (12, 16), (6, 8)]
    assert [float(counts.sum()) for shape in shapes if (counts := zones.scored(shape)) is not None] == [24, 96, 24]


@pytest.mark.parametrize(
    "zones",
    [
        [zone(0, 0, 1, 1, "ignore")],
        [zone(0, 0, 1, 1, "privacy")],
        [zone(0, 0, 0.05, 0.05)],
        [zone(0, 0, 0.5, 1), zone(0, 0, 0.6, 1, "ignore", "b")],
    ],
    ids=["all ignored", "all private", "less than half a cell", "all that is included is ignored"],
)
def test_zones_that_leave_nothing_are_refused(zones: list[Zone]) -> None:
    with pytest.raises(UsageError, match="leave nothing of the picture"):
        Zones(zones).scored(MAP)


def test_what_is_no_zone_is_refused_by_name() -> None:
    corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    with pytest.raises(UsageError, match="zone gate: unknown kind 'secret'"):
        Zone("gate", "secret", corners)
    with pytest.raises(UsageError, match="zone gate: 2 points enclose nothing"):
        Zone("gate", "include", (*corners[:2], corners[0]))
    with pytest.raises(UsageError, match="zone gate: points lie outside"):
        Zone("gate", "include", (*corners[:2], (1.0, 1.001)))
    with pytest.raises(UsageError, match="zone gate: points lie outside"):
        Zone("gate", "include", (*corners[:2], (float("nan"), 1.0)))


def test_privacy_zones_are_black_in_a_copy() -> None:
    image = np.full((48, 64, 3), 200, np.uint8)
    shown = Zones([zone(0.25, 0.5, 0.5, 0.75, "privacy"), zone(0, 0, 0.2, 0.2, "ignore", "b")]).blackened(image)
    assert (image == 200).all()
    assert (shown[24:37, 16:33] == 0).all()
    left = shown.copy()
    left[24:37, 16:33] = 200
    np.testing.assert_array_equal(left, image)


def test_a_privacy_zone_to_the_picture_s_edge_leaves_no_line_there() -> None:
    shown = Zones([zone(0.5, 0.5, 1, 1, "privacy")]).blackened(np.full((48, 64, 3), 200, np.uint8))
    assert not shown[24:, 32:].any()


def test_without_a_privacy_zone_the_picture_is_the_same_one() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    assert Zones([zone(0, 0, 0.5, 0.5, "ignore")]).blackened(image) is image


def test_a_box_touches_the_include_zones_it_shares_area_with() -> None:
    zones = Zones([
        zone(0, 0, 0.5, 1, name="left"),
        zone(0.4, 0, 1, 0.5, name="top"),
        zone(0, 0, 1, 1, "ignore", "all"),
    ])  # fmt: skip
    size = (200, 100)
    assert zones.touched((0, 60, 20, 90), size) == ("left",)
    assert zones.touched((90, 10, 95, 20), size) == ("left", "top")
    assert zones.touched((150, 10, 160, 20), size) == ("top",)
    assert zones.touched((110, 60, 200, 100), size) == ()
    assert zones.touched((110, 20, 200, 100), size) == ("top",)
    assert zones.touched((0, 0, 200, 100), size) == ("left", "top")
    assert zones.touched((10, 70, 11, 71), size) == ("left",)


# A detector with zones


def seen(zones: Zones, *, odd: slice) -> Observation:
    """What a detector says of a picture whose columns `odd` are bright, after calm ones."""
    detector = scripted.detector(scripted.Script(), zones=zones)
    shown = scripted.frames("....")
    image = shown[-1].image.copy()
    image[:, odd] = 200
    shown[-1] = replace(shown[-1], image=image)
    window = ClipWindow(scripted.CONFIG)
    clips = [clip for frame in shown if (clip := window.push(frame)) is not None]
    return detector.step(clips)[-1]


LEFT = Zones([zone(0, 0, 0.5, 1, name="left")])


def test_a_detector_does_not_look_outside_of_its_zones() -> None:
    right = slice(48, tiny.WIDTH)
    found, free = seen(LEFT, odd=right), seen(Zones(), odd=right)
    assert free.score.anomalous
    assert free.regions[0].zones == ()
    assert not found.score.anomalous
    assert found.map is not None
    assert not found.map[:, 4:].any()
    assert found.score.value == found.map.max() <= found.score.threshold


def test_a_detector_marks_only_what_lies_in_its_zones_and_names_them() -> None:
    found = seen(LEFT, odd=slice(0, tiny.WIDTH))
    assert found.score.anomalous
    (region,) = found.regions
    assert (region.box, region.zones) == ((0, 0, 32, 48), ("left",))


def test_a_picture_of_another_size_has_the_same_zones() -> None:
    detector = scripted.detector(scripted.Script(), zones=LEFT)
    window = ClipWindow(scripted.CONFIG)
    calm, bright = (np.full((96, 128, 3), level, np.uint8) for level in (100, 200))
    shown = [Frame("yard", i, tiny.WALL + i / 10, i / 10, image) for i, image in enumerate((calm, calm, bright))]
    clips = [clip for frame in shown if (clip := window.push(frame)) is not None]
    (region,) = detector.step(clips)[-1].regions
    assert region.box == (0, 0, 64, 96)
