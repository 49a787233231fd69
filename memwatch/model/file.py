"""The model file: one safetensors file that is enough to score.

Tensors `net.*` (network), `state.*` (the memory as trained) and `calibration.*`; the metadata key `memwatch` holds one
JSON text. Nothing is unpickled, and shapes are checked before anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from memwatch.config import ModelConfig
from memwatch.errors import MemwatchError, UsageError
from memwatch.files import write_bytes
from memwatch.model.memory import MemoryState
from memwatch.model.predictor import Predictor

FORMAT = 1
"""Raised when a reader of the old format would misread the new one."""
LATER: dict[str, Any] = {
    "levels": 3, "skips": True, "task": "predict", "recall": "beside", "drift": 0.5, "options": {},
    "centred": False,
}  # fmt: skip
"""Settings that the first model files don't have, and what these mean."""
_HEADER_LIMIT = 16 * 1024 * 1024


@dataclass(slots=True)
class Model:
    """A network with its memory as trained, its calibration, and where it came from."""

    net: Predictor
    state: MemoryState
    calibration: dict[str, Any] | None = None
    """Numbers and arrays as `scoring.Calibration.to_record` gives them; opaque here."""
    exemplars: NDArray[np.uint8] | None = None
    """(M, C, s, s): the training patch nearest to each item of the memory; None in older models and without items."""
    card: dict[str, Any] = field(default_factory=dict)
    """How it was trained: footage, command, seed, minutes, machine, versions."""

    @property
    def config(self) -> ModelConfig:
        return self.net.config

    @property
    def id(self) -> str:
        """Twelve hex digits of the weights and the config: the same model has the same id wherever it lies, in later
        versions too: a setting that came later counts only where it is not what older files meant."""
        settings = {name: value for name, value in self.config.to_dict().items() if LATER.get(name) != value}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for name, tensor in sorted(self._tensors().items()):
            if not name.startswith(("calibration.", "exemplars")):
                digest.update(name.encode())
                digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {
            f"net.{name}": value
            for name, value in self.net.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
        tensors |= {f"state.{name}": value for name, value in self.state.items()}
        if self.exemplars is not None:
            tensors["exemplars"] = torch.from_numpy(self.exemplars)
        for name, value in (self.calibration or {}).items():
            if isinstance(value, np.ndarray):
                tensors[f"calibration.{name}"] = torch.from_numpy(value.copy())
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def save_model(model: Model, path: Path) -> None:
    """Write `path` whole or not at all."""
    meta = {
        "format": FORMAT,
        "id": model.id,
        "model": model.config.to_dict(),
        "calibration": _numbers(model.calibration),
        "card": model.card,
    }
    write_bytes(path, save(model._tensors(), {"memwatch": json.dumps(meta)}))


def load_model(path: Path) -> Model:
    """Read a model file.

    Raises UsageError when it is missing, truncated, not a model, of a newer format, or holds tensors that do not fit.
    """
    meta, tensors = _read(path)
    config = _config(meta["model"], path)
    try:
        with torch.device("meta"):
            shapes = {name: tensor.shape for name, tensor in Predictor(config).state_dict().items()}
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", error.remedy or "train the model anew") from None
    weights = {name.removeprefix("net."): value for name, value in tensors.items() if name.startswith("net.")}
    wanted = {name: shape for name, shape in shapes.items() if not name.endswith("num_batches_tracked")}
    if {name: value.shape for name, value in weights.items()} != wanted:
        raise UsageError(f"{path}: its weights do not fit its own description", "train the model anew")
    state = {name.removeprefix("state."): value for name, value in tensors.items() if name.startswith("state.")}
    if not all(bool(torch.isfinite(value).all()) for value in (*weights.values(), *state.values())):
        raise UsageError(f"{path}: the model holds numbers that are not finite", "train the model anew")
    net = Predictor(config)
    net.load_state_dict(weights, strict=False)
    if {name: value.shape for name, value in net.memory.new_state().items()} != {
        name: value.shape for name, value in state.items()
    }:
        raise UsageError(f"{path}: its memory does not fit its own description", "train the model anew")
    net.eval()
    calibration = meta.get("calibration")
    if calibration is not None:
        arrays = {name: value.numpy() for name, value in tensors.items() if name.startswith("calibration.")}
        calibration = calibration | {name.removeprefix("calibration."): value for name, value in arrays.items()}
    return Model(net, state, calibration, _exemplars(tensors, config, state, path), meta.get("card") or {})


def _exemplars(
    tensors: dict[str, Tensor], config: ModelConfig, state: MemoryState, path: Path
) -> NDArray[np.uint8] | None:
    if (found := tensors.get("exemplars")) is None:
        return None
    fits = found.dtype == torch.uint8 and found.ndim == 4 and found.shape[1] == config.channels and found.numel() > 0
    if not fits or "items" not in state or len(found) != len(state["items"]):
        raise UsageError(f"{path}: the pictures of its memory do not fit its description", "train the model anew")
    return np.asarray(found.numpy())


def _config(values: dict[str, Any], path: Path) -> ModelConfig:
    try:
        return ModelConfig.from_dict(values, "its description")
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", error.remedy or "train the model anew") from None


def _numbers(record: dict[str, Any] | None) -> dict[str, Any] | None:
    return record and {name: value for name, value in record.items() if not isinstance(value, np.ndarray)}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "no such model file"
            raise UsageError(f"{path}: {what}", "give a .safetensors file that `memwatch train` made")
        _check_whole(path)
        with safe_open(str(path), framework="pt") as file:
            text = (file.metadata() or {}).get("memwatch")
            if text is None:
                raise UsageError(f"{path}: not a memwatch model", "give a file that `memwatch train` made")
            meta = json.loads(text)
            if not isinstance(meta, dict) or not isinstance(meta.get("format"), int):
                raise UsageError(f"{path}: not a memwatch model", "give a file that `memwatch train` made")
            if meta["format"] > FORMAT:
                raise UsageError(
                    f"{path}: model format {meta['format']} is newer than this memwatch reads ({FORMAT})",
                    "update memwatch",
                )
            optional = (meta.get("calibration") or {}, meta.get("card") or {})
            if not all(isinstance(value, dict) for value in (meta.get("model"), *optional)):
                raise UsageError(f"{path}: not a memwatch model", "give a file that `memwatch train` made")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: damaged or not a model ({error})", "copy or train it again") from None
    except OSError as error:
        raise MemwatchError(f"{path}: cannot be read ({error.strerror})", "check its permissions") from None
    kinds = {name: torch.uint8 if name == "exemplars" else torch.float32 for name in tensors}
    if any(value.dtype != kinds[name] for name, value in tensors.items()):
        raise UsageError(f"{path}: holds numbers of another kind than memwatch writes", "train the model anew")
    return meta, tensors


def _check_whole(path: Path) -> None:
    """Tell a foreign file from a truncated one, before the library reads it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= _HEADER_LIMIT:
            raise UsageError(f"{path}: not a memwatch model", "give a file that `memwatch train` made")
        try:
            header = json.loads(file.read(length))
            end = max((item["data_offsets"][1] for name, item in header.items() if name != "__metadata__"), default=0)
            missing = 8 + length + end - size
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            cut = size < 8 + length
            raise UsageError(
                f"{path}: " + ("the model file is cut short" if cut else "not a memwatch model"),
                "copy it again, or give a file that `memwatch train` made",
            ) from None
    if missing > 0:
        raise UsageError(f"{path}: the model file is cut short by {missing} bytes", "copy it again")
