"""The network, counted layer by layer against MNAD's table, and its shapes at any width."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from memwatch.config import MEMORIES, TASKS, ModelConfig
from memwatch.model import Predictor
from memwatch.tasks.presets import model_config
from memwatch.types import ANSWERS, FIGURE_ANSWERS
from tests import tiny


def weights(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)


@pytest.fixture(scope="module")
def paper() -> Predictor:
    with torch.device("meta"):
        return Predictor(model_config("paper", (360, 240), gray=False, memory=None))


def test_the_paper_preset_has_the_published_number_of_parameters(paper: Predictor) -> None:
    assert weights(paper) == 15_650_819
    assert weights(paper.encoder) == 4_693_376
    assert weights(paper.decoder) == 10_957_443
    assert weights(paper.memory) == 0  # items are state, and learn by writing


def test_each_stage_has_the_published_number_of_parameters(paper: Predictor) -> None:
    encoder, decoder = paper.encoder, paper.decoder
    assert [weights(level) for level in encoder.levels] == [44_160, 221_952, 886_272]
    assert weights(encoder.query) == 3_540_992
    assert weights(decoder.entrance) == 7_080_960
    assert [weights(up) for up in decoder.ups] == [1_180_416, 295_296, 73_920]
    assert [weights(level) for level in decoder.levels][:2] == [1_771_008, 443_136]
    assert weights(decoder.levels[2], decoder.last) == 112_707


def test_the_reconstruction_has_the_published_number_of_parameters(paper: Predictor) -> None:
    """One frame in, no skips, and the ups keep their width, so that it is the larger of the two."""
    with torch.device("meta"):
        assert weights(Predictor(replace(paper.config, task="reconstruct"))) == 17_195_267


def test_one_channel_in_and_out(paper: Predictor) -> None:
    with torch.device("meta"):
        assert weights(Predictor(replace(paper.config, channels=1))) == 15_645_057


@torch.no_grad()
def test_centred_queries_of_one_scene_point_every_way() -> None:
    """Clips that are nearly alike: as they come their queries are too, centred they have no direction in common."""
    torch.manual_seed(0)
    config = tiny.config(width=32, height=32)
    clips = 0.8 + 0.01 * torch.randn(64, 5, 32, 32)
    for centred in (False, True):
        net = Predictor(replace(config, centred=centred))
        query = net.features(clips).query
        units = torch.nn.functional.normalize(query, dim=1).permute(0, 2, 3, 1).reshape(-1, query.shape[1])
        assert (float(units.mean(dim=0).norm()) < 0.2) == centred
        if centred:
            torch.testing.assert_close(query.mean(dim=(0, 2, 3)), torch.zeros(query.shape[1]), atol=1e-4, rtol=0)
            one, all_ = net.eval().features(clips[:1]).query, net.features(clips).query
            torch.testing.assert_close(one, all_[:1], atol=1e-4, rtol=0)


def test_the_query_s_last_convolution_is_bare(paper: Predictor) -> None:
    assert isinstance(paper.encoder.query[-1], nn.Conv2d)


@pytest.mark.parametrize(
    "settings",
    [
        tiny.config(),
        tiny.config(stem=1, channels=3, clip_length=2),
        tiny.config(stem=4, height=64, memory="none", head_width=0),
        tiny.config(stem=4, levels=2),
    ],
    ids=["stem 2", "stem 1, colour", "stem 4, no memory", "stem 4, two levels"],
)
def test_shapes_at_any_width(settings: ModelConfig) -> None:
    net = tiny.network(settings)
    clips = torch.rand(2, (settings.clip_length + 1) * settings.channels, settings.height, settings.width) * 2 - 1
    frame, read, features = net(clips, net.memory.new_state())
    query = features.query
    deep = 2**settings.levels
    rows, columns = (side // (deep * settings.stem) for side in (settings.height, settings.width))
    assert frame.shape == (2, settings.channels, settings.height, settings.width)
    assert query.shape == (2, deep * settings.net_width, rows, columns)
    assert read.distance.shape == (2, rows, columns)
    assert frame.abs().max() <= 1


@pytest.mark.parametrize(("scene", "answers"), [(False, 1), (True, len(ANSWERS))])
def test_the_head_answers_a_logit_a_cell(scene: bool, answers: int) -> None:
    settings = tiny.config(channels=3, head_scene=scene)
    head = tiny.network(settings).head
    assert head is not None
    clips = torch.rand(2, (settings.clip_length + 1) * 3, settings.height, settings.width)
    rest = torch.rand(2, 6, settings.height // 2, settings.width // 2) if scene else None
    assert head(clips, rest).shape == (2, answers, settings.height // 8, settings.width // 8)


def test_the_head_sees_how_the_picture_differs_from_the_scene() -> None:
    """All answers that know the scene do; those of figures alone have nothing to do with it."""
    settings = tiny.config(head_scene=True)
    head = tiny.network(settings).head
    assert head is not None
    clips = torch.rand(1, settings.clip_length + 1, settings.height, settings.width)
    rest = torch.zeros(1, 2, settings.height // 2, settings.width // 2)
    something = rest.clone()
    something[:, :, 4:8, 4:8] = 0.5
    changed = (head(clips, something) - head(clips, rest)).abs()[0]
    figure, scene = changed[: len(FIGURE_ANSWERS)], changed[len(FIGURE_ANSWERS) :]
    assert figure.max() == 0
    assert scene.amax(dim=(1, 2)).min() > 1e-4
    assert scene[:, -1].max() == 0  # too far away to be seen


def test_a_crop_is_told_of_its_own_places() -> None:
    settings = tiny.config(head_scene=True, head_place=3)
    head = tiny.network(settings).head
    assert head is not None
    torch.nn.init.normal_(head.places)
    crop = torch.rand(1, settings.clip_length + 1, 32, 32).repeat(2, 1, 1, 1)
    rest = torch.zeros(2, 2, 16, 16)
    here, there = head(crop, rest, at=[(0, 0), (2, 4)])
    assert (here - there).abs().max() > 1e-4
    torch.testing.assert_close(head(crop, rest, at=[(2, 4), (2, 4)])[0], there)
    whole = head._places(torch.zeros(1, 1, *head.grid), None)
    torch.testing.assert_close(head._places(torch.zeros(1, 1, 4, 4), [(2, 4)]), whole[:, :, 2:6, 4:8])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("memory", MEMORIES)
def test_every_parameter_learns(memory: str, task: str) -> None:
    """No layer is declared and never called, as the batch norm of the authors' encoder is."""
    settings = tiny.config(memory=memory, task=task)
    net = tiny.network(settings).train()
    state = net.memory.new_state()
    clips = torch.rand(2, settings.clip_length + 1, settings.height, settings.width)
    frame, read, features = net(clips, state)
    assert net.head is not None
    odd = net.head(clips)
    (frame.square().mean() + odd.square().mean() + sum(net.memory.losses(features, read, state).values())).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_a_reconstruction_is_shown_the_frame_itself_and_nothing_else() -> None:
    clips = torch.rand(1, 5, tiny.HEIGHT, tiny.WIDTH)
    for task, shown in (("predict", clips[:, :4]), ("reconstruct", clips[:, 4:])):
        net = tiny.network(tiny.config(task=task))
        features = net.eval().features(clips)
        torch.testing.assert_close(features.query, net.encoder(shown).query)
        assert features.judged is not None
        assert torch.equal(features.judged, clips[:, 4:])
        assert len(features.skips) == (3 if task == "predict" else 0)


def test_the_decoder_sees_the_skip_before_what_comes_from_below() -> None:
    """And the memory hands on the query before what it recalls: weights mean something else otherwise."""
    net = tiny.network(tiny.config())
    seen: list[torch.Tensor] = []
    net.decoder.levels[2].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    clips = torch.rand(1, 5, tiny.HEIGHT, tiny.WIDTH)
    with torch.no_grad():
        features = net.features(clips)
        _, read, _ = net(clips, net.memory.new_state())
    torch.testing.assert_close(seen[0][:, :4], features.skips[0])
    torch.testing.assert_close(read.decoder_input[:, :32], torch.nn.functional.normalize(features.query, dim=1))
