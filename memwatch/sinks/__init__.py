"""Where observations and events go: score files, event lines, the marked clip, the timeline."""

from memwatch.sinks.base import Sink
from memwatch.sinks.lines import EventFile, EventLines, Lines, QueuedLines
from memwatch.sinks.marked import Marked
from memwatch.sinks.rows import RowFormat, ScoreRows
from memwatch.sinks.story import Truth
from memwatch.sinks.timeline import Timeline

__all__ = [
    "EventFile",
    "EventLines",
    "Lines",
    "Marked",
    "QueuedLines",
    "RowFormat",
    "ScoreRows",
    "Sink",
    "Timeline",
    "Truth",
]
