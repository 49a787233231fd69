"""The start of a new head: what is taken over, for colour and for gray, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from memwatch.errors import MemwatchError
from memwatch.model import OddityHead, start
from memwatch.tasks.presets import model_config


def head(*, gray: bool, preset: str = "base", size: tuple[int, int] = (360, 240)) -> OddityHead:
    config = model_config(preset, size, gray=gray, memory=None)
    torch.manual_seed(0)
    grid = (config.height // 8, config.width // 8)
    return OddityHead(5, config.channels, config.head_width, scene=True, place=config.head_place, grid=grid).eval()


def answers(of: OddityHead, clips: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = of(clips, rest)
    return found


def test_a_gray_head_answers_a_gray_picture_as_the_colour_one_does() -> None:
    colour, gray = head(gray=False), head(gray=True)
    assert start.begin(colour)
    assert start.begin(gray)
    seeded = torch.Generator().manual_seed(1)
    clips, rest = torch.rand(1, 5, 160, 240, generator=seeded), torch.rand(1, 2, 80, 120, generator=seeded)
    in_colour = answers(colour, clips.repeat_interleave(3, dim=1), rest.repeat_interleave(3, dim=1))
    torch.testing.assert_close(answers(gray, clips, rest), in_colour, atol=1e-3, rtol=1e-3)


def test_places_are_the_scene_s_own_whatever_its_shape() -> None:
    other = head(gray=False, size=(640, 360))
    with torch.no_grad():
        other.places.fill_(0.25)
    assert start.begin(other)
    assert bool((other.places == 0.25).all())


def test_a_head_of_another_width_starts_from_scratch() -> None:
    small = head(gray=True, preset="small")
    before = {name: value.clone() for name, value in small.state_dict().items()}
    assert not start.begin(small)
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_an_installation_without_it_says_so(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "start.safetensors"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(start, "FILE", path)
    with pytest.raises(MemwatchError, match=r"start\.safetensors") as caught:
        start.begin(head(gray=True))
    assert "--from-scratch" in caught.value.remedy
