"""What `tail` writes: a line a step in a pipe, objects with --json, one line for each open attempt on a terminal; never a raw control character."""

from __future__ import annotations

import io
import json

import pytest

from connwatch.cli.console import Screen
from connwatch.cli.telling import Chosen
from connwatch.cli.watching import JsonLines, Live, Plain
from connwatch.diagnose.serial import change_row
from connwatch.model.attempt import Attempt
from connwatch.model.change import Closed, Opened, Reached, Updated, Withdrawn
from support.attempts import T, a_probe, connected, the_silence


def told(attempt: Attempt, *, final: bool = True) -> list[dict[str, object]]:
    changes = [Opened(T, attempt), *(Reached(step.event.at, attempt, step) for step in attempt.steps), Updated(attempt.ended_at, attempt)]
    return [change_row(change) for change in [*changes, *([Closed(attempt.ended_at + 60, attempt)] if final else [])]]


def plain(*attempts: Attempt, chosen: Chosen | None = None) -> list[str]:
    stream = io.StringIO()
    show = Plain(chosen or Chosen(), stream)
    for attempt in attempts:
        for row in told(attempt):
            show.take(row)
    return stream.getvalue().splitlines()


def test_a_line_for_each_step_and_one_for_the_verdict() -> None:
    lines = plain(the_silence())
    assert len(lines) == 8
    assert lines[0] == "07:51:06 7f3c21a9 claude      mcp.example.org          challenge         401 POST /mcp"
    assert lines[5].endswith("GET /oauth/authorize ~")
    assert lines[6].endswith("POST /oauth/token ?")
    assert lines[7] == "07:51:22 7f3c21a9 claude      mcp.example.org          stalled at session  after 16.0 s  token-unused 62 %"


def test_a_step_is_told_once_though_its_attempt_is_taken_back() -> None:
    stream, attempt = io.StringIO(), the_silence()
    show = Plain(Chosen(), stream)
    for row in [*told(attempt, final=False), change_row(Withdrawn(T, attempt)), *told(attempt)]:
        show.take(row)
    steps = [line for line in stream.getvalue().splitlines() if "POST /mcp" in line]
    assert len(steps) == 1


def test_filters_by_client_server_stage_outcome_and_time() -> None:
    both = the_silence(), connected()
    assert len(plain(*both, chosen=Chosen(clients=["cha*"]))) == len(plain(connected()))
    assert plain(*both, chosen=Chosen(servers=["other.*"])) == []
    assert len(plain(*both, chosen=Chosen(stages=["token"]))) == 4  # two steps, two verdicts
    assert len(plain(*both, chosen=Chosen(outcomes=["stalled"]))) == 8
    assert len(plain(*both, chosen=Chosen(since=T + 60))) == len(plain(connected()))


def test_probes_are_shown_to_those_who_ask() -> None:
    assert plain(a_probe()) == []
    assert len(plain(a_probe(), chosen=Chosen(outcomes=["probe"]))) == 2


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show = JsonLines(Chosen(stages=["token"]))
    for row in told(the_silence()):
        show.take(row)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["change"] for row in rows] == ["opened", "reached", "updated", "closed"]
    assert {row["schema"] for row in rows} == {"connwatch.change/1"}


def live(*rows: dict[str, object], monkeypatch: pytest.MonkeyPatch, columns: int = 200) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("connwatch.cli.watching._REDRAW_SECONDS", 0.0)
    stream = io.StringIO()
    show = Live(Chosen(), Screen(True, True, columns), lambda: T + 30, stream)
    for row in rows:
        show.take(row)
    show.end()
    return stream.getvalue()


def shown(drawn: str) -> list[str]:
    """What a terminal shows after it has obeyed "so many lines up, erase below"; colours taken away."""
    import re

    lines: list[str] = []
    for part in re.split(r"(\x1b\[\d+F\x1b\[J)", drawn):
        up = re.fullmatch(r"\x1b\[(\d+)F\x1b\[J", part)
        if up:
            del lines[len(lines) - int(up[1]) :]
        else:
            lines += re.sub(r"\x1b\[\d+m", "", part).splitlines()
    return lines


def test_an_open_attempt_has_one_line_that_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(live(*told(the_silence(), final=False), monkeypatch=monkeypatch))
    assert len(lines) == 1
    assert "challenge › resource metadata" in lines[0]
    assert "stalled at session" in lines[0]


def test_a_final_attempt_stays_above_the_open_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(live(*told(the_silence(), final=False), *told(connected()), monkeypatch=monkeypatch))
    assert ["connected" in line for line in lines] == [True, False]


def test_what_was_part_of_another_attempt_disappears(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(live(*told(the_silence(), final=False), change_row(Withdrawn(T, the_silence())), monkeypatch=monkeypatch)) == []


def test_a_line_never_wraps_because_it_must_be_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(live(*told(the_silence(), final=False), monkeypatch=monkeypatch, columns=60))
    assert all(len(line) <= 59 for line in lines)


def test_log_text_never_acts_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = the_silence()
    attempt.server = "evil\x1b]0;title\x07\x1b[2J\r\n"
    for step in attempt.steps:
        step.event.path = "/\x1b[31mred\x9b"
    rows = told(attempt)
    drawn = live(*rows[:-1], monkeypatch=monkeypatch)
    for hostile in ("\x1b]", "\x1b[2J", "\x07", "\r", "\x9b", "\x1b[31mred"):
        assert hostile not in drawn
        assert hostile not in "\n".join(plain(attempt))
