"""The network, its memories and the model file."""

from memwatch.model.file import Model, load_model, save_model
from memwatch.model.memory import Memory, MemoryState, Read, build_memory
from memwatch.model.predictor import Predictor

__all__ = ["Memory", "MemoryState", "Model", "Predictor", "Read", "build_memory", "load_model", "save_model"]
