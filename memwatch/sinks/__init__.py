"""Where observations and events go: score files, event lines, the marked clip, the timeline."""

from memwatch.sinks.base import Sink

__all__ = ["Sink"]
