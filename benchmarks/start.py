"""The head that new trainings start from, taken from a model of preset `base` in colour.

    python -m benchmarks.start models/walkway.safetensors

Half precision: it is a start, and learns on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save

from memwatch.errors import MemwatchError, UsageError
from memwatch.files import write_bytes
from memwatch.model import load_model
from memwatch.model.start import FILE, kept


def main(path: Path) -> int:
    try:
        made = load_model(path)
        if made.net.head is None or not made.config.head_scene or made.config.channels != 3:
            raise UsageError(f"{path}: no colour model with a head that knows its scene", "give one of preset base")
        weights = {name: value.to(torch.float16).contiguous() for name, value in kept(made.net.head).items()}
        write_bytes(FILE, save(weights, {"model": made.id}))
    except MemwatchError as error:
        print(f"start: {error.line()}", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.start MODEL")
    sys.exit(main(Path(sys.argv[1])))
