"""Alerts and messages as JSON: the shapes that programs read. Pure, like the shapes of attempts."""

from __future__ import annotations

from typing import Any, Final

from connwatch.alerts.alert import REASONS, Alert, Key, Notice
from connwatch.alerts.text import Text
from connwatch.diagnose.serial import iso

__all__ = ["ALERT_SCHEMA", "NOTICE_SCHEMA", "alert_row", "notice_row"]

ALERT_SCHEMA: Final = "connwatch.alert/1"
NOTICE_SCHEMA: Final = "connwatch.notice/1"


def alert_row(alert: Alert) -> dict[str, Any]:
    """One spell of trouble, and why it was not told, or not again."""
    return {
        "schema": ALERT_SCHEMA,
        "id": alert.id,
        **_key(alert.key),
        "severity": alert.severity,
        "rule": alert.rule,
        "state": alert.state,
        "attempts": alert.count,
        "latest": alert.attempts,
        "first_at": iso(alert.first_at),
        "last_at": iso(alert.last_at),
        "told_at": None if alert.told_at is None else iso(alert.told_at),
        "good_at": None if alert.good_at is None else iso(alert.good_at),
        "reasons": [
            {
                "reason": reason,
                "explanation": REASONS.get(reason, ""),
                "detail": tally.detail,
                "times": tally.count,
                "first_at": iso(tally.first_at),
                "last_at": iso(tally.last_at),
            }
            for reason, tally in alert.reasons.items()
        ],
    }


def notice_row(notice: Notice, text: Text | None = None) -> dict[str, Any]:
    """One message; with `text` also what it says."""
    row: dict[str, Any] = {
        "schema": NOTICE_SCHEMA,
        "id": notice.id,
        "at": iso(notice.at),
        "kind": notice.kind,
        "severity": notice.severity,
        "about": [
            {
                "alert": one.alert,
                **_key(one.key),
                "attempts": one.count,
                "latest": one.attempts,
                "first_at": iso(one.first_at),
                "last_at": iso(one.last_at),
            }
            for one in notice.entries
        ],
    }
    if text is not None:
        row |= {"title": text.title, "text": text.plain}
    return row


def _key(key: Key) -> dict[str, str]:
    if key.about_source:
        return {"source": key.server, "code": key.code}
    return {"client": key.client, "server": key.server, "step": key.step, "code": key.code}
