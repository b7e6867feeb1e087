"""What would have been told, by the clock of a record; alerts and messages as JSON; restarts and windows that mute."""

from __future__ import annotations

from connwatch.alerts.alert import Key
from connwatch.alerts.mutes import Mutes, Restarts
from connwatch.alerts.preview import preview
from connwatch.alerts.serial import alert_row, notice_row
from connwatch.alerts.text import Text
from connwatch.model.change import Closed
from connwatch.model.mark import Mark
from support.desk import START, an_attempt, policy


def ended(at: float, outcome: str, code: str = "", name: str = "") -> tuple[float, list[Closed]]:
    attempt = an_attempt(
        name or f"a{at:.0f}", outcome, code, client="claude", server="mcp.example.org", step="session", began=START + at - 5, ended=START + at
    )
    return START + at + 20, [Closed(START + at, attempt)]


def test_a_record_tells_what_a_daemon_would_have_told_and_lets_what_waits_run_out() -> None:
    found = preview(policy(), [ended(0, "stalled", "token-unused"), ended(5000, "connected"), ended(9000, "stalled", "registration-unused")])
    assert [(notice.at - START, notice.kind) for notice in found.notices] == [(50.0, "stopped"), (5050.0, "recovered")]
    assert {alert.key.code: alert.state for alert in found.alerts.values()} == {"token-unused": "over", "registration-unused": "noted"}
    assert set(found.attempts) == {"a0", "a5000", "a9000"}


class Nightly:
    name = "backup"

    def covers(self, key: Key, now: float) -> bool:
        return key.client == "claude" and now < START + 3600


def test_a_window_of_maintenance_mutes_with_its_name() -> None:
    found = preview(policy(), [ended(0, "failed", "server-error")], mutes=Mutes(windows=[Nightly()]))
    (alert,) = found.alerts.values()
    assert found.notices == []
    assert (alert.state, alert.reasons["maintenance"].detail) == ("muted", "backup")


def test_restarts_are_bounded_whatever_goes_down() -> None:
    restarts = Restarts()
    restarts.take(Mark(START + number, f"source-{number}", "died") for number in range(5000))
    assert len(restarts._down) <= 1001
    restarts.take(Mark(START + 5000 + number, f"source-{number}", "started") for number in range(5000))
    assert len(restarts._spans) <= 100
    assert not restarts.cover(START - 100, START - 90)


def test_alerts_and_messages_as_json() -> None:
    found = preview(policy(), [ended(0, "stalled", "token-unused"), ended(5000, "stalled", "registration-unused")])
    told, noted = [alert_row(one) for one in sorted(found.alerts.values(), key=lambda one: one.id)]
    assert told | {"id": 0} == {
        "schema": "connwatch.alert/1", "id": 0, "client": "claude", "server": "mcp.example.org", "step": "session", "code": "token-unused",
        "severity": "high", "rule": "silence-after-success", "state": "told", "attempts": 1, "latest": ["a0"],
        "first_at": "2026-11-23T08:00:00.000Z", "last_at": "2026-11-23T08:00:00.000Z", "told_at": "2026-11-23T08:00:50.000Z", "good_at": None,
        "reasons": [],
    }  # fmt: skip
    assert noted["reasons"][0] | {"detail": ""} == {
        "reason": "never", "explanation": "nobody is told of such attempts", "detail": "", "times": 1,
        "first_at": "2026-11-23T09:23:40.000Z", "last_at": "2026-11-23T09:23:40.000Z",
    }  # fmt: skip
    row = notice_row(found.notices[0], Text("title", "plain", "markdown", "html"))
    assert (row["schema"], row["kind"], row["title"], row["text"]) == ("connwatch.notice/1", "stopped", "title", "plain")
    assert row["about"][0]["latest"] == ["a0"]
    assert "title" not in notice_row(found.notices[0])
