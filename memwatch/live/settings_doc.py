"""The reference of the configuration file, from the settings themselves: `make docs` writes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from memwatch.files import write_text
from memwatch.live import settings
from memwatch.live.settings_file import schema

TABLES: tuple[tuple[str, type[BaseModel], type[BaseModel] | None], ...] = (
    ("defaults", settings.Shared, None),
    ("camera.NAME", settings.Camera, settings.Shared),
    ("[camera.NAME.zone]", settings.ZoneTable, None),
    ("camera.NAME.profile.PROFILE", settings.Profile, None),
    ("retention", settings.Retention, None),
    ("page", settings.Page, None),
    ("mqtt", settings.Mqtt, None),
    ("webhook", settings.Webhook, None),
    ("hooks", settings.Hooks, None),
)
"""Each with the one whose keys it has as well."""
HEAD = """# The configuration file

Made by `make docs` from `memwatch/live/settings.py`: every key, its default and what it means. `memwatch config init`
prints a file to begin with, `memwatch config check FILE` names all that is wrong with one,
`memwatch config show FILE` shows what is in effect, and `memwatch config schema` prints its JSON schema
([the same here](../cameras.schema.json)), for editors.

At the top stand `schema = 1` and `data`, the folder that events are kept in. Relative paths begin at the file's own
folder. The environment goes before the file: `MEMWATCH_DATA_DIR`, and `MEMWATCH_TABLE_KEY` for each key of a table that
is no camera's, as in `MEMWATCH_MQTT_HOST`. The command line goes before both. A camera's own keys go before those of
`[defaults]`.
"""


def reference() -> str:
    """The page, as Markdown."""
    return HEAD + "".join(_table(*table) for table in TABLES)


def _table(name: str, table: type[BaseModel], inherited: type[BaseModel] | None) -> str:
    lines = [f"\n## `[{name}]`\n", f"{(table.__doc__ or '').strip()}\n"]
    if inherited is not None:
        lines.append("Besides these, all of `[defaults]`.\n")
    lines += ["| key | default | meaning |", "| --- | --- | --- |"]
    for key, facts in table.model_fields.items():
        if inherited is None or key not in inherited.model_fields:
            words = (facts.description or "").replace("\n", " ")
            lines.append(f"| `{key}` | {_default(facts.default)} | {words} |")
    return "\n".join(lines) + "\n"


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "(needed)"
    return "–" if value in (None, [], {}) else f"`{json.dumps(value)}`"


def main(folder: Path) -> None:
    """Write both files."""
    write_text(folder / "guide" / "config.md", reference())
    write_text(folder / "cameras.schema.json", json.dumps(schema(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
