"""What computes the network."""

import cv2

from memwatch.runtime.base import Runtime

__all__ = ["Runtime", "open_runtime"]


def open_runtime(model: object) -> Runtime:
    """A runtime for a loaded model on this machine's processor."""
    from memwatch.model import Model
    from memwatch.runtime.torch_runtime import TorchRuntime

    assert isinstance(model, Model)
    # Pictures beside the network are small: sharing them out takes longer than it saves, and takes cores from it.
    cv2.setNumThreads(1)
    return TorchRuntime(model)
