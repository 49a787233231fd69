"""What every source of frames owes the rest, and what each kind adds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from memwatch.types import Frame
from memwatch.video import Source, open_source, redact
from tests.video.drawn import Picture, block_at, camera_feed, draw, turned, write_video

COUNT = 24


def _folder(folder: Path, suffix: str, convert: Callable[[Picture], Picture]) -> str:
    folder.mkdir()
    for index in range(COUNT):
        assert cv2.imwrite(str(folder / f"{index + 1}{suffix}"), convert(draw(index)))
    return str(folder)


def _same(image: Picture) -> Picture:
    return image


def _gray(image: Picture) -> Picture:
    return np.ascontiguousarray(image[..., 1])


def _deep(image: Picture) -> Picture:
    return (image[..., 1].astype(np.uint16) * 257).astype(np.uint16)


def _rgba(image: Picture) -> Picture:
    alpha = np.full((*image.shape[:2], 1), 128, np.uint8)
    return np.concatenate([image, alpha], axis=2)


FOLDERS: dict[str, tuple[str, Callable[[Picture], Picture]]] = {
    "jpg": (".jpg", _same),
    "png": (".png", _same),
    "bmp": (".bmp", _same),
    "rgba": (".png", _rgba),
    "gray-tif": (".tif", _gray),
    "16-bit-tif": (".tiff", _deep),
}


@pytest.fixture(params=["mp4", "avi", "mkv", *FOLDERS, "http"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    kind = request.param
    with ExitStack() as stack:
        if kind in FOLDERS:
            text = _folder(tmp_path / "frames", *FOLDERS[kind])
        elif kind == "http":
            clip = write_video(tmp_path / "clip.ts", [draw(i) for i in range(70)], container="mpegts")
            host = stack.enter_context(camera_feed(clip.read_bytes(), pieces=70, silent=True))
            text = f"http://user:secret@{host}/clip.ts"
        else:
            text = str(write_video(tmp_path / f"clip.{kind}", [draw(i) for i in range(COUNT)]))
        yield stack.enter_context(open_source(text))


def _take(source: Source, at_most: int = COUNT) -> list[Frame]:
    frames = []
    for frame in source:
        frames.append(frame)
        if len(frames) == (5 if source.live else at_most):
            break
    return frames


def test_frames_come_in_order_and_fit_together(source: Source) -> None:
    frames = _take(source)
    assert len(frames) == (5 if source.live else COUNT)
    for frame in frames:
        assert frame.source == source.name
        assert frame.image.shape == (64, 96, 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert block_at(frame.image) == pytest.approx(frame.index, abs=1 if source.live else 0)
        assert not frame.gap
    numbers = [frame.index for frame in frames]
    assert numbers == sorted(set(numbers))
    seconds = [frame.seconds for frame in frames]
    assert seconds[0] == 0
    assert all(later > earlier for earlier, later in itertools.pairwise(seconds))
    assert frames[-1].time - frames[0].time > 0
    assert frames[0].time > 1.6e9


def test_facts_are_there_and_nothing_went_wrong(source: Source) -> None:
    frames = _take(source)
    assert source.size == (96, 64)
    assert source.fps
    assert source.length == (None if source.live else COUNT)
    assert (source.broken, source.problems, source.partial) == (0, [], False)
    rate = (frames[-1].index - frames[0].index) / (frames[-1].seconds - frames[0].seconds)
    assert rate == pytest.approx(source.fps, rel=0.05)


def test_name_holds_no_secret(source: Source) -> None:
    assert "secret" not in source.name
    assert source.name


def test_recorded_source_can_be_read_again(source: Source) -> None:
    if source.live:
        pytest.skip("a live source is read once")
    first = [frame.image for frame in source]
    again = [frame.image for frame in source]
    assert len(first) == len(again) == COUNT
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_leaving_early_and_closing_is_harmless(source: Source) -> None:
    for _ in source:
        break
    source.close()
    source.close()


def test_times_of_a_variable_rate_come_from_its_timestamps(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.28, 0.48, 3.0, 3.04]
    clip = write_video(tmp_path / "vfr.mp4", [draw(i) for i in range(len(times))], times=times)
    with open_source(str(clip)) as source:
        assert [frame.seconds for frame in source] == pytest.approx(times, abs=0.002)
        assert not source.partial


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    times = [100 + i / 25 for i in range(10)]
    clip = write_video(tmp_path / "late.ts", [draw(i) for i in range(10)], times=times, container="mpegts")
    with open_source(str(clip)) as source:
        assert [frame.seconds for frame in source] == pytest.approx([i / 25 for i in range(10)], abs=0.002)


def test_turned_video_is_put_upright_as_opencv_does(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", [draw(i) for i in range(3)])
    side = tmp_path / "turned.mp4"
    side.write_bytes(turned(clip.read_bytes()))
    with open_source(str(side)) as source:
        image = next(iter(source)).image
    capture = cv2.VideoCapture(str(side))
    _, expected = capture.read()
    capture.release()
    assert image.shape == (96, 64, 3)
    assert np.abs(image.astype(int) - expected).mean() < 3


def test_change_of_size_in_a_video_is_a_gap(tmp_path: Path) -> None:
    small = write_video(tmp_path / "a.ts", [draw(i) for i in range(6)], container="mpegts").read_bytes()
    large = [draw(i, width=128, height=96) for i in range(6)]
    both = tmp_path / "both.ts"
    times = [(6 + i) / 25 for i in range(6)]
    second = write_video(tmp_path / "b.ts", large, times=times, container="mpegts").read_bytes()
    both.write_bytes(small + second)
    with open_source(str(both)) as source:
        frames = list(source)
    assert [frame.image.shape[1] for frame in frames] == [96] * 6 + [128] * 6
    assert [frame.index for frame in frames if frame.gap] == [6]
    assert any("size changes to 128x96" in problem for problem in source.problems)


def test_folder_is_read_in_natural_order_without_what_is_hidden(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), draw(number))
    for stray in (".DS_Store", "._frame1.png", "Thumbs.db", "notes.txt"):
        (tmp_path / stray).write_bytes(b"x")
    with open_source(str(tmp_path), fps=5) as source:
        frames = list(source)
    assert [block_at(frame.image) for frame in frames] == [1, 2, 10]
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.2, 0.4])
    assert source.broken == 0


@pytest.mark.parametrize("highest", [1023, 4095, 65535])
def test_depth_of_16_bit_pictures_is_judged_from_the_first(tmp_path: Path, highest: int) -> None:
    first = np.linspace(0, highest, 64 * 64).reshape(64, 64).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "1.tif"), first)
    cv2.imwrite(str(tmp_path / "2.tif"), first // 3)
    with open_source(str(tmp_path)) as source:
        bright, dim = (frame.image for frame in source)
    assert bright.max() == 255
    assert np.abs(bright[..., 0] - first * (255 / highest)).max() <= 0.51
    assert np.abs(dim[..., 0] - (first // 3) * (255 / highest)).max() <= 0.51


def test_alpha_is_dropped_not_blended(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), _rgba(draw(0)))
    with open_source(str(tmp_path)) as source:
        assert np.array_equal(next(iter(source)).image, draw(0))


CANARIES = ["p@:/%!w", "p%40%3A%2F%25%21w", "1234/x@y", "q?r#s@t"]


@pytest.mark.parametrize("secret", CANARIES)
@pytest.mark.parametrize("scheme", ["rtsp", "http", "ftp"])
def test_redaction_hides_every_password(scheme: str, secret: str) -> None:
    shown = redact(f"cannot open {scheme}://admin:{secret}@cam.local:554/live?channel=1 now")
    assert shown == f"cannot open {scheme}://***@cam.local:554/live?channel=1 now"


def test_redaction_hides_secrets_in_queries_and_keeps_the_rest() -> None:
    assert redact("http://cam/v?token=abc&size=2&pwd=x") == "http://cam/v?token=***&size=2&pwd=***"
    assert redact("rtsp://cam:554/a") == "rtsp://cam:554/a"
    assert redact("http://host/@user/clip") == "http://host/@user/clip"
    assert redact("clips/a@b.mp4") == "clips/a@b.mp4"


@pytest.mark.parametrize("kind", ["mp4", "avi", "mkv", "ts", "h264", "png"])
def test_a_skimmed_recording_shows_stretches_at_their_own_times(tmp_path: Path, kind: str) -> None:
    """The same pictures, times and numbers as a reading of all of it has there."""
    if kind == "png":
        text = _folder(tmp_path / "frames", *FOLDERS["png"])
    else:
        container = {"ts": "mpegts", "h264": "h264"}.get(kind)
        pictures = [draw(i) for i in range(COUNT)]
        text = str(write_video(tmp_path / f"clip.{kind}", pictures, **({"container": container} if container else {})))
    with open_source(text) as source:
        whole = {frame.index: frame for frame in source}
        rate = source.fps or 10.0
        skimmed = list(source.skimmed([(start / rate, (start + 3) / rate) for start in (4, 12, 20)]))
        assert source.problems == [] or kind == "h264"
        assert list(source.skimmed([(23.5 / rate, 25 / rate)])) == []  # nothing is there, and that is no error
    assert [frame.index for frame in skimmed] == [4, 5, 6, 12, 13, 14, 20, 21, 22]
    assert [frame.gap for frame in skimmed] == [True, False, False] * 3
    for frame in skimmed:
        assert frame.seconds == pytest.approx(whole[frame.index].seconds, abs=1e-6)
        np.testing.assert_array_equal(frame.image, whole[frame.index].image)


def test_a_recording_that_was_cut_says_so_when_it_is_skimmed(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", [draw(i) for i in range(100)])
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with open_source(str(cut)) as source:
        seen = list(source.skimmed([(0.0, 0.4), (3.6, 4.0)]))
        assert [frame.index for frame in seen] == list(range(10))
        assert source.partial
        assert source.problems == ["nothing can be read at 4 s"]
