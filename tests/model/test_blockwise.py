"""The block-wise memory against numbers worked by hand, and blocks that come back to their places."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from memwatch.errors import UsageError
from memwatch.model import Features
from memwatch.model.memory.blockwise import (
    MOST_NUMBERS,
    BlockwiseConfig,
    BlockwiseMemory,
    addressed,
    assembled,
    channel_group,
    divided,
)

EXACT: dict[str, Any] = {"atol": 1e-6, "rtol": 0.0}


def test_dividing_and_reading_by_hand() -> None:
    """[[1, 2], [3, 4]] by (1, 2, 1): the blocks are its columns."""
    picture = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    blocks = divided(picture, (1, 2, 1))
    assert blocks.tolist() == [[[1, 3], [2, 4]]]
    read = addressed(blocks, torch.eye(2)) @ torch.eye(2)
    wanted = torch.tensor([[0.346954, 0.390023], [0.653046, 0.609977]])[None, None]
    torch.testing.assert_close(assembled(read, (1, 2, 1), picture.shape), wanted, **EXACT)


@pytest.mark.parametrize("rates", [(1, 1, 1), (2, 3, 1), (2, 3, 2), (4, 6, 4)])
def test_blocks_come_back_to_their_places(rates: tuple[int, int, int]) -> None:
    maps = torch.arange(2 * 4 * 4 * 6, dtype=torch.float32).reshape(2, 4, 4, 6)
    blocks = divided(maps, rates)
    assert blocks.shape == (2, rates[0] * rates[1] * rates[2], 4 * 4 * 6 // (rates[0] * rates[1] * rates[2]))
    torch.testing.assert_close(assembled(blocks, rates, maps.shape), maps)


def test_a_whole_read_by_hand() -> None:
    """Blocks of one number: its sign is all that its items can say, its length comes back."""
    memory = BlockwiseMemory([1], BlockwiseConfig(items=2, block=1, temperature=1.0))
    with torch.no_grad():
        memory.levels[0].copy_(torch.tensor([[1.0], [-1.0]]))
        read = memory.read(Features(torch.tensor([[1.0, 2.0], [-3.0, 4.0]])[None, None]), {})
    share = 1 / (1 + math.exp(-2))  # cosines 1 and -1
    wanted = torch.tensor([[share, share], [1 - share, share]])[None]
    torch.testing.assert_close(read.trace["weights"][:, 0].reshape(1, 2, 2), wanted, **EXACT)
    torch.testing.assert_close(read.decoder_input[0, 0], torch.tensor([[1.0, 2.0], [-3.0, 4.0]]), **EXACT)


def test_each_level_may_have_a_side_of_its_own() -> None:
    assert BlockwiseMemory([4, 6, 8], BlockwiseConfig(items=2)).sides == [8, 4, 2]
    assert BlockwiseMemory([4, 6, 8], BlockwiseConfig(items=2, sides="3+1+5")).sides == [3, 1, 5]
    with pytest.raises(UsageError, match=r"2 sides \(4\+4\) for a network of 3 levels"):
        BlockwiseMemory([4, 6, 8], BlockwiseConfig(items=2, sides="4+4"))
    for wrong in ("4+", "x", "0+1+2", "65+1+1"):
        with pytest.raises(UsageError, match="joined by"):
            BlockwiseConfig(sides=wrong)


def test_a_block_of_one_cell_is_a_memory_for_each_place() -> None:
    maps = torch.rand(1, 3, 2, 2)
    torch.testing.assert_close(divided(maps, (2, 2, 1))[0], maps[0].flatten(1).T)


def test_what_a_block_holds_decides_that_block_alone() -> None:
    torch.manual_seed(0)
    memory = BlockwiseMemory([4, 6], BlockwiseConfig(items=5, block=2))
    given = Features(torch.rand(1, 6, 4, 4), (torch.rand(1, 4, 8, 8),))
    changed = given.query.clone()
    changed[..., :2, :2] += 1
    before, after = memory.read(given, {}), memory.read(Features(changed, given.skips), {})
    same = before.decoder_input == after.decoder_input
    assert bool(same[..., 2:, :].all())
    assert bool(same[..., 2:].all())
    assert not bool(same[..., :2, :2].any())
    torch.testing.assert_close(after.skips[0], before.skips[0])


def test_a_block_keeps_its_length_and_skips_are_replaced() -> None:
    torch.manual_seed(0)
    memory = BlockwiseMemory([4, 6], BlockwiseConfig(items=5, block=1))
    given = Features(torch.rand(1, 6, 3, 3), (torch.rand(1, 4, 6, 6),))
    read = memory.read(given, {})
    torch.testing.assert_close(read.decoder_input.norm(dim=1), given.query.norm(dim=1))
    assert (read.skips[0] - given.skips[0]).abs().max() > 0.1
    assert bool((F.cosine_similarity(read.decoder_input, given.query) < 1 - 1e-4).any())


def test_channels_are_grouped_evenly() -> None:
    assert [channel_group(count) for count in (1, 12, 16, 18, 24, 64)] == [1, 12, 16, 9, 12, 16]


def test_a_memory_too_large_is_refused_with_what_would_fit() -> None:
    """Levels of 16 channels, blocks of side 32 and 16: 16 · (1024 + 256) = 20480 numbers an item, so 976 items fit."""
    assert MOST_NUMBERS // 20480 == 976
    with torch.device("meta"):
        assert len(BlockwiseMemory([16, 16], BlockwiseConfig(items=976, block=16)).levels) == 2
        with pytest.raises(UsageError, match=r"977 items with block 16 are 20,008,960 numbers") as caught:
            BlockwiseMemory([16, 16], BlockwiseConfig(items=977, block=16))
    assert caught.value.remedy == "at most 976 items fit blocks of that side"


def test_blocks_too_large_are_refused_before_they_take_memory() -> None:
    """Side 64 on the deepest level: four levels of 16 · 4096 · (64 + 16 + 4 + 1) = 5570560 numbers an item fit three
    times, a fifth level not once."""
    with pytest.raises(UsageError, match="block 64 are") as caught:
        BlockwiseMemory([16] * 4, BlockwiseConfig(items=10_000, block=64))
    assert caught.value.remedy == "at most 3 items fit blocks of that side"
    with pytest.raises(UsageError, match="block 64 are") as caught:
        BlockwiseMemory([16] * 5, BlockwiseConfig(items=1, block=64))
    assert caught.value.remedy == "choose a smaller block"
