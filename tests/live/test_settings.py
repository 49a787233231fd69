"""The configuration file: every mistake at once with its line, what the environment sets, and nothing else but words
for what is no configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from memwatch.errors import EXIT_USAGE, UsageError
from memwatch.live.mistakes import ConfigError
from memwatch.live.settings import Camera, Settings
from memwatch.live.settings_file import EXAMPLE, load_settings, read_settings, schema, shown

FILE = Path("cfg/cameras.toml")
YARD = '[camera.yard]\nurl = "rtsp://cam/x"\n'


def read(text: str, **environment: str) -> Settings:
    return read_settings(text, FILE, environment)


def mistakes(text: str, **environment: str) -> list[str]:
    """What is said, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        read(text, **environment)
    assert caught.value.code == EXIT_USAGE
    return [line.removeprefix(f"{FILE}:") for line in caught.value.lines]


def yard(text: str, **environment: str) -> Camera:
    return read(text, **environment).camera["yard"]


# What is right


def test_the_example_is_valid_and_its_comments_are_too() -> None:
    settings = read(EXAMPLE)
    assert list(settings.camera) == ["yard"]
    assert (settings.camera["yard"].fps, settings.retention.days) == (10, 30)
    commented = "\n".join(line.removeprefix("# ") if "= " in line or line.startswith("# [") else line
                          for line in EXAMPLE.splitlines()[2:])  # fmt: skip
    full = read(commented)
    assert [zone.kind for zone in full.camera["yard"].zone] == ["include"]
    assert full.camera["yard"].profile["night"].false_alarms_per_day == 0.2
    assert full.mqtt is not None
    assert full.webhook is not None
    assert full.page is not None
    assert full.hooks.on_event_start == ["/usr/local/bin/ring", "yard"]


def test_an_empty_file_is_all_defaults() -> None:
    assert read("") == Settings()


def test_a_camera_takes_what_it_does_not_say_itself_from_defaults() -> None:
    settings = read(
        "[defaults]\nfps = 5\ncooldown_s = 9.5\nlearn = false\n" + YARD + 'fps = 7\n[camera.gate]\nurl = "usb:0"\n'
    )
    told = {name: (one.fps, one.cooldown_s, one.learn, one.start_hits) for name, one in settings.camera.items()}
    assert told == {"yard": (7, 9.5, False, 3), "gate": (5, 9.5, False, 3)}


def test_relative_paths_begin_at_the_file_s_folder() -> None:
    camera = yard('data = "kept"\n[defaults]\nmodel = "m.safetensors"\n' + YARD + 'password_file = "secret"\n')
    assert (camera.model, camera.password_file) == (Path("cfg/m.safetensors"), Path("cfg/secret"))
    assert read('data = "kept"').data == Path("cfg/kept")
    far = Path("/far/m")
    assert yard(YARD + f'model = "{far}"').model == far


def test_home_folders_are_found_and_unknown_ones_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read('data = "~/kept"').data == tmp_path / "kept"
    assert read('data = "~nobodyofthatname/kept"').data == Path("cfg/~nobodyofthatname/kept")


def test_sizes_and_events_are_what_the_builder_and_the_regions_take() -> None:
    camera = yard(YARD + "min_size_percent = 2\nmax_size_percent = 50\nstart_hits = 2\nend_gap_s = 0.5\n")
    assert (camera.sizes().min_area, camera.sizes().max_area) == (0.02, 0.5)
    assert (camera.events().start_hits, camera.events().end_gap_s, camera.events().max_length_s) == (2, 0.5, 120.0)


# The environment


def test_the_environment_goes_before_the_file() -> None:
    settings = read(
        '[defaults]\nfps = 5\n[mqtt]\nhost = "a"\n' + YARD,
        MEMWATCH_DATA_DIR="/kept", MEMWATCH_DEFAULTS_FPS="2.5", MEMWATCH_MQTT_HOST="b", MEMWATCH_MQTT_TLS="true",
        MEMWATCH_MQTT_USER="007", MEMWATCH_PAGE_PORT="0", MEMWATCH_HOOKS_ON_EVENT_END='["ring", "yard"]',
        MEMWATCH_CAMERA_YARD_FPS="9", HOST="c",
    )  # fmt: skip
    assert settings.data == Path("/kept")
    assert settings.camera["yard"].fps == 2.5
    assert settings.mqtt is not None
    assert (settings.mqtt.host, settings.mqtt.tls, settings.mqtt.user) == ("b", True, "007")
    assert settings.page is not None
    assert settings.page.port == 0
    assert settings.hooks.on_event_end == ["ring", "yard"]


def test_a_mistake_of_the_environment_names_the_variable() -> None:
    assert mistakes("[mqtt]\nhost = 1\n", MEMWATCH_MQTT_PORT="many", MEMWATCH_RETENTION_DAYS="-1") == [
        "MEMWATCH_MQTT_PORT: mqtt.port: should be a valid integer",
        "MEMWATCH_RETENTION_DAYS: retention.days: should be greater than 0",
        "2: mqtt.host: should be a valid string",
    ]


@pytest.mark.parametrize("value", ["1\nlearn = false", "[" * 5000, "9" * 5000, "__import__('os')", "\udcff", ""])
def test_a_strange_variable_is_a_mistake_and_nothing_more(value: str) -> None:
    (line,) = mistakes("", MEMWATCH_DEFAULTS_FPS=value)
    assert "defaults.fps" in line or "JSON" in line


# What is wrong


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    text = """\
schema = 2
dta = "kept"
[defaults]
fps = "fast"
start_hit = 3
[camera.yard]
url = "rtsp://cam/x"
cooldwn_s = 5
learn = 1
[[camera.yard.zone]]
name = "a"
points = [[0, 0], [1, 0], [1, 1]]
[[camera.yard.zone]]
name = "B"
points = [[0, 0], [1, 0], [1, 1.5]]
[camera.yard.profile.night]
wen = "ir"
[mqtt]
[retention]
days = 0
max_gb = inf
"""
    said = mistakes(text)
    assert [line.split(":", 2)[:2] for line in said] == [
        ["1", " schema"], ["2", " dta"], ["4", " defaults.fps"], ["5", " defaults.start_hit"],
        ["8", " camera.yard.cooldwn_s"], ["9", " camera.yard.learn"],
        ["14", " camera.yard.zone.1.name"], ["15", " camera.yard.zone.1.points.2.1"],
        ["16", " camera.yard.profile.night.when"], ["17", " camera.yard.profile.night.wen"], ["18", " mqtt.host"],
        ["20", " retention.days"], ["21", " retention.max_gb"],
    ]  # fmt: skip
    words = {line.split(":", 2)[1].strip(): line.split(": ", 2)[2] for line in said}
    assert words["dta"] == "unknown setting; did you mean data?"
    assert words["defaults.start_hit"] == "unknown setting; did you mean start_hits?"
    assert words["camera.yard.cooldwn_s"] == "unknown setting; did you mean cooldown_s?"
    assert words["camera.yard.profile.night.wen"] == "unknown setting; did you mean when?"
    assert words["mqtt.host"] == "is missing"


def test_what_is_wrong_with_a_whole_table_is_told_beside_single_mistakes() -> None:
    text = YARD + '''url_env = "YARD"
cooldown_s = "long"
[camera.gate]
url = "usb:0"
min_event_s = 5
max_event_s = 4
fps = 0
[camera.door]
url = 3
start_hits = 9
start_window = "x"
[webhook]
retries = -1
[camera.shed]
ulr = "usb:3"
'''
    assert mistakes(text) == [
        "1: camera.yard: give either url or url_env",
        "4: camera.yard.cooldown_s: should be a valid number",
        "5: camera.gate: max_event_s must exceed min_event_s",
        "9: camera.gate.fps: should be greater than 0",
        "11: camera.door.url: should be a valid string",
        "13: camera.door.start_window: should be a valid integer",
        "14: webhook: give either url or url_env",
        "15: webhook.retries: should be greater than or equal to 0",
        "17: camera.shed.ulr: unknown setting; did you mean url?",
    ]


def test_a_mistake_in_defaults_is_told_once_however_many_cameras_there_are() -> None:
    cameras = "".join(f'[camera.c{i}]\nurl = "usb:{i}"\n' for i in range(5))
    assert mistakes("[defaults]\n\nfps = 0\n" + cameras) == ["3: defaults.fps: should be greater than 0"]


def test_an_unknown_setting_like_no_other_names_those_there_are() -> None:
    assert mistakes(YARD + "[[camera.yard.zone]]\nfoo = 1\nname = 'a'\npoints = [[0, 0], [1, 0], [1, 1]]\n") == [
        "4: camera.yard.zone.0.foo: unknown setting; known: kind, name, points"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "1: not TOML: Invalid value"),
        ("\n\nx = 1\nx = 2", "4: not TOML: Cannot overwrite a value"),
        ("[camera.Yard]\nurl = 'x'", "1: camera.Yard: a name is made of a-z, 0-9, - and _, at most 32"),
        (f"[camera.{'a' * 33}]\nurl = 'x'", f"1: camera.{'a' * 33}: a name is made of a-z, 0-9, - and _, at most 32"),
        ("[camera.yard]\nurl = 'x'\nurl_env = 'Y'", "1: camera.yard: give either url or url_env"),
        ("[camera.yard]\nfps = 3", "1: camera.yard: give either url or url_env"),
        (YARD + "start_hits = 6", "1: camera.yard: start_hits must be 1 … start_window"),
        (YARD + "min_size_percent = 100", "1: camera.yard: regions of 100.00% to 100.00% of the picture"),
        ("[webhook]\nurl = 'ftp://me:pw@h'", "2: webhook.url: should begin with http:// or https://"),
        ("[hooks]\non_event_start = 'rm -rf x'", "2: hooks.on_event_start: should be a valid array"),
        ("[hooks]\non_event_start = []", "2: hooks.on_event_start: List should have at least 1 item"),
        ("camera = 3", "1: camera: should be an object"),
        ("defaults = []", "1: defaults: should be an object"),
        ("[camera]\nyard = 3", "2: camera.yard: should be an object"),
        ("[page]\nport = 65536", "2: page.port: should be less than or equal to 65535"),
        ("x = " + "9" * 5000, "1: not TOML: Exceeds the limit"),
        ("x = 0x" + "f" * 5000, "1: not TOML: Exceeds the limit"),
        ("x = " + "[" * 3000, "1: not TOML: maximum recursion depth"),
        (".".join(["x"] * 3000) + " = 1", "1: not TOML: maximum recursion depth"),
    ],
)  # fmt: skip
def test_one_mistake(text: str, said: str) -> None:
    (line,) = mistakes(text)
    assert line.startswith(said)


def test_zones_of_one_name_or_without_area_are_refused() -> None:
    zone = "[[camera.yard.zone]]\nname = 'a'\npoints = [[0, 0], [1, 0], [1, 1]]\n"
    assert mistakes(YARD + zone + zone) == ["1: camera.yard: two zones have the same name"]
    (line,) = mistakes(YARD + zone.replace("[1, 1]", "[0, 0]"))
    assert line.startswith("1: camera.yard: zone a: 2 points enclose nothing")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        load_settings(tmp_path / "none.toml")
    (tmp_path / "picture.toml").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UsageError, match="cannot be read as text"):
        load_settings(tmp_path / "picture.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings(tmp_path)


def test_load_settings_reads_the_machine_s_environment_unless_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.toml").write_text(YARD)
    monkeypatch.setenv("MEMWATCH_DEFAULTS_FPS", "4")
    assert load_settings(tmp_path / "c.toml").camera["yard"].fps == 4
    assert load_settings(tmp_path / "c.toml", {}).camera["yard"].fps is None


# Secrets and the schema


def test_shown_hides_passwords_and_can_be_read_back() -> None:
    text = (
        '[camera.yard]\nurl = "rtsp://me:ge%40heim@cam/x?token=abc"\n'
        '[webhook]\nurl = "https://hook.example/in?key=geheim"\n[mqtt]\nhost = "broker"\npassword_env = "PW"\n'
    )
    told = shown(read(text))
    assert told["camera"]["yard"]["url"] == "rtsp://***@cam/x?token=***"
    assert told["webhook"]["url"] == "https://hook.example/***"
    assert told["mqtt"]["password_env"] == "PW"
    assert told["schema"] == 1
    assert not [secret for secret in ("heim", "abc", "me:") if secret in json.dumps(told)]
    again = Settings.model_validate_json(json.dumps(told))
    assert again.camera["yard"].start_hits == 3


def test_a_mistake_shows_no_password() -> None:
    said = mistakes('"rtsp://me:cret@cam/x" = 1\n[camera.yard]\nurl = ["rtsp://me:cret@cam/x"]\n[mqtt]\nhost = 3\n')
    assert not [line for line in said if "cret" in line]


def test_the_schema_names_every_table_and_refuses_unknown_keys() -> None:
    made = schema()
    assert set(made["properties"]) == {
        "schema", "data", "defaults", "camera", "retention", "mqtt", "webhook", "hooks", "page",
    }  # fmt: skip
    assert made["additionalProperties"] is False
    json.dumps(made)
    camera = made["$defs"]["Camera"]["properties"]
    assert camera["start_hits"]["maximum"] == 1000
    assert camera["fps"]["anyOf"][0]["exclusiveMinimum"] == 0


# Anything at all

words = st.sampled_from(
    [*Settings.model_fields, *Camera.model_fields, "schema", "yard", "name", "points", "kind", "when", "~x", "a.b", ""]
)
values = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-5, 70_000), st.floats(),
        st.sampled_from(["include", "ir", "rtsp://a:b@c", "usb:0"]),
        st.text(max_size=6), st.datetimes(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)  # fmt: skip


def toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, (bool, str)):
        return json.dumps(value)
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def read_or_refused(text: str, environment: dict[str, str]) -> None:
    try:
        settings = read_settings(text, FILE, environment)
    except UsageError:
        return
    assert json.dumps(shown(settings))


@effort(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refused(text, {})


@effort(max_examples=250, deadline=None)
@given(
    st.dictionaries(words, values, max_size=6),
    st.dictionaries(st.sampled_from(["MEMWATCH_DATA_DIR", "MEMWATCH_DEFAULTS_FPS", "MEMWATCH_MQTT_HOST",
                                     "MEMWATCH_HOOKS_ON_EVENT_START"]), st.text(max_size=20), max_size=2),
)  # fmt: skip
def test_any_document_is_read_or_refused(document: dict[str, Any], environment: dict[str, str]) -> None:
    lines = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in document.items())
    read_or_refused(lines, environment)
    read_or_refused(f"[camera.yard]\n{lines}\n", environment)


def test_nothing_is_run_while_it_is_read(tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = json.dumps(["touch", str(made)])
    settings = read(
        f'[hooks]\non_event_start = {command}\n[camera.yard]\nurl = "$(touch {made})"\n',
        MEMWATCH_HOOKS_ON_EVENT_END=command, MEMWATCH_MQTT_HOST=f"`touch {made}`",
    )  # fmt: skip
    assert settings.hooks.on_event_start == settings.hooks.on_event_end == ["touch", str(made)]
    assert settings.camera["yard"].url == f"$(touch {made})"
    assert not made.exists()
