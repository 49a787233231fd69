"""The detector: causal, the same in any batch, and careful about what its memory learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memwatch.config import RegionConfig
from memwatch.model import Model
from memwatch.pipeline import Detector
from memwatch.pipeline.knowledge import QUARANTINE_S, SNAPSHOT_S, UNDO_S, Knowledge, Refusals, Updates
from memwatch.runtime import open_runtime
from memwatch.scoring import Calibration
from memwatch.types import Clip, Observation
from tests import tiny
from tests.pipeline import scripted


def split(clips: Sequence[Clip], sizes: Sequence[int]) -> list[Sequence[Clip]]:
    """Batches of the given sizes, over and over."""
    batches, at, turn = [], 0, 0
    while at < len(clips):
        size = sizes[turn % len(sizes)]
        batches.append(clips[at : at + size])
        at, turn = at + size, turn + 1
    return batches


def played(text: str, *, fps: float = 10.0, sizes: Sequence[int] = (1,)) -> tuple[Detector, scripted.Script]:
    runtime = scripted.Script()
    detector = scripted.detector(runtime)
    for batch in split(scripted.clips(text, fps=fps), sizes):
        detector.step(batch)
    return detector, runtime


def learned(detector: Detector) -> tuple[int, ...]:
    found: tuple[int, ...] = detector.learner.knowledge.memory["learned"]
    return found


# The gate and the quarantine, by script (frames count from 1)


def test_a_calm_frame_teaches_two_seconds_later() -> None:
    """At 1 frame/s: frame 1 has taught when frame 3 is scored."""
    _, runtime = played(".....", fps=1)
    assert runtime.scored_with == {1: (), 2: (), 3: (1,), 4: (1, 2), 5: (1, 2, 3)}


def test_a_frame_is_never_scored_with_a_memory_that_knows_it() -> None:
    _, runtime = played("." * 60)
    for index, known in runtime.scored_with.items():
        assert all((index - k) / 10 >= QUARANTINE_S - 1e-9 for k in known)


def test_an_irregular_frame_teaches_nothing_and_forgives_what_waits() -> None:
    detector, _ = played("..~~..." + "." * 3, fps=1)
    assert learned(detector) == (1, 2, 5, 6, 7, 8)


def test_an_anomaly_empties_the_quarantine() -> None:
    """4 waits when 5 turns out odd, and is never learned from; what was learned in the ten seconds before is undone."""
    detector, runtime = played("." * 20 + "#....", fps=1)
    assert runtime.scored_with[21] == tuple(range(1, 20))
    # The newest snapshot of ten seconds before the last calm frame is frame 9's, which knew of 1 to 7.
    assert runtime.scored_with[22] == tuple(range(1, 8))
    assert learned(detector) == (*range(1, 8), 22, 23)
    assert detector.learner.taken == 9
    assert detector.learner.undone == 12
    assert detector.learner.refused == Refusals(anomalous=1, quarantined=1)


def test_an_anomaly_that_goes_on_undoes_no_more_than_its_beginning_did() -> None:
    detector, _ = played("." * 20 + "#####....", fps=1)
    assert learned(detector) == (*range(1, 8), 26, 27)
    assert detector.learner.undone == 12


def test_with_the_gate_shut_the_memory_stays_identical() -> None:
    detector, _ = played("~" * 50, sizes=(8,))
    assert detector.learner.knowledge.memory is scripted.START
    assert detector.learner.taken == 0


def test_a_break_forgets_what_waits() -> None:
    detector = scripted.detector(scripted.Script())
    clips = scripted.clips("." * 10, fps=1)
    detector.step(clips[:5])
    assert learned(detector) == (1, 2, 3)
    detector.at_gap()
    detector.step(clips[5:])
    assert learned(detector) == (1, 2, 3, 6, 7, 8)


def test_a_frozen_memory_learns_nothing() -> None:
    detector = scripted.detector(scripted.Script(), updates=Updates.frozen)
    found = detector.step(scripted.clips("." * 50))
    assert detector.learner.knowledge.memory is scripted.START
    assert not any(observation.score.learned for observation in found)
    assert detector.runtime.batches == [50]  # type: ignore[attr-defined]


def test_learned_counts_what_the_memory_was_taught() -> None:
    detector, _ = played("." * 30 + "#" + "." * 30, sizes=(8,))
    assert detector.learner.taken == len(learned(detector)) > 0


def test_a_given_state_is_gone_on_with() -> None:
    runtime = scripted.Script()
    detector = scripted.detector(runtime, knowledge=Knowledge({"learned": (77,)}, None))
    detector.step(scripted.clips("."))
    assert runtime.scored_with == {1: (77,)}


def test_a_memory_without_state_has_nothing_to_learn() -> None:
    assert not scripted.detector(scripted.Script(), knowledge=Knowledge({}, None)).learner.learns


letters = st.text(alphabet="...~#", min_size=1, max_size=80)


@given(letters, st.sampled_from([1.0, 3.0, 10.0, 25.0]), st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_any_batches_learn_and_score_as_one_by_one(text: str, fps: float, sizes: list[int]) -> None:
    one, alone = played(text, fps=fps)
    many, together = played(text, fps=fps, sizes=sizes)
    assert together.scored_with == alone.scored_with
    assert learned(many) == learned(one)
    assert many.learner.taken == one.learner.taken


@given(letters, st.sampled_from([1.0, 8.0]))  # rates whose times are exact
def test_what_is_learned_is_calm_and_was_followed_by_quiet(text: str, fps: float) -> None:
    detector, _ = played(text, fps=fps, sizes=(8,))
    quiet = round(QUARANTINE_S * fps)
    begins = [j for j in range(1, len(text) + 1) if text[j - 1] == "#" and text[: j - 1][-1:] != "#"]

    def kept(i: int, undone_s: float) -> bool:
        """Whether nothing that began after frame i had been learned from undid that."""
        return not any(i + quiet <= j <= i + quiet + undone_s * fps for j in begins)

    calm = [
        i
        for i, mark in enumerate(text, 1)
        if mark == "." and i + quiet <= len(text) and "#" not in text[i : i + quiet - 1]
    ]
    found = set(learned(detector))
    assert found <= {i for i in calm if kept(i, UNDO_S - 1 / fps)}
    assert found >= {i for i in calm if kept(i, UNDO_S + 2 * SNAPSHOT_S)}


# With a real network


@pytest.fixture(scope="module", params=["mnad", "none"])
def made(request: pytest.FixtureRequest) -> Model:
    cues = ("prediction", "oddity", "motion", "scene")
    return tiny.model(cues=cues, memory=request.param, rate=0.2, head_scene=True, head_place=4)


def detecting(made: Model, *, updates: Updates = Updates.gated) -> Detector:
    assert made.calibration is not None
    return Detector(open_runtime(made), Calibration.from_record(made.calibration, "tiny"), updates=updates)


def watched(detector: Detector, clips: Sequence[Clip], size: int) -> list[Observation]:
    return [observation for batch in split(clips, (size,)) for observation in detector.step(batch)]


def test_later_frames_change_no_earlier_score(made: Model) -> None:
    whole = tiny.frames(70, odd=(40, 41, 42))
    rng = np.random.default_rng(8)
    noise = [replace(f, image=rng.integers(0, 255, f.image.shape, np.uint8)) for f in tiny.frames(20, start=50)]
    changed = whole[:50] + noise
    found, other = (watched(detecting(made), tiny.clips(shown, made.config), 8) for shown in (whole, changed))
    before = [o.score for o in found if o.index < 50]
    assert [o.score for o in other if o.index < 50] == before
    assert [o.score for o in other] != [o.score for o in found]
    cut = watched(detecting(made), tiny.clips(whole[:50], made.config), 8)
    for one, same in zip(cut, found, strict=False):
        assert one.score.value == pytest.approx(same.score.value, rel=1e-4)


def test_eight_at_once_decide_as_one_by_one(made: Model) -> None:
    """Learning on, an anomaly in the middle, which empties the quarantine."""
    clips = tiny.clips(tiny.frames(110, odd=range(55, 60)), made.config)
    one, eight = detecting(made), detecting(made)
    alone, together = watched(one, clips, 1), watched(eight, clips, 8)
    assert [o.index for o in together] == [o.index for o in alone]
    assert [o.score.anomalous for o in together] == [o.score.anomalous for o in alone]
    assert [o.score.learned for o in together] == [o.score.learned for o in alone]
    for name in ("box", "cue", "track", "age"):
        told = [[[getattr(r, name) for r in o.regions] for o in found] for found in (together, alone)]
        assert told[0] == told[1], name
    apart = [abs(o.score.value - other.score.value) for o, other in zip(together, alone, strict=True)]
    assert max(apart) < 1e-3
    assert eight.learner.taken == one.learner.taken
    odd = [o.index for o in alone if o.score.anomalous]
    assert set(range(55, 60)) <= set(odd)
    assert len(odd) < 35  # the scene remembers for a while
    assert one.learner.taken
    for name, value in one.learner.knowledge.memory.items():
        torch.testing.assert_close(eight.learner.knowledge.memory[name], value, atol=1e-4, rtol=1e-4)
        assert not torch.equal(value, made.state[name])
    scenes = [d.learner.knowledge.scene for d in (one, eight)]
    assert scenes[0] is not None
    assert scenes[1] is not None
    assert one.calibration.scene is not None
    np.testing.assert_allclose(scenes[1].mean, scenes[0].mean, atol=1e-5)
    assert not np.array_equal(scenes[0].mean, one.calibration.scene.mean)


def test_learning_never_changes_the_model_s_own_memory(made: Model) -> None:
    before = {name: value.clone() for name, value in made.state.items()}
    watched(detecting(made), tiny.clips(tiny.frames(60), made.config), 8)
    assert all(torch.equal(made.state[name], value) for name, value in before.items())


def test_a_frozen_memory_stays_identical(made: Model) -> None:
    detector = detecting(made, updates=Updates.frozen)
    watched(detector, tiny.clips(tiny.frames(60), made.config), 8)
    assert all(torch.equal(detector.learner.knowledge.memory[name], value) for name, value in made.state.items())
    assert detector.learner.taken == 0


def test_an_observation_says_what_was_seen_and_where(made: Model) -> None:
    shown = tiny.frames(40, odd=(30,))
    found = {o.index: o for o in watched(detecting(made), tiny.clips(shown, made.config), 8)}
    odd, calm = found[30], found[20]
    assert (odd.source, odd.time, odd.seconds, odd.size) == ("yard", shown[30].time, 3.0, (64, 48))
    assert odd.map is not None
    assert odd.map.shape == (6, 8)
    assert odd.score.value == float(odd.map.max()) > odd.score.threshold
    assert odd.score.psnr < calm.score.psnr
    assert odd.score.error > calm.score.error
    assert odd.regions
    first = odd.regions[0]
    x1, _, x2, _ = first.box
    assert x1 < 14
    assert x2 > 0
    assert first.cue in odd.cues
    assert (first.ratio is None) == (first.cue == "oddity")  # the head compares with no place
    assert not calm.regions


def test_what_was_odd_a_moment_ago_lasts_but_not_past_a_break(made: Model) -> None:
    """The frame after the odd ones has less to say where nothing is known of them."""
    clips = tiny.clips(tiny.frames(40, odd=(30, 31)), made.config)
    odd = next(i for i, clip in enumerate(clips) if clip.frame.index == 31)
    lasting, broken = detecting(made, updates=Updates.frozen), detecting(made, updates=Updates.frozen)
    before = watched(lasting, clips[: odd + 1], 1)
    (bare,) = broken.step(clips[odd : odd + 1])
    watched(broken, clips[:odd], 1)
    broken.at_gap()
    (after,) = broken.step(clips[odd : odd + 1])
    for name in ("prediction", "motion"):
        np.testing.assert_array_equal(after.cues[name], bare.cues[name])
        assert not np.array_equal(before[-1].cues[name], bare.cues[name])


# What is followed, and what is too small or too large to matter


def test_a_thing_keeps_its_number_and_a_break_ends_it() -> None:
    detector = scripted.detector(scripted.Script())
    clips = scripted.clips("..###.##.", fps=10)
    found = [*detector.step(clips[:7])]
    detector.at_gap()
    found += detector.step(clips[7:])
    told = [[(r.track, round(r.age, 3)) for r in o.regions] for o in found]
    assert told == [[], [], [(1, 0.0)], [(1, 0.1)], [(1, 0.2)], [], [(1, 0.4)], [(2, 0.0)], []]


def test_a_box_is_where_it_is_now_and_the_score_as_it_was(made: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thing of 10 goes a cell to the right and leaves 5. Along time that is 7.5, over the 6 to which a box reaches;
    drawn where it is odd now, 5."""
    assert made.calibration is not None
    bare = replace(Calibration.from_record(made.calibration, "tiny"), threshold=8.0, lasts=0.0)
    frames = tiny.clips(tiny.frames(12), made.config)[:2]

    def seen(half_life: float) -> Observation:
        detector = Detector(open_runtime(made), replace(bare, half_life=half_life), updates=Updates.frozen)
        detector.step(frames[:1])
        return detector.step(frames[1:])[0]

    shape = seen(0.0).cues["prediction"].shape
    went = [np.zeros(shape, np.float32) for _ in frames]
    went[0][1, 0], went[1][1, 0], went[1][1, 1] = 10, 5, 10
    monkeypatch.setattr(Calibration, "rarity", lambda _, __: {"prediction": next(script)})
    across = frames[0].frame.image.shape[1] // shape[1]
    script = iter(went)
    step = frames[1].frame.seconds - frames[0].frame.seconds
    now = seen(step)  # half of what was
    assert now.score.value == pytest.approx(10)
    assert now.map is not None
    np.testing.assert_allclose(now.map[1, :2], [5, 10])
    (region,) = now.regions
    assert region.box[0] > across // 2
    script = iter(went)
    alone = seen(0.0)
    assert alone.map is not None
    np.testing.assert_array_equal(alone.map, went[1])


@pytest.mark.parametrize(
    ("sizes", "anomalous"),
    [
        (RegionConfig(), True),
        (RegionConfig(min_area=1.0 - 1e-9), True),
        (RegionConfig(max_area=0.99), False),  # the whole picture is odd
        (RegionConfig(min_area=0.5, max_area=0.9), False),
    ],
)
def test_a_frame_whose_regions_are_all_of_the_wrong_size_is_not_anomalous(sizes: RegionConfig, anomalous: bool) -> None:
    detector = scripted.detector(scripted.Script(), sizes=sizes)
    seen = detector.step(scripted.clips("..#.", fps=10))[2]
    assert seen.score.anomalous == bool(seen.regions) == anomalous
    assert seen.score.value > seen.score.threshold
    assert not seen.score.learned


def test_what_is_of_the_wrong_size_neither_teaches_nor_empties_the_quarantine() -> None:
    open_gate = replace(scripted.calibration(), gate=1.0)  # as an odd thing too small to make the frame irregular
    detector = Detector(scripted.Script(), open_gate, sizes=RegionConfig(max_area=0.99))
    detector.step(scripted.clips("....#....", fps=1))
    assert learned(detector) == (1, 2, 3, 4, 6, 7)
