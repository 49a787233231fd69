"""Map to regions, scores to events, events to records."""

from memwatch.events.builder import EventBuilder
from memwatch.events.record import EVENT_SCHEMA, event_record
from memwatch.events.regions import regions

__all__ = ["EVENT_SCHEMA", "EventBuilder", "event_record", "regions"]
