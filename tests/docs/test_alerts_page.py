"""docs/alerts.md says what the code does: every reason, every field of a template, every default."""

from __future__ import annotations

from pathlib import Path

from connwatch.alerts.alert import REASONS
from connwatch.alerts.policy import Pace
from connwatch.alerts.template import FIELDS, TEMPLATES
from connwatch.settings.messages import load_templates
from connwatch.settings.models import AlertSettings

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_every_reason_is_in_the_table() -> None:
    assert [reason for reason, meaning in REASONS.items() if f"| `{reason}` | {meaning} |" not in PAGE] == []


def test_every_field_of_a_template_is_in_the_table() -> None:
    assert [name for name, meaning in FIELDS.items() if f"| `{{{name}}}` | {meaning} |" not in PAGE] == []


def test_every_template_is_shipped() -> None:
    assert set(load_templates()) == set(TEMPLATES)


def test_the_defaults_of_settings_are_those_of_the_desk() -> None:
    settings, pace = AlertSettings(), Pace()
    assert (settings.wait_seconds, settings.again_seconds, settings.repeat_seconds, settings.grace_seconds) == (
        pace.wait, pace.again, pace.repeat, pace.grace,
    )  # fmt: skip
