"""A camera's address from its parts, and a name from what was typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memwatch.errors import UsageError
from memwatch.live.address import address_of, name_from
from memwatch.live.settings import NAME, Camera
from memwatch.video import camera_address


def test_the_address_stands_in_the_file_or_in_the_environment() -> None:
    assert address_of("yard", Camera(url="rtsp://me:pw@cam/x"), {"url": "other"}) == "rtsp://me:pw@cam/x"
    assert address_of("yard", Camera(url_env="YARD"), {"YARD": "usb:0"}) == "usb:0"


@pytest.mark.parametrize("environment", [{}, {"YARD": ""}, {"yard": "usb:0"}])
def test_a_variable_that_is_not_set_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="camera yard: YARD is not set"):
        address_of("yard", Camera(url_env="YARD"), environment)


@pytest.mark.parametrize(
    ("url", "written", "address"),
    [
        ("rtsp://me@cam:554/x?a=1", "secret\n", "rtsp://me:secret@cam:554/x?a=1"),
        ("rtsp://me@cam/x", " p@:/%w \r\nanother line\n", "rtsp://me:p%40%3A%2F%25w@cam/x"),
        ("rtsp://m%40e@cam/x", "päss", "rtsp://m%40e:p%C3%A4ss@cam/x"),
        ("https://me@[::1]:8080/x", "pw", "https://me:pw@[::1]:8080/x"),
        ("rtsp://@cam/x", "pw", "rtsp://:pw@cam/x"),
    ],
)
def test_a_password_from_its_file_is_put_in_percent_encoded(
    tmp_path: Path, url: str, written: str, address: str
) -> None:
    file = tmp_path / "password"
    file.write_bytes(written.encode())
    for camera in (Camera(url=url, password_file=file), Camera(url_env="YARD", password_file=file)):
        assert address_of("yard", camera, {"YARD": url}) == address


@pytest.mark.parametrize("url", ["rtsp://cam/x", "rtsp://me:other@cam/x", "usb:0", "clip.mp4", "rtsp://me@[cam/x"])
def test_a_password_needs_an_address_with_a_user_and_no_password(tmp_path: Path, url: str) -> None:
    (tmp_path / "password").write_text("secret")
    with pytest.raises(UsageError, match="camera yard: password_file goes with") as caught:
        address_of("yard", Camera(url=url, password_file=tmp_path / "password"), {})
    assert not re.search("secret|other", caught.value.line())


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff")
    for file in (tmp_path / "none", tmp_path, tmp_path / "picture"):
        with pytest.raises(UsageError) as caught:
            address_of("yard", Camera(url="rtsp://me@cam/x", password_file=file), {})
        assert f"camera yard: {file} cannot be read" in caught.value.line()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("rtsp://me:pw@Front.Door.local:554/stream1", "front-door-local"),
        ("http://192.168.0.7/video.mjpg", "192-168-0-7"),
        ("videos/Yard Cam (2).MP4", "yard-cam-2"),
        ("videos/day.one/", "day"),
        ("videos/frames", "frames"),
        ("usb:0", "usb-0"),
        ("0", "0"),
        ("__Tür__.avi", "t-r"),
        ("日本.mp4", "camera"),
        ("a" * 60 + ".mp4", "a" * 28),
        ("rtsp://[cam/x", "x"),
    ],
)
def test_a_name_is_made_of_what_was_typed(text: str, name: str) -> None:
    assert name_from(text, {}) == name


def test_a_name_that_is_taken_is_numbered() -> None:
    taken: dict[str, object] = {}
    for _ in range(12):
        taken[name_from("rtsp://cam/x", taken)] = None
    assert list(taken) == ["cam", *(f"cam-{i}" for i in range(2, 13))]


def test_a_name_shows_no_password() -> None:
    assert "pw" not in name_from("rtsp://me:pw@cam/pw", {})


@given(st.one_of(st.text(max_size=60), st.text("abAB:/@[].-_ é", max_size=40)))
def test_whatever_is_typed_makes_a_name(text: str) -> None:
    first = name_from(text, {})
    second = name_from(text, {first: None})
    assert second != first
    for name in (first, second):
        assert re.match(NAME, name)


def test_cameras_are_told_from_recordings_as_they_are_opened() -> None:
    assert camera_address(address_of("yard", Camera(url="usb:0"), {})) == "usb:0"
    assert camera_address(address_of("yard", Camera(url="clip.mp4"), {})) is None
