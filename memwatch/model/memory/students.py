"""Student networks that agree with their teacher on what is normal: Bergmann et al., *Uninformed Students*, CVPR 2020,
arXiv 1911.02357.

A teacher describes each patch of the picture in d numbers; students that saw normal footage alone learn to say the
same. Where a patch is odd they are wrong, and each in its own way:

* teacher (section 3.1): L_m = mean of max(0, 1 + δ⁺ - δ⁻), δ⁺ the squared distance of a patch's descriptor to that of
  the patch changed a little, δ⁻ the smaller of both's to that of another patch; L_c, the correlations between
  dimensions; no labels, and no network that was trained on photographs, unless the user names one: L_k, in
  `distilling.py`;
* target (3.2): the teacher's descriptor, each dimension less its mean and over its deviation; a student's loss is its
  mean squared distance to that;
* score (3.3): e = ‖mean of the students - target‖², v = the students' spread around their mean, and
  (e - ē) / σ_e + (v - v̄) / σ_v, averaged over patch sizes, with the four numbers from held-out normal footage.

`patches.py` has the networks. Ours: the teacher learns on the user's own footage, for the first third of a training,
and is frozen then, or is taken as it is from a file; its descriptors are measured along the way and a little longer;
L_c is of dimensions, without sign (two that are opposite say the same thing twice), and its mean over pairs; students
follow from the start, on as much of each picture as a step can afford; the picture is made smaller first and patches
lie a few pixels apart, for a small processor; it is continued as in a mirror, so that all of it is judged.

The network's prediction knows nothing of this: the features go on as they are. `distance` is softplus of the score,
which rises with it, is never negative, and is the score itself where that is large. In training it is zeros: nobody
asks for it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.config import Strict, check
from memwatch.model.memory.base import Features, Memory, MemoryState, Read
from memwatch.model.memory.distilling import NUMBERS, Source, checked, read_weights
from memwatch.model.memory.patches import PLANS, POOLING, PatchNet, covering, cut

LEARNS_UNTIL, MEASURED_UNTIL = 1 / 3, 0.4
"""Shares of a training after which the teacher, and the measure of its descriptors, stay as they are."""
PATCHES = 4
"""Of each picture of a batch that the teacher learns from in a step."""
ROWS = 4
"""Patches along each side of the piece of a picture that the students learn from in a step."""
SHIFT, BRIGHTNESS, NOISE = 2, 0.1, 0.05
"""What a patch is still the same after: pixels to any side, light and its grain in [-1, 1] units."""
MARGIN = 1.0
FEW = 10
"""Last batches that the measure of descriptors is of, while the teacher changes."""
LEAST_VARIANCE, LEAST_DEVIATION = 1e-8, 1e-6
IN_A_MODEL = "net.memory.teacher."
"""How a model file calls a teacher's weights."""


@dataclass(frozen=True, slots=True)
class StudentsConfig(Strict):
    """Options of `--memory students`."""

    dimensions: int = 32
    """d of a descriptor (published: 128)."""
    width: int = 32
    """Channels of the narrow layers; the wide ones have twice as many (published: 128)."""
    patch: str = "17"
    """Sides of the patches in pixels of the reduced picture: 17, 33, 65, or several, as 17+33."""
    students: int = 3
    reduce: int = 2
    """The picture is made so many times smaller first (published: 1)."""
    stride: int = 4
    """Pixels of the reduced picture from one patch to the next (published: 1)."""
    teacher: str = ""
    """A safetensors file with the teacher's weights: those of a model with the same options, or named as these are
    without the prefix. Needed when training begins and never again."""
    distil: str = ""
    """A safetensors file with a ResNet-18's weights, for a teacher that learns from it too what patches look like.
    Needed while a training runs and never again."""

    def __post_init__(self) -> None:
        check(2 <= self.dimensions <= 512, "dimensions must be 2 … 512")
        check(1 <= self.width <= 256, "width must be 1 … 256")
        known = [str(size) for size in PLANS]
        parts = self.patch.split("+")
        check(
            all(part in known for part in parts) and len(set(parts)) == len(parts),
            f"patch must be one or several of {', '.join(known)}, not '{self.patch}'",
            "join several by +, as 17+33",
        )
        check(1 <= self.students <= 10, "students must be 1 … 10")
        check(self.reduce in (1, 2, 4), "reduce must be 1, 2 or 4")
        check(self.stride in (1, 2, 4, 8), "stride must be 1, 2, 4 or 8")
        check(not (self.teacher and self.distil), "teacher and distil exclude each other", "give one of them")

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.patch.split("+"))


class StudentsMemory(Memory):
    """A teacher and its students for each size of patch, all of them weights. It judges pictures (B, colours, H, W)."""

    mean: Tensor
    """(sizes, d), of the teacher's descriptors."""
    variance: Tensor
    """(sizes, d)."""
    measured: Tensor
    """Batches that these are of."""
    usual: Tensor
    """(sizes, 2, 2): of e and of v, mean and deviation on held-out normal footage."""

    def __init__(self, channels: int, colours: int, config: StudentsConfig) -> None:
        super().__init__()
        self.decoder_channels = channels
        self.config = config
        shape = colours, config.width, config.dimensions
        self.teacher = nn.ModuleDict({str(size): PatchNet(size, *shape) for size in config.sizes})
        self.students = nn.ModuleDict(
            {str(size): nn.ModuleList(PatchNet(size, *shape) for _ in range(config.students)) for size in config.sizes}
        )
        decoded = config.sizes if config.distil else ()
        self.decoders = nn.ModuleDict({str(size): nn.Linear(config.dimensions, NUMBERS) for size in decoded})
        self._source: Source | None = None
        sizes = len(config.sizes)
        self.register_buffer("mean", torch.zeros(sizes, config.dimensions))
        self.register_buffer("variance", torch.ones(sizes, config.dimensions))
        self.register_buffer("measured", torch.zeros(()))
        self.register_buffer("usual", torch.tensor([0.0, 1.0]).repeat(sizes, 2, 1))
        self.teaches = not (config.teacher or config.distil)
        self.measures = True

    def begin(self, *, resumed: bool = False) -> None:
        """Take the teacher from the file that the options name, or what it learns from.

        Raises UsageError where that is no such file, or of other networks.
        """
        if self.config.teacher and not resumed:
            self._take_teacher(Path(self.config.teacher))
        if self.config.distil:
            self._source = Source(Path(self.config.distil))

    def at(self, done: float) -> None:
        # One that is distilled stays as it is where there is nothing to distil from: when a model is adapted.
        learns = self._source is not None if self.config.distil else not self.config.teacher
        self.teaches = done < LEARNS_UNTIL and learns
        self.measures = done < MEASURED_UNTIL

    def read(self, features: Features, state: MemoryState) -> Read:
        query = features.query
        if self.training:
            return Read(query, torch.zeros_like(query[:, 0]), features.skips)
        maps = [standardised(e, v, usual) for (e, v), usual in zip(self.surprises(features), self.usual, strict=True)]
        score = torch.stack(maps).mean(dim=0)
        cells = F.adaptive_avg_pool2d(score[:, None], (query.shape[2], query.shape[3]))[:, 0]
        return Read(query, F.softplus(cells), features.skips)

    def surprises(self, features: Features) -> list[tuple[Tensor, Tensor]]:
        """For each size of patch e and v of the judged pictures (B, C, H, W): (B, ⌈H / s⌉, ⌈W / s⌉), s = reduce ·
        stride."""
        pictures, every = self._reduced(features), self.config.stride
        found = []
        for number, size in enumerate(self.config.sizes):
            seen = covering(pictures, self._net(size).field, every)
            target = whitened(self._net(size)(seen, every), self.mean[number], self.variance[number])
            said = torch.stack([student(seen, every) for student in self._students(size)])
            found.append(surprise(said.float(), target.float()))
        return found

    def losses(self, features: Features, read: Read, state: MemoryState) -> dict[str, Tensor]:
        pictures = self._reduced(features)
        losses: dict[str, Tensor] = {}
        if self.training and self.measures:
            self.measured += 1
            if self.teaches:
                self.measured.clamp_(max=FEW)
        for number, size in enumerate(self.config.sizes):
            seen = covering(pictures, self._net(size).field, self.config.stride)
            if self.teaches:
                losses |= {f"{name}, {size}": value for name, value in self._teaching(size, seen).items()}
            losses[f"following, {size}"] = self._following(number, size, seen)
        return losses

    def settle(self, held_out: Iterable[Features]) -> None:
        sums = torch.zeros(len(self.config.sizes), 2, 2, dtype=torch.float64)
        count = 0
        for features in held_out:
            found = torch.stack([torch.stack(both) for both in self.surprises(features)]).double().flatten(2)
            sums += torch.stack((found.sum(dim=2), found.square().sum(dim=2)), dim=2)
            count += found.shape[2]
        if not count:
            return
        mean, square = (sums / count).unbind(dim=2)
        deviation = (square - mean.square()).clamp_min(0).sqrt().clamp_min(LEAST_DEVIATION)
        self.usual.copy_(torch.stack((mean, deviation), dim=2))

    def _take_teacher(self, path: Path) -> None:
        wanted = {name: value.shape for name, value in self.teacher.state_dict().items()}
        stored = read_weights(path, "teacher")
        inside = {n.removeprefix(IN_A_MODEL): value for n, value in stored.items() if n.startswith(IN_A_MODEL)}
        hint = "give patch, width and dimensions as that teacher has them, and footage of its colour"
        self.teacher.load_state_dict(checked(path, inside or stored, wanted, "a teacher's", hint))

    def _teaching(self, size: int, seen: Tensor) -> dict[str, Tensor]:
        """What the teacher learns by, from patches of pictures (B, C, H, W) that cover what is to be seen."""
        net = self._net(size)
        highest, widest = (side - net.field for side in seen.shape[2:])
        places = [torch.randint(most + 1, (len(seen), PATCHES)) for most in (highest, widest)]
        moved = [
            (place + torch.randint(-SHIFT, SHIFT + 1, place.shape)).clamp(0, most)
            for place, most in zip(places, (highest, widest), strict=True)
        ]
        patches, changed = cut(seen, net.field, *places).flatten(0, 1), cut(seen, net.field, *moved).flatten(0, 1)
        light = BRIGHTNESS * torch.randn(len(changed), 1, 1, 1)
        changed = changed + light + NOISE * torch.randn_like(changed)
        anchor, positive = (net(given, POOLING[size]).flatten(1) for given in (patches, changed))
        # Of the picture before, or of another place where the batch is one picture.
        negative = anchor.roll(PATCHES if len(seen) > 1 else 1, dims=0)
        pairs = self.config.dimensions * (self.config.dimensions - 1)
        losses = {"telling apart": hard_triplet(anchor, positive, negative), "repeating": repeated(anchor) / pairs}
        if self._source:  # of one patch a picture: it takes its time
            decoded = self.decoders[str(size)](anchor[::PATCHES])
            losses["distilling"] = F.mse_loss(decoded, self._source.says(patches[::PATCHES]))
        return losses

    def _following(self, number: int, size: int, seen: Tensor) -> Tensor:
        """The students' losses, summed, on a piece of each picture (B, C, H, W), over the dimensions; in training the
        measure of the teacher's descriptors follows it first."""
        net, every = self._net(size), POOLING[size]
        rows = min(ROWS, (min(seen.shape[2:]) - net.field) // every + 1)
        side = net.field + (rows - 1) * every
        top, left = (torch.randint(whole - side + 1, (len(seen), 1)) for whole in seen.shape[2:])
        pieces = cut(seen, side, top, left).flatten(0, 1)
        with torch.no_grad():
            said = net(pieces, every)
            if self.training and self.measures:
                self._measure(number, said)
            target = whitened(said, self.mean[number], self.variance[number])
        each = [apart_by(student(pieces, every), target).mean() for student in self._students(size)]
        return torch.stack(each).sum() / self.config.dimensions

    def _measure(self, number: int, said: Tensor) -> None:
        """Let mean and variance take in a batch's descriptors (B, d, h, w) as one of so many. They are of few as long
        as the teacher changes, and of ever more when it stays."""
        pace = 1 / float(self.measured)
        variance, mean = torch.var_mean(said, dim=(0, 2, 3), correction=0)
        off = mean - self.mean[number]
        self.variance[number].lerp_(variance, pace).add_(off.square(), alpha=pace * (1 - pace))
        self.mean[number].add_(off, alpha=pace)

    def _reduced(self, features: Features) -> Tensor:
        if features.judged is None:
            raise ValueError("students judge pictures: features without `judged` cannot be read")
        return F.avg_pool2d(features.judged, self.config.reduce) if self.config.reduce > 1 else features.judged

    def _net(self, size: int) -> PatchNet:
        net = self.teacher[str(size)]
        assert isinstance(net, PatchNet)
        return net

    def _students(self, size: int) -> nn.ModuleList:
        students = self.students[str(size)]
        assert isinstance(students, nn.ModuleList)
        return students


def hard_triplet(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """L_m (eq. 3) of descriptors (N, d), mean over N."""
    same = (anchor - positive).square().sum(dim=1)
    other = torch.minimum((anchor - negative).square().sum(dim=1), (positive - negative).square().sum(dim=1))
    return (MARGIN + same - other).clamp_min(0).mean()


def repeated(descriptors: Tensor) -> Tensor:
    """L_c (eq. 4) of descriptors (N, d): the sizes of the correlations of all pairs of different dimensions, summed."""
    centred = descriptors - descriptors.mean(dim=0)
    unit = centred / (centred.square().sum(dim=0) + LEAST_VARIANCE).sqrt()
    correlation = (unit.T @ unit).abs()
    return correlation.sum() - correlation.diagonal().sum()


def whitened(said: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Descriptors (B, d, h, w), each dimension less its mean (d,) and over its deviation."""
    deviation = variance.clamp_min(LEAST_VARIANCE).sqrt()
    return (said - mean[:, None, None]) / deviation[:, None, None]


def apart_by(said: Tensor, target: Tensor) -> Tensor:
    """(B, h, w), squared distance of descriptors (B, d, h, w)."""
    return (said - target).square().sum(dim=1)


def surprise(said: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """e and v (eq. 7-8), each (B, h, w), of what M students say (M, B, d, h, w) and the target (B, d, h, w). The
    published v, mean ‖μ_i‖² - ‖μ̄‖², is the mean squared distance to μ̄, which does not lose its digits."""
    mean = said.mean(dim=0)
    return apart_by(mean, target), (said - mean).square().sum(dim=2).mean(dim=0)


def standardised(e: Tensor, v: Tensor, usual: Tensor) -> Tensor:
    """(e - ē) / σ_e + (v - v̄) / σ_v (eq. 9); `usual` is ((ē, σ_e), (v̄, σ_v))."""
    return (e - usual[0, 0]) / usual[0, 1] + (v - usual[1, 0]) / usual[1, 1]
