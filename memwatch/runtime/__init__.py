"""What computes the network."""

from memwatch.runtime.base import Runtime

__all__ = ["Runtime", "open_runtime"]


def open_runtime(model: object) -> Runtime:
    """A runtime for a loaded model on this machine's processor."""
    from memwatch.model import Model
    from memwatch.runtime.torch_runtime import TorchRuntime

    assert isinstance(model, Model)
    return TorchRuntime(model)
