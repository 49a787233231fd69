"""What a user may set for live cameras: one class a table of the configuration file (docs/guide/config.md).

Units are in the names. A camera's own table overrides `[defaults]`, key by key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from memwatch.config import EventConfig, RegionConfig
from memwatch.errors import UsageError
from memwatch.events import Zone, Zones

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"
"""Of cameras and zones: they become folders and topics."""
Name = Annotated[str, StringConstraints(pattern=NAME)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Command = Annotated[list[str], Field(min_length=1)]


class Table(BaseModel):
    """Unknown keys are mistakes; values are never converted into what they are not."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ZoneTable(Table):
    """A polygon on the picture."""

    name: Name
    """Of letters a-z, digits, - and _."""
    kind: Literal["include", "ignore", "privacy"] = "include"
    """include: only such zones are scored; ignore: not scored; privacy: blacked out before anything is stored."""
    points: list[Annotated[list[Share], Field(min_length=2, max_length=2)]] = Field(min_length=3)
    """[x, y], 0 … 1 of the picture."""

    def to_zone(self) -> Zone:
        return Zone(self.name, self.kind, tuple((x, y) for x, y in self.points))


class Profile(Table):
    """Other settings at a time of day."""

    when: Annotated[str, StringConstraints(pattern=r"^(ir|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)$")]
    """"22:00-06:00" (the machine's time), or "ir": while the picture of a colour camera is gray."""
    false_alarms_per_day: Positive | None = None
    """Budget that sets the threshold meanwhile."""
    notify: bool = True
    """Whether notices go out; events are kept all the same."""


class Shared(Table):
    """What every camera may have its own of."""

    model: Path | None = None
    """Model file made by train."""
    fps: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Frames a second that are scored; all that come, unless given."""
    learn: bool = True
    """Let the memory follow what is normal."""
    false_alarms_per_day: Positive | None = None
    """Budget that sets the threshold; the model's own unless given."""
    min_size_percent: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Regions that take less of the picture are ignored …"""
    max_size_percent: Annotated[float, Field(ge=0, le=100)] = 100.0
    """… and so are those that take more."""
    start_hits: Annotated[int, Field(ge=1, le=1000)] = 3
    """Frames over the threshold needed, of `start_window` scored ones, to start an event."""
    start_window: Annotated[int, Field(ge=1, le=1000)] = 5
    """Scored frames among which the hits are counted."""
    min_event_s: Annotated[float, Field(ge=0)] = 0.2
    """Shorter events are not told."""
    end_gap_s: Positive = 1.0
    """Quiet seconds that end an event."""
    max_event_s: Positive = 120.0
    """Longer events are cut and go on as new ones."""
    record: bool = True
    """Keep a clip and pictures of each event, if there is a data folder."""
    pre_roll_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    """Seconds before an event that its clip shows."""
    post_roll_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    """Seconds after it."""
    cooldown_s: Annotated[float, Field(ge=0)] = 60.0
    """After a notice, no other of this camera for so long; events are kept all the same."""
    max_events_per_hour: Annotated[int, Field(ge=1)] = 30
    """Of more, one digest is told instead of each."""
    open_s: Positive = 6.0
    """Longest wait for a camera to answer."""
    stall_after_s: Positive = 6.0
    """A camera that sends no frame for so long is lost; more than its keyframe interval."""
    lost_after_s: Annotated[float, Field(ge=0)] = 3.0
    """A connection that broke off is told as a loss after so long."""


class Camera(Shared):
    """One camera: its address, and whatever differs from `[defaults]`."""

    url: str | None = None
    """rtsp://, http(s)://, usb:0, or a recording."""
    url_env: str | None = None
    """Environment variable that holds the address, so that no password stands in this file."""
    password_file: Path | None = None
    """File whose first line is put into the address as its password."""
    zone: list[ZoneTable] = []
    """Polygons: see below."""
    profile: dict[Name, Profile] = {}
    """Other settings at times of day: see below; the first whose time it is holds."""

    @model_validator(mode="after")
    def _consistent(self) -> Camera:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("give either url or url_env")
        names = [zone.name for zone in self.zone]
        if len(set(names)) < len(names):
            raise ValueError("two zones have the same name")
        if self.max_event_s <= self.min_event_s:
            raise ValueError("max_event_s must exceed min_event_s")
        try:
            self.events(), self.sizes(), self.zones()
        except UsageError as error:
            raise ValueError(error.line()) from None
        return self

    def events(self) -> EventConfig:
        return EventConfig(self.start_hits, self.start_window, self.end_gap_s, self.min_event_s, self.max_event_s)

    def sizes(self) -> RegionConfig:
        return RegionConfig(self.min_size_percent / 100, self.max_size_percent / 100)

    def zones(self) -> Zones:
        return Zones([zone.to_zone() for zone in self.zone])


class Retention(Table):
    """How long events are kept; enforced while running, oldest first."""

    days: Positive | None = None
    """Older events are deleted."""
    max_gb: Positive | None = 50.0
    """Of all events together, in 10⁹ bytes."""
    min_free_gb: Annotated[float, Field(ge=0)] = 1.0
    """Left free on the disk."""
    keep_labelled: bool = True
    """Events that somebody labelled stay until they are deleted by hand."""


class Mqtt(Table):
    """A broker to publish to."""

    host: str
    """Name or address of the broker."""
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    """8883 is usual with `tls`."""
    user: str | None = None
    """Account at the broker."""
    password_env: str | None = None
    """Environment variable that holds the password."""
    tls: bool = False
    """Encrypted, the broker's certificate checked."""
    node: Name = "memwatch"
    """This machine's part of the topics, memwatch/NODE/…; two machines on one broker need different ones."""
    discovery: bool = True
    """Announce the cameras to Home Assistant."""


class Webhook(Table):
    """An address that is posted each event's start and end."""

    url: str | None = None
    """http:// or https://."""
    url_env: str | None = None
    """Environment variable that holds the address."""
    secret_env: str | None = None
    """Environment variable with the key that signs each body: HMAC-SHA256 in X-Memwatch-Signature."""
    timeout_s: Positive = 10.0
    """Longest wait for an answer."""
    retries: Annotated[int, Field(ge=0, le=100)] = 5
    """Further tries, ever longer apart, up to a minute."""

    @model_validator(mode="after")
    def _consistent(self) -> Webhook:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("give either url or url_env")
        return self

    @field_validator("url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is not None and not value.lower().startswith(("http://", "https://")):
            raise ValueError("should begin with http:// or https://")
        return value


class Hooks(Table):
    """Programs to run, as lists of arguments: no shell. The event or state is JSON on their standard input."""

    on_event_start: Command | None = None
    """When an event begins that nothing suppresses."""
    on_event_end: Command | None = None
    """When it is over."""
    on_camera_lost: Command | None = None
    """When a camera is lost."""
    on_camera_back: Command | None = None
    """When it is there, for the first time or again."""
    timeout_s: Positive = 30.0
    """A program that runs for longer is ended."""


class Page(Table):
    """The page, and /metrics."""

    address: str = "127.0.0.1"
    """Anything but loopback needs a token."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    """0 takes a free one, which is said."""
    token_env: str | None = None
    """Environment variable that holds the token."""
    hosts: list[str] = []
    """Names by which browsers reach it, besides its address."""


class Settings(Table):
    """The whole file."""

    version: Literal[1] = Field(default=1, alias="schema")
    data: Path | None = None
    """Folder of events, clips and memories; nothing is kept without it."""
    defaults: Shared = Shared()
    camera: dict[Name, Camera] = Field(default={}, max_length=256)
    retention: Retention = Retention()
    mqtt: Mqtt | None = None
    webhook: Webhook | None = None
    hooks: Hooks = Hooks()
    page: Page | None = None


TABLES: dict[str, type[BaseModel]] = {
    "defaults": Shared, "retention": Retention, "mqtt": Mqtt, "webhook": Webhook, "hooks": Hooks, "page": Page,
}  # fmt: skip
"""Tables whose single values the environment may set: MEMWATCH_MQTT_HOST is `host` of `[mqtt]`."""
