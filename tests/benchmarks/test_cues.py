"""The detector's score taken apart into its cues, in one pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cues import CueSeries, cue_rows, false_alarms, left_out, map_without
from benchmarks.scenes import LabelledClip
from memwatch.pipeline import run_session
from memwatch.scoring import LASTS, Calibration
from memwatch.tasks.evaluate import evaluate
from memwatch.tasks.progress import Silent
from memwatch.tasks.session import Loaded, load
from memwatch.video import open_source
from tests.conftest import Trained
from tests.scene import film, video


@pytest.fixture(scope="module")
def loaded(gray_model: Trained) -> Loaded:
    return load(gray_model.path)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> LabelledClip:
    """Thirty frames of the scene that the model knows; from the twentieth on they are called odd."""
    path = video(tmp_path_factory.mktemp("cues") / "test.mp4", film(30, seed=9, colour=False))
    path.with_name("labels.csv").write_text("frame,label\n" + "".join(f"{i},{int(i >= 20)}\n" for i in range(30)))
    labels = np.arange(30) >= 20
    return LabelledClip("test", path, 30, labels, None, {"odd": labels})


def test_one_pass_says_what_every_cue_does(loaded: Loaded, labelled: LabelledClip) -> None:
    found = cue_rows(loaded, [labelled])

    names = set(loaded.calibration.cues)
    assert names == set(found["alone"]) == set(found["cue_ms"])
    assert set(found["without"]) == set(left_out(loaded.calibration)) > names
    assert found["ms"] > 0
    assert found["threshold"] == loaded.calibration.threshold
    assert 0 <= found["all"]["kinds"]["odd"]["over"] <= 1


def test_the_pass_scores_as_evaluate_does(loaded: Loaded, labelled: LabelledClip) -> None:
    report = evaluate(str(labelled.path), model=loaded.path, progress=Silent()).to_dict()

    assert cue_rows(loaded, [labelled])["all"]["causal"]["auc"] == pytest.approx(report["causal"]["auc"])


def test_a_cue_left_out_leaves_the_map_of_the_others(loaded: Loaded) -> None:
    calibration: Calibration = loaded.calibration
    shape = next(iter(calibration.cues.values())).usual.shape
    rng = np.random.default_rng(3)
    cues = {name: rng.uniform(0, 4, shape).astype(np.float32) for name in calibration.cues}
    assert len(cues) > 2

    for gone in left_out(calibration).values():
        rest = {other: grid for other, grid in cues.items() if other not in gone}
        assert map_without(calibration, cues, gone).tolist() == calibration.map(rest).tolist()
    assert not map_without(calibration, cues, set(cues)).any()


def test_what_has_lasted_counts_without_a_cue_too(loaded: Loaded, labelled: LabelledClip) -> None:
    """A question that says nothing in all the clip is left out of the score at no loss, what lasts being loud here."""
    gone = next(cues for cues in left_out(loaded.calibration).values() if len(cues) > 1)
    mute = {name: loaded.calibration.cues[name] for name in gone}
    mute = {name: replace(c, tail=replace(c.tail, start=1e9, values=c.tail.values + 1e9)) for name, c in mute.items()}
    calibration = replace(
        loaded.calibration, cues=loaded.calibration.cues | mute, scales=loaded.calibration.scales | {LASTS: 50.0}
    )
    seen = CueSeries(calibration)
    with open_source(str(labelled.path)) as source:
        run_session(source, replace(loaded, calibration=calibration).detector(learn=False), sinks=(seen,))
    assert max(seen.scores) > max(max(values) for values in seen.alone.values())
    assert seen.without[" and ".join(sorted(gone))] == pytest.approx(seen.scores, rel=1e-4)


def test_of_two_cues_the_other_is_left_as_it_is(loaded: Loaded) -> None:
    """Joining one cue is no joining, whichever it is, a slow one too."""
    cues = {"motion": np.full((2, 2), 3.0, np.float32), "scene": np.full((2, 2), 5.0, np.float32)}

    assert map_without(loaded.calibration, cues, {"motion"}).max() == 5
    assert map_without(loaded.calibration, cues, {"scene"}).max() == 3


def test_false_alarms_are_events_and_footage_adds_up(loaded: Loaded, tmp_path: Path) -> None:
    """Two clips: an ordinary one, and one that turns to its negative for two seconds; the threshold is over the
    ordinary one's scores (which are a little others with another threshold: less or more teaches). The mean of the last
    second, by which the scene behind is known, takes a second to forget the negative."""
    calm = film(60, seed=11, colour=False)
    odd = [255 - frame if 30 <= index < 50 else frame for index, frame in enumerate(calm)]
    paths = [str(video(tmp_path / f"{name}.mp4", frames)) for name, frames in (("calm", calm), ("odd", odd))]

    seen = CueSeries(loaded.calibration)
    with open_source(paths[0]) as source:
        run_session(source, loaded.detector(learn=True), sinks=(seen,))
    strict = replace(loaded, calibration=replace(loaded.calibration, threshold=1.2 * max(seen.scores)))

    ordinary, both = false_alarms(strict, paths[:1]), false_alarms(strict, paths)

    assert both["seconds"] == pytest.approx(2 * ordinary["seconds"])
    assert (ordinary["events"], ordinary["alarms"]) == (0, [])
    assert both["events"] == len(both["alarms"]) >= 1
    assert both["per_day"] == pytest.approx(both["events"] * 86400 / both["seconds"])
    assert both["over"] == pytest.approx(25 / 120, abs=0.1)
    alarm = both["alarms"][0]
    assert alarm["source"] == "odd"
    assert 2.5 <= alarm["start"] <= 5.0
    assert alarm["cue"] in loaded.calibration.cues
