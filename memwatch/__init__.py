"""memwatch learns what is normal for a fixed camera and marks what is not."""

__version__ = "0.1.0"
