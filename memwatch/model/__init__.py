"""The network, its memories and the model file."""

from memwatch.model.discriminator import Discriminator
from memwatch.model.file import Model, load_model, save_model
from memwatch.model.head import OddityHead
from memwatch.model.memory import FAST, Features, Memory, MemoryState, Read, build_memory, options_of
from memwatch.model.predictor import Predictor
from memwatch.model.start import begin

__all__ = [
    "FAST",
    "Discriminator",
    "Features",
    "Memory",
    "MemoryState",
    "Model",
    "OddityHead",
    "Predictor",
    "Read",
    "begin",
    "build_memory",
    "load_model",
    "options_of",
    "save_model",
]
