"""The reference of the configuration says what the settings are."""

from __future__ import annotations

import json

from memwatch.live import settings_doc
from memwatch.live.settings_file import schema
from tests.conftest import ROOT


def test_the_reference_and_the_schema_are_those_of_the_code() -> None:
    """Else: make docs."""
    assert (ROOT / "docs/guide/config.md").read_text(encoding="utf-8") == settings_doc.reference()
    assert json.loads((ROOT / "docs/cameras.schema.json").read_text(encoding="utf-8")) == schema()


def test_every_key_says_what_it_means() -> None:
    for name, table, _ in settings_doc.TABLES:
        for key, facts in table.model_fields.items():
            assert facts.description, f"[{name}] {key}"
