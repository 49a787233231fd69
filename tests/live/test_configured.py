"""A configuration is checked with all that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from memwatch.live.mistakes import ConfigError
from memwatch.live.settings_file import load_settings
from memwatch.tasks.configured import checked, exposed
from memwatch.tasks.live import settings_of

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
    assert len(caught.value.lines) == 5
    for number, word in (
        (2, "camera.yard: no model"), (4, "GATE_URL"), (4, "none.safetensors"), (9, "BROKER_PASSWORD"), (11, "HOOK_URL")
    ):  # fmt: skip
        assert any(line.startswith(f"{file}:{number}: ") and word in line for line in caught.value.lines), word
    monkeypatch.setenv("HOOK_URL", "https://hook.example/geheim")
    with pytest.raises(ConfigError) as caught:
        checked(file)
    assert len(caught.value.lines) == 4
    assert "geheim" not in caught.value.line()


def test_a_watch_tells_all_of_it_before_any_camera_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text(TEXT)
    monkeypatch.delenv("GATE_URL", raising=False)
    with pytest.raises(ConfigError) as caught:
        settings_of([str(file)], model=None, data=None)
    assert len(caught.value.lines) == 5


@pytest.mark.parametrize(
    ("text", "mode", "warned"),
    [
        ('url = "rtsp://me:geheim@cam/x"', 0o644, True),
        ('url = "rtsp://me:geheim@cam/x"', 0o600, False),
        ('url = "rtsp://cam/x"', 0o644, False),
        ('url = "rtsp://cam/x"\n[webhook]\nurl = "https://hook.example/geheim"', 0o640, True),
    ],
)
def test_secrets_that_others_may_read_are_warned_of(tmp_path: Path, text: str, mode: int, *, warned: bool) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text(f"[camera.yard]\n{text}\n")
    file.chmod(mode)
    warning = exposed(load_settings(file), file)
    assert bool(warning) == warned
    assert "geheim" not in warning
