"""Map to regions, regions to tracks, scores to events, events to records and reasons."""

from memwatch.events.builder import EventBuilder
from memwatch.events.evidence import with_cues
from memwatch.events.reasons import reason
from memwatch.events.record import EVENT_SCHEMA, event_record
from memwatch.events.regions import of_size, regions
from memwatch.events.tracks import Tracker

__all__ = ["EVENT_SCHEMA", "EventBuilder", "Tracker", "event_record", "of_size", "reason", "regions", "with_cues"]
