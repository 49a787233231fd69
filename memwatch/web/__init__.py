"""The page of a running watch, its JSON, and its metrics: read from the cameras' status and the index."""
