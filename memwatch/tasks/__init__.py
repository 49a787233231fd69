"""One file a verb: plain functions that wire the rooms together."""
