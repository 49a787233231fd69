"""The patch networks against explicit patches and the paper's sizes, the losses and the score by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from memwatch.errors import UsageError
from memwatch.model import Features, Model, load_model, save_model
from memwatch.model.memory.patches import FIELDS, POOLING, PatchNet, covering, cut, mirrored
from memwatch.model.memory.students import (
    FEW,
    LEARNS_UNTIL,
    MEASURED_UNTIL,
    StudentsConfig,
    StudentsMemory,
    apart_by,
    hard_triplet,
    repeated,
    standardised,
    surprise,
    whitened,
)
from tests import tiny

EXACT: dict[str, Any] = {"atol": 1e-6, "rtol": 0.0}
SMALL: dict[str, Any] = {"width": 3, "dimensions": 4}
SIZES = (17, 33, 65)


def vector(*values: float) -> Tensor:
    """One descriptor, (1, d, 1, 1)."""
    return torch.tensor(values, dtype=torch.float32).reshape(1, -1, 1, 1)


def memory(**options: Any) -> StudentsMemory:
    torch.manual_seed(0)
    return StudentsMemory(6, 1, StudentsConfig(**SMALL | options))


def given(seed: int = 0, *, batch: int = 2, offset: float = 0.0) -> Features:
    seeded = torch.Generator().manual_seed(seed)
    judged = torch.rand(batch, 1, 64, 48, generator=seeded) * 2 - 1 + offset
    return Features(torch.zeros(batch, 6, 8, 6), (), judged)


def learned(made: StudentsMemory, seed: int = 0) -> dict[str, Tensor]:
    """The losses of one step, drawn with `seed`, their gradients in the weights."""
    made.zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    features = given(seed)
    losses = made.losses(features, made.read(features, {}), {})
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    return losses


@pytest.mark.parametrize(("patch", "count"), [(17, 2_996_480), (33, 1_616_000), (65, 2_320_640)])
def test_a_network_has_the_published_number_of_parameters(patch: int, count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in PatchNet(patch, 3, 128, 128).parameters()) == count


@pytest.mark.parametrize("patch", SIZES)
def test_what_a_network_sees_of_its_patch(patch: int) -> None:
    """Pools drop the last rows of an odd map: 33 pixels are 32, and 65 are 60. Of enough patches each pixel that it
    can see has been the largest of its pool."""
    torch.manual_seed(0)
    net = PatchNet(patch, 1, 4, 4)
    pictures = torch.randn(60, 1, patch, patch, requires_grad=True)
    said = net(pictures, POOLING[patch])
    assert said.shape == (60, 4, 1, 1)
    said.sum().backward()
    assert pictures.grad is not None
    seen = (pictures.grad != 0).any(dim=0)[0]
    field = FIELDS[patch]
    assert field == {17: 17, 33: 32, 65: 60}[patch]
    assert seen.nonzero().amax(dim=0).tolist() == [field - 1, field - 1]
    assert seen.nonzero().amin(dim=0).tolist() == [0, 0]


@pytest.mark.parametrize("every", [1, 2, 4, 8])
@pytest.mark.parametrize("patch", SIZES)
def test_the_whole_picture_at_once_is_patch_by_patch(patch: int, every: int) -> None:
    torch.manual_seed(0)
    net = PatchNet(patch, 1, 4, 5)
    picture = torch.randn(1, 1, patch + 9, patch + 12)
    with torch.no_grad():
        dense = net(picture, every)
        patches = picture.unfold(2, patch, 1).unfold(3, patch, 1)[0, 0, ::every, ::every]
        rows, columns = patches.shape[:2]
        one_by_one = net(patches.reshape(-1, 1, patch, patch), POOLING[patch]).reshape(rows, columns, 5)
    assert dense.shape[2] == (picture.shape[2] - net.field) // every + 1
    torch.testing.assert_close(dense[0, :, :rows, :columns].movedim(0, 2), one_by_one, atol=1e-5, rtol=0)
    assert one_by_one.std() > 0.01


def test_a_mirror_as_far_as_needed() -> None:
    assert mirrored(4, 2, 8).tolist() == [2, 1, 0, 1, 2, 3, 2, 1]
    assert mirrored(2, 3, 8).tolist() == [1, 0, 1, 0, 1, 0, 1, 0]
    assert mirrored(1, 2, 4).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("every", [1, 2, 4, 8])
@pytest.mark.parametrize("patch", SIZES)
def test_patches_cover_the_picture(patch: int, every: int) -> None:
    """Each answers for the pixels around its middle; pictures may be smaller than patches."""
    picture = torch.arange(20.0).reshape(1, 1, 20, 1).repeat(1, 1, 1, 11)
    field = FIELDS[patch]
    seen = covering(picture, field, every)
    rows = cut(seen, field, *(torch.arange(-(-20 // every))[None] * scale for scale in (every, 0)))
    assert (seen.shape[3] - field) // every + 1 == -(-11 // every)
    for row, found in enumerate(rows[0, :, 0, :, 0]):
        assert abs(found[(field - 1) // 2] - (row * every + (every - 1) / 2)) <= 0.5 or row * every + every > 20


def test_target_and_losses_by_hand() -> None:
    target = whitened(vector(3, 1), torch.tensor([1.0, 1.0]), torch.tensor([4.0, 0.25]))
    torch.testing.assert_close(target, vector(1, 0), **EXACT)
    students = torch.stack([vector(0.8, 0.2), vector(1.1, -0.1), vector(0.5, 0.5)])
    losses = [float(apart_by(said, target)) for said in students]
    assert losses == pytest.approx([0.08, 0.02, 0.5], abs=1e-6)
    e, v = surprise(students, target)
    assert float(e) == pytest.approx(0.08, abs=1e-6)
    assert float(v) == pytest.approx(0.12, abs=1e-6)
    assert float(standardised(e, v, torch.tensor([[0.05, 0.02], [0.04, 0.01]]))) == pytest.approx(9.5, abs=1e-4)


def test_the_published_spread_is_the_same() -> None:
    said = torch.randn(3, 2, 5, 4, 6, generator=torch.Generator().manual_seed(0))
    _, v = surprise(said, said[0])
    published = said.square().sum(dim=2).mean(dim=0) - said.mean(dim=0).square().sum(dim=1)
    torch.testing.assert_close(v, published, atol=1e-5, rtol=0)


def test_the_teacher_s_losses_by_hand() -> None:
    anchor, positive, negative = (torch.tensor([x]) for x in ((0.0, 0.0), (0.3, 0.4), (1.0, 0.0)))
    assert float(hard_triplet(anchor, positive, negative)) == pytest.approx(0.60, abs=1e-6)
    assert float(hard_triplet(anchor, positive, 10 * negative)) == 0
    samples = torch.tensor([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])
    assert float(repeated(samples)) == pytest.approx(1.0, abs=1e-6)
    mirror = torch.tensor([1.0, -1.0])
    assert float(repeated(samples * mirror)) == pytest.approx(1.0, abs=1e-6)  # opposite is no less alike
    assert torch.isfinite(repeated(torch.ones(4, 3)))


def test_settling_makes_the_score_of_normal_footage_ordinary() -> None:
    made = memory(patch="17+33").eval()
    held = [given(seed) for seed in range(5)]
    with torch.inference_mode():
        made.settle(iter(held))
        for number in range(2):
            for which in range(2):
                values = torch.cat([made.surprises(features)[number][which] for features in held])
                wanted = torch.stack((values.mean(), values.std(correction=0)))
                torch.testing.assert_close(made.usual[number, which], wanted, atol=1e-5, rtol=1e-4)
        scores = [
            torch.stack([standardised(*both, usual) for both, usual in zip(made.surprises(f), made.usual, strict=True)])
            for f in held
        ]
        assert float(torch.stack(scores).mean()) == pytest.approx(0, abs=1e-3)
        before = made.usual.clone()
        made.settle(iter(()))
    assert torch.equal(made.usual, before)


def test_the_distance_is_the_score_made_positive() -> None:
    """With one number a cell of the query's grid, of the same picture."""
    made = memory().eval()
    features = given()
    with torch.no_grad():
        made.settle([features])
        ((e, v),) = made.surprises(features)
        score = standardised(e, v, made.usual[0])
        assert score.shape == (2, 8, 6)
        torch.testing.assert_close(made.read(features, {}).distance, score.exp().log1p(), atol=1e-5, rtol=1e-4)


def test_students_learn_what_is_normal_and_an_odd_place_stands_out() -> None:
    made = memory(students=2, width=8).train()
    optimiser = torch.optim.Adam(made.parameters(), 3e-3)
    judged = given(1).judged
    assert judged is not None
    ground = torch.nn.functional.avg_pool2d(judged, 5, 1, 2)
    features = Features(torch.zeros(2, 6, 8, 6), (), ground)
    torch.manual_seed(0)
    following = []
    for step in range(150):
        made.at(step / 150)
        optimiser.zero_grad()
        losses = made.losses(features, made.read(features, {}), {})
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        following.append(float(losses["following, 17"].detach()))
    assert sum(following[-30:]) < 0.95 * sum(following[50:80])
    odd = ground.clone()
    odd[:, :, 4:16, 4:16] = 1.0
    made.eval()
    with torch.inference_mode():
        made.settle([features])
        usual, far = (made.read(Features(features.query, (), x), {}).distance for x in (ground, odd))
    assert far[:, :2, :2].mean() > 3 * usual[:, :2, :2].mean()
    torch.testing.assert_close(far[:, 5:, 4:], usual[:, 5:, 4:])


def test_after_a_third_the_teacher_stays_as_it_is() -> None:
    made = memory().train()
    made.at(LEARNS_UNTIL - 0.01)
    assert set(learned(made)) == {"telling apart, 17", "repeating, 17", "following, 17"}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())
    assert float(made.measured) == 1
    made.at(LEARNS_UNTIL)
    assert set(learned(made, 1)) == {"following, 17"}
    assert float(made.measured) == 2
    made.at(MEASURED_UNTIL)
    mean, variance = made.mean.clone(), made.variance.clone()
    learned(made, 2)
    assert all(p.grad is None for p in made.teacher.parameters())
    assert all(p.grad is not None and p.grad.any() for p in made.students.parameters())
    assert torch.equal(made.mean, mean)
    assert torch.equal(made.variance, variance)
    assert float(made.measured) == 2


def test_students_don_t_move_the_teacher() -> None:
    """Their target is given: it comes from the teacher's own losses alone."""
    made = memory().train()
    torch.manual_seed(0)
    features = given()
    made.losses(features, made.read(features, {}), {})["following, 17"].backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in made.teacher.parameters())


def test_the_measure_is_of_few_batches_while_the_teacher_changes_and_of_ever_more_later() -> None:
    made = memory().train()
    counts = []
    for done in [0.0] * (FEW + 3) + [LEARNS_UNTIL + 0.01] * 2:
        made.at(done)
        made.losses(given(), made.read(given(), {}), {})
        counts.append(int(made.measured))
    assert counts == [*range(1, FEW + 1), FEW, FEW, FEW, FEW + 1, FEW + 2]


def test_the_measure_of_descriptors_is_that_of_all_its_batches() -> None:
    made = memory().train()
    batches = [torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(seed)) * (1 + seed) for seed in range(4)]
    for batch in batches:
        made.measured += 1
        made._measure(0, batch)
    variance, mean = torch.var_mean(torch.cat(batches), dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(made.mean[0], mean)
    torch.testing.assert_close(made.variance[0], variance)


def test_watching_teaches_nothing() -> None:
    made = memory().eval()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    learned(made)
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_features_without_a_picture_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="judged"):
        memory().eval().read(Features(torch.zeros(1, 6, 8, 6)), {})


def test_a_teacher_from_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    weights = {name: torch.rand_like(value) for name, value in memory().teacher.state_dict().items()}
    save_file(weights, tmp_path / "teacher.safetensors")
    made = memory(teacher=str(tmp_path / "teacher.safetensors")).train()
    made.begin()
    assert all(torch.equal(value, weights[name]) for name, value in made.teacher.state_dict().items())
    assert set(learned(made)) == {"following, 17"}
    assert float(made.measured) == 1  # its descriptors are measured all the same


def test_a_model_brings_its_teacher_and_needs_no_file_again(tmp_path: Path) -> None:
    settings = tiny.config(memory="students", options=SMALL | {"teacher": str(tmp_path / "gone.safetensors")})
    net = tiny.network(settings)
    save_model(Model(net, {}), tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors").net.memory
    assert {n: v.tolist() for n, v in again.state_dict().items()} == {
        n: v.tolist() for n, v in net.memory.state_dict().items()
    }
    other = memory(teacher=str(tmp_path / "model.safetensors"))
    other.begin()
    teacher = net.memory.teacher
    assert isinstance(teacher, torch.nn.Module)
    assert all(torch.equal(v, other.teacher.state_dict()[n]) for n, v in teacher.state_dict().items())


def test_a_file_that_is_no_teacher_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "teacher.safetensors"
    made = memory(teacher=str(path))
    weights = {name: value.clone() for name, value in made.teacher.state_dict().items()}

    def refused(says: str) -> None:
        with pytest.raises(UsageError, match=says) as caught:
            made.begin()
        assert "teacher.safetensors" in caught.value.line()
        assert caught.value.remedy
        assert all(torch.equal(v, weights[n]) for n, v in made.teacher.state_dict().items())

    refused("no such teacher file")
    path.write_bytes(b"no tensors at all")
    refused("not a teacher file")
    save_file({name: value for name, value in weights.items() if "0.bias" not in name}, path)
    refused(r"lacks '17\.convs\.0\.bias'")
    save_file(weights | {"head": torch.zeros(1)}, path)
    refused("'head'")
    save_file(weights | {"17.convs.0.weight": torch.zeros(3, 3, 6, 6)}, path)
    refused("3×3×6×6 and 3×1×6×6")
    save_file(weights | {"17.convs.3.bias": torch.full((4,), torch.nan)}, path)
    refused("not finite")
    path.unlink()
    path.mkdir()
    refused("no such teacher file")
