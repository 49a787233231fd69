"""Every published layout drawn as a tiny tree: its clips in their order, and what their truth says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from memwatch.errors import MemwatchError, UsageError
from memwatch.video.datasets import Part, find_clips

from .trees import SIZE, bitmap, cells, frames, marked, names, numbered, touch, truth_of

# --- UCSD ---


@pytest.fixture
def ucsd(tmp_path: Path) -> Path:
    """Clip 2 before 10, masks under both of the set's names, and what file managers leave behind."""
    root = tmp_path / "UCSDped9"
    frames(root / "Train" / "Train001", numbered(3, ".tif", 1))
    for clip, prefix in (("Test002", "frame"), ("Test010", "")):
        frames(root / "Test" / clip, [*numbered(6, ".tif", 1), "._001.tif", ".DS_Store", "Thumbs.db"])
        for i in range(1, 7):
            odd = clip == "Test002" and i in (2, 3, 6)
            bitmap(root / "Test" / f"{clip}_gt" / f"{prefix}{i:03d}.bmp", odd=odd)
    touch(root / "Test" / "._UCSDped9.m", root / "Test" / ".DS_Store")
    (root / "Test" / "UCSDped9.m").write_text(
        "TestVideoFile = {};\n"
        "TestVideoFile{end+1}.gt_frame = [2:3, 6];\n"
        "% TestVideoFile{end+1}.gt_frame = [1:6];\n"
        "TestVideoFile{end+1}.gt_frame = [1 : 2 4:5];\n"
    )
    return root


def test_ucsd_parts(ucsd: Path) -> None:
    data = find_clips(ucsd, part="test")
    assert (data.layout, data.name) == ("ucsd", "UCSDped9")
    assert [clip.name for clip in data.clips] == ["Test002", "Test010"]
    assert names(ucsd, "train") == ["Train001"]
    assert names(ucsd) == ["Train001", "Test002", "Test010"]


def test_ucsd_truth_counts_from_one_in_the_file_and_from_zero_here(ucsd: Path) -> None:
    first, second = find_clips(ucsd, part="test").clips
    assert marked(truth_of(first, 6)) == [1, 2, 5]
    assert marked(truth_of(second, 6)) == [0, 1, 3, 4]


def test_ucsd_masks_follow_the_frames(ucsd: Path) -> None:
    truth = truth_of(find_clips(ucsd, part="test").clips[0], 6)
    assert truth.masks is not None
    assert [bool(truth.masks(i).any()) for i in range(6)] == [False, True, True, False, False, True]
    assert truth.masks(1).shape == (SIZE[1], SIZE[0])
    assert np.argwhere(truth.masks(1)).min(axis=0).tolist() == [6, 16]


def test_masks_alone_label_frames(ucsd: Path) -> None:
    (ucsd / "Test" / "UCSDped9.m").unlink()
    assert marked(truth_of(find_clips(ucsd, part="test").clips[0], 6)) == [1, 2, 5]


@pytest.mark.parametrize(
    ("inside", "found"), [("Test", ["Test002", "Test010"]), ("Test/Test010", ["Test010"])]
)
def test_a_path_inside_keeps_its_truth(ucsd: Path, inside: str, found: list[str]) -> None:
    data = find_clips(ucsd / inside, part="test")
    assert [clip.name for clip in data.clips] == found
    assert marked(truth_of(data.clips[-1], 6)) == [0, 1, 3, 4]


def test_a_relative_path_inside_keeps_its_truth(ucsd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ucsd / "Test")
    assert find_clips(".", part="test").name == "UCSDped9"
    assert names(Path("../Train"), "train") == ["Train001"]


def test_training_on_the_test_part_is_refused(ucsd: Path) -> None:
    with pytest.raises(UsageError, match="holds 2 test clips of the data set UCSDped9 and no training clips"):
        find_clips(ucsd / "Test", part="train")
    with pytest.raises(UsageError, match="no test clips"):
        find_clips(ucsd / "Train", part="test")


def test_the_number_of_clips_must_be_the_truths(ucsd: Path) -> None:
    frames(ucsd / "Test" / "Test011", numbered(6, ".tif", 1))
    clip = find_clips(ucsd, part="test").clips[0]
    with pytest.raises(MemwatchError, match=r"UCSDped9.m holds the truth of 2 clips, but there are 3"):
        truth_of(clip, 6)


def test_a_shorter_clip_is_named_with_the_difference(ucsd: Path) -> None:
    clip = find_clips(ucsd, part="test").clips[0]
    with pytest.raises(MemwatchError, match=r"Clip Test002 has 5 frames, but its truth .*_gt has 6 \(\+1\)"):
        truth_of(clip, 5)
    for path in (ucsd / "Test" / "Test002_gt").iterdir():
        path.unlink()
    (ucsd / "Test" / "Test002_gt").rmdir()
    with pytest.raises(MemwatchError, match=r"5 frames, but .*\.m marks frames up to 6 \(1 too many\)"):
        truth_of(find_clips(ucsd, part="test").clips[0], 5)


@pytest.mark.parametrize("text", ["", "no ranges here", "x.gt_frame = [5:2];", "x.gt_frame = [a:b];"])
def test_a_damaged_m_file(ucsd: Path, text: str) -> None:
    (ucsd / "Test" / "UCSDped9.m").write_text(text)
    with pytest.raises(MemwatchError, match=r"UCSDped9.m: cannot be read as truth"):
        truth_of(find_clips(ucsd, part="test").clips[0], 6)


def test_two_data_sets_in_one_folder_are_named(ucsd: Path) -> None:
    with pytest.raises(UsageError, match="holds data sets") as caught:
        find_clips(ucsd.parent)
    assert "UCSDped9" in caught.value.line()


# --- MNAD and FFP ---


@pytest.fixture
def mnad(tmp_path: Path) -> Path:
    root = tmp_path / "ped9"
    frames(root / "training" / "frames" / "01", numbered(3, ".jpg"))
    for clip in ("01", "02", "10"):
        frames(root / "testing" / "frames" / clip, numbered(8, ".jpg"))
    for i in range(8):
        bitmap(root / "testing" / "masks" / "02" / f"{i:03d}.png", odd=i >= 6)
    savemat(root / "ped9.mat", {"gt": cells([[1], [4]], [[1, 7], [2, 8]], [8, 8])})
    return root


def test_mnad_cells_are_columns_of_first_and_last(mnad: Path) -> None:
    data = find_clips(mnad, part="test")
    assert (data.layout, [clip.name for clip in data.clips]) == ("mnad", ["01", "02", "10"])
    truths = [truth_of(clip, 8) for clip in data.clips]
    assert [marked(truth) for truth in truths] == [[0, 1, 2, 3], [0, 1, 6, 7], [7]]
    assert [truth.masks is None for truth in truths] == [True, False, True]


def test_clips_of_one_name_in_both_parts_are_told_apart(mnad: Path) -> None:
    assert names(mnad) == ["train-01", "test-01", "test-02", "test-10"]
    assert names(mnad / "testing") == names(mnad / "testing" / "frames") == ["01", "02", "10"]


def test_mnad_falls_to_the_m_file_and_then_to_a_vector(mnad: Path) -> None:
    (mnad / "ped9.mat").unlink()
    vector = np.zeros((1, 24), np.uint8)
    vector[0, [8, 23]] = 1
    np.save(mnad / "frame_labels_ped9.npy", vector)
    assert [marked(truth_of(c, 8)) for c in find_clips(mnad, part="test").clips] == [[], [0], [7]]
    (mnad / "testing" / "UCSDped9.m").write_text("a.gt_frame = [1];\n" * 3)
    assert [marked(truth_of(c, 8)) for c in find_clips(mnad, part="test").clips] == [[0]] * 3


def test_a_vector_of_another_length(mnad: Path) -> None:
    (mnad / "ped9.mat").unlink()
    np.save(mnad / "labels.npy", np.zeros(20, np.uint8))
    with pytest.raises(MemwatchError, match=r"labels 20 frames, but the test clips have 24 \(-4\)"):
        truth_of(find_clips(mnad, part="test").clips[0], 8)


def test_of_several_mat_files_the_sets_own_is_read(mnad: Path) -> None:
    savemat(mnad / "other.mat", {"gt": cells([1, 1])})
    assert marked(truth_of(find_clips(mnad, part="test").clips[2], 8)) == [7]
    (mnad / "ped9.mat").rename(mnad / "third.mat")
    with pytest.raises(UsageError, match="not clear which is the truth"):
        find_clips(mnad, part="test")


def test_damaged_mat_files(mnad: Path) -> None:
    whole = (mnad / "ped9.mat").read_bytes()
    for damaged in (b"", b"not a mat file", whole[: len(whole) // 2]):
        (mnad / "ped9.mat").write_bytes(damaged)
        with pytest.raises(MemwatchError, match=r"ped9.mat: cannot be read as truth"):
            truth_of(find_clips(mnad, part="test").clips[0], 8)
    savemat(mnad / "ped9.mat", {"other": 1})
    with pytest.raises(MemwatchError, match="no variable 'gt'"):
        truth_of(find_clips(mnad, part="test").clips[0], 8)


def test_a_mask_of_the_same_shape_is_resized_and_of_another_refused(mnad: Path) -> None:
    clip = find_clips(mnad, part="test").clips[1]
    twice = truth_of(clip, 8, size=(64, 48))
    assert twice.masks is not None
    assert twice.masks(7).shape == (48, 64)
    assert twice.masks(7).mean() == pytest.approx(1 / 8)
    wide = truth_of(clip, 8, size=(64, 24))
    assert wide.masks is not None
    with pytest.raises(MemwatchError, match="drawn on pictures of 32×24, the clip's are 64×24"):
        wide.masks(0)


@pytest.mark.parametrize("kept", [0, 40, 1500])
def test_a_damaged_mask_is_an_error_and_not_noise(
    mnad: Path, kept: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = mnad / "testing" / "masks" / "02" / "003.png"
    speckled = np.random.default_rng(0).integers(0, 2, (SIZE[1] * 10, SIZE[0] * 10), np.uint8) * np.uint8(255)
    assert cv2.imwrite(str(path), speckled)
    whole = path.read_bytes()
    assert len(whole) > 2 * kept
    path.write_bytes(whole[:kept])
    masks = truth_of(find_clips(mnad, part="test").clips[1], 8).masks
    assert masks is not None
    with pytest.raises(MemwatchError, match=r"003.png: cannot be read as truth"):
        masks(3)
    assert capfd.readouterr().err == ""


# --- Avenue and ShanghaiTech ---


@pytest.mark.parametrize("where", ["testing_label_mask", "ground_truth_demo/testing_label_mask"])
def test_avenue_masks_at_their_own_size(tmp_path: Path, where: str) -> None:
    videos = ("training_videos/01.avi", "testing_videos/02.avi", "testing_videos/10.avi")
    touch(*(tmp_path / name for name in videos))
    (tmp_path / where).mkdir(parents=True)
    picture = np.zeros((12, 8), np.uint8)
    picture[:6] = 1
    savemat(tmp_path / where / "2_label.mat", {"volLabel": cells(picture, picture * 0)})
    savemat(tmp_path / where / "10_label.mat", {"volLabel": cells(picture * 0, picture, picture)})
    data = find_clips(tmp_path, part="test")
    assert (data.layout, [clip.name for clip in data.clips]) == ("avenue", ["02", "10"])
    assert marked(truth_of(data.clips[0], 2)) == [0]
    truth = truth_of(data.clips[1], 3)
    assert marked(truth) == [1, 2]
    assert truth.masks is not None
    assert truth.masks(2)[:12].all()
    assert not truth.masks(2)[12:].any()
    with pytest.raises(MemwatchError, match=r"Clip 10 has 4 frames, but its truth .* has 3 \(-1\)"):
        truth_of(data.clips[1], 4)
    assert names(tmp_path / "testing_videos" / "10.avi") == ["10"]


def test_shanghaitech(tmp_path: Path) -> None:
    touch(tmp_path / "training" / "videos" / "01_001.avi")
    frames(tmp_path / "testing" / "frames" / "01_0014", numbered(4, ".jpg"))
    frames(tmp_path / "testing" / "frames" / "01_0002", numbered(4, ".jpg"))
    for kind in ("test_frame_mask", "test_pixel_mask"):
        (tmp_path / "testing" / kind).mkdir()
    volume = np.zeros((4, SIZE[1], SIZE[0]), np.uint8)
    volume[1, :2] = 1
    np.save(tmp_path / "testing" / "test_frame_mask" / "01_0014.npy", np.array([0, 1, 1, 0]))
    np.save(tmp_path / "testing" / "test_pixel_mask" / "01_0014.npy", volume)
    data = find_clips(tmp_path, part="test")
    assert (data.layout, [clip.name for clip in data.clips]) == ("shanghaitech", ["01_0002", "01_0014"])
    truth = truth_of(data.clips[1], 4)
    assert marked(truth) == [1, 2]
    assert truth.masks is not None
    assert truth.masks(1).sum() == 2 * SIZE[0]
    assert names(tmp_path, "train") == ["01_001"]


def test_pickled_arrays_are_not_opened(tmp_path: Path) -> None:
    frames(tmp_path / "testing" / "frames" / "01", numbered(2, ".jpg"))
    (tmp_path / "testing" / "test_frame_mask").mkdir()
    pickled = np.array([{}], dtype=object)
    np.save(tmp_path / "testing" / "test_frame_mask" / "01.npy", pickled, allow_pickle=True)
    with pytest.raises(MemwatchError, match=r"01.npy: cannot be read as truth"):
        truth_of(find_clips(tmp_path, part="test").clips[0], 2)


@pytest.mark.parametrize(
    "address",
    ["rtsp://user:p%40ss@host/x", "http://user:p@ss@host/clip.mp4?token=p%40ss", "RTSPS://u:p%40ss@h", "usb:0"],
)
@pytest.mark.parametrize("part", ["any", "train", "test"])
def test_a_camera_is_no_recording_and_its_password_is_not_shown(address: str, part: Part) -> None:
    with pytest.raises(UsageError, match="camera's address, and this takes recordings") as caught:
        find_clips(address, part=part)
    assert "memwatch watch takes cameras" in caught.value.remedy
    assert not any(secret in caught.value.line() for secret in ("p%40ss", "p@ss", "user"))
