"""A camera's knowledge on disk: what its detector has learned since training, tied to the model it learned with.

One safetensors file, no pickle: tensors `memory.*`, `use` and `scene.mean`; the metadata key `memwatch-state` holds one
JSON text. The scene's components and the trained items are the model's and are not repeated.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from memwatch.errors import UsageError
from memwatch.files import write_bytes
from memwatch.pipeline.knowledge import Knowledge, Refusals
from memwatch.runtime import Runtime
from memwatch.scoring import Calibration

FORMAT = 1
"""Raised when a reader of the old format would misread the new one."""
KEY = "memwatch-state"
BEGINNING = b'{"__metadata__":{"' + KEY.encode()
"""Of a state's header, which follows on its length, 8 bytes."""
BLOCK = 1 << 20
"""Bytes read at once."""
LATEST = 253_402_300_800.0
"""The year 10000, in Unix seconds: later times can't be told."""

Arrays = dict[str, NDArray[np.float32]]


class NotAStateError(UsageError):
    """A file of something else, or one that cannot be read: it must not be touched."""


@dataclass(frozen=True, slots=True)
class CameraState:
    """One camera's knowledge as it is kept, and what became of it so far."""

    model: str
    """Id of the model it belongs to."""
    memory: str
    """The model's choice of memory."""
    camera: str
    begun: float
    """Unix seconds."""
    saved: float
    taken: int = 0
    """Lessons learned since then."""
    refused: Refusals = field(default_factory=Refusals)
    undone: int = 0
    frozen: bool = False
    """Whether it is to stay as it is."""
    arrays: Arrays = field(default_factory=dict)

    def to_knowledge(self, runtime: Runtime, calibration: Calibration, where: Path) -> Knowledge:
        """What a detector goes on from: what training left, if nothing is kept; UsageError where it doesn't fit the
        model."""
        trained = Knowledge.as_trained(runtime, calibration)
        if not self.arrays:
            return trained
        wanted = to_arrays(trained, runtime)
        if {name: value.shape for name, value in wanted.items()} != {n: v.shape for n, v in self.arrays.items()}:
            raise _unfit(where, "does not fit its own description")
        memory = {name.removeprefix("memory."): v for name, v in self.arrays.items() if name.startswith("memory.")}
        scene = trained.scene and replace(trained.scene, mean=self.arrays["scene.mean"])
        use = self.arrays.get("use")
        return Knowledge(runtime.state_from(memory), scene, use)


def to_arrays(knowledge: Knowledge, runtime: Runtime) -> Arrays:
    """Everything of it that learning changes."""
    arrays = {f"memory.{name}": value for name, value in runtime.arrays_of(knowledge.memory).items()}
    if knowledge.use is not None:
        arrays["use"] = knowledge.use
    if knowledge.scene is not None:
        arrays["scene.mean"] = knowledge.scene.mean
    return {name: np.ascontiguousarray(value, np.float32) for name, value in arrays.items()}


def save_state(path: Path, state: CameraState) -> None:
    """Write it whole or not at all; MemwatchError where that can't be."""
    told = asdict(replace(state, arrays={})) | {"format": FORMAT}
    del told["arrays"]
    write_bytes(path, save(state.arrays, {KEY: json.dumps(told)}))


def load_state(path: Path) -> CameraState:
    """Read it; UsageError with one line and a remedy where it is missing, damaged, not a state, or of a newer
    format."""
    if not path.is_file():
        raise UsageError(f"{path}: no such state file", "`memwatch watch --state` makes one")
    try:
        with safe_open(str(path), framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError):  # the last two: kinds numpy has not
        raise (_unfit(path, "cut short, or damaged") if _was_one(path) else _foreign(path)) from None
    if text is None:
        raise _foreign(path)
    try:
        told: dict[str, Any] = json.loads(text)
        found = told.pop("format")
        if isinstance(found, int) and found > FORMAT:
            raise UsageError(f"{path}: made by a newer version of memwatch", "update memwatch, or name another file")
        refused = Refusals(**told.pop("refused"))
        state = CameraState(**told, refused=refused, arrays=arrays)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _unfit(path, "not a state file, or damaged") from None
    counts = [state.taken, state.undone, *(getattr(state.refused, f.name) for f in fields(Refusals))]
    sound = all(isinstance(n, int) and n >= 0 for n in counts) and isinstance(state.frozen, bool)
    sound = sound and all(isinstance(t, int | float) and 0 <= t < LATEST for t in (state.begun, state.saved))
    sound = sound and all(isinstance(name, str) for name in (state.model, state.memory, state.camera))
    use = arrays.get("use")
    sound = sound and (use is None or (use.ndim == 1 and len(use) > 0 and not (use < 0).any()))
    if not sound or not all(v.dtype == np.float32 for v in arrays.values()):
        raise _unfit(path, "not a state file, or damaged")
    if not all(np.isfinite(value).all() for value in arrays.values()):
        raise _unfit(path, "holds numbers that are not finite")
    return state


def check_model(state: CameraState, path: Path, *, model: str, memory: str) -> None:
    """UsageError unless it was learned with this model."""
    if state.memory != memory:
        raise _unfit(path, f"of a model with another memory ({state.memory}, here {memory})")
    if state.model != model:
        raise _unfit(path, f"of another model ({state.model}, here {model})")


def _was_one(path: Path) -> bool:
    """Whether a file that cannot be read begins as states do, as far as it goes, or is of zeros, as after a power cut:
    what it held is lost. Anything else is somebody's."""
    try:
        with path.open("rb") as file:
            head, rest = file.read(8 + len(BEGINNING)), iter(partial(file.read, BLOCK), b"")
            if not any(head):
                return not any(map(any, rest))
            if len(head) <= 8:  # not even its header's length, which is no text
                return not (head.isascii() and head.decode().strip().isprintable())
            return BEGINNING.startswith(head[8:])
    except OSError as error:
        raise NotAStateError(f"{path}: cannot be read ({error.strerror})", "check its permissions") from None


def _foreign(path: Path) -> UsageError:
    return NotAStateError(f"{path}: not a state file", "name another file: watching begins a new one")


def _unfit(path: Path, what: str) -> UsageError:
    return UsageError(f"{path}: {what}", "name another file: watching begins a new one")
