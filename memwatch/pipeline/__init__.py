"""The one path from a source's frames to observations and events."""

from memwatch.pipeline.detector import Detector
from memwatch.pipeline.knowledge import Knowledge, Updates
from memwatch.pipeline.session import Events, Interrupted, run_session

__all__ = ["Detector", "Events", "Interrupted", "Knowledge", "Updates", "run_session"]
