"""Messages in words: who, where, why, what to do; several clients; sources; an attempt that is forgotten; hostile names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connwatch.alerts.alert import SOURCE_STEP, Entry, Key, Kind, Notice
from connwatch.alerts.text import Text
from connwatch.alerts.wording import Writer
from connwatch.model.attempt import Attempt, Outcome
from connwatch.model.event import Stage
from connwatch.settings.messages import load_templates
from support.attempts import HOST, T, the_silence
from support.desk import policy


def written(kind: Kind, *entries: Entry, attempt: Attempt | None = None, link: str = "") -> Text:
    writer = Writer(load_templates(), policy().titles, link=link)
    return writer.write(Notice(1, T, kind, "high", list(entries)), lambda name: attempt if attempt is not None and name == attempt.id else None)


def about(client: str = "claude", server: str = HOST, code: str = "token-unused", count: int = 1, attempts: tuple[str, ...] = ("7f3c21a9",)) -> Entry:
    return Entry(1, Key(client, server, "session", code), count, T, T + 60, list(attempts))


def test_a_stall_says_who_where_why_and_what_to_do() -> None:
    text = written("stopped", about(count=3), attempt=the_silence())
    assert text.title == f"Claude (hosted) → {HOST}: A token was issued, and no MCP request came (3 attempts)"
    assert "  +0.0 s    challenge                     401\n" in text.plain
    assert "  +14.2 s   token                         200\n" in text.plain
    assert "            MCP session                   never came" in text.plain
    assert "MCP session                   never came" in text.plain
    assert "nginx.log:18  07:51:20  POST /oauth/token → 200" in text.plain
    assert "Next: Look into the security log" in text.plain
    assert f"connwatch silence --client claude --server {HOST} --code token-unused --for 2h" in text.plain
    assert "More: connwatch show 7f3c21a9" in text.plain
    assert (text.tone, text.severity, text.clients, text.servers) == ("failure", "high", ("claude",), (HOST,))


def test_the_page_is_named_where_there_is_one() -> None:
    assert "More: https://watch.example.org/#7f3c21a9" in written("stopped", about(), attempt=the_silence(), link="https://watch.example.org/").plain


def test_commands_name_the_configuration_so_that_they_work_where_they_are_pasted() -> None:
    writer = Writer(load_templates(), policy().titles, config="/etc/my watch/connwatch.toml")
    attempt = the_silence()
    text = writer.write(Notice(1, T, "stopped", "high", [about()]), lambda name: attempt)
    assert "More: connwatch show 7f3c21a9 --config '/etc/my watch/connwatch.toml'\n" in text.plain
    assert text.plain.endswith("--code token-unused --for 2h --config '/etc/my watch/connwatch.toml'")
    deaf = Entry(1, Key("", "nginx-proxy", SOURCE_STEP, "source-deaf"), 1, T, T + 60)
    text = writer.write(Notice(1, T, "stopped", "high", [deaf]), lambda name: None)
    assert "More: connwatch sources --config '/etc/my watch/connwatch.toml'\n" in text.plain


def test_several_clients_have_a_line_each() -> None:
    text = written("stopped", about(count=2), about("chatgpt", attempts=("x",)), about("other", attempts=("y",)), attempt=the_silence())
    assert text.title.startswith(f"Claude (hosted), ChatGPT and An unknown client → {HOST}")
    assert "  ChatGPT: 1 attempt, the last 2026-11-23 07:52 UTC" in text.plain
    assert f"connwatch silence --server {HOST} --code token-unused --for 2h" in text.plain
    assert text.clients == ("claude", "chatgpt", "other")


def test_an_attempt_that_the_state_has_forgotten_leaves_out_only_what_it_knew() -> None:
    text = written("stopped", about())
    assert text.title == f"Claude (hosted) → {HOST}: A token was issued, and no MCP request came (1 attempt)"
    assert text.plain.startswith("More: connwatch show 7f3c21a9")


@pytest.mark.parametrize(
    ("kind", "title", "tone"),
    [
        ("again", f"Still: Claude (hosted) → {HOST}: A token was issued, and no MCP request came (1 attempt since 2026-11-23 07:51 UTC)", "failure"),
        ("recovered", "Works again: Claude (hosted) → mcp.example.org (token-unused, 1 attempt)", "success"),
        ("flapping", "Comes and goes: Claude (hosted) → mcp.example.org: A token was issued, and no MCP request came", "warning"),
    ],
)
def test_what_goes_on_recovers_or_flaps_says_so(kind: Kind, title: str, tone: str) -> None:
    text = written(kind, about(), attempt=the_silence())
    assert (text.title, text.tone) == (title, tone)


def test_a_source_in_trouble_says_what_it_says_itself() -> None:
    entry = Entry(1, Key("", "nginx-proxy", SOURCE_STEP, "source-deaf"), 1, T, T + 60, detail="permission denied")
    text = written("stopped", entry)
    assert text.title == "Source nginx-proxy cannot be read"
    assert "It says: permission denied" in text.plain
    assert (text.clients, text.servers) == ((), ())
    assert "not judged meanwhile" in text.plain
    back = written("recovered", entry)
    assert back.title == "Source nginx-proxy is back"
    assert "2026-11-23 07:52 UTC the source nginx-proxy could not be read. What was written meanwhile is read now" in back.plain
    assert written("again", entry).title == "Source nginx-proxy still cannot be read"
    coming = written("flapping", replace(entry, flaps=3))
    assert coming.title == "Source nginx-proxy cannot be read, on and off"
    assert "It came and went 3 times within an hour" in coming.plain


def test_a_silent_source_is_no_deaf_one() -> None:
    entry = Entry(1, Key("", "nginx-proxy", SOURCE_STEP, "source-silent"), 1, T, T + 60)
    text = written("stopped", entry)
    assert text.title == "Source nginx-proxy gives no lines"
    assert text.plain.startswith("Since 2026-11-23 07:51 UTC the source nginx-proxy gives no lines. It can be read")
    assert "not judged" not in text.plain
    assert written("recovered", entry).plain.endswith("Lines come again.")


def test_what_was_answered_did_come() -> None:
    attempt = the_silence()
    step = attempt.steps[-1]
    attempt.steps.append(replace(step, event=replace(step.event, stage=Stage.SESSION, status=400)))
    attempt.outcome = Outcome.FAILED
    assert "never came" not in written("stopped", about(), attempt=attempt).plain
    attempt.stuck_at = "reach"
    assert "never came" not in written("stopped", about(), attempt=attempt).plain


def test_of_a_long_path_the_end_is_shown() -> None:
    attempt = the_silence(place="/var/log/a-very-long-name-of-a-folder/and-another-one/nginx-access.log")
    assert "…folder/and-another-one/nginx-access.log:18  07:51:20" in written("stopped", about(), attempt=attempt).plain


def test_a_single_request_took_no_time() -> None:
    attempt = the_silence()
    attempt.steps = attempt.steps[-1:]
    attempt.client = "mcp-remote"
    text = written("stopped", about(), attempt=attempt).plain
    assert text.startswith(f"mcp-remote stopped without a word at {HOST} (MCP session), after one request.")


def test_a_hostile_host_is_no_markup_in_a_title_and_no_shell_in_a_command() -> None:
    host = "@everyone *x* [a](http://e) $(reboot)"
    text = written("stopped", about(server=host))
    assert not set("@*()$/") & set(text.title.partition("→")[2].partition(": ")[0])
    assert f"--server '{host}'" in text.plain


def test_a_long_attempt_is_shown_by_its_ends() -> None:
    attempt = the_silence()
    attempt.steps = [replace(step, event=replace(step.event, status=200 + number)) for number, step in enumerate(attempt.steps * 10)]
    lines = written("stopped", about(), attempt=attempt).plain
    assert "… 56 more" in lines
