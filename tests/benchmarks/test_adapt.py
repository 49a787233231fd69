"""The page of an adaptation, and the minute that it is made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.adapt import FAST_STEPS, minute, page
from benchmarks.scenes import Scene
from memwatch.errors import UsageError
from tests.scene import film, folder


def footage(root: Path, clips: int) -> Scene:
    for number in range(1, clips + 1):
        folder(root / "training" / "frames" / f"{number:02d}", film(250, seed=number, colour=False))
    return Scene("ped2", root, root, drawn=False)


def test_a_minute_is_the_first_clips_that_make_one_whole(tmp_path: Path) -> None:
    scene = footage(tmp_path / "data", 4)
    found = minute(scene, tmp_path / "minute")
    assert [link.name for link in sorted(found.iterdir())] == ["01", "02", "03"]  # 25 s each
    assert all(len(list(link.iterdir())) == 250 for link in found.iterdir())
    assert minute(scene, tmp_path / "minute") == found


def test_less_than_a_minute_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="less than a minute"):
        minute(footage(tmp_path / "data", 2), tmp_path / "minute")


def test_the_page_says_what_was_measured() -> None:
    def record(figures: dict[str, Any]) -> dict[str, Any]:
        return {"figures": figures, "commit": "abc1234", "machine": "a machine, 2 cores"}

    told = {"causal": 0.3284, "paper": 0.41, "over": 0.5}
    rows = {"unadapted": record(told), "adapted": record(told | {"causal": 0.92, "steps": 1234, "minutes": 2.96})}
    columns = (0, *FAST_STEPS)
    errors = {f"without-{steps}": [0.01 / (1 + steps)] for steps in columns}
    errors |= {f"with-{steps}": [0.02 / (1 + steps), 0.03 / (1 + steps)] for steps in columns}
    text = page(rows, record(errors), command="python -m x")
    assert "| unadapted | – | – | 0.328 | 0.410 | 50.0% |" in text
    assert "| adapted | 1,234 | 3.0 | 0.920 | 0.410 | 50.0% |" in text
    assert "| fast step | 0 | 1 | 100 | 1,000 |" in text
    assert "| without | 10.000 | 5.000 | 0.099 | 0.010 |" in text
    assert "| with | 25.000 ± 5.000 | 12.500 ± 2.500 | 0.248 ± 0.050 | 0.025 ± 0.005 |" in text
    assert text.endswith("Measured at commit abc1234 on a machine, 2 cores.\n")
