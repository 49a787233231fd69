"""The page of a run in a real browser: quiet, self-contained, readable on a phone, light and dark.

Needs Chromium (on Debian and Ubuntu: apt-get install chromium) and is skipped without it; `make test-browser` says so
instead. The screenshots stay in pytest's temporary folder, or in REPORT_SHOTS where that names one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from memwatch.tasks.report import report
from tests.browser.chromium import BROWSER, Browser
from tests.scene import film, folder, labels
from tests.tasks.runs import make_run

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here (Debian: apt-get install chromium)")

STORY = "??" + "." * 50 + "3899+96.43" + "." * 60 + "44445" + "." * 40 + "9" * 30 + "." * 43
LONG = "a-camera-with-a-very-long-name-and-no-blank-in-it-that-has-to-be-broken-somewhere-or-else-it-overflows"
PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One labelled clip; many clips, one of them with a name that no phone is wide enough for."""
    root = tmp_path_factory.mktemp("pages")
    frames = folder(root / "walk", film(1) * len(STORY))
    labels(frames / "labels.csv", len(STORY), [*range(50, 62), *range(130, 150), *range(200, 220)])
    one = make_run(root / "one", STORY, source=frames, size=(96, 64))
    for number, story in enumerate((STORY, "." * 100, "9" * 200)):
        clip = make_run(root / "many" / f"clip-{number}", story, size=(320, 240), live=True)
        told = json.loads((clip / "run.json").read_text()) | {"name": LONG if number else "yard", "memory": LONG}
        (clip / "run.json").write_text(json.dumps(told))
    return {"one": report(one).path, "many": report(root / "many").path}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["one", "many"])
def test_the_page_is_quiet_fits_and_is_drawn(
    browser: Browser, pages: dict[str, Path], tmp_path: Path, name: str, width: int, dark: bool
) -> None:
    tab = browser.open(pages[name], width=width, dark=dark)
    assert tab.value("innerWidth") == width
    assert tab.value("document.documentElement.scrollWidth") <= width, "something is wider than the screen"
    assert tab.value("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert tab.value("document.querySelectorAll('.card').length") >= 2
    shot = Path(os.environ.get("REPORT_SHOTS", tmp_path)) / f"{name}-{width}-{'dark' if dark else 'light'}.png"
    tab.screenshot(shot)
    picture = cv2.imread(str(shot))
    assert picture.shape[1] == width
    corner = float(np.asarray(picture[:20, :10], np.float64).mean())
    assert corner < 60 if dark else corner > 200
    assert tab.complaints() == []
    assert tab.requests() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_stand_out_from_their_ground(browser: Browser, pages: dict[str, Path], dark: bool) -> None:
    """WCAG 2.1 AA: a contrast of at least 4.5 for text."""
    tab = browser.open(pages["one"], width=DESK, dark=dark)
    for selector in ("h1", ".tiles small", ".meta", ".hit", ".meta .false", ".number", ".limit-name", "dt", "footer"):
        assert _contrast(tab.value(_COLOURS % json.dumps(selector))) >= 4.5, selector


def test_the_pointer_reads_the_score_and_its_time(browser: Browser, pages: dict[str, Path]) -> None:
    tab = browser.open(pages["one"], width=DESK)
    plot = json.loads(tab.value("JSON.stringify(document.querySelector('.plot').getBoundingClientRect())"))
    assert tab.value("document.querySelector('.tip').hidden")
    share = 56 / (len(STORY) - 1)  # the frame that scores 12
    tab.point(plot["x"] + share * plot["width"], plot["y"] + 40)
    assert tab.value("document.querySelector('.tip').textContent") == "0:05.6  score 12.0"
    tab.point(plot["x"], plot["y"] - 60)
    assert tab.value("document.querySelector('.tip').hidden")


def test_an_event_is_reached_and_its_pictures_enlarged(browser: Browser, pages: dict[str, Path]) -> None:
    tab = browser.open(pages["one"], width=DESK)
    wide = "document.querySelector('.shot img').getBoundingClientRect().width"
    before = tab.value(wide)
    tab.value("document.querySelector('.enlarge').click()")
    assert tab.value(wide) > 1.8 * before
    tab.value("document.querySelector('.chips a').click()")
    assert tab.value("document.querySelector('.card:target .number').textContent") == "1"


def test_it_is_whole_without_scripts(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    """All but the reading under the pointer."""
    with_scripts = browser.open(pages["one"], width=PHONE)
    with_scripts.screenshot(tmp_path / "with.png")
    without = browser.open(pages["one"], width=PHONE, script=False)
    assert without.value("document.querySelector('.tip')") is None
    without.screenshot(tmp_path / "without.png")
    pictures = [cv2.imread(str(tmp_path / name)).astype(float) for name in ("with.png", "without.png")]
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.5


_COLOURS = """(() => {
  const found = document.querySelector(%s), ground = [];
  for (let at = found; at; at = at.parentElement) ground.push(getComputedStyle(at).backgroundColor);
  const colour = ground.find(each => !each.endsWith(", 0)"));
  return [getComputedStyle(found).color, colour].map(each => each.match(/[\\d.]+/g).map(Number).slice(0, 3));
})()"""


def _contrast(colours: list[list[float]]) -> float:
    lights = []
    for colour in colours:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return float((max(lights) + 0.05) / (min(lights) + 0.05))
