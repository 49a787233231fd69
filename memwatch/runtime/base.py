"""The seam between the one path and whatever computes the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memwatch.config import ModelConfig
from memwatch.types import Answer, Clip, Prediction, State


class Runtime(Protocol):
    """Runs a model's step. Weights are shared and read-only; each stream brings its own state."""

    config: ModelConfig

    def new_state(self) -> State:
        """The memory as trained."""

    def predict(self, clips: Sequence[Clip], states: Sequence[State]) -> list[Prediction]:
        """Predict each clip's target with the memory in the state beside it; states stay as they are."""

    def answer(self, clips: Sequence[Clip]) -> Sequence[Answer]:
        """What the head says of each clip, the same as in its prediction, and nothing predicted."""

    def similarity(self, query: Any, state: State) -> NDArray[np.float32]:
        """Cosine of each place of a prediction's query and each memory item, (M, h', w'); M is 0 without a memory."""

    def arrays_of(self, state: State) -> dict[str, NDArray[np.float32]]:
        """A memory's state as arrays, to keep it."""

    def state_from(self, arrays: Mapping[str, NDArray[np.float32]]) -> State:
        """Back from `arrays_of`."""

    def drift(self, state: State) -> NDArray[np.float32]:
        """How far each item of the memory has gone from where training left it, (M,); M is 0 without items."""

    def learn(self, query: Any, state: State, rate: float | None = None) -> State:
        """The state after learning from a prediction's query; `rate` overrides the model's own."""
