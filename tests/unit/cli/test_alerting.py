"""`alerts`, `notifications` and `silence` on a state that a daemon left, on files, and used wrongly."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connwatch.alerts.alert import Alert, Entry, Key, Notice, Tally
from connwatch.cli.main import cli
from connwatch.model.change import Closed, Updated
from connwatch.store.journal import Journal
from connwatch.store.opening import open_state
from connwatch.store.turn import Turn
from support.attempts import HOST, the_silence
from support.lines import proxy, story
from support.live import free_port

KEY = Key("claude", HOST, "session", "token-unused")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose daemon told of a stall, and not of a registration that nobody used."""
    attempt, now = the_silence(), time.time()
    for step in attempt.steps:
        step.event.at += now - attempt.ended_at
    attempt.started_at, attempt.ended_at = now - 60, now - 40
    told = Alert(1, KEY, "silence-after-success", "high", now - 40, now - 40, "told", 1, now + 86_400, now - 10, attempts=[attempt.id])
    told.reasons["grace"] = Tally(now - 30, now - 30)
    noted = Alert(2, Key("cursor", HOST, "authorization", "registration-unused"), "not-begun", "never", now - 20, now - 20, "noted", 4, now + 86_400)
    noted.reasons["never"] = Tally(now - 20, now - 20, 4, "Most registrations never go on.")

    async def write() -> None:
        journal = Journal(open_state(tmp_path / "state.db"))
        notice = Notice(1, now - 10, "stopped", "high", [Entry(1, KEY, 1, now - 40, now - 40, [attempt.id])])
        await journal.commit(Turn(now, changes=[Closed(now, attempt)], alerts=[told, noted], notices=[(notice, ["mail", "phone"])]))
        await journal.settle(1, "mail", "sent", tries=1, at=now - 9)
        await journal.settle(1, "phone", "failed", tries=12, at=now - 1, error="refused the connection")
        await journal.close()

    asyncio.run(write())
    path = tmp_path / "connwatch.toml"
    path.write_text(
        f'[state]\npath = "{tmp_path}/state.db"\n[http]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[[sources]]\nname = "proxy"\nkind = "file"\npath = "{tmp_path}/access.log"\n'
    )
    return path


def run(config: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, [args[0], "--config", str(config), *args[1:]])


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_what_is_wrong_now_is_a_finding(config: Path) -> None:
    result = run(config, "alerts")
    assert result.exit_code == 1
    assert "told  claude → mcp.example.org  token-unused at session" in result.stdout
    assert "registration-unused" not in result.stdout
    assert "grace: put off until the daemon had run for its first moments" in result.stdout
    assert "registration-unused" in run(config, "alerts", "--since", "1h").stdout
    (row,) = rows(run(config, "alerts", "--json"))
    assert (row["schema"], row["client"], row["state"], row["attempts"]) == ("connwatch.alert/1", "claude", "told", 1)


def test_messages_are_listed_with_their_ways_and_what_was_not_told_with_its_reason(config: Path) -> None:
    result = run(config, "notifications")
    assert result.exit_code == 1, "a target never got it"
    assert "Claude (hosted) → mcp.example.org: A token was issued, and no MCP request came (1 attempt)" in result.stdout
    assert "mail: sent at" in result.stdout
    assert "phone: given up after 12 tries: refused the connection" in result.stdout
    assert "never: nobody is told of such attempts (Most registrations never go on.), 4 times" in result.stdout
    assert "MCP session                   never came" in run(config, "notifications", "--full").stdout
    message, *alerts = rows(run(config, "notifications", "--json"))
    assert message["schema"] == "connwatch.notice/1"
    assert {one["target"]: one["state"] for one in message["deliveries"]} == {"mail": "sent", "phone": "failed"}
    assert {one["code"]: one["reasons"][0]["reason"] for one in alerts} == {"token-unused": "grace", "registration-unused": "never"}


def test_the_preview_of_a_state_says_what_would_have_been_told(config: Path) -> None:
    result = run(config, "alerts", "--preview", "--since", "24h")
    assert result.exit_code == 1
    assert "stopped    Claude (hosted) → mcp.example.org: A token was issued" in result.stdout
    assert "1 message about 1 of 1 attempts" in result.stderr
    (config.parent / "catalogue" / "alerts").mkdir(parents=True)
    (config.parent / "catalogue" / "alerts" / "mine.toml").write_text('[[alert]]\nid = "mine"\nseverity = "never"\nreason = "not here"\n')
    config.write_text(f'{config.read_text()}[catalogue]\ndir = "{config.parent}/catalogue"\n')
    result = run(config, "alerts", "--preview")
    assert result.exit_code == 0
    assert "nothing would have been told; what went wrong:" in result.stdout
    assert "never: nobody is told of such attempts (not here)" in result.stdout


def test_the_preview_of_files_needs_no_state(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(proxy(story(until=6), story(600.0, until=9), story(1200.0, until=3)))
    result = CliRunner().invoke(cli, ["alerts", "--preview", str(log), "--json"])
    assert result.exit_code == 1
    told = [row for row in rows(result) if row["schema"] == "connwatch.notice/1"]
    assert [(row["kind"], row["at"]) for row in told] == [("stopped", "2026-11-23T08:00:56.000Z"), ("recovered", "2026-11-23T08:10:41.400Z")]
    assert "Claude (hosted) → mcp.example.org: A token was issued" in told[0]["title"]
    assert "POST /token → 200" in told[0]["text"]
    full = CliRunner().invoke(cli, ["alerts", "--preview", str(log), "--full"])
    assert "    Next: Separate the causes by the checks, the likeliest first." in full.stdout


def test_a_silence_begins_is_listed_and_ends(config: Path) -> None:
    begun = run(config, "silence", "--client", "claude", "--for", "2h", "--comment", "new\x1b[31m release")
    assert begun.exit_code == 0
    assert "client claude" in begun.stdout
    assert "\x1b" not in begun.stdout
    (row,) = rows(run(config, "silence", "--list", "--json"))
    assert (row["schema"], row["id"], row["in_force"], row["server"]) == ("connwatch.silence/1", 1, True, "*")
    assert run(config, "silence", "--end", "1").exit_code == 0
    assert run(config, "silence", "--end", "1").exit_code == 1
    assert rows(run(config, "silence", "--list", "--json"))[0]["in_force"] is False


def test_the_preview_of_a_state_knows_what_stalled_and_is_still_open(config: Path) -> None:
    attempt, now = the_silence("still0pen1"), time.time()
    attempt.started_at, attempt.ended_at, attempt.client, attempt.open = now - 90, now - 70, "chatgpt", True

    async def write() -> None:
        journal = Journal(open_state(config.parent / "state.db"))
        await journal.commit(Turn(now, changes=[Updated(now, attempt)]))
        await journal.close()

    asyncio.run(write())
    result = run(config, "alerts", "--preview")
    assert "Claude (hosted) and ChatGPT → mcp.example.org: A token was issued" in result.stdout.replace(
        "ChatGPT and Claude (hosted)", "Claude (hosted) and ChatGPT"
    )
    assert "1 message about 2 of 2 attempts" in result.stderr


def test_a_silence_for_what_nobody_has_heard_of_holds_for_what_comes(config: Path) -> None:
    unknown = run(config, "silence", "--server", "mcp.nowhere.example", "--for", "1h")
    assert unknown.exit_code == 0
    assert "nothing of 'mcp.nowhere.example' is known so far" in unknown.stderr
    for server in (HOST, "MCP.*", "proxy", "*"):
        known = run(config, "silence", "--server", server, "--for", "1h")
        assert (known.exit_code, known.stderr) == (0, "")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["silence", "--client", "claud", "--for", "2h"], "no client is called 'claud'; did you mean \"claude\"?"),
        (["silence", "--client", "[", "--for", "2h"], "no client is called '['; there are claude, claude-code"),
        (["silence", "--code", "tokn-unused", "--for", "2h"], "no diagnosis is called 'tokn-unused'; did you mean \"token-unused\"?"),
        (["silence", "--code", "zzz", "--for", "2h"], "there are those of docs/diagnoses.md, source-deaf and source-silent"),
        (["silence", "--client", "claude", "--code", "source-*", "--for", "2h"], "has no client; leave --client out"),
        (["silence"], "say how long with --for"),
        (["silence", "--for", "2h", "--list"], "say how long with --for"),
        (["silence", "--for", "soon"], "'soon' is no span of time; write 30m, 2h"),
        (["silence", "--for", "0m"], "no span of time"),
        (["silence", "--end", "99999999999999999999"], "is not in the range"),
        (["silence", "--server", "\udcff", "--for", "1h"], "'\\udcff' is no text in UTF-8"),
        (["notifications", "--limit", "99999999999999999999"], "is not in the range"),
        (["silence", "--for", "400d"], "at most a year"),
        (["alerts", "--full"], "go with --preview"),
        (["alerts", "some.log"], "go with --preview"),
        (["alerts", "--since", "yesterday"], "is no time"),
    ],
)
def test_wrong_usage_says_what_to_do(config: Path, args: list[str], said: str) -> None:
    result = run(config, *args)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("command", [["alerts"], ["notifications"], ["silence", "--list"], ["alerts", "--preview"]])
def test_without_a_state_there_is_nothing_to_ask(tmp_path: Path, command: list[str]) -> None:
    config = tmp_path / "connwatch.toml"
    config.write_text(f'[state]\npath = "{tmp_path}/none.db"\n')
    result = run(config, *command)
    assert result.exit_code == 3
    assert "does not exist: nothing was recorded there yet" in result.stderr
