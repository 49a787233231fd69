"""The network's step on torch, on this machine's processor."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_conv_bn_weights

from memwatch.model import Features, Model, OddityHead, Read
from memwatch.types import Answer, Clip, Prediction, State


class TorchRuntime:
    """Predicts in evaluation mode: batch norms are folded into the convolutions before them, the head's view of changes
    into its first."""

    def __init__(self, model: Model) -> None:
        self.config = model.config
        self._start: State = dict(model.state)
        net = copy.deepcopy(model.net).eval().requires_grad_(False)
        _fold_batch_norms(net)
        if net.head:
            net.head.fold_changes()
        self._net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # One clip's head runs beside its predictor, each on half of the threads: so small convolutions gain nothing by
        # being shared out. Those of several clips do.
        self._threads = torch.get_num_threads()
        self._share = max(1, self._threads // 2)
        self._head = ThreadPoolExecutor(self._threads, "head") if net.head and self._threads > 1 else None

    def new_state(self) -> State:
        """The memory as trained."""
        return self._start

    def predict(self, clips: Sequence[Clip], states: Sequence[State]) -> list[Prediction]:
        """Predict each clip's target with the memory in the state beside it; states stay as they are."""
        net = self._net
        whole = _whole(clips)
        answer = self._ask(clips, whole)
        with torch.inference_mode(), self._on(self._threads_for(clips)):
            features = net.features(whole)
            reads: list[Read] = []
            done = 0
            # Encoder and decoder serve all clips at once; the memory is read once for each run of equal states.
            for _, run in groupby(states, key=id):
                members = list(run)
                reads.append(net.memory.read(_part(features, done, done + len(members)), members[0]))
                done += len(members)
            skips = [torch.cat(some) for some in zip(*(read.skips for read in reads), strict=True)]
            frames = net.decoder(torch.cat([read.decoder_input for read in reads]), skips)
            distance = torch.cat([read.distance for read in reads])
            oddity = answer()
        return [
            Prediction(
                frame=frames[i].contiguous().numpy(),
                distance=distance[i].contiguous().numpy(),
                oddity=oddity[i],
                query=features.query[i : i + 1].clone(),
            )
            for i in range(len(clips))
        ]

    def answer(self, clips: Sequence[Clip]) -> list[Answer]:
        """What the head says of each clip, the same as in its prediction, and nothing predicted."""
        answer = self._ask(clips, _whole(clips))
        with torch.inference_mode(), self._on(self._threads_for(clips)):
            return [Answer(oddity=oddity) for oddity in answer()]

    def _threads_for(self, clips: Sequence[Clip]) -> int:
        """Of torch, for head and predictor each."""
        return self._share if len(clips) == 1 and self._head else self._threads

    def _ask(self, clips: Sequence[Clip], whole: Tensor) -> Callable[[], Sequence[NDArray[np.float32] | None]]:
        """Begin what the head says of whole clips; what is returned ends it. One clip's goes on by itself meanwhile.
        Nones where it says nothing: without one, or where it wants to know a scene that nobody tells."""
        head: OddityHead | None = self._net.head
        scenes = [clip.scene for clip in clips if clip.scene is not None]
        if head is None or (head.scene and len(scenes) < len(clips)):
            return lambda: [None] * len(clips)
        threads = self._threads_for(clips)
        begin = self._head.submit if len(clips) == 1 and self._head else _at_once

        def shared() -> Tensor:
            with torch.inference_mode(), self._on(threads):
                return head.shared(whole.contiguous(memory_format=torch.channels_last))

        def figure() -> Tensor:
            with torch.inference_mode(), self._on(threads):
                return head.figure(first.result())

        def answer() -> Sequence[NDArray[np.float32]]:
            some = [head.placed(first.result(), torch.from_numpy(np.stack(scenes)))] if head.scene else []
            return [one.contiguous().numpy() for one in torch.cat((second.result(), *some), dim=1)]

        first = begin(shared)
        second = begin(figure)  # waits for what was submitted before it, so that none waits for ever
        return answer

    @contextmanager
    def _on(self, threads: int) -> Iterator[None]:
        """So many threads for what the calling one does. All of them afterwards, not what it had before: a camera's
        thread that began while another was in here has learned its number from there."""
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(self._threads)

    def similarity(self, query: Tensor, state: State) -> NDArray[np.float32]:
        """Cosine of each place of a prediction's query and each memory item, (M, h', w'); M is 0 without a memory."""
        with torch.inference_mode():
            alike: NDArray[np.float32] = self._net.memory.similarity(query, state)[0].contiguous().numpy()
        return alike

    def arrays_of(self, state: State) -> dict[str, NDArray[np.float32]]:
        """A memory's state as arrays, to keep it."""
        return {name: value.numpy() for name, value in state.items()}

    def state_from(self, arrays: Mapping[str, NDArray[np.float32]]) -> State:
        """Back from `arrays_of`."""
        return {name: torch.from_numpy(value.copy()) for name, value in arrays.items()}

    def drift(self, state: State) -> NDArray[np.float32]:
        """How far each item of the memory has gone from where training left it, (M,); M is 0 without items."""
        return np.asarray(self._net.memory.drift(state, self._start).numpy(), np.float32)

    def learn(self, query: Tensor, state: State, rate: float | None = None) -> State:
        """The state after learning from a prediction's query; `rate` overrides the model's own."""
        with torch.inference_mode():
            written = self._net.memory.write(query, state, rate)
            taught: State = self._net.memory.bounded(written, self._start)
        return taught


def _at_once(call: Callable[[], Tensor]) -> Future[Tensor]:
    done: Future[Tensor] = Future()
    done.set_result(call())
    return done


def _whole(clips: Sequence[Clip]) -> Tensor:
    """Inputs and targets (B, (T + 1)·C, h, w)."""
    return torch.from_numpy(np.stack([np.concatenate((clip.inputs, clip.target)) for clip in clips]))


def _part(features: Features, first: int, last: int) -> Features:
    """Those of some clips of a batch."""
    judged = None if features.judged is None else features.judged[first:last]
    return Features(features.query[first:last], tuple(skip[first:last] for skip in features.skips), judged)


def _fold_batch_norms(module: nn.Module) -> None:
    for child in module.children():
        _fold_batch_norms(child)
    if not isinstance(module, nn.Sequential):
        return
    for i, (first, second) in enumerate(pairwise(module)):
        if isinstance(second, nn.ReLU):
            second.inplace = True  # nobody else sees what the module before it made
        if not isinstance(second, nn.BatchNorm2d):
            continue
        if isinstance(first, nn.ConvTranspose2d):
            assert second.running_mean is not None
            assert second.running_var is not None
            first.weight, bias = fuse_conv_bn_weights(
                first.weight,
                first.bias,
                second.running_mean,
                second.running_var,
                second.eps,
                second.weight,
                second.bias,
                transpose=True,
            )
            first.bias = bias
        else:
            assert isinstance(first, nn.Conv2d)
            module[i] = fuse_conv_bn_eval(first, second)
        module[i + 1] = nn.Identity()
