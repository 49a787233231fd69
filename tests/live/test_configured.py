"""A configuration is checked with all that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from memwatch.live.settings_file import ConfigError
from memwatch.tasks.configured import checked

TEXT = """schema = 1
[camera.yard]
url = "rtsp://cam/x"
[camera.gate]
url_env = "GATE_URL"
model = "none.safetensors"
[mqtt]
host = "broker"
password_env = "BROKER_PASSWORD"
[webhook]
url_env = "HOOK_URL"
"""


def test_all_that_is_missing_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text(TEXT)
    for name in ("GATE_URL", "BROKER_PASSWORD", "HOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError) as caught:
        checked(file)
    said = " | ".join(caught.value.lines)
    assert len(caught.value.lines) == 5
    for word in ("camera.yard: no model", "GATE_URL", "none.safetensors", "BROKER_PASSWORD", "HOOK_URL"):
        assert word in said
    monkeypatch.setenv("HOOK_URL", "https://hook.example/geheim")
    with pytest.raises(ConfigError) as caught:
        checked(file)
    assert len(caught.value.lines) == 4
    assert "geheim" not in caught.value.line()
