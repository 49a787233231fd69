"""The one path from a source's frames to observations and events."""

from memwatch.pipeline.detector import Detector
from memwatch.pipeline.session import run_session

__all__ = ["Detector", "run_session"]
