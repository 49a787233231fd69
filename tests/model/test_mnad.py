"""MNAD's memory against numbers worked by hand, and what holds for any numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from memwatch.model import Features, Read
from memwatch.model.memory import mnad
from memwatch.model.memory.mnad import MnadMemory, addressed, gathered, nudge, published_update

# Worked by hand: two items, three queries, two dimensions.
ITEMS = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
QUERIES = torch.tensor([[0.96, 0.28], [0.28, 0.96], [0.0, 1.0]])
EXACT: dict[str, Any] = {"atol": 1e-6, "rtol": 0.0}

NO_READ = Read(torch.zeros(()), torch.zeros(()))
"""The losses of MNAD ask the queries alone."""

seeds = st.integers(0, 2**31)


def picture(rows: Tensor, height: int = 1) -> Tensor:
    """Rows (K, D) as a query (1, D, height, K / height)."""
    return rows.T.reshape(1, rows.shape[1], height, -1)


def unit(generator: torch.Generator, rows: int, channels: int) -> Tensor:
    return F.normalize(torch.randn(rows, channels, generator=generator), dim=1)


def drawn(seed: int) -> tuple[Tensor, Tensor]:
    """Unit queries (K, D) and items (M, D) of random number."""
    generator = torch.Generator().manual_seed(seed)
    queries, items, channels = (int(torch.randint(low, high, (), generator=generator))
                                for low, high in ((1, 30), (1, 8), (2, 12)))  # fmt: skip
    return unit(generator, queries, channels), unit(generator, items, channels)


def memory(items: Tensor, **options: object) -> MnadMemory:
    return MnadMemory(items.shape[1], items=items.shape[0], **options)  # type: ignore[arg-type]


# Worked numbers


def test_read_by_hand() -> None:
    read = memory(ITEMS).read(Features(picture(QUERIES)), {"items": ITEMS})
    recalled = read.decoder_input[0, 2:, 0].T
    wanted = torch.tensor([[0.901200, 0.296400], [0.874570, 0.376289], [0.870869, 0.387394]])
    torch.testing.assert_close(recalled, wanted, **EXACT)
    torch.testing.assert_close(read.decoder_input[0, :2, 0].T, QUERIES, **EXACT)
    torch.testing.assert_close(read.distance[0, 0], torch.tensor([0.08, 0.4, 0.8]), **EXACT)
    assert float(read.distance.sqrt().sum()) == pytest.approx(1.809725, abs=1e-6)  # the paper's compactness
    assert float(read.distance.sqrt().mean()) == pytest.approx(0.603242, abs=1e-6)


def test_read_weights_by_hand() -> None:
    recalled = memory(ITEMS).read(Features(picture(QUERIES)), {"items": ITEMS}).decoder_input[0, 2:, 0].T
    weights = recalled @ ITEMS.inverse()
    wanted = torch.tensor([[0.506000, 0.494000], [0.372852, 0.627148], [0.354344, 0.645656]])
    torch.testing.assert_close(weights, wanted, **EXACT)


def test_similarities_and_shares_by_hand() -> None:
    cosines = memory(ITEMS).similarity(picture(QUERIES), {"items": ITEMS})[0, :, 0].T
    torch.testing.assert_close(cosines, torch.tensor([[0.96, 0.936], [0.28, 0.8], [0.0, 0.6]]), **EXACT)
    shares = addressed(QUERIES @ ITEMS.T)  # the maximum of item 2's belongs to a query of item 1
    wanted = torch.tensor([[0.529238, 0.386479], [0.268121, 0.337335], [0.202641, 0.276186]])
    torch.testing.assert_close(shares, wanted, **EXACT)


def test_a_lower_temperature_reads_sharper() -> None:
    read = memory(ITEMS, temperature=0.1).read(Features(picture(QUERIES)), {"items": ITEMS})
    recalled = read.decoder_input[0, 2:, 0].T
    first = recalled[1] @ ITEMS.inverse()  # cosines 0.28 and 0.8, ten times as far apart
    assert first[1].item() == pytest.approx(1 / (1 + math.exp(-5.2)), abs=1e-6)


def test_update_by_hand_as_the_authors_code() -> None:
    """The maximum of item 2's column belongs to a query of item 1."""
    new = published_update(QUERIES, ITEMS)
    torch.testing.assert_close(new, torch.tensor([[0.989949, 0.141421], [0.436522, 0.899694]]), **EXACT)
    assert (new[1] @ ITEMS[1]).item() == pytest.approx(0.889034, abs=1e-6)


def test_update_by_hand_as_the_paper() -> None:
    new = published_update(QUERIES, ITEMS, own_maximum=True)
    torch.testing.assert_close(new, torch.tensor([[0.989949, 0.141421], [0.413409, 0.910545]]), **EXACT)
    assert (new[1] @ ITEMS[1]).item() == pytest.approx(0.877055, abs=1e-6)


def test_what_is_gathered_by_hand() -> None:
    pull, count = gathered(QUERIES, ITEMS)
    torch.testing.assert_close(pull, torch.tensor([[0.96, 0.28], [0.244396, 1.552552]]), **EXACT)
    own, _ = gathered(QUERIES, ITEMS, own_maximum=True)
    torch.testing.assert_close(own[1], torch.tensor([0.280000, 1.778731]), **EXACT)
    assert count.tolist() == [1, 2]


def test_losses_by_hand() -> None:
    assert mnad.compactness(QUERIES, ITEMS).item() == pytest.approx(0.213333, abs=1e-6)
    assert mnad.separateness(QUERIES, ITEMS).item() == pytest.approx(0.6125805, abs=1e-6)
    hinges = [mnad.separateness(query[None], ITEMS).item() for query in QUERIES]
    assert hinges == pytest.approx([0.925072, 0.432456, 0.480214], abs=3e-6)  # the library adds 1e-6 to each difference
    assert sum(hinges) == pytest.approx(1.837741, abs=3e-6)
    weighted = memory(ITEMS).losses(Features(picture(QUERIES)), NO_READ, {"items": ITEMS})
    assert weighted["compactness"].item() == pytest.approx(0.0213333, abs=1e-6)
    assert weighted["separateness"].item() == pytest.approx(0.06125805, abs=1e-6)


def test_write_takes_the_configured_update() -> None:
    written = memory(ITEMS, update="published").write(picture(QUERIES), {"items": ITEMS})["items"]
    torch.testing.assert_close(written, published_update(QUERIES, ITEMS), **EXACT)
    written = memory(ITEMS, update="nudge", rate=0.1).write(picture(QUERIES), {"items": ITEMS})["items"]
    torch.testing.assert_close(written, nudge(QUERIES, ITEMS, 0.1), **EXACT)


@pytest.mark.parametrize("update", ["nudge", "published"])
def test_a_given_rate_overrides_the_configured_update(update: str) -> None:
    written = memory(ITEMS, update=update, rate=0.5).write(picture(QUERIES), {"items": ITEMS}, 0.1)["items"]
    torch.testing.assert_close(written, nudge(QUERIES, ITEMS, 0.1), **EXACT)


def test_the_start_is_of_positive_unit_vectors() -> None:
    torch.manual_seed(0)
    items = memory(torch.zeros(10, 512)).new_state()["items"]
    assert items.shape == (10, 512)
    assert (items >= 0).all()
    mutual = (items @ items.T)[~torch.eye(10, dtype=torch.bool)]
    assert mutual.mean().item() == pytest.approx(0.753, abs=0.01)


def test_alone_the_start_is_of_every_direction() -> None:
    torch.manual_seed(0)
    items = memory(torch.zeros(50, 512), recall="alone").new_state()["items"]
    mutual = (items @ items.T)[~torch.eye(50, dtype=torch.bool)]
    assert abs(mutual.mean().item()) < 0.01
    torch.testing.assert_close(items.norm(dim=1), torch.ones(50))


# What holds for any numbers


@given(seeds)
def test_read_weights_sum_to_one_over_items(seed: int) -> None:
    queries, items = drawn(seed)
    items = items[: items.shape[1]]  # independent, so that weights can be solved for
    recalled = memory(items).read(Features(picture(queries)), {"items": items}).decoder_input[0, items.shape[1] :, 0].T
    weights = torch.linalg.lstsq(items.double().T, recalled.double().T).solution.T
    torch.testing.assert_close(items.double().T @ weights.T, recalled.double().T, atol=1e-5, rtol=0)
    if torch.linalg.cond(items.double()) < 100:
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(queries)).double(), atol=1e-4, rtol=0)
        assert (weights > 0).all()


@given(seeds, st.booleans())
def test_shares_lie_between_exp_minus_two_and_one_for_an_item_s_own_queries(seed: int, own_maximum: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    queries = torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q  # orthonormal: shares can be read off
    items = unit(generator, 3, 8)
    pull, count = gathered(queries, items, own_maximum=own_maximum)
    shares = pull @ queries.T  # (M, K)
    nearest = (queries @ items.T).argmax(dim=1)
    for item in range(3):
        own = shares[item][nearest == item]
        assert len(own) == count[item]
        assert ((own >= math.exp(-2) - 1e-5) & (own <= 1 + 1e-5)).all()
        assert (shares[item][nearest != item].abs() < 1e-5).all()
        if own_maximum and len(own):
            assert own.max().item() == pytest.approx(1, abs=1e-5)


@given(seeds, st.booleans())
def test_published_items_keep_unit_norm_and_those_without_queries_stay(seed: int, own_maximum: bool) -> None:
    queries, items = drawn(seed)
    new = published_update(queries, items, own_maximum=own_maximum)
    torch.testing.assert_close(new.norm(dim=1), torch.ones(len(items)), atol=1e-5, rtol=0)
    idle = gathered(queries, items)[1] == 0
    torch.testing.assert_close(new[idle], items[idle], atol=1e-6, rtol=0)


@given(seeds, st.floats(0, 0.3))
def test_nudged_items_keep_unit_norm_and_move_by_the_rate_at_most(seed: int, rate: float) -> None:
    queries, items = drawn(seed)
    new = nudge(queries, items, rate)
    torch.testing.assert_close(new.norm(dim=1), torch.ones(len(items)), atol=1e-5, rtol=0)
    idle = gathered(queries, items)[1] == 0
    assert torch.equal(new[idle], items[idle])
    # Two sides (1-η) and η of a triangle: the sine of the turn is at most η / (1-η).
    least = math.sqrt(1 - (rate / (1 - rate)) ** 2)
    assert ((new * items).sum(dim=1) >= least - 1e-5).all()


def test_the_nudge_turns_a_right_angle_s_worth_by_its_rate() -> None:
    new = nudge(torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0, 0.0]]), 0.02)
    # 0.98·(1, 0) + 0.02·(0.6, 0.8) = (0.992, 0.016), norm 0.992129.
    torch.testing.assert_close(new, torch.tensor([[0.999870, 0.016127]]), **EXACT)


@given(seeds)
def test_updates_do_not_depend_on_the_order_or_the_layout_of_queries(seed: int) -> None:
    queries, items = drawn(seed)
    order = torch.randperm(len(queries), generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(published_update(queries[order], items), published_update(queries, items))
    torch.testing.assert_close(nudge(queries[order], items, 0.1), nudge(queries, items, 0.1))
    twice = torch.cat((queries, queries[order]))
    flat, tall = picture(twice), picture(twice, height=2)
    kept, state = memory(items), {"items": items}
    torch.testing.assert_close(kept.write(flat, state)["items"], kept.write(tall, state)["items"])
    batch = torch.cat((picture(queries), picture(queries[order])))
    torch.testing.assert_close(kept.write(flat, state)["items"], kept.write(batch, state)["items"])


@given(seeds, st.floats(0.01, 100))
def test_the_size_of_a_raw_feature_means_nothing(seed: int, factor: float) -> None:
    queries, items = drawn(seed)
    kept, state = memory(items), {"items": items}
    plain, scaled = picture(queries), picture(queries * factor)
    one, other = (kept.read(Features(query), state).decoder_input for query in (scaled, plain))
    torch.testing.assert_close(one, other)
    torch.testing.assert_close(kept.write(scaled, state)["items"], kept.write(plain, state)["items"])


@given(seeds)
def test_the_order_of_items_means_nothing_to_a_read(seed: int) -> None:
    queries, items = drawn(seed)
    order = torch.randperm(len(items), generator=torch.Generator().manual_seed(seed))
    plain = memory(items).read(Features(picture(queries)), {"items": items})
    mixed = memory(items).read(Features(picture(queries)), {"items": items[order]})
    torch.testing.assert_close(mixed.decoder_input, plain.decoder_input)
    torch.testing.assert_close(mixed.distance, plain.distance)


@settings(max_examples=20)
@given(seeds)
def test_items_carry_no_gradient_and_the_read_half_passes_none(seed: int) -> None:
    queries, items = drawn(seed)
    raw = picture(queries * 2).requires_grad_()
    kept, state = memory(items), {"items": items}
    assert not kept.write(raw, state)["items"].requires_grad
    recalled = kept.read(Features(raw), state).decoder_input[:, items.shape[1] :]
    (gradient,) = torch.autograd.grad(recalled.sum(), raw, allow_unused=True)
    assert gradient is None or not gradient.any()


def test_a_tie_goes_to_the_lowest_index() -> None:
    items = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    _, count = gathered(torch.tensor([[1.0, 0.0], [0.6, 0.8]]), items)
    assert count.tolist() == [1, 0, 1]


def test_a_single_item_has_nothing_to_be_separate_from() -> None:
    assert mnad.separateness(QUERIES, ITEMS[:1]).item() == 0


# Recalled alone, and how far learning on may go


def test_alone_the_decoder_gets_what_is_recalled_and_the_encoder_its_gradient() -> None:
    alone = memory(ITEMS, recall="alone")
    query = picture(QUERIES).requires_grad_()
    read = alone.read(Features(query), {"items": ITEMS})
    assert alone.decoder_channels == 2
    torch.testing.assert_close(
        read.decoder_input[0, :, 0].T,
        torch.tensor([[0.901200, 0.296400], [0.874570, 0.376289], [0.870869, 0.387394]]), **EXACT,
    )  # fmt: skip
    read.decoder_input[:, 0].sum().backward()
    assert query.grad is not None
    assert float(query.grad.abs().sum()) > 0


def test_alone_queries_are_pulled_to_their_items_and_nothing_pushes() -> None:
    """Squared distances 0.08, 0.4 and 0.8 by hand."""
    alone = memory(ITEMS, recall="alone")
    features = Features(picture(QUERIES))
    losses = alone.losses(features, alone.read(features, {"items": ITEMS}), {"items": ITEMS})
    assert losses.keys() == {"compactness"}
    assert float(losses["compactness"]) == pytest.approx(0.1 * (0.08 + 0.4 + 0.8) / 3, abs=1e-6)


def test_an_item_too_far_from_its_anchor_is_put_back_on_its_way() -> None:
    """A quarter turn bounded to a distance of 1, which is a sixth of a turn; what is nearer stays."""
    anchors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    items = torch.tensor([[0.0, 1.0], [0.8, 0.6], [0.0, 1.0]])
    bounded = mnad.within(items, anchors, 1.0)
    torch.testing.assert_close(
        bounded, torch.tensor([[0.5, math.sqrt(0.75)], [0.8, 0.6], [0.0, 1.0]]), atol=1e-6, rtol=0.0
    )
    torch.testing.assert_close(mnad.within(items, anchors, 2.0), items)


def test_the_published_rule_goes_where_it_goes() -> None:
    far, start = {"items": ITEMS.flip(1)}, {"items": ITEMS}
    assert torch.equal(memory(ITEMS, update="published").bounded(far, start)["items"], ITEMS.flip(1))
    bounded = memory(ITEMS, drift=0.3).bounded(far, start)
    assert float(memory(ITEMS).drift(bounded, start).max()) == pytest.approx(0.3, abs=1e-5)


def test_a_dead_item_comes_back_to_life_in_training_alone() -> None:
    """The second item has no query. Late in training, and in the published memory, it stays where it is."""
    items = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    query, state = picture(torch.tensor([[0.96, 0.28], [0.8, 0.6]])), {"items": items}
    for recall, done, dies in (("alone", 0.1, False), ("alone", 0.9, True), ("beside", 0.1, True)):
        kept, torch_state = memory(items, recall=recall), state
        kept.at(done)
        torch.manual_seed(0)
        for _ in range(2000):
            torch_state = kept.tend(query, torch_state)
        assert torch.equal(torch_state["items"][0], items[0])
        assert torch.equal(torch_state["items"][1], items[1]) == dies
    assert torch.equal(items, torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
