"""The page of a run: what is in it, what it says of the truth, and what it refuses."""

from __future__ import annotations

import io
import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from memwatch.errors import MemwatchError, UsageError
from memwatch.tasks import report_page
from memwatch.tasks.progress import Silent
from memwatch.tasks.report import report
from memwatch.tasks.report_chart import COLUMNS, decimated, timeline
from memwatch.tasks.report_figures import Alarms, Figures, figures, overlap
from memwatch.tasks.report_run import ClipRun, event_span, read_runs
from memwatch.tasks.watch import watch
from tests.conftest import Trained
from tests.scene import film, folder, labels, video
from tests.tasks.runs import make_run

CALM = "." * 20
STORY = f"{CALM}99999{CALM}5555{CALM}"
"""Events at 2.0 … 2.4 s and 4.5 … 4.8 s."""


def page(run: Path) -> str:
    return report(run).path.read_text()


def words(text: str) -> str:
    """What a reader sees of a page."""
    body = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL)
    return " ".join(unescape(body).split())


def labelled(root: Path, count: int, odd: list[int]) -> Path:
    """A folder of `count` frames beside whose name the truth lies."""
    frames = folder(root / "walk", film(1) * count)
    labels(frames / "labels.csv", count, odd)
    return frames


def test_each_event_has_a_card_with_its_pictures(tmp_path: Path) -> None:
    done = report(make_run(tmp_path, STORY))
    assert done.to_dict() | {"bytes": 0} == {
        "schema": "memwatch.report/1", "page": str(tmp_path / "report.html"), "clips": 1, "frames": len(STORY),
        "events": 2, "labelled": 0, "bytes": 0,
    }  # fmt: skip
    text = done.path.read_text()
    assert text.count('<article class="card"') == 2
    assert text.count("data:image/jpeg;base64,") == 4
    assert text.count('<rect class="box"') == 2
    seen = words(text)
    assert "2 events 0:07 footage 69 frames" in seen
    assert "1 0:02.0 – 0:02.4 moves 2.4 times faster than usual here 0.4 s peak score 9.0" in seen
    assert "yard.safetensors (21ca5a988f05), preset base" in seen
    assert "Against the truth" not in seen
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert not re.search(r"https?://", text)


def test_no_event_and_one_mark_of_each_kind(tmp_path: Path) -> None:
    seen = words(page(make_run(tmp_path, "??..x..")))
    assert "0 events" in seen
    assert "1 broken" in seen
    assert "No event" in seen


def test_a_clip_without_a_single_score(tmp_path: Path) -> None:
    assert "–" in words(page(make_run(tmp_path, "????")))


def test_strings_of_the_run_are_text_on_the_page(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    run = make_run(tmp_path, STORY, memory=evil, model={"id": evil, "file": evil, "card": {"footage": [evil]}})
    told = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(told | {"name": evil}))
    lines = [json.loads(line) for line in (run / "events.ndjson").read_text().splitlines()]
    evil_lines = [line | {"reason": {"cue": evil, "text": evil}} for line in lines]
    (run / "events.ndjson").write_text("".join(json.dumps(line) + "\n" for line in evil_lines))
    text = page(run)
    assert text.count("<script>") == 1, "its own"
    assert "<img src=x" not in text
    assert words(text).count(evil) >= 5


def test_the_reason_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path, STORY)
    lines = [json.loads(line) for line in (run / "events.ndjson").read_text().splitlines()]
    told = [line | {"reason": {"cue": "motion", "text": "moves 3 times faster"}} for line in lines]
    (run / "events.ndjson").write_text("".join(json.dumps(line) + "\n" for line in told))
    assert words(page(run)).count("moves 3 times faster") == 2


def test_the_last_line_of_an_event_wins_and_an_open_one_ends_at_its_peak(tmp_path: Path) -> None:
    run = make_run(tmp_path, CALM + "9" * 30 + CALM)
    (clip,) = read_runs(run)
    lines = (run / "events.ndjson").read_text().splitlines()
    assert len(lines) > 2
    assert len(clip.events) == 1
    assert event_span(clip.events[0]) == (2.0, 4.9)
    (run / "events.ndjson").write_text(lines[0] + "\n")
    (clip,) = read_runs(run)
    start, last = event_span(clip.events[0])
    assert start == 2.0
    assert last == clip.events[0]["peak"]["stream_s"]
    assert "No picture" not in page(run)


def test_weaker_events_have_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_page, "MOST_CARDS", 1)
    text = page(make_run(tmp_path, STORY))
    assert text.count('<article class="card"') == 1
    assert text.count("data:image/jpeg;base64,") == 2
    assert "1 weaker events" in words(text)
    assert "2 0:04.5 – 0:04.8 0.3 s 5.0" in words(text)


def test_ndjson_rows_make_the_same_page(tmp_path: Path) -> None:
    one = page(make_run(tmp_path / "csv", STORY))
    other = page(make_run(tmp_path / "ndjson", STORY, fmt="ndjson"))
    assert words(one)[:400] == words(other)[:400]


def test_a_run_of_clips_shows_them_in_natural_order(tmp_path: Path) -> None:
    for name in ("clip10", "clip2"):
        make_run(tmp_path / name, STORY)
        told = json.loads((tmp_path / name / "run.json").read_text())
        (tmp_path / name / "run.json").write_text(json.dumps(told | {"name": name}))
    done = report(tmp_path)
    assert (done.clips, done.events) == (2, 4)
    seen = words(done.path.read_text())
    assert seen.index("clip2") < seen.index("clip10")


def test_a_run_of_an_older_memwatch_has_a_page_too(tmp_path: Path) -> None:
    run = make_run(tmp_path, STORY)
    (run / "run.json").unlink()
    for picture in (run / "pictures").iterdir():
        picture.unlink()
    seen = words(page(run))
    assert "made by an older memwatch" in seen
    assert "No picture of this event was kept" in seen
    assert "2.0 threshold" in seen, "the events' lines know it"


def test_against_the_truth(tmp_path: Path) -> None:
    """Two events; the truth knows the first, and one at the end that nothing told."""
    odd = [*range(18, 24), *range(60, 64)]
    frames = labelled(tmp_path, len(STORY), odd)
    run = make_run(tmp_path / "run", STORY, source=frames, size=(96, 64))
    (clip,) = read_runs(run)
    assert clip.segments() == [pytest.approx((1.8, 2.4)), pytest.approx((6.0, 6.4))]
    found = figures([clip])
    assert found is not None
    assert found.chosen == Alarms(2.0, false=1, found=1)
    assert found.segments == 2
    assert found.normal_s == pytest.approx(6.9 - 1.0)
    assert found.false_per_day(found.chosen) == pytest.approx(86_400 / 5.9)
    # 4 of 10 abnormal frames score 9; of 59 normal ones one scores 9 and four 5, the others tie with the six left.
    assert found.auc == pytest.approx((4 * (58 + 0.5) + 6 * 54 / 2) / 590)
    assert found.roc[0] == (0.0, 0.0)
    assert found.roc[-1] == (1.0, 1.0)
    text = page(run)
    seen = words(text)
    assert "1 of 2 known anomalies found 1 false alarm" in seen
    assert text.count('class="found"') == text.count('class="missed"') == 1
    assert "a known anomaly" in seen
    assert "false alarm" in seen


def test_short_gaps_in_the_truth_do_not_make_two_anomalies() -> None:
    labels_ = np.zeros(40, bool)
    labels_[[3, 4, 8, 9, 20]] = True  # 0.5 … 0.8 s are 0.3 s apart, 1.0 … 2.0 a second
    at = np.arange(40) / 10
    clip = ClipRun("x", Path(), {}, at, at, {}, [], labels_)
    assert clip.segments() == [pytest.approx((0.3, 1.0)), pytest.approx((2.0, 2.1))]
    assert clip.length == pytest.approx(4.0)


def test_an_event_matches_what_it_shares_a_moment_with() -> None:
    segment = (1.0, 2.0)
    assert overlap((0.5, 1.0), segment)
    assert overlap((1.5, 1.5), segment)
    assert not overlap((0.5, 0.9), segment)
    assert not overlap((2.0, 2.5), segment), "the segment's end is not part of it"


def test_a_lower_threshold_never_has_fewer_false_alarms(tmp_path: Path) -> None:
    """Two alarms that a low threshold merges with a right one into one were still two."""
    text = CALM + "7777" + "3" * 8 + "7777" + "3" * 8 + "9999" + CALM
    frames = labelled(tmp_path, len(text), list(range(44, 48)))
    (clip,) = read_runs(make_run(tmp_path / "run", text, source=frames, size=(96, 64)))
    found: Figures | None = figures([clip])
    assert found is not None
    assert [level.false for level in found.alarms] == sorted({level.false for level in found.alarms})
    assert found.alarms[0].found == 1
    assert found.alarms[0].false == 0


def test_truth_of_one_class_draws_no_roc(tmp_path: Path) -> None:
    frames = labelled(tmp_path, len(STORY), [])
    seen = words(page(make_run(tmp_path / "run", STORY, source=frames, size=(96, 64))))
    assert "AUC – " in seen
    assert "ROC, frame by frame" not in seen
    assert "False alarms 2, or" in seen


def test_truth_that_does_not_fit_is_said_and_left_out(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 30, [5])
    done = report(make_run(tmp_path / "run", STORY, source=frames, size=(96, 64)))
    assert done.labelled == 0
    assert "The truth beside the footage is left out: Clip walk has 69 frames" in words(done.path.read_text())


def test_a_day_stays_light_and_keeps_its_peak() -> None:
    at = np.arange(0, 86_400, 0.04)
    values = np.random.default_rng(0).uniform(0, 1, len(at))
    values[1_234_567] = 9.0
    points = decimated(at, values)
    assert len(points) <= 2 * COLUMNS
    assert (at[1_234_567], 9.0) in points
    assert points == sorted(points)
    drawn = timeline(at, values, 2.0)
    assert len(drawn.path) < 25_000
    assert [tick.text for tick in drawn.ticks][:3] == ["0:00", "4:00:00", "8:00:00"]
    assert all(0 <= tick.at <= 100 for tick in drawn.ticks)


def test_a_timeline_by_hand() -> None:
    drawn = timeline(np.array([0.0, 1.0, 2.0]), np.array([0.0, 10.0, 5.0]), 5.0)
    assert drawn.top == pytest.approx(11.2)
    assert drawn.threshold == pytest.approx(100 * (1 - 5 / 11.2))
    assert drawn.path == "M0.0 100.0L500.0 10.7L1000.0 55.4"
    assert drawn.area == drawn.path + "L1000.0 100L0.0 100Z"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere", r"nowhere: no such folder\. give the folder that watch or score wrote"),
        ("file", r"file: is a file\. give the folder"),
        ("empty", r"empty: holds no scores\. give the folder"),
        ("running", r"running: its scores are still being written\. wait"),
    ],
)
def test_what_is_no_run(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "scores.csv.part").write_text("frame,seconds")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        report(tmp_path / name)
    assert re.search(says, caught.value.line()), caught.value.line()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scores.csv", "frame,seconds,raw,score,state\n0,soon,,,scored\n"),
        ("scores.csv", "a,b\n1,2\n"),
        ("scores.csv", "frame,seconds,raw,score,state\n"),
        ("events.ndjson", "{"),
        ("events.ndjson", "{}\n"),
        ("run.json", "no"),
        ("run.json", "[]"),
    ],
)
def test_a_damaged_run_is_one_line(tmp_path: Path, name: str, text: str) -> None:
    run = make_run(tmp_path, STORY)
    (run / name).write_text(text)
    with pytest.raises(MemwatchError, match=re.escape(str(run))) as caught:
        report(run)
    assert "score the footage again" in caught.value.remedy
    assert not (run / "report.html").exists()


def test_a_page_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", STORY)
    assert report(run, out=tmp_path / "new" / "a.html").path == tmp_path / "new" / "a.html"
    report(run, out=tmp_path / "new" / "a.html")
    thesis = tmp_path / "thesis.html"
    thesis.write_text("<p>mine</p>")
    with pytest.raises(UsageError, match="not a report"):
        report(run, out=thesis)
    with pytest.raises(UsageError, match="is a folder"):
        report(run, out=tmp_path)
    assert thesis.read_text() == "<p>mine</p>"


def test_a_real_watch_has_a_page(colour_model: Trained, tmp_path: Path) -> None:
    clip = video(tmp_path / "walk.mp4", film(60, seed=11, odd=range(40, 52)))
    watch(str(clip), model=colour_model.path, out=tmp_path / "run", stream=io.StringIO(), progress=Silent())
    done = report(tmp_path / "run")
    text = done.path.read_text()
    assert done.events >= 1
    assert text.count('<article class="card"') == done.events
    assert "No picture" not in text
    assert f"({colour_model.id})" in words(text)
