"""Figures for Prometheus: base units, labels that never hold an address or an id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from memwatch import __version__
from memwatch.live.status import LAGS, CameraStatus

Gauge = tuple[str, str, Callable[[CameraStatus], float | None]]

GAUGES: tuple[Gauge, ...] = (
    ("memwatch_camera_up", "1 while frames come", lambda s: float(s.state == "live")),
    (
        "memwatch_camera_last_frame_timestamp_seconds", "When the newest frame came, Unix time",
        lambda s: s.seen.frame.time if s.seen else None,
    ),
    ("memwatch_camera_lag_seconds", "From the newest frame's arrival to its score", lambda s: s.lag_s),
    ("memwatch_score", "Newest point of the score's timeline", lambda s: s.history[-1].value if s.history else None),
    ("memwatch_threshold", "What the score must exceed", lambda s: s.threshold),
    ("memwatch_events_open", "Events going on", lambda s: float(len(s.open_events))),
)  # fmt: skip
COUNTERS: tuple[tuple[str, str, str], ...] = (
    ("memwatch_frames_received", "Frames taken from the camera", "received"),
    ("memwatch_frames_scored", "Frames with a score", "scored"),
    ("memwatch_frames_dropped", "Frames not scored: in time there was a newer one, or none was wanted", "dropped"),
    ("memwatch_decode_errors", "Frames that did not decode", "broken"),
    ("memwatch_frames_over_threshold", "Frames over the threshold", "over"),
    ("memwatch_events", "Events", "events"),
    ("memwatch_events_suppressed", "Events that nobody was told of", "suppressed"),
    ("memwatch_camera_losses", "Times that the camera was lost", "losses"),
    ("memwatch_frames_unrecorded", "Frames that no clip will show: the disk was too slow", "unrecorded"),
    ("memwatch_sink_errors", "Errors of outputs", "sink_errors"),
)


class Metrics:
    """Read anew from the cameras at each scrape.

    more: further figures of the process by name, such as notices sent.
    """

    def __init__(
        self, statuses: Callable[[], Mapping[str, CameraStatus]], more: Callable[[], Mapping[str, float]]
    ) -> None:
        self._statuses = statuses
        self._more = more
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        return bytes(generate_latest(self._registry))

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("memwatch_build_info", "Version of memwatch", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        statuses = dict(self._statuses())
        for name, words, value in GAUGES:
            gauge = GaugeMetricFamily(name, words, labels=["camera"])
            for camera, status in statuses.items():
                found = value(status)
                if found is not None:
                    gauge.add_metric([camera], found)
            yield gauge
        for name, words, key in COUNTERS:
            counter = CounterMetricFamily(name, words, labels=["camera"])
            for camera, status in statuses.items():
                counter.add_metric([camera], float(getattr(status.counts, key)))
            yield counter
        lag = HistogramMetricFamily("memwatch_lag_seconds", "From a frame's arrival to its score", labels=["camera"])
        for camera, status in statuses.items():
            names = [*map(str, LAGS), "+Inf"]
            buckets: list[Any] = [(name, float(count)) for name, count in zip(names, status.lags, strict=True)]
            lag.add_metric([camera], buckets, status.lag_sum_s)
        yield lag
        for name, found in self._more().items():
            yield GaugeMetricFamily(name, name.removeprefix("memwatch_").replace("_", " "), value=found)
