"""The lobby and the yard: every anomaly drawn where the truth says, and ordinary time without any."""

from __future__ import annotations

import dataclasses
import hashlib
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samples import draw, stage
from samples.actors import Actor
from samples.body import someone
from samples.indoor import HABITS, VISITS, indoor
from samples.indoor_view import ROOM
from samples.poses import crawling_pose, falling_pose, lying_pose
from samples.routes import route, visitors
from samples.sensor import Light
from samples.yard import yard
from samples.yard_view import BAYS

SMALL = (192, 128)
SECONDS = {"indoor": 110.0, "yard": 180.0}
KINDS = {
    "indoor": ("bag", "fallen", "door", "lamp", "crawler", "runner", "missing"),
    "yard": ("wrong-way", "stray-car", "climber", "lawn", "cyclist", "dog", "box", "missing"),
}
STILL = {"indoor": {"bag", "door", "lamp", "missing"}, "yard": {"box"}}
"""Whose middle never moves."""
ALL = [(scene, kind) for scene, kinds in KINDS.items() for kind in kinds]
NOON = Light((0.0, 0.0, 0.0))


@pytest.fixture(scope="module", params=KINDS)
def everything(request: pytest.FixtureRequest) -> tuple[str, list[draw.Drawn]]:
    """A scene's name and a small clip of it with one anomaly of each kind, at 2 frames a second."""
    name: str = request.param
    frames = draw.render(name, seconds=SECONDS[name], seed=5, fps=2.0, size=SMALL, anomalies=KINDS[name])
    return name, list(frames)


def plain(name: str) -> stage.Scene:
    """A scene without shadows, mirrors and changes of light: only what is there changes a pixel."""
    return dataclasses.replace(draw.SCENES[name](SMALL), shadow=0.0, gloss=0.0, glow=None)


def staged(name: str, kind: str, seed: int = 2) -> tuple[list[Actor], Actor]:
    """Everyone in a clip with one anomaly, and the actor that is it."""
    actors = draw.SCENES[name](SMALL).people(60.0, np.random.default_rng(seed), [kind])
    (odd,) = (actor for actor in actors if actor.kind)
    return actors, odd


def seen_at(odd: Actor, part: float) -> float:
    """A moment that far (0 … 1) through an anomaly, seconds."""
    last = max((float(track.times[-1]) for track in odd.tracks), default=odd.abnormal[1])
    first = min((float(track.times[0]) for track in odd.tracks), default=odd.abnormal[0])
    begin, end = max(first, odd.abnormal[0]), min(last, odd.abnormal[1])
    return begin + part * (end - begin)


def middle(box: stage.Box) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([box[0] + box[2], box[1] + box[3]]) / 2


# What is drawn


@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(name: str) -> None:
    def clip(seed: int) -> str:
        state = hashlib.sha256()
        frames = draw.render(name, seconds=40, seed=seed, fps=0.5, size=(96, 64), anomalies=["missing"])
        for image, boxes in frames:
            state.update(image.tobytes() + repr(boxes).encode())
        return state.hexdigest()

    assert clip(3) == clip(3)
    assert clip(3) != clip(4)


@pytest.mark.parametrize("name", KINDS)
def test_the_camera_stands_still_and_the_light_does_not(name: str) -> None:
    one, two = (np.stack([f.image for f in draw.render(name, seconds=40, seed=seed, fps=0.5, size=SMALL)])
                for seed in (1, 2))
    views = [np.median(clip, axis=0).ravel() for clip in (one, two)]
    assert np.corrcoef(*views)[0, 1] > 0.95  # clouds pass, a flag flies
    means = one.reshape(len(one), -1).mean(axis=1)
    assert 1.0 < np.ptp(means) < 40.0


def test_the_window_and_the_lamp_change_the_light_where_they_are_and_clouds_pass() -> None:
    def changes(scene: stage.Scene) -> np.ndarray[Any, np.dtype[np.float32]]:
        assert scene.glow is not None
        return np.stack([scene.glow(float(t), NOON)[..., 0] for t in np.arange(0, 60, 0.7)])

    lobby, clouded = changes(indoor(SMALL)), changes(yard(SMALL))
    window, by_lamp, near = lobby[:, 20, 20], lobby[:, 60, 110], lobby[:, 120, 150]
    assert np.ptp(window) > 3 * np.ptp(by_lamp) > 3 * np.ptp(near) >= 0
    assert np.ptp(by_lamp) > 0.02
    assert np.ptp(clouded, axis=0).min() > 0.02
    assert np.ptp(clouded[0]) > 0.02


# Truth


def test_anomalies_come_in_order_with_ordinary_time_around_each(everything: tuple[str, list[draw.Drawn]]) -> None:
    name, frames = everything
    truth: Any = draw.truth([f.boxes for f in frames], clip="x.mp4", fps=2.0, size=SMALL, seed=5)
    found = truth["anomalies"]
    assert tuple(a["kind"] for a in found) == KINDS[name] == draw.SCENES[name](SMALL).kinds
    assert [a["id"] for a in found] == list(range(1, len(found) + 1))
    assert found[0]["first"] >= 3
    assert found[-1]["last"] < len(frames) - 3
    assert all(later["first"] - earlier["last"] >= 3 for earlier, later in pairwise(found))
    assert all(a["last"] - a["first"] + 1 <= len(a["boxes"]) + 1 for a in found)  # one may be hidden for a moment


def test_boxes_lie_in_the_picture_and_still_things_stay(everything: tuple[str, list[draw.Drawn]]) -> None:
    name, frames = everything
    middles: dict[str, list[Any]] = {}
    for frame in frames:
        for note in frame.boxes:
            x1, y1, x2, y2 = note.box
            assert 0 <= x1 < x2 <= SMALL[0]
            assert 0 <= y1 < y2 <= SMALL[1]
            middles.setdefault(note.kind, []).append(middle(note.box))
    moved = {kind: np.ptp(np.array(track), axis=0).max() / SMALL[0] for kind, track in middles.items()}
    assert {kind for kind in moved if moved[kind] < 0.05} >= STILL[name]
    fast = {"indoor": {"runner", "crawler"}, "yard": {"wrong-way", "cyclist", "dog"}}[name]
    assert all(moved[kind] > 0.3 for kind in fast)


def test_planned_anomalies_of_one_seed_look_alike_and_do_the_same() -> None:
    """Where the box is, picture by picture, is the same each time; without a seed each comes as it likes."""
    for seed, alike in ((3, True), (None, False)):
        planned = [draw.Planned("fallen", at, 8.0, seed) for at in (2.0, 22.0)]
        drawn = draw.render("indoor", seconds=32, seed=5, fps=2.0, size=SMALL, anomalies=planned)
        boxes: dict[int, list[draw.Box]] = {}
        for _, notes in drawn:
            for note in notes:
                boxes.setdefault(note.id, []).append(note.box)
        first, second = boxes.values()
        assert (first == second) == alike


@pytest.mark.parametrize("name", KINDS)
def test_ordinary_footage_has_no_anomaly(name: str) -> None:
    assert not any(frame.boxes for frame in draw.render(name, seconds=30, seed=5, fps=0.5, size=SMALL))


@pytest.mark.parametrize("part", [0.4, 0.6])
@pytest.mark.parametrize(("name", "kind"), ALL)
def test_a_box_is_tight_round_the_pixels_that_its_figure_changes(name: str, kind: str, part: float) -> None:
    scene = plain(name)
    _, odd = staged(name, kind)
    t = seen_at(odd, part)
    clean, seen = stage._compose(scene, [odd], NOON, t)
    if (figure := odd.draw(t)) is not None and figure.absent:  # painted where it lacks, it must fill its box
        clean, _ = stage._compose(scene, [Actor(lambda _: dataclasses.replace(figure, absent=False))], NOON, t)
    empty, _ = stage._compose(scene, [], NOON, t)
    ((_, box),) = seen
    # A lamp's halo fades into the wall: of it only what is clearly lit counts.
    changed = np.abs(clean - empty).max(axis=2) > (40 if kind == "lamp" else 0)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    outer = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    slack = np.abs(np.array(box) - outer)
    assert slack.max() <= 3


@pytest.mark.parametrize("name", KINDS)
def test_what_is_missing_leaves_the_picture_as_it_is_without_it(name: str) -> None:
    scene = plain(name)
    actors, odd = staged(name, "missing")
    t = seen_at(odd, 0.5)
    figure = odd.draw(t)
    assert figure is not None
    assert figure.absent
    without, _ = stage._compose(scene, [a for a in actors if a is not odd], NOON, t)
    gone, _ = stage._compose(scene, actors, NOON, t)
    assert np.array_equal(gone, without)
    usual = scene.people(60.0, np.random.default_rng(9), [])

    def at_its_place(cast: list[Actor]) -> list[Actor]:
        return [a for a in cast if (f := a.draw(t)) is not None and f.foot == figure.foot]

    assert len(at_its_place(usual)) == 1
    assert at_its_place(actors) == [odd]


# Habits


def test_in_the_lobby_some_stand_at_the_counter_and_nobody_walks_through_another() -> None:
    tracks = [a.tracks[0] for a in visitors(VISITS, HABITS, seconds=240, rng=np.random.default_rng(1))]
    assert len(tracks) > 20
    stopped = 0
    for track in tracks:
        steps = [s for t in np.arange(track.times[0], track.times[-1], 0.25) if (s := track.at(float(t))) is not None]
        still = [s for s in steps if s.speed < 0.05]
        stopped += len(still) > 12
        left = ROOM.locate(np.array([s.x for s in still]), np.array([s.y for s in still]))[1]
        assert (left > 4.3).all()
        assert max(s.speed for s in steps) < 1.9
    assert 0.1 < stopped / len(tracks) < 0.6
    for t in np.arange(0, 240, 0.5):
        places = [(s.x, s.y) for track in tracks if (s := track.at(float(t))) is not None]
        assert len(places) <= HABITS.most
        assert all(np.hypot(a[0] - b[0], a[1] - b[1]) > HABITS.apart - 0.05 for a, b in combinations(places, 2))


def test_cars_go_one_way_and_keep_apart_but_for_the_one_that_does_not() -> None:
    usual = yard(SMALL).people(240.0, np.random.default_rng(3), [])
    cars = [a.tracks[0] for a in usual if a.tracks and a.tracks[0].points[0, 0] > 15]
    assert len(cars) > 5
    assert all(track.points[-1, 0] < -15 for track in cars)
    for t in np.arange(0, 240, 0.5):
        places = [(s.x, s.y) for track in cars if (s := track.at(float(t))) is not None]
        assert all(np.hypot(a[0] - b[0], a[1] - b[1]) > 6.0 for a, b in combinations(places, 2))
    _, wrong = staged("yard", "wrong-way")
    assert wrong.tracks[0].points[0, 0] < -15 < 15 < wrong.tracks[0].points[-1, 0]


def test_the_car_that_was_missing_comes_back_to_its_bay_nose_out() -> None:
    _, odd = staged("yard", "missing")
    leaves, reverses = odd.tracks
    for track, at in ((leaves, leaves.times[0]), (reverses, reverses.times[-1])):
        step = track.at(float(at))
        assert step is not None
        assert step.x == pytest.approx(BAYS[1], abs=0.1)
        assert np.sin(step.heading) == pytest.approx(-1.0, abs=0.05)


def test_the_stray_car_is_gone_before_its_time_is_over() -> None:
    _, odd = staged("yard", "stray-car")
    assert 24.0 < odd.tracks[0].times[-1] - odd.abnormal[0] <= 25.1


def test_who_falls_lies_till_they_get_up() -> None:
    scene = plain("indoor")
    _, odd = staged("indoor", "fallen")
    tall, flat = (stage._compose(scene, [odd], NOON, seen_at(odd, part))[1][0][1] for part in (0.001, 0.4))
    assert tall[3] - tall[1] > 1.5 * (tall[2] - tall[0])
    assert flat[3] - flat[1] < 0.75 * (tall[3] - tall[1])


# Ways and poses


def test_a_way_meets_its_places_in_time_and_waits_there() -> None:
    track = route([(0.0, 0.0), (6.0, 0.0), (6.0, 6.0)], speed=1.5, at=20.0, pauses=[(1, 5.0)], meet=1)
    before, waiting, after = (track.at(t) for t in (19.0, 22.5, 27.0))
    assert before is not None
    assert waiting is not None
    assert after is not None
    assert (before.x, before.y) == pytest.approx((4.5, 0.0), abs=0.05)
    assert (waiting.x, waiting.y) == pytest.approx((6.0, 0.0), abs=0.02)
    assert waiting.speed < 0.02
    assert waiting.heading == pytest.approx(0.0, abs=0.1)  # still facing where they were going
    assert (after.x, after.y) == pytest.approx((6.0, 3.0), abs=0.05)


def test_who_lies_is_low_and_who_crawls_is_between() -> None:
    look = someone(np.random.default_rng(0))
    lying, standing = lying_pose(look), falling_pose(look, 0.0)
    assert max(lying.head[2], lying.chest[2], lying.pelvis[2]) < 0.25
    assert standing.head[2] > 0.85 * look.height
    heights = [falling_pose(look, part).head[2] for part in np.linspace(0, 1, 9)]
    assert all(later <= earlier + 0.02 for earlier, later in pairwise(heights))
    for phase in np.linspace(0, 1, 11):
        pose = crawling_pose(look, float(phase))
        assert 0.3 < pose.head[2] / look.height < 0.6
        assert min(leg[1, 2] for leg in pose.legs) < 0.08  # a knee carries
        assert min(arm[2, 2] for arm in pose.arms) < 0.06  # and a hand
        for hip, knee, ankle, _ in pose.legs:
            assert np.linalg.norm(knee - hip) == pytest.approx(0.245 * look.height, rel=0.3)
            assert np.linalg.norm(ankle - knee) == pytest.approx(0.246 * look.height, rel=0.1)


# Files


def test_the_script_draws_another_scene(tmp_path: Path) -> None:
    done = draw.main(["--scene", "indoor", "--out", str(tmp_path), "--normal-seconds", "1", "--test-seconds", "9"])
    assert done == 1  # too short for all that happens there
    assert list(tmp_path.iterdir()) == []


def test_a_scene_s_own_clip_is_long_enough_for_its_anomalies() -> None:
    for scene in (indoor(SMALL), yard(SMALL)):
        scene.people(scene.clip_seconds[1], np.random.default_rng(1), scene.kinds)
