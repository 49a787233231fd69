"""Map to regions, regions to tracks, scores to events, events to records and reasons."""

from memwatch.events.builder import EventBuilder
from memwatch.events.evidence import with_cues
from memwatch.events.reasons import reason
from memwatch.events.record import EVENT_SCHEMA, STATE_SCHEMA, event_record, state_record
from memwatch.events.regions import of_size, regions
from memwatch.events.tracks import Tracker
from memwatch.events.zones import Zone, Zones

__all__ = [
    "EVENT_SCHEMA",
    "STATE_SCHEMA",
    "EventBuilder",
    "Tracker",
    "Zone",
    "Zones",
    "event_record",
    "of_size",
    "reason",
    "regions",
    "state_record",
    "with_cues",
]
