"""Zones put into the configuration file: only theirs change, and nonsense changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memwatch.errors import UsageError
from memwatch.live.settings_file import load_settings
from memwatch.live.zone_file import MOST_POINTS, MOST_ZONES, checked, write_zones

HEAD = """\
schema = 1   # first of all

[camera.yard]
url = "rtsp://me:secret@cam/x"   # the yard
"""
OLD = """
[[camera.yard.zone]]
name = "old"   # to go
points = [
  [0.1, 0.1], [0.9, 0.1],   # two of them
  # and a third
  [0.9, 0.9],
]

[[ camera . "yard" . zone ]]
name = "older"
kind = "ignore"
points = [[0, 0], [0.5, 0], [0.5, 0.5]]
"""
GATE = """
# The gate, at the street\u2028and its lamp
[camera.gate]
url = "usb:0"

[[camera.gate.zone]]
name = "street"
points = [[0, 0], [1, 0], [1, 1]]

[retention]   # of all
days = 3
"""
LEFT = {"name": "left", "kind": "include", "points": [[0, 0], [0.5, 0], [0.5, 0.33333]]}
LEFT_TABLE = """
[[camera.yard.zone]]
name = "left"
kind = "include"
points = [[0.0000, 0.0000], [0.5000, 0.0000], [0.5000, 0.3333]]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cameras.toml"
    path.write_text(HEAD + OLD + GATE, encoding="utf-8")
    return path


def names(path: Path, camera: str) -> list[tuple[str, str]]:
    return [(zone.name, zone.kind) for zone in load_settings(path, {}).camera[camera].zone]


def test_only_the_camera_s_zones_are_replaced_and_every_other_letter_stays(path: Path) -> None:
    write_zones(path, "yard", [LEFT])
    told = path.read_text(encoding="utf-8")
    assert told.replace("\n\n", "\n") == (HEAD + GATE + LEFT_TABLE).replace("\n\n", "\n")
    assert names(path, "yard") == [("left", "include")]
    assert names(path, "gate") == [("street", "include")]


def test_writing_the_same_again_changes_nothing(path: Path) -> None:
    write_zones(path, "yard", [LEFT])
    once = path.read_bytes()
    write_zones(path, "yard", [LEFT])
    assert path.read_bytes() == once


def test_a_file_with_ends_of_lines_of_another_system_keeps_them(path: Path) -> None:
    path.write_bytes((HEAD + OLD + GATE).replace("\n", "\r\n").encode())
    write_zones(path, "yard", [LEFT])
    told = path.read_bytes()
    assert told.count(b"\n") == told.count(b"\r\n") > 10
    assert names(path, "yard") == [("left", "include")]


def test_what_only_the_environment_says_is_no_mistake_of_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(HEAD + '[mqtt]\nuser = "me"\n', encoding="utf-8")
    monkeypatch.setenv("MEMWATCH_MQTT_HOST", "broker")
    write_zones(path, "yard", [LEFT])
    assert "left" in path.read_text()


def test_no_zones_take_the_old_ones_away(path: Path) -> None:
    write_zones(path, "gate", [])
    assert names(path, "gate") == []
    assert names(path, "yard") == [("old", "include"), ("older", "ignore")]
    assert path.read_text(encoding="utf-8").endswith("\n[retention]   # of all\ndays = 3\n")


def test_a_camera_whose_name_begins_alike_keeps_its_zones(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text((HEAD + OLD).replace("yard", "yard-2") + HEAD.removeprefix("schema = 1   # first of all\n"))
    write_zones(path, "yard", [LEFT])
    assert names(path, "yard-2") == [("old", "include"), ("older", "ignore")]
    assert names(path, "yard") == [("left", "include")]


@pytest.mark.parametrize(
    ("camera", "zones", "said"),
    [
        ("yard", [{**LEFT, "name": "Left Side"}], "zone: name"),
        ("yard", [{**LEFT, "name": 'a"\n[hooks]'}], "zone: name"),
        ("yard", [{**LEFT, "kind": "secret"}], "zone: kind"),
        ("yard", [{**LEFT, "points": [[0, 0], [1, 1]]}], "zone: points"),
        ("yard", [{**LEFT, "points": [[0, 0], [1, 1], [1, 1.01]]}], "zone: points.2.1"),
        ("yard", [{**LEFT, "points": [[0, 0], [1, 1], ["0", 1]]}], "zone: points.2.0"),
        ("yard", [{**LEFT, "points": [[0, 0], [1, 1], [float("nan"), 1]]}], "zone: points.2.0"),
        ("yard", [{**LEFT, "points": [[0, 0], [1, 1], [1, 1]]}], "enclose nothing"),
        ("yard", [{**LEFT, "points": [[0, 0], [0.00001, 0], [0, 0.00001]]}], "enclose nothing"),  # once rounded
        ("yard", [{**LEFT, "points": [[0, i / 1000] for i in range(MOST_POINTS + 1)]}], "101 points are too many"),
        ("yard", [{**LEFT, "colour": "red"}], "zone: colour"),
        ("yard", [LEFT, LEFT], "two zones have the same name"),
        ("yard", [{**LEFT, "name": f"z{i}"} for i in range(MOST_ZONES + 1)], "51 zones are too many"),
        ("nowhere", [LEFT], "give either url or url_env"),
        ('yard.zone]]\n[camera."x', [LEFT], "not TOML"),
    ],
)
def test_nonsense_is_refused_and_the_file_stays_as_it_was(
    path: Path, camera: str, zones: list[dict[str, Any]], said: str
) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageError) as caught:
        write_zones(path, camera, zones)
    assert said in caught.value.line()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_with_another_mistake_is_left_alone(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "dayz = 3\n", encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="did you mean days"):
        write_zones(path, "yard", [LEFT])
    assert path.read_bytes() == before


def test_checked_zones_are_what_the_page_sent() -> None:
    (zone,) = checked([LEFT])
    assert (zone.name, zone.kind, zone.points) == ("left", "include", [[0, 0], [0.5, 0], [0.5, 0.33333]])
