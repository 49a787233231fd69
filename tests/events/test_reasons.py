"""Reasons: the cue that raised a region, and the words for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from memwatch.events import reason, with_cues
from memwatch.events.reasons import WORDS, Causes, length_text
from memwatch.scoring import CUES
from memwatch.types import Box, Grid, Observation, Region

from .sequences import observation

SIZE = (80, 60)
"""Cells of 10 × 10 pixels."""


def grid(value: float = 0.0, **cells: float) -> Grid:
    """A 6 × 8 map of one value with cells r<row>c<column> set."""
    map = np.full((6, 8), value, np.float32)
    for name, cell in cells.items():
        row, column = name[1:].split("c")
        map[int(row), int(column)] = cell
    return map


def region(box: Box, peak: float) -> Region:
    return Region(box=box, area=100, peak=peak)


# Which cue


def test_the_cue_that_says_most_at_the_peak_with_its_ratio() -> None:
    map = grid(r2c3=5.0, r2c4=4.0)
    rarity = {"motion": grid(r2c3=3.0, r2c4=1.0), "oddity": grid(r2c3=1.0, r2c4=3.5)}
    ratios = {"motion": grid(r2c3=2.4)}
    (found,) = with_cues((region((30, 20, 50, 30), 5.0),), map, rarity=rarity, ratios=ratios, size=SIZE)
    assert (found.cue, found.ratio) == ("motion", pytest.approx(2.4))
    assert (found.box, found.peak) == ((30, 20, 50, 30), 5.0)


def test_a_cue_that_compares_with_nothing_has_no_ratio() -> None:
    map = grid(r2c3=5.0)
    (found,) = with_cues((region((30, 20, 40, 30), 5.0),), map, rarity={"oddity": map}, ratios={}, size=SIZE)
    assert (found.cue, found.ratio) == ("oddity", None)


def test_of_two_boxes_that_overlap_each_has_its_own_peak() -> None:
    map = grid(r1c1=4.0, r1c3=6.0)
    rarity = {"motion": grid(r1c1=4.0), "prediction": grid(r1c3=6.0)}
    both = region((0, 10, 40, 20), 4.0), region((20, 10, 40, 20), 6.0)
    found = with_cues(both, map, rarity=rarity, ratios={}, size=SIZE)
    assert [r.cue for r in found] == ["motion", "prediction"]


@pytest.mark.parametrize(("slow", "cue"), [(3.9, "motion"), (5.0, "scene")])
def test_a_slow_cue_leads_only_where_it_is_what_the_map_shows(slow: float, cue: str) -> None:
    """Two cues of 3 make a map of 5 together: the slow one's 3.9 is more than either, and is not why it is 5."""
    rarity = {"motion": grid(3.0), "oddity": grid(2.9), "scene": grid(slow)}
    (found,) = with_cues((region((0, 0, 10, 10), 5.0),), grid(5.0), rarity=rarity, ratios={}, size=SIZE)
    assert found.cue == cue


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (79, 59, 80, 60), (39, 29, 41, 31), (0, 0, 80, 60)])
def test_any_box_in_the_picture_has_a_cell(box: Box) -> None:
    (found,) = with_cues((region(box, 9.0),), grid(1.0), rarity={"motion": grid(1.0)}, ratios={}, size=SIZE)
    assert found.cue == "motion"


# In words


@pytest.mark.parametrize("cue", CUES)
@pytest.mark.parametrize("ratio", [None, 0.8, 2.4, 1000.0])
@pytest.mark.parametrize("age", [0.0, 40.0])
def test_every_cue_has_words(cue: str, ratio: float | None, age: float) -> None:
    words = reason(cue, ratio=ratio, age=age)
    assert 10 < len(words) < 60
    assert "nan" not in words
    assert "None" not in words


def test_there_are_no_words_for_cues_that_are_gone() -> None:
    assert set(WORDS) == set(CUES)


@pytest.mark.parametrize(
    ("cue", "ratio", "age", "words"),
    [
        ("motion", 2.4, 7.0, "moves 2.4 times faster than usual here"),
        ("motion", 12.3, 0.0, "moves 12 times faster than usual here"),
        ("motion", 1.1, 0.0, "moves as nothing usually does here"),
        ("oddity", None, 7.0, "looks or moves unlike anything seen here"),
        ("prediction", 8.0, 0.0, "changes in a way never seen here"),
        ("scene", 3.0, 40.0, "here for 40 s: never seen before at this place"),
        ("scene", 3.0, 0.4, "new here: never seen before at this place"),
        ("", None, 0.0, ""),
    ],
)
def test_words(cue: str, ratio: float | None, age: float, words: str) -> None:
    assert reason(cue, ratio=ratio, age=age) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2, "2 s"), (99.4, "99 s"), (99.6, "2 min"), (600, "10 min"), (5969, "99 min"), (5971, "2 h"), (86400, "24 h")],
)
def test_lengths_as_a_person_says_them(seconds: float, text: str) -> None:
    assert length_text(seconds) == text


# Of an event


def frame(cue: str, peak: float = 3.0, *, ratio: float | None = None, age: float = 0.0) -> Observation:
    seen = observation(0, 0.0, peak)
    weaker = region((0, 0, 9, 9), 2.5)
    return replace(seen, regions=(weaker, replace(seen.regions[0], cue=cue, ratio=ratio, age=age, peak=peak)))


def why(*frames: Observation) -> tuple[str, str]:
    causes = Causes()
    for seen in frames:
        causes.add(seen)
    return causes.cue, causes.reason


def test_the_cue_of_most_frames_and_its_ratio_where_it_was_surest() -> None:
    frames = [frame("motion", 4.0, ratio=2.0), frame("motion", 6.0, ratio=3.0), frame("motion", 5.0, ratio=9.0)]
    assert why(*frames, frame("oddity", 9.0)) == ("motion", "moves 3.0 times faster than usual here")


def test_of_two_cues_with_as_many_frames_the_surer_one() -> None:
    assert why(frame("prediction", 3.0), frame("oddity", 4.0))[0] == "oddity"


def test_what_stays_has_been_there_for_as_long_as_its_oldest_frame_says() -> None:
    frames = [frame("scene", 6.0, age=3.0), frame("scene", 4.0, age=40.0)]
    assert why(*frames) == ("scene", "here for 40 s: never seen before at this place")


def test_frames_that_name_no_cue_give_no_reason() -> None:
    bare = observation(0, 0.0, 3.0)
    assert why(replace(bare, regions=()), replace(bare, regions=(region((0, 0, 9, 9), 3.0),))) == ("", "")
