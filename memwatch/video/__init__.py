"""The video room: cameras, files and folders to frames; frames to clips."""

from memwatch.video import quiet as _quiet  # first: decoders read their log settings when they are imported
from memwatch.video.base import Span
from memwatch.video.camera import CameraSource, Limits
from memwatch.video.datasets import ClipRef, DataSet, find_clips
from memwatch.video.images import ImageSource, list_clips
from memwatch.video.recorded import RecordedSource
from memwatch.video.redaction import redact
from memwatch.video.source import Source, camera_address, open_source
from memwatch.video.supervised import BackOff, SupervisedCamera
from memwatch.video.truth import Truth, load_truth
from memwatch.video.window import GRAY_CHROMA, ClipWindow, chroma, is_gap, positions, prepare, scaled
from memwatch.video.writer import PacketWriter, VideoWriter, salvage

__all__ = [
    "GRAY_CHROMA",
    "BackOff",
    "CameraSource",
    "ClipRef",
    "ClipWindow",
    "DataSet",
    "ImageSource",
    "Limits",
    "PacketWriter",
    "RecordedSource",
    "Source",
    "Span",
    "SupervisedCamera",
    "Truth",
    "VideoWriter",
    "camera_address",
    "chroma",
    "find_clips",
    "is_gap",
    "list_clips",
    "load_truth",
    "open_source",
    "positions",
    "prepare",
    "redact",
    "salvage",
    "scaled",
]

del _quiet
