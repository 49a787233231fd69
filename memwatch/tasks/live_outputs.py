"""Where a watch's events go besides the lines: broker, webhook, programs, page. Each is shared by all cameras."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from memwatch.errors import MemwatchError, UsageError
from memwatch.live.settings import Page, Settings
from memwatch.live.status import CameraStatus
from memwatch.sinks import Sink
from memwatch.sinks.notices import Hooks, Notices, Webhook
from memwatch.tasks.progress import Progress
from memwatch.tasks.session import Loaded

if TYPE_CHECKING:
    from memwatch.sinks.mqtt import Broker
    from memwatch.tasks.fleet import Fleet
    from memwatch.web.server import PageServer


class Outputs:
    """As a context it closes them in the end. What they need is checked before any camera starts."""

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        *,
        serve: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.settings = settings
        self._progress = progress
        self._environment = os.environ if environment is None else environment
        self.webhook = self._made_webhook(settings)
        self.hooks = self._made_hooks(settings)
        self.broker = self._made_broker(settings)
        self.page: PageServer | None = None
        self._lost: Callable[[], int] = lambda: 0
        self._serve = serve or settings.page is not None

    def begin(self, fleet: Fleet, *, lost: Callable[[], int]) -> None:
        """Start what needs to know the cameras. lost: lines that no reader took in time."""
        self._lost = lost
        if not self._serve:
            return
        try:
            from memwatch.web.metrics import Metrics
            from memwatch.web.server import PageServer
        except ImportError:
            raise MemwatchError("page: its server is not installed", "pip install 'memwatch[live]'") from None
        page = self.settings.page or Page()
        token = self._secret("page.token_env", page.token_env) if page.token_env else None
        figures = Metrics(fleet.statuses, self._figures)
        self.page = PageServer(
            fleet, address=page.address, port=page.port, token=token, hosts=page.hosts, connected=figures
        )
        self._progress.note(f"page: {self.page.url}")

    def sinks(self, camera: str, status: CameraStatus, loaded: Loaded) -> list[Sink]:
        """A front of each for one camera."""
        about = loaded.about()
        found: list[Sink] = [Notices(out.send, model=about) for out in (self.webhook, self.hooks) if out]
        if self.broker is not None:
            from memwatch.sinks.mqtt import MqttCamera

            found.append(MqttCamera(self.broker, camera, model=about, stats=status.to_dict))
        return found

    def reload(self, settings: Settings) -> None:
        """Cameras that are gone leave the broker; other changes of outputs need a new start, and that is said."""
        if self.broker is not None:
            for name in set(self.settings.camera) - set(settings.camera):
                self.broker.withdraw(name)
        for table in ("mqtt", "webhook", "hooks", "page"):
            if getattr(settings, table) != getattr(self.settings, table):
                self._progress.note(f"[{table}] has changed: that takes effect at the next start")
        self.settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for output in (self.page, self.webhook, self.hooks, self.broker):
            if output is not None:
                output.close()

    def _figures(self) -> dict[str, float]:
        """What the metrics say of the outputs."""
        told: dict[str, float] = {"memwatch_lines_dropped": float(self._lost())}
        for name, out in (("webhook", self.webhook), ("hooks", self.hooks)):
            if out is not None:
                told[f"memwatch_{name}_failed"] = out.failed
                told[f"memwatch_{name}_dropped"] = out.dropped
        if self.broker is not None:
            told["memwatch_mqtt_connected"] = float(self.broker.connected)
        return told

    def _made_webhook(self, settings: Settings) -> Webhook | None:
        hook = settings.webhook
        if hook is None:
            return None
        url = hook.url or self._secret("webhook.url_env", hook.url_env)
        secret = self._secret("webhook.secret_env", hook.secret_env) if hook.secret_env else None
        if not url.lower().startswith(("http://", "https://")):
            raise UsageError(
                f"webhook: {hook.url_env} holds no http address", "it should begin with http:// or https://"
            )
        return Webhook(url, secret=secret, timeout_s=hook.timeout_s, retries=hook.retries, note=self._progress.note)

    def _made_hooks(self, settings: Settings) -> Hooks | None:
        told: dict[str, Any] = settings.hooks.model_dump()
        commands = {key.removeprefix("on_"): value for key, value in told.items() if key.startswith("on_") and value}
        if not commands:
            return None
        return Hooks(commands, timeout_s=settings.hooks.timeout_s, note=self._progress.note)

    def _made_broker(self, settings: Settings) -> Broker | None:
        mqtt = settings.mqtt
        if mqtt is None:
            return None
        from memwatch.sinks.mqtt import Broker

        password = self._secret("mqtt.password_env", mqtt.password_env) if mqtt.password_env else None
        return Broker(
            mqtt.host, mqtt.port, node=mqtt.node, user=mqtt.user, password=password, tls=mqtt.tls,
            discovery=mqtt.discovery, note=self._progress.note,
        )  # fmt: skip

    def _secret(self, key: str, variable: str | None) -> str:
        value = self._environment.get(variable or "", "")
        if not value:
            raise UsageError(f"{key}: {variable} is not set", "set this environment variable")
        return value
