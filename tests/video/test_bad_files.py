"""Every bad input: one line that names the file and the remedy, the right exit code, a clean terminal."""

from __future__ import annotations

import os
import re
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from memwatch.errors import EXIT_FAILED, EXIT_USAGE, MemwatchError
from memwatch.video import open_source
from memwatch.video.quiet import decoder_errors
from tests.video.drawn import block_at, draw, write_video


def _missing(folder: Path) -> Path:
    return folder / "nowhere.mp4"


def _empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _folder_of_clips(folder: Path) -> Path:
    write_video(folder / "a.mp4", [draw(0)])
    return folder


def _data_set(folder: Path) -> Path:
    (folder / "Test" / "Test001").mkdir(parents=True)
    (folder / "Test" / "Test001_gt").mkdir()
    cv2.imwrite(str(folder / "Test" / "Test001" / "001.tif"), draw(0))
    cv2.imwrite(str(folder / "Test" / "Test001_gt" / "001.bmp"), draw(0))
    return folder


def _text(folder: Path) -> Path:
    (folder / "story.mp4").write_text("once upon a time\n" * 50)
    return folder / "story.mp4"


def _text_file(folder: Path) -> Path:
    (folder / "story.txt").write_text("once upon a time\n" * 50)
    return folder / "story.txt"


def _nothing(folder: Path) -> Path:
    (folder / "zero.mp4").touch()
    return folder / "zero.mp4"


def _headless(folder: Path) -> Path:
    clip = write_video(folder / "cut.mp4", [draw(i) for i in range(30)])
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])  # the index was at the end
    return clip


def _sound(folder: Path) -> Path:
    samples = np.zeros(8000, np.int16).tobytes()
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    data = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(samples)) + samples
    (folder / "sound.mp4").write_bytes(b"RIFF" + struct.pack("<I", len(data)) + data)
    return folder / "sound.mp4"


def _all_damaged(folder: Path) -> Path:
    clip = write_video(folder / "noise.mp4", [draw(i) for i in range(5)])
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - start)
    clip.write_bytes(data)
    return clip


def _two_sizes(folder: Path) -> Path:
    cv2.imwrite(str(folder / "1.png"), draw(0))
    cv2.imwrite(str(folder / "2.png"), draw(0, width=128))
    return folder


def _tiny(folder: Path) -> Path:
    cv2.imwrite(str(folder / "1.png"), np.zeros((3, 3, 3), np.uint8))
    return folder


def _tiny_video(folder: Path) -> Path:
    return write_video(folder / "tiny.mp4", [np.zeros((8, 8, 3), np.uint8)] * 3)


def _no_pictures(folder: Path) -> Path:
    (folder / "1.png").write_bytes(b"not a picture")
    (folder / "2.png").touch()
    return folder


def _floating(folder: Path) -> Path:
    cv2.imwrite(str(folder / "1.tif"), np.zeros((32, 32, 3), np.float32))
    return folder


BAD: dict[Callable[[Path], Path], tuple[int, str]] = {
    _missing: (EXIT_USAGE, r"nowhere\.mp4: no such file.*check the path"),
    _empty_folder: (EXIT_USAGE, r"empty: no frames.*give a folder"),
    _folder_of_clips: (EXIT_USAGE, r"holds 1 clips.*name one of them, such as .*a\.mp4"),
    _data_set: (EXIT_USAGE, r"holds 1 clips.*such as .*Test001"),
    _text: (EXIT_FAILED, r"story\.mp4: is not a video.*give a video"),
    _text_file: (EXIT_FAILED, r"story\.txt: (is not a video|has no video).*give a"),
    _nothing: (EXIT_FAILED, r"zero\.mp4: is empty.*copy it again"),
    _headless: (EXIT_FAILED, r"cut\.mp4: is not a video, or its end is missing.*copy it again"),
    _sound: (EXIT_FAILED, r"sound\.mp4: has no video stream.*give a file with pictures"),
    _all_damaged: (EXIT_FAILED, r"noise\.mp4: not one frame decodes.*copy it again"),
    _two_sizes: (EXIT_FAILED, r"2\.png: is 128x64 pixels, .* 96x64.*keep frames of one size"),
    _tiny: (EXIT_FAILED, r"1\.png: the picture is 3x3 .*at least 16x16"),
    _tiny_video: (EXIT_FAILED, r"tiny\.mp4: the picture is 8x8 .*at least 16x16"),
    _no_pictures: (EXIT_FAILED, r"not one of its 2 images decodes.*1\.png.*check"),
    _floating: (EXIT_FAILED, r"1\.tif: holds float32.*8 or 16 bits"),
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_bad_input_gives_one_line_with_a_remedy(
    make: Callable[[Path], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path)
    capfd.readouterr()
    with pytest.raises(MemwatchError) as caught, open_source(str(path)) as source:
        list(source)
    code, pattern = BAD[make]
    assert caught.value.code == code
    assert re.search(pattern, caught.value.line()), caught.value.line()
    assert str(tmp_path) in caught.value.line()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["ftp://cam/x", "usb:x", "usb:"])
def test_address_of_another_kind_is_wrong_usage(text: str) -> None:
    with pytest.raises(MemwatchError, match=re.escape(text)) as caught:
        open_source(text)
    assert caught.value.code == EXIT_USAGE


def test_rate_for_a_source_with_its_own_times_is_wrong_usage(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", [draw(0)])
    with pytest.raises(MemwatchError, match=r"a\.mp4: has its own frame times"):
        open_source(str(clip), fps=5)


def test_truncated_video_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", [draw(i) for i in range(60)], options={"movflags": "+faststart"})
    clip.write_bytes(clip.read_bytes()[: int(clip.stat().st_size * 0.6)])
    with open_source(str(clip)) as source:
        frames = list(source)
    assert 20 < len(frames) < 50
    assert source.partial
    assert re.match(
        rf"ends early: {len(frames)} frames read, the last at {frames[-1].seconds:.2f} s of 2.40 s",
        source.problems[0],
    )


def test_damage_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", [draw(i) for i in range(60)])
    data = bytearray(clip.read_bytes())
    middle = data.index(b"mdat") + (data.index(b"moov") - data.index(b"mdat")) // 2
    data[middle : middle + 300] = np.random.default_rng(0).integers(0, 256, 300, np.uint8).tobytes()
    clip.write_bytes(data)
    with open_source(str(clip)) as source:
        frames = list(source)
    assert source.broken > 0
    assert len(frames) + source.broken == 60
    assert frames[-1].index == 59
    assert block_at(frames[-1].image) == 59
    assert frames[-1].seconds == pytest.approx(59 / 25, abs=0.002)
    assert not source.partial
    assert re.match(r"a frame does not decode at \d+\.\d\d s", source.problems[0])


def test_partly_decoded_tiff_is_counted_and_the_terminal_stays_clean(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for index in range(5):
        path = tmp_path / f"{index}.tif"
        cv2.imwrite(str(path), draw(index)[..., 1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    damaged = tmp_path / "2.tif"
    data = bytearray(damaged.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 40] = b"\xff" * 40
    damaged.write_bytes(data)
    assert cv2.imread(str(damaged)) is not None, "this test needs a picture that OpenCV hands back in part"
    capfd.readouterr()
    with open_source(str(tmp_path)) as source:
        frames = list(source)
    assert [frame.index for frame in frames] == [0, 1, 3, 4]
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.1, 0.3, 0.4])
    assert source.broken == 1
    assert source.problems == ["2.tif: decodes only in part"]
    assert capfd.readouterr() == ("", "")


def test_tiff_that_only_warns_is_sound(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "1.tif"
    cv2.imwrite(str(path), draw(0)[..., 1], [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    data = bytearray(path.read_bytes())
    directory = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, directory)[0]
    # A directory out of order and with an unknown tag: the last entry is renamed, what libtiff warns about.
    struct.pack_into("<H", data, directory + 2 + 12 * (entries - 1), 60000)
    path.write_bytes(data)
    with open_source(str(tmp_path)) as source:
        assert len(list(source)) == 1
    assert source.broken == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif"])
def test_truncated_image_is_counted_whatever_its_type(
    suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}{suffix}"), draw(index))
    last = tmp_path / f"2{suffix}"
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    capfd.readouterr()
    with open_source(str(tmp_path)) as source:
        assert len(list(source)) == 2
    assert source.broken == 1
    assert source.problems[0].startswith(f"2{suffix}: ")
    assert capfd.readouterr() == ("", "")


def test_what_others_say_while_a_picture_decodes_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    with decoder_errors() as errors:
        thread = threading.Thread(target=os.write, args=(2, b"42 % done\n[ERROR:0@1.0] TIFF broken\n"))
        thread.start()
        thread.join()
    assert errors == ["[ERROR:0@1.0] TIFF broken"]
    assert capfd.readouterr().err == "42 % done\n"


def test_decoding_leaves_no_descriptor_open(tmp_path: Path) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), draw(index))
    with open_source(str(tmp_path)) as source:
        list(source)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            list(source)
    assert len(os.listdir("/proc/self/fd")) == before
