"""What is wrong with a whole picture, told apart from what happens in it: a drawn scene, altered by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from memwatch.live.picture import SCENES, PictureWatch
from memwatch.types import Frame, StateEvent
from tests import tiny

WIDTH, HEIGHT, FPS = 96, 72, 10

Picture = NDArray[np.float32]
Change = Callable[[Picture, int], Picture]
"""A picture in levels, and which frame it is, to the one that the camera sends."""


def ground(seed: int) -> Picture:
    """A smooth scene of many things, in colour, of levels between about 40 and 200."""
    drawn = np.random.default_rng(seed).uniform(0, 1, (HEIGHT // 6, WIDTH // 6, 3)).astype(np.float32)
    smooth = cv2.resize(drawn, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(40 + 160 * np.clip(smooth, 0, 1), np.float32)


SCENE, ELSEWHERE = ground(1), ground(2)
NOISE = np.random.default_rng(3).standard_normal((17, HEIGHT, WIDTH, 3), np.float32)


def same(picture: Picture, index: int) -> Picture:
    return picture


def frames(count: int, change: Change = same, *, start: int = 0, noise: float = 2.0) -> list[Frame]:
    """A block walks through the scene; the camera adds noise."""
    shown = []
    for index in range(start, start + count):
        picture = SCENE.copy()
        left = 2 * index % (WIDTH - 12)
        picture[30:54, left : left + 12] = (30, 60, 90)
        sent = change(picture, index)
        sent = sent + noise * NOISE[index % len(NOISE)]
        image = np.clip(np.round(sent), 0, 255).astype(np.uint8)
        shown.append(Frame("own", index, tiny.WALL + index / FPS, index / FPS, image))
    return shown


def told(watch: PictureWatch, shown: Iterable[Frame]) -> list[tuple[float, StateEvent]]:
    """(seconds, state), in order."""
    return [(frame.seconds, state) for frame in shown for state in watch.push(frame)]


def kinds(states: list[tuple[float, StateEvent]]) -> list[tuple[str, str]]:
    """(what, what it means for scoring) of each; a change of the whole picture by its kind."""
    return [(state.facts.get("kind", state.kind), state.scene) for _, state in states]


def watching(seconds: float = 3.0) -> PictureWatch:
    """One that has seen the scene for a while, and said nothing."""
    watch = PictureWatch("yard")
    assert told(watch, frames(round(seconds * FPS))) == []
    return watch


def after(change: Change, *, seconds: float = 4.0, noise: float = 2.0) -> list[tuple[float, StateEvent]]:
    """What is told of a change at 3 s."""
    return told(watching(), frames(round(seconds * FPS), change, start=30, noise=noise))


def dimmed(picture: Picture, index: int) -> Picture:
    return picture * 0.45 + 5


def gray(picture: Picture, index: int) -> Picture:
    flat = cv2.cvtColor(np.clip(picture, 0, 255).astype(np.uint8), cv2.COLOR_BGR2GRAY)
    return np.repeat(flat[..., None], 3, axis=2).astype(np.float32) * 0.6 + 10


def black(picture: Picture, index: int) -> Picture:
    return picture * 0.01 + 8


def covered(picture: Picture, index: int) -> Picture:
    return np.full_like(picture, 90) + np.linspace(0, 6, WIDTH, dtype=np.float32)[:, None]


def elsewhere(picture: Picture, index: int) -> Picture:
    return ELSEWHERE


def turned(picture: Picture, index: int) -> Picture:
    return np.roll(picture, (13, 29), axis=(0, 1))


# Nothing is wrong


def test_a_minute_of_ordinary_movement_is_no_state() -> None:
    assert told(PictureWatch("yard"), frames(60 * FPS)) == []


def test_a_slow_dusk_is_no_state() -> None:
    assert after(lambda picture, index: picture * (1 - 0.5 * (index - 30) / 300), seconds=30) == []


def test_a_large_thing_that_crosses_half_of_the_picture_is_no_state() -> None:
    """It is half as wide as the picture and as high, and takes ten seconds."""

    def lorry(picture: Picture, index: int) -> Picture:
        left = (index - 30) * 3 // 2 - WIDTH // 2
        shown = picture.copy()
        shown[:, max(0, left) : max(0, left + WIDTH // 2)] = (220, 40, 30)
        return shown

    assert after(lorry, seconds=11) == []


def test_a_bright_spot_is_no_state() -> None:
    def lamp(picture: Picture, index: int) -> Picture:
        shown = picture.copy()
        shown[:, : WIDTH // 3] += 60
        return shown

    assert after(lamp) == []


# The light


def test_a_light_that_is_switched_is_told_at_once_and_is_over_when_the_picture_stands_still() -> None:
    states = after(dimmed)
    assert kinds(states) == [("light", "hold"), ("light", "relight")]
    (began, first), (ended, last) = states
    assert began == 3.0
    assert 3.5 <= ended <= 3.8
    assert (first.source, first.kind, first.time) == ("yard", "scene_change", tiny.WALL + 3.0)
    assert first.facts["fraction"] >= 0.6
    assert last.facts == {
        "kind": "light", "over": True, "took_s": pytest.approx(ended - 3.0, abs=0.05), "scene": SCENES["relight"],
    }  # fmt: skip


def test_a_light_may_go_on_and_off_again() -> None:
    watch = watching()
    there = told(watch, frames(40, dimmed, start=30))
    back = told(watch, frames(40, start=70))
    assert kinds(there) == kinds(back) == [("light", "hold"), ("light", "relight")]
    assert back[0][0] == 7.0
    assert told(watch, frames(100, start=110)) == []


def test_a_lamp_that_takes_a_second_to_come_is_one_change() -> None:
    def slow(picture: Picture, index: int) -> Picture:
        return picture * (1 - 0.55 * min(1.0, (index - 29) / 10))

    states = after(slow)
    assert kinds(states) == [("light", "hold"), ("light", "relight")]
    assert 3.0 < states[0][0] < 4.0
    assert 4.2 < states[1][0] < 5.0


def test_a_light_that_flickers_on_is_taken_as_it_is_in_the_end() -> None:
    states = after(lambda picture, index: picture * (0.4 if index // 3 % 2 else 0.9), seconds=14)
    assert kinds(states)[:2] == [("light", "hold"), ("light", "relight")]
    assert 9.9 <= states[1][0] - states[0][0] <= 10.2


# The camera


def test_infrared_begins_and_ends() -> None:
    watch = watching()
    night = told(watch, frames(40, gray, start=30))
    assert kinds(night) == [("infrared", "hold"), ("infrared", "anew")]
    assert watch.gray
    assert watch.kind == ""
    day = told(watch, frames(40, start=70))
    assert kinds(day) == [("infrared", "hold"), ("infrared", "anew")]
    assert not watch.gray


def test_a_filter_that_takes_the_colour_and_leaves_the_brightness_is_infrared_too() -> None:
    def pale(picture: Picture, index: int) -> Picture:
        luma = picture @ np.array([0.114, 0.587, 0.299], np.float32)
        return np.repeat(luma[..., None], 3, axis=2)

    watch = watching()
    states = told(watch, frames(40, pale, start=30, noise=0.5))
    assert kinds(states) == [("infrared", "hold"), ("infrared", "anew")]
    assert states[0][1].facts["fraction"] < 0.1
    assert kinds(told(watch, frames(40, start=70))) == [("infrared", "hold"), ("infrared", "anew")]


def test_a_red_van_that_leaves_a_gray_yard_is_no_filter() -> None:
    """It fills a fifth of the picture: with it, the picture counts as coloured."""

    def yard(picture: Picture, index: int) -> Picture:
        pale = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
        if index < 40:
            pale[36:, :38] = (60, 60, 200)
        return pale

    watch = PictureWatch("yard")
    assert told(watch, frames(20, yard, noise=0.2)) == []
    assert not watch.gray
    assert told(watch, frames(80, yard, start=20, noise=0.2)) == []
    assert watch.gray


def test_a_camera_that_always_was_gray_is_no_infrared_one() -> None:
    watch = PictureWatch("yard")
    assert told(watch, frames(100, gray, noise=0.2)) == []
    assert watch.gray


def test_darkness_lasts_until_there_is_something_to_see() -> None:
    watch = watching()
    states = told(watch, frames(150, black, start=30, noise=0.5))
    assert kinds(states) == [("dark", "hold")]
    assert watch.kind == "dark"
    again = told(watch, frames(40, start=180))
    assert kinds(again)[-1] == ("light", "relight")
    assert watch.kind == ""


def test_a_covered_lens_lasts_until_it_is_uncovered() -> None:
    watch = watching()
    assert kinds(told(watch, frames(150, covered, start=30))) == [("covered", "hold")]
    assert kinds(told(watch, frames(40, start=180)))[-1] == ("light", "relight")


@pytest.mark.parametrize("view", [elsewhere, turned])
def test_a_camera_that_was_moved_learns_its_scene_anew(view: Change) -> None:
    states = after(view)
    assert kinds(states) == [("moved", "hold"), ("moved", "anew")]
    assert states[-1][1].facts["scene"] == "the scene is learned anew"


def test_a_lens_that_is_covered_and_then_looks_elsewhere_was_moved() -> None:
    watch = watching()
    assert kinds(told(watch, frames(20, covered, start=30))) == [("covered", "hold")]
    assert kinds(told(watch, frames(40, elsewhere, start=50)))[-1] == ("moved", "anew")


def test_a_light_that_changed_while_the_camera_was_away_is_seen_when_it_is_back() -> None:
    watch = watching()
    shown = frames(40, dimmed, start=30)
    first = shown[0]
    shown[0] = Frame(first.source, first.index, first.time, first.seconds, first.image, gap=True)
    states = [state for _, state in told(watch, shown)]
    assert [state.facts["kind"] for state in states] == ["light", "light"]
    assert [state.scene for state in states] == ["hold", "relight"]


# A broken camera


def test_the_same_picture_for_five_seconds_is_frozen_and_any_other_thaws_it() -> None:
    watch = watching()
    (still,) = frames(1, start=30)
    stuck = [Frame("own", i, tiny.WALL + i / FPS, i / FPS, still.image) for i in range(30, 130)]
    states = told(watch, stuck)
    assert kinds(states) == [("camera_frozen", "hold")]
    assert states[0][0] == 8.0
    assert states[0][1].facts == {"text": "the same picture for 5 s", "since_s": 5.0}
    assert watch.kind == "frozen"
    again = told(watch, frames(20, start=130))
    assert kinds(again)[0] == ("camera_thawed", "go on")
    assert again[0][0] == 13.0
    assert watch.kind == ""


def test_a_still_scene_of_a_living_sensor_is_not_frozen() -> None:
    assert after(lambda picture, index: SCENE, seconds=20, noise=0.5) == []


def test_a_torn_picture_is_held_until_it_is_whole() -> None:
    def torn(picture: Picture, index: int) -> Picture:
        shown = picture.copy()
        shown[round(0.6 * HEIGHT) :] = 128
        return shown

    def clean(count: int, start: int) -> list[Frame]:
        """Without noise below: what never came has none."""
        shown = frames(count, torn, start=start)
        for frame in shown:
            frame.image[round(0.6 * HEIGHT) :] = 128
        return shown

    watch = watching()
    states = told(watch, clean(10, 30))
    assert kinds(states) == [("torn", "hold")]
    assert states[0][0] == 3.0
    assert states[0][1].facts["fraction"] == pytest.approx(0.4, abs=0.01)
    assert watch.kind == "torn"
    whole = told(watch, frames(40, start=40))
    assert kinds(whole) == [("torn", "go on")]
    assert whole[0][0] == 4.0
    assert whole[0][1].facts["took_s"] == 1.0


def test_a_camera_with_a_black_bar_is_not_torn() -> None:
    shown = frames(100)
    for frame in shown:
        frame.image[HEIGHT // 2 :] = 0
    assert told(PictureWatch("yard"), shown) == []


def test_pictures_are_not_judged_more_often_than_needed() -> None:
    """At 100 a second only every tenth is: the light is told at most 0.1 s late."""
    watch = PictureWatch("yard")
    shown = [
        Frame("own", i, tiny.WALL + i / 100, i / 100, frame.image)
        for i, frame in enumerate([*frames(205), *frames(200, dimmed, start=205)])
    ]
    states = told(watch, shown)
    assert kinds(states) == [("light", "hold"), ("light", "relight")]
    assert states[0][0] == pytest.approx(2.1)
