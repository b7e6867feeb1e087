"""What `tail` writes: a line a step in a pipe, objects with --json, one line for each open attempt on a terminal; never a raw control character."""

from __future__ import annotations

import io
import json
import logging

import pytest

from connwatch.cli.console import Screen
from connwatch.cli.telling import Chosen
from connwatch.cli.watching import JsonLines, Live, Plain, told_aside
from connwatch.diagnose.serial import change_row, heard_row
from connwatch.model.attempt import Attempt
from connwatch.model.change import Closed, Opened, Reached, Updated, Withdrawn
from connwatch.model.event import Evidence, Stage
from connwatch.model.heard import Heard
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


class Terminal:
    """A terminal of so many lines on which `tail` shows changes, with a clock that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lines: int = 24, chosen: Chosen | None = None) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("LINES", str(lines))
        monkeypatch.setattr("connwatch.cli.watching._REDRAW_SECONDS", 0.0)
        self.clock, self.stream = T, io.StringIO()
        self.show = Live(chosen or Chosen(), Screen(True, True, 200), lambda: self.clock, self.stream)

    def take(self, *rows: dict[str, object]) -> None:
        for row in rows:
            self.show.take(row)

    def after(self, seconds: float) -> list[str]:
        """What it shows so much later."""
        self.clock += seconds
        self.show.tick()
        return shown(self.stream.getvalue())


def heard(line: int, path: str = "/mcp", client: str = "claude") -> dict[str, object]:
    return heard_row(Heard(T, "nginx", line, client, "mcp.example.org", Stage.CHALLENGE, "POST", path, 401))


def told_of_line(attempt: Attempt, line: int) -> list[dict[str, object]]:
    """The first step of an attempt, read at that line."""
    step = attempt.steps[0]
    step.event.evidence = [Evidence("nginx", line, line)]
    attempt.steps = [step]
    return [change_row(Opened(T, attempt)), change_row(Reached(T, attempt, step))]


def test_every_request_of_a_burst_stays_until_its_attempt_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    terminal.take(*(heard(line, f"/{line}") for line in (1, 2, 3)))
    assert [line[:2] + line.split()[-1] for line in terminal.after(0)] == ["… /1", "… /2", "… /3"]
    assert len(terminal.after(11)) == 3, "an attempt may be opened as late as that"
    terminal.take(*told_of_line(the_silence(), 2))
    assert ["… " in line for line in terminal.after(0)] == [False, True, True]
    assert ["7f3c21a9" in line for line in terminal.after(0)] == [True, False, False]


def test_a_request_that_becomes_part_of_no_attempt_disappears_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    terminal.take(heard(1))
    assert len(terminal.after(80)) == 1
    terminal.take(heard(2))
    assert len(terminal.after(15)) == 1
    assert terminal.after(90) == []


def test_a_request_of_an_attempt_that_was_not_asked_for_disappears_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, chosen=Chosen(clients=["other"]))
    terminal.take(heard(1, client="other"), heard(2, client="cursor"))
    assert len(terminal.after(0)) == 1
    terminal.take(*told_of_line(the_silence(), 1))
    assert terminal.after(0) == []


def test_what_is_said_meanwhile_stands_above_and_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    monkeypatch.setattr("sys.stderr", terminal.stream)
    terminal.take(heard(1), change_row(Opened(T, the_silence())))
    before = terminal.after(0)
    terminal.show.aside("the daemon went away; trying again")
    assert terminal.after(0) == ["connwatch: the daemon went away; trying again", *before]


def test_a_warning_of_the_program_leaves_nothing_behind_either(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    monkeypatch.setattr("sys.stderr", terminal.stream)
    terminal.take(heard(1), heard(2))
    before = terminal.after(0)
    log = logging.getLogger("connwatch")
    with told_aside(terminal.show):
        log.warning("source %s has been unreadable for a minute", "nope")
    assert terminal.after(0) == ["connwatch: source nope has been unreadable for a minute", *before]
    assert not log.handlers


def test_requests_and_attempts_share_the_lines_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, lines=10)
    terminal.take(*(heard(line, f"/{line}") for line in range(1, 501)))
    assert [line.split()[-1] for line in terminal.after(0)] == [f"/{line}" for line in range(493, 501)]
    for number in range(20):
        attempt = the_silence()
        attempt.id = f"{number:08x}"
        terminal.take(change_row(Opened(T, attempt)))
    lines = terminal.after(0)
    assert [line.split()[-1] for line in lines if "… " in line] == ["/499", "/500"]
    assert [line.split()[1] for line in lines if "… " not in line] == [f"{number:08x}" for number in range(14, 20)]


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
