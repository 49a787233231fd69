"""The drawn footage: the same from the same seed, anomalies where the truth says, shipped clips as drawn."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from memwatch.video.truth_files import read_boxes
from samples import draw, stage
from samples.actors import Actor, straight
from samples.body import someone, stride_pose
from samples.crowd import walkers
from samples.sensor import Light
from samples.shapes import Image
from samples.walkway import ANOMALIES, HABITS, LANE, walkway

KINDS = ("cyclist", "cart", "runner", "grass", "bag", "loiterer")
SMALL = (192, 128)
FOLDER = Path(draw.__file__).parent


def digest(frames: Iterator[draw.Drawn]) -> str:
    state = hashlib.sha256()
    for image, boxes in frames:
        state.update(image.tobytes())
        state.update(repr(boxes).encode())
    return state.hexdigest()


def decoded(path: Path, count: int | None = None) -> list[Image]:
    with av.open(str(path)) as container:
        return [np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in islice(container.decode(video=0), count)]


@pytest.fixture(scope="module")
def everything() -> list[draw.Drawn]:
    """A small clip with one anomaly of each kind, at 5 frames a second."""
    return list(draw.render(seconds=60, seed=5, fps=5.0, size=SMALL, anomalies=KINDS))


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    values: dict[str, Any] = json.loads((FOLDER / "walkway-test.json").read_text())
    return values


# What is drawn


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    def clip(seed: int) -> str:
        return digest(draw.render(seconds=8, seed=seed, fps=2.0, size=(96, 64), anomalies=["cyclist"]))

    assert clip(3) == clip(3)
    assert clip(3) != clip(4)


def test_frames_are_colour_pictures_of_the_size_asked_for() -> None:
    frames = list(draw.render(seconds=1, seed=1, size=(100, 80)))
    assert len(frames) == 10
    assert all(image.shape == (80, 100, 3) and image.dtype == np.uint8 for image, _ in frames)
    assert not np.array_equal(frames[0].image[..., 0], frames[0].image[..., 2])


def test_the_camera_stands_still_whatever_the_seed() -> None:
    one, two = (np.median([f.image for f in draw.render(seconds=20, seed=seed, fps=1.0, size=SMALL)], axis=0)
                for seed in (1, 2))
    # Light drifts and leaves move; the correlation of the views doesn't care.
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.98


def test_noise_differs_between_frames() -> None:
    a, b = (f.image.astype(float) for f in draw.render(seconds=0.2, seed=1, size=SMALL))
    wall = (slice(20, 40), slice(30, 60))
    assert 1.0 < (a[wall] - b[wall]).std() < 12.0


# Truth


def test_anomalies_come_in_order_with_ordinary_time_around_each(everything: list[draw.Drawn]) -> None:
    truth: Any = draw.truth([f.boxes for f in everything], clip="x.mp4", fps=5.0, size=SMALL, seed=5)
    found = truth["anomalies"]
    assert tuple(a["kind"] for a in found) == KINDS
    assert [a["id"] for a in found] == [1, 2, 3, 4, 5, 6]
    assert found[0]["first"] >= 5
    assert found[-1]["last"] < len(everything) - 5
    assert all(later["first"] - earlier["last"] > 5 for earlier, later in pairwise(found))


def test_boxes_lie_in_the_picture_and_only_where_something_is_abnormal(everything: list[draw.Drawn]) -> None:
    boxes = [note.box for frame in everything for note in frame.boxes]
    assert all(0 <= x1 < x2 <= SMALL[0] and 0 <= y1 < y2 <= SMALL[1] for x1, y1, x2, y2 in boxes)
    assert not any(frame.boxes for frame in draw.render(seconds=10, seed=5, fps=1.0, size=SMALL))


def test_the_bag_and_the_loiterer_stay_where_they_are(everything: list[draw.Drawn]) -> None:
    middles: dict[str, list[float]] = {}
    for frame in everything:
        for note in frame.boxes:
            middles.setdefault(note.kind, []).append((note.box[0] + note.box[2]) / 2)
    assert np.ptp(middles["bag"]) < 0.06 * SMALL[0]
    assert np.ptp(middles["loiterer"]) < 0.25 * SMALL[0]
    assert np.ptp(middles["runner"]) > 0.75 * SMALL[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_is_tight_round_the_pixels_that_its_figure_changes(kind: str) -> None:
    # Without shadows a frame with and one without the actor differ exactly where it is seen.
    scene = dataclasses.replace(walkway(SMALL), shadow=0.0)
    length = ANOMALIES[kind].length
    cast = ANOMALIES[kind].make(3.0, length, np.random.default_rng(2))
    (actor,) = (a for a in cast if a.kind)
    light = Light((0.0, 0.0, 0.0))
    for t in (3.0 + 0.35 * length, 3.0 + 0.55 * length):
        clean, seen = stage._compose(scene, [actor], light, t)
        empty, _ = stage._compose(scene, [], light, t)
        changed = np.abs(clean - empty).max(axis=2) > 0
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        outer = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        ((_, box),) = seen
        slack = np.array(box) - outer
        assert (slack[:2] >= 0).all()
        assert (slack[2:] <= 0).all()
        assert np.abs(slack).max() <= 2  # thin, half-covered rims don't count as seen


def test_what_is_wholly_hidden_has_no_box() -> None:
    scene = walkway(SMALL)
    rng = np.random.default_rng(2)
    lone = next(a for a in ANOMALIES["bag"].make(3.0, 9.0, rng) if a.kind)
    x, y = lone.tracks[0].points[0]
    wall = stage.Prop(0.5, np.ones(SMALL[::-1], np.float32))
    hidden = dataclasses.replace(scene, backdrop=dataclasses.replace(scene.backdrop, props=(wall,)))
    assert len(stage._compose(scene, [lone], Light((0, 0, 0)), 6.0)[1]) == 1
    assert stage._compose(hidden, [lone], Light((0, 0, 0)), 6.0)[1] == []
    assert scene.camera.inside((float(x), float(y)))


# People


def test_a_walker_always_has_a_foot_on_the_ground_and_it_goes_backwards_under_the_body() -> None:
    look = someone(np.random.default_rng(0))
    for phase in np.arange(0, 1, 0.05):
        legs = stride_pose(look, float(phase)).legs
        assert min(float(leg[2:, 2].min()) for leg in legs) == pytest.approx(0.035)
    stance = [stride_pose(look, float(phase)).legs[0][2, 0] for phase in np.arange(0.05, 0.5, 0.05)]
    assert all(later < earlier for earlier, later in pairwise(stance))


def test_who_walks_farther_away_is_drawn_smaller_and_moves_fewer_pixels() -> None:
    scene = walkway(SMALL)
    points = np.array([[0.0, 8.0, 0], [0, 8.0, 1.7], [1, 8.0, 0], [0, 18.0, 0], [0, 18.0, 1.7], [1, 18.0, 0]])
    flat, _ = scene.camera.project(points)
    near, far = flat[:3], flat[3:]
    assert near[0, 1] - near[1, 1] > 1.5 * (far[0, 1] - far[1, 1])
    assert near[2, 0] - near[0, 0] > 1.5 * (far[2, 0] - far[0, 0])


def test_walkers_keep_apart_and_give_way_to_a_vehicle() -> None:
    a, b = LANE.place(np.array([-10.0, 10.0]), np.zeros(2))
    vehicle = straight((a[0], a[1]), (b[0], b[1]), at=20.0, speed=4.0)
    crowd: list[Actor] = walkers(LANE, (-10.0, 10.0), HABITS, seconds=60, rng=np.random.default_rng(1),
                                 around=[vehicle])
    tracks = [vehicle, *(actor.tracks[0] for actor in crowd)]
    assert len(tracks) > 8
    for t in np.arange(0, 60, 0.5):
        places = [(s.x, s.y) for track in tracks if (s := track.at(float(t))) is not None]
        gaps = [np.hypot(p[0] - q[0], p[1] - q[1]) for i, p in enumerate(places) for q in places[:i]]
        assert len(places) <= HABITS.most + 1
        assert not gaps or min(gaps) > HABITS.apart - 0.05


# Refusals


@pytest.mark.parametrize(("change", "word"), [
    ({"scene": "moon"}, "walkway"),
    ({"anomalies": ["ghost"]}, "loiterer"),
    ({"anomalies": ["bag"], "seconds": 5}, "at least 13.0 s"),
    ({"size": (8, 8)}, "32×32"),
    ({"seconds": 0}, "not one frame"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_refused_at_the_call(change: dict[str, Any], word: str) -> None:
    settings: dict[str, Any] = {"seconds": 3, "seed": 1, "size": SMALL} | change
    with pytest.raises(ValueError, match=word):
        draw.render(**settings)


# Files


def test_a_written_clip_is_browser_ready_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    notes = draw.write_clip(path, draw.render(seconds=1, seed=1, size=SMALL), fps=10.0, size=SMALL)
    assert len(notes) == 10
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert video.average_rate == 10
        assert video.frames == 10
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_failing_clip_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[draw.Drawn]:
        yield from draw.render(seconds=0.3, seed=1, size=SMALL)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        draw.write_clip(tmp_path / "a.mp4", broken(), fps=10.0, size=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_the_script_says_in_one_line_what_it_cannot_do(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "draw.py"), "--out", str(tmp_path / "o"), "--test-seconds", "9"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "too short" in done.stderr
    assert not (tmp_path / "o").exists()


# What ships


def test_shipped_clips_are_long_enough_small_enough_and_as_the_truth_says(shipped: dict[str, Any]) -> None:
    sizes = [path.stat().st_size for path in FOLDER.glob("walkway-*")]
    assert len(sizes) == 3
    assert sum(sizes) < 4_000_000
    for name, least in (("walkway-normal.mp4", 60), ("walkway-test.mp4", 40)):
        with av.open(str(FOLDER / name)) as container:
            video = container.streams.video[0]
            assert video.frames / float(video.average_rate or 1) >= least
            assert (video.width, video.height) == (shipped["width"], shipped["height"])
    assert len(decoded(FOLDER / shipped["clip"])) == shipped["frames"]
    assert {a["kind"] for a in shipped["anomalies"]} == set(KINDS)


def test_the_shipped_truth_reads_and_has_a_box_in_every_abnormal_frame(shipped: dict[str, Any]) -> None:
    told = read_boxes(FOLDER / "walkway-test.json")
    abnormal = {frame for first, last in told.spans for frame in range(first, last + 1)}
    assert set(told.boxes) == abnormal
    assert 0.2 < len(abnormal) / told.frames < 0.7


def test_the_shipped_clip_is_what_this_code_draws(shipped: dict[str, Any]) -> None:
    size = (shipped["width"], shipped["height"])
    frames = draw.render(seconds=shipped["frames"] / shipped["fps"], seed=shipped["seed"], size=size, anomalies=KINDS)
    first = shipped["anomalies"][0]
    drawn = list(islice(frames, first["first"] + 10))
    for index, (image, frame) in enumerate(zip(decoded(FOLDER / shipped["clip"], 20), drawn, strict=False)):
        error = np.square(image.astype(float) - frame.image).mean()
        assert 10 * np.log10(255**2 / error) > 28, f"frame {index}"
    redrawn = [[index, *note.box] for index, frame in enumerate(drawn) for note in frame.boxes]
    assert redrawn == first["boxes"][: len(redrawn)]
