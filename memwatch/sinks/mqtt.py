"""Events and states to an MQTT broker, and the cameras announced to Home Assistant (docs/guide/live.md).

The library's own thread talks to the broker; publishing only puts into its bounded queue, so a broker that is away
never holds up a camera. All topics are retained or repeated such that a listener that comes later knows what is.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from memwatch import __version__
from memwatch.errors import MemwatchError
from memwatch.events import event_record
from memwatch.sinks.base import Sink
from memwatch.sinks.jpeg import jpeg
from memwatch.types import Event, Frame, Image, Observation, StateEvent

WAITING = 1000
"""Messages that wait while the broker is away; the oldest go first."""
SCORE_S = 1.0
STATS_S = 30.0
STATES = {
    "camera_connecting": "connecting", "camera_back": "live", "camera_lost": "lost", "camera_frozen": "frozen",
    "camera_thawed": "live", "camera_ended": "ended", "camera_failed": "lost",
}  # fmt: skip


class Broker:
    """The connection that all cameras share.

    Raises MemwatchError where the client library is not installed. Connecting happens in the background, for ever.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        node: str,
        user: str | None,
        password: str | None,
        tls: bool,
        discovery: bool,
        note: Callable[[str], None],
    ) -> None:
        try:
            import paho.mqtt.client as mqtt
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise MemwatchError("mqtt: its client is not installed", "pip install 'memwatch[live]'") from None
        self.base = f"memwatch/{node}"
        self.published = self.lost = 0
        self._node = node
        self._where = f"{host}:{port}"
        self._discovery = discovery
        self._note = note
        self._told = ""
        self._lock = threading.Lock()
        self._retained: dict[str, str | bytes] = {}
        """The newest of each retained topic, said anew at every connection."""
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"memwatch-{node}")
        self._waiting: deque[tuple[str, str | bytes]] = deque(maxlen=WAITING)
        """What is to be said once there is a connection; the library's own queue would refuse the newest."""
        self._client.reconnect_delay_set(1, 60)
        if user is not None:
            self._client.username_pw_set(user, password)
        if tls:
            self._client.tls_set()
        self._client.will_set(f"{self.base}/available", "offline", qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.connect_async(host, port, keepalive=30)
        self._client.loop_start()

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected())

    def announce(self, camera: str) -> None:
        """Tell Home Assistant of a camera."""
        if self._discovery:
            self.publish(self._discovery_topic(camera), json.dumps(self._device(camera)), retain=True, bare=True)

    def withdraw(self, camera: str) -> None:
        """The camera is gone: nothing of it stays behind at the broker."""
        mine = (f"{self.base}/{camera}/", self._discovery_topic(camera))
        with self._lock:
            topics = [topic for topic in self._retained if topic.startswith(mine)]
        for topic in topics:
            self.publish(topic, b"", retain=True, bare=True)

    def publish(
        self, topic: str, payload: str | bytes, *, qos: int = 1, retain: bool = False, bare: bool = False
    ) -> None:
        """`topic` under this node's, or as it stands if `bare`."""
        full = topic if bare else f"{self.base}/{topic}"
        with self._lock:
            if retain:
                self._retained[full] = payload
        if self.connected:
            found = self._client.publish(full, payload, qos=qos, retain=retain)
            self.published += found.rc == 0
            self.lost += found.rc != 0
        elif not retain and qos:  # what is retained is said anew anyway, and the rest is worth nothing later
            with self._lock:
                self.lost += len(self._waiting) == WAITING
                self._waiting.append((full, payload))

    def close(self) -> None:
        """Say that nobody watches any more, and leave."""
        if self.connected:
            sent = self._client.publish(f"{self.base}/available", "offline", qos=1, retain=True)
            with contextlib.suppress(RuntimeError, ValueError):  # the connection went; the broker says it for us
                sent.wait_for_publish(2.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._say(f"mqtt {self._where}: {reason}")
            return
        self._say("")
        client.publish(f"{self.base}/available", "online", qos=1, retain=True)
        client.subscribe("homeassistant/status", qos=1)
        self._repeat()
        with self._lock:
            waiting, self._waiting = list(self._waiting), deque(maxlen=WAITING)
        for topic, payload in waiting:
            client.publish(topic, payload, qos=1)

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._say(f"mqtt {self._where}: the connection is lost ({reason})")

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        if message.payload == b"online":  # Home Assistant has started, and asks who is there
            self._repeat()

    def _repeat(self) -> None:
        with self._lock:
            known = list(self._retained.items())
        for topic, payload in known:
            self._client.publish(topic, payload, qos=1, retain=True)

    def _say(self, line: str) -> None:
        if line and line != self._told:
            self._note(line)
        self._told = line

    def _discovery_topic(self, camera: str) -> str:
        return f"homeassistant/device/memwatch_{self._node}_{camera}/config"

    def _device(self, camera: str) -> dict[str, Any]:
        """Home Assistant's discovery message of a device with its parts, in its short keys."""
        unique, at = f"memwatch_{self._node}_{camera}", f"{self.base}/{camera}"
        here = {"t": f"{self.base}/available"}
        seen = [here, {"t": f"{at}/state", "val_tpl": "{{ 'online' if value == 'live' else 'offline' }}"}]
        return {
            "dev": {"ids": [unique], "name": camera, "mf": "memwatch", "sw": __version__},
            "o": {"name": "memwatch", "sw": __version__},
            "cmps": {
                "anomaly": {
                    "p": "binary_sensor", "name": "Anomaly", "dev_cla": "motion", "stat_t": f"{at}/anomaly",
                    "uniq_id": f"{unique}_anomaly", "avty": seen, "avty_mode": "all",
                },
                "online": {
                    "p": "binary_sensor", "name": "Camera", "dev_cla": "connectivity", "stat_t": f"{at}/state",
                    "val_tpl": "{{ 'ON' if value == 'live' else 'OFF' }}", "uniq_id": f"{unique}_online",
                    "avty": [here],
                },
                "event": {
                    "p": "event", "name": "Event", "evt_typ": ["start", "end"], "stat_t": f"{at}/event",
                    "uniq_id": f"{unique}_event", "avty": [here],
                },
                "score": {
                    "p": "sensor", "name": "Score", "stat_t": f"{at}/score", "uniq_id": f"{unique}_score",
                    "avty": [here],
                },
                "snapshot": {
                    "p": "image", "name": "Last event", "img_t": f"{at}/snapshot", "uniq_id": f"{unique}_snapshot",
                    "avty": [here],
                },
            },
        }  # fmt: skip


class MqttCamera(Sink):
    """One camera's topics."""

    def __init__(
        self, broker: Broker, camera: str, *, model: dict[str, Any], stats: Callable[[], dict[str, Any]]
    ) -> None:
        self._broker = broker
        self._camera = camera
        self._model = model
        self._stats = stats
        self._seq = 0
        self._open: set[str] = set()
        self._picture: Image | None = None
        self._score_at = self._stats_at = float("-inf")
        broker.announce(camera)
        broker.publish(f"{camera}/anomaly", "OFF", retain=True)
        broker.publish(f"{camera}/state", "connecting", retain=True)

    def on_frame(self, frame: Frame, observation: Observation | None) -> None:
        now = time.monotonic()
        self._picture = frame.image
        if observation is not None and now - self._score_at >= SCORE_S:
            self._score_at = now
            self._broker.publish(f"{self._camera}/score", f"{observation.score.value:.2f}", qos=0)
        if now - self._stats_at >= STATS_S:
            self._stats_at = now
            self._broker.publish("stats", json.dumps(self._stats()), qos=0)

    def on_event(self, event: Event) -> None:
        self._seq += 1
        self._broker.publish("events", json.dumps(event_record(event, seq=self._seq, model=self._model)))
        if event.phase == "updated":
            return
        opened = event.phase == "opened"
        (self._open.add if opened else self._open.discard)(event.id)
        told = {"event_type": "start" if opened else "end", "id": event.id, "reason": event.reason}
        if not event.suppressed_by:
            self._broker.publish(f"{self._camera}/event", json.dumps(told))
            if opened and self._picture is not None:
                self._broker.publish(f"{self._camera}/snapshot", jpeg(self._picture, 85), qos=0, retain=True)
        self._say_anomaly()

    def on_state(self, state: StateEvent) -> None:
        if state.kind in STATES:
            self._broker.publish(f"{self._camera}/state", STATES[state.kind], retain=True)

    def close(self) -> None:
        self._open.clear()
        self._say_anomaly()
        self._broker.publish(f"{self._camera}/state", "disabled", retain=True)

    def _say_anomaly(self) -> None:
        self._broker.publish(f"{self._camera}/anomaly", "ON" if self._open else "OFF", retain=True)
