"""A watch that is killed at any moment, again and again, on one data folder: nothing is broken, lost or left over."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memwatch.live.keeping import repair
from memwatch.sinks.index import NAME, Index
from tests.conftest import ROOT
from tests.sinks.kept import pictures

pytestmark = [pytest.mark.live, pytest.mark.timeout(290)]

KILLS = 20
PACE = 3.0
DRIVER = """
import sys
from memwatch.tasks.live import watch_cameras
from memwatch.tasks.progress import Silent
watch_cameras([sys.argv[1]], model=None, pace=float(sys.argv[2]), stream=sys.stdout, progress=Silent())
"""
SETTINGS = """
pre_roll_s = 2.0
post_roll_s = 0.5
start_hits = 1
start_window = 2
min_event_s = 0.0
end_gap_s = 0.4
max_event_s = 1.5
false_alarms_per_day = 1000.0
"""


def started(config: Path) -> subprocess.Popen[str]:
    """Both cameras are in view."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(config), str(PACE)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    seen = set()
    for line in process.stdout:
        told = json.loads(line)
        seen |= {told["camera"]} if told["type"] == "camera_back" else set()
        if len(seen) == 2:
            break
    return process


def checked(data: Path, known: set[Path]) -> list[str]:
    """What is wrong with the folder as the killed process left it, clips that are `known` not played again."""
    wrong = []
    shutil.rmtree(data.with_name("copy"), ignore_errors=True)
    shutil.copytree(data, data.with_name("copy"))  # the folder itself stays as it was left
    base = sqlite3.connect(data.with_name("copy") / NAME)
    wrong += [line for (line,) in base.execute("PRAGMA integrity_check") if line != "ok"]
    clips = dict(base.execute("SELECT id, clip FROM events").fetchall())
    base.close()
    files = [path for path in (data / "events").rglob("*") if path.is_file()]
    wrong += [f"{path.name}: not in the index" for path in files if path.name[:26] not in clips]
    there = {path.stem: path for path in files if path.suffix == ".mp4"}
    wrong += [f"{event}: no clip" for event, clip in clips.items() if clip == "ready" and event not in there]
    for event, path in there.items():
        if clips[event] in ("ready", "partial") and path not in known:
            known.add(path)
            try:
                wrong += [] if pictures(path) else [f"{event}: an empty clip"]
            except OSError as error:
                wrong.append(f"{event}: {error}")
    return wrong


def test_twenty_kills_break_nothing(tmp_path: Path) -> None:
    chance = random.Random(4)
    data, config = tmp_path / "data", tmp_path / "cameras.toml"
    model, clip = ROOT / "models" / "walkway.safetensors", ROOT / "samples" / "walkway-test.mp4"
    config.write_text(
        f'schema = 1\ndata = "{data}"\n[defaults]\nmodel = "{model}"\n{SETTINGS}'
        f'[camera.yard]\nurl = "{clip}"\n[camera.door]\nurl = "{clip}"\n'
    )
    known: set[Path] = set()
    for number in range(KILLS):
        process = started(config)
        time.sleep(chance.uniform(0.0, 7.0))
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        wrong = checked(data, known)
        assert wrong == [], f"kill {number + 1}"

    index = Index(data)
    last = repair(index)
    rows = {row.id: row for row in index.recent(most=100_000)}
    assert repair(index).closed == 0
    index.close()
    states = sorted(row.clip for row in rows.values())
    counts = {state: states.count(state) for state in set(states)}
    print(f"\n{len(rows)} events after {KILLS} kills, clips: {counts}; the last repair: {last}")
    assert len(rows) >= KILLS
    assert all(row.stop is not None for row in rows.values())
    assert set(states) <= {"ready", "partial", "failed"}
    assert counts.get("ready", 0) + counts.get("partial", 0) > 0.6 * len(rows)
    for path in (data / "events").rglob("*"):
        if path.is_file():
            assert not path.name.endswith((".part", ".new")), path
            assert path.name[:26] in rows
            if path.suffix == ".mp4":
                assert rows[path.stem].clip in ("ready", "partial")
                assert pictures(path), path
    for row in rows.values():
        if row.clip in ("ready", "partial"):
            assert row.bytes > 0
