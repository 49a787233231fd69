"""A teacher that learns from a ResNet-18: its numbers against another's, the loss by hand, files that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from memwatch.errors import UsageError
from memwatch.model import Features, Predictor
from memwatch.model.memory.distilling import DEVIATION, MEAN, ResNet18, Source
from memwatch.model.memory.students import LEARNS_UNTIL, StudentsConfig, StudentsMemory
from tests import tiny


def made_up(net: ResNet18, seeded: torch.Generator) -> dict[str, Tensor]:
    """Weights that anybody can draw again, without the counts of batches."""
    weights = {}
    for name, value in net.state_dict().items():
        if not name.endswith("tracked"):
            norm = "bn" in name or "downsample.1" in name
            draw = torch.rand if norm else torch.randn
            weights[name] = draw(value.shape, generator=seeded) * (1.0 if norm else 0.03)
    return weights


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as hubs have it, with the layer that names what is to be seen, which is not needed."""
    path = tmp_path_factory.mktemp("resnet") / "resnet18.safetensors"
    save_file(
        made_up(ResNet18(), torch.Generator().manual_seed(0))
        | {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)},
        path,
    )
    return path


def memory(**options: Any) -> StudentsMemory:
    torch.manual_seed(0)
    return StudentsMemory(6, 1, StudentsConfig(**{"width": 3, "dimensions": 4} | options))


def learned(made: StudentsMemory) -> dict[str, Tensor]:
    torch.manual_seed(0)
    judged = torch.rand(2, 1, 64, 48) * 2 - 1
    features = Features(torch.zeros(2, 6, 8, 6), (), judged)
    losses = made.losses(features, made.read(features, {}), {})
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    return losses


def test_the_network_says_what_torchvision_s_says_with_the_same_weights() -> None:
    """Pinned from `torchvision.models.resnet18` 0.29 without its last layer: no number differed."""
    net, seeded = ResNet18().eval(), torch.Generator().manual_seed(0)
    net.load_state_dict(made_up(net, seeded), strict=False)
    with torch.no_grad():
        said = net(torch.randn(3, 3, 64, 64, generator=seeded))
    assert said.shape == (3, 512)
    assert sum(p.numel() for p in net.parameters()) == 11_176_512
    wanted = torch.tensor([3.3044, 0.4159, 27.8025, 5.4172, 3.9371])
    torch.testing.assert_close(said[0, :5], wanted, atol=2e-3, rtol=0)


def test_a_patch_is_shown_as_photographs_were(photographs: Path) -> None:
    """Red first, in deviations; a gray patch is one of three equal colours."""
    source, shown = Source(photographs), []

    def kept(x: Tensor) -> Tensor:
        shown.append(x)
        return torch.zeros(len(x), 512)

    source._net.forward = kept  # type: ignore[method-assign]
    blue = torch.tensor([1.0, -1.0, 0.0])[None, :, None, None].expand(1, 3, 17, 17)
    source.says(blue)
    source.says(torch.zeros(1, 1, 17, 17))
    for picture, colours in zip(shown, ((0.5, 0.0, 1.0), (0.5, 0.5, 0.5)), strict=True):
        assert picture.shape == (1, 3, 64, 64)
        wanted = [(c - mean) / deviation for c, mean, deviation in zip(colours, MEAN, DEVIATION, strict=True)]
        torch.testing.assert_close(picture[0, :, 10, 10], torch.tensor(wanted))


def test_the_loss_is_what_the_decoder_misses(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that says 3 everywhere and a decoder that says 1: 4."""
    made = memory(distil=str(photographs)).train()
    made.begin(resumed=True)  # a training that goes on needs it as one that begins does
    made.at(0)
    monkeypatch.setattr(Source, "says", lambda self, patches: torch.full((len(patches), 512), 3.0))
    torch.nn.init.zeros_(made.decoders["17"].weight)  # type: ignore[arg-type]
    torch.nn.init.ones_(made.decoders["17"].bias)  # type: ignore[arg-type]
    losses = learned(made)
    assert float(losses["distilling, 17"].detach()) == pytest.approx(4)
    assert not any("_source" in name or "layer1" in name for name in made.state_dict())


def test_it_moves_decoder_and_teacher(photographs: Path) -> None:
    made = memory(distil=str(photographs)).train()
    made.begin()
    made.at(0)
    torch.manual_seed(0)
    features = Features(torch.zeros(2, 6, 8, 6), (), torch.rand(2, 1, 64, 48) * 2 - 1)
    made.losses(features, made.read(features, {}), {})["distilling, 17"].backward()  # type: ignore[no-untyped-call]
    for part, moved in ((made.teacher, True), (made.decoders, True), (made.students, False)):
        for weights in part.parameters():
            assert (weights.grad is not None and float(weights.grad.abs().sum()) > 0) == moved


def test_a_teacher_learns_what_the_network_says(photographs: Path) -> None:
    made = memory(distil=str(photographs), width=8, dimensions=8).train()
    made.begin()
    optimiser = torch.optim.Adam(made.parameters(), 1e-2)
    told = []
    for _ in range(40):
        made.at(0)
        optimiser.zero_grad()
        told.append(float(learned(made)["distilling, 17"].detach()))
        optimiser.step()
    assert told[-1] < told[0] / 2
    made.at(LEARNS_UNTIL)
    assert "distilling, 17" not in learned(made)


def test_without_the_file_the_teacher_of_a_model_stays(photographs: Path) -> None:
    """A model that is adapted, or went on without it."""
    made = memory(distil=str(photographs)).train()
    made.at(0)
    assert learned(made).keys() == {"following, 17"}


def test_a_file_that_is_no_resnet_is_refused_before_anything_is_learned(tmp_path: Path, photographs: Path) -> None:
    path = tmp_path / "r.safetensors"
    weights = made_up(ResNet18(), torch.Generator().manual_seed(0))

    def refused(says: str) -> None:
        with pytest.raises(UsageError, match=says) as caught:
            memory(distil=str(path)).begin()
        assert "r.safetensors" in caught.value.line()
        assert caught.value.remedy

    refused("no such ResNet-18 file")
    path.write_bytes(b"no tensors at all")
    refused("not a ResNet-18 file")
    save_file({name: value for name, value in weights.items() if name != "layer4.1.bn2.bias"}, path)
    refused(r"lacks 'layer4\.1\.bn2\.bias'")
    save_file(weights | {"conv1.weight": torch.zeros(64, 1, 7, 7)}, path)
    refused("64×1×7×7 and 64×3×7×7")
    save_file(weights | {"bn1.bias": torch.full((64,), torch.nan)}, path)
    refused("not finite")
    with pytest.raises(UsageError, match="exclude each other"):
        StudentsConfig(teacher="a", distil="b")


def test_a_whole_network_learns_with_it(photographs: Path) -> None:
    config = tiny.config(memory="students", options={"width": 2, "dimensions": 2, "distil": str(photographs)})
    net = Predictor(config).train()
    net.memory.begin()
    net.memory.at(0)
    clips = torch.rand(2, config.channels * (config.clip_length + 1), config.height, config.width) * 2 - 1
    losses = net.losses(clips, net(clips, {}), {})
    assert float(losses["distilling, 17"].detach()) > 0
