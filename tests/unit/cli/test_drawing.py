"""What is drawn: the table and the waterfall, as a reader sees them at several widths, and that nothing hostile gets through."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.cli.lane import Lane
from connwatch.cli.spans import Line, cells, cut, cut_middle, drawn, padded, wrapped, write
from connwatch.cli.summary import summary
from connwatch.cli.table import row_of, table
from connwatch.cli.waterfall import waterfall
from connwatch.cli.words import lasting
from connwatch.model.attempt import Attempt, Outcome
from connwatch.model.event import Stage
from connwatch.model.record import Unparsed
from support.attempts import HOST, T, a_probe, a_step, connected, the_silence

HOSTILE = "x\x1b]0;title\x07\x1b[2J\r\n\x9b31m\u202egnp.exe\x00"


def text(lines: list[Line]) -> str:
    return "\n".join(drawn(line, colour=False) for line in lines)


def widths(lines: list[Line]) -> int:
    return max(cells(drawn(line, colour=False)) for line in lines)


class TestWaterfall:
    def test_on_a_terminal_of_100_columns(self) -> None:
        assert (
            text(waterfall(the_silence(), 100))
            == """\
7f3c21a9  claude → mcp.example.org  stalled at session
2026-11-23 07:51:06.510 to 07:51:22.510 UTC, 16.0 s, first seen at challenge

   +0.000   challenge         401  POST /mcp                              nginx.log:12, server.log:…
   +0.310   resource metadata 404  GET /.well-known/o…ected-resource/mcp  nginx.log:13
   +0.360   resource metadata 200  GET /.well-known/o…protected-resource  nginx.log:14
   +0.520   server metadata   200  GET /.well-known/o…thorization-server  nginx.log:15
   +0.900   registration      201  POST /oauth/register                   nginx.log:16
           ┊ 8.3 s
   +9.800 ~ authorization     302  GET /oauth/authorize (browser)         nginx.log:17
  +14.200 ? token             200  POST /oauth/token (1.8 s)              nginx.log:18
          ✕ session             -  never came, and we were listening
            not observable here: consent (the authorization server is another host)
            ~ joined by order and time   ? could belong to another attempt as well

likely   token-unused  62 %
         A token was issued, and no MCP request came with it. Five causes look alike in one log.
do       Look into the security log of the network in front of the proxy for requests by Claude-User
         within ten seconds of the token.
check    bot rules that refuse the second HTTP client of the product
check    the issuer in the metadata against the URL it was fetched from
unless   an MCP request with a token in a log that was not given here
lines    nginx.log:18
see      https://www.rfc-editor.org/rfc/rfc8414#section-3.3

or       metadata-unusable  20 %
         The documents were served but may not fit.
do       Compare issuer and URL."""
        )

    def test_a_wide_terminal_gets_a_lane_and_a_pipe_gets_everything(self) -> None:
        wide = text(waterfall(the_silence(), 140))
        assert "━━━" in wide
        plain = text(waterfall(the_silence(), None))
        assert "━" not in plain
        assert "…" not in plain
        assert "GET /.well-known/oauth-protected-resource/mcp  nginx.log:13" in plain
        assert "server.log:40-44" in plain

    def test_a_long_session_is_its_first_call_how_many_more_and_its_last(self) -> None:
        drawing = text(waterfall(connected(calls=500), 100))
        assert "┊ 498 more of the same in 8 min 19 s" in drawing
        assert drawing.count("POST /mcp ") == 3
        assert "nginx.log:531" in drawing
        assert "not seen: registration" in drawing
        assert "✕" not in drawing

    @pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
    def test_no_line_is_wider_than_the_terminal_but_for_a_name_that_cannot_be_cut(self, width: int) -> None:
        lines = waterfall(the_silence(), width)
        assert widths([line for line in lines if line and "UTC" not in drawn(line, colour=False)]) <= width

    def test_an_attempt_with_nothing_known_is_drawn_too(self) -> None:
        assert "unknown server" in text(waterfall(Attempt("empty", []), 80))

    def test_a_place_that_no_log_shows_says_why(self) -> None:
        attempt = the_silence()
        attempt.stuck_at = "consent"
        assert "✕ consent             -  not observable here: the authorization server is another host" in text(waterfall(attempt, 100))

    def test_what_was_refused_is_not_said_to_have_never_come(self) -> None:
        attempt = the_silence()
        attempt.outcome = Outcome.FAILED
        attempt.steps.append(a_step(Stage.SESSION, 15, "POST /mcp", 400, "nginx.log:19"))
        drawing = text(waterfall(attempt, 100))
        assert "never came" not in drawing
        assert "not seen: session" not in drawing

    def test_offsets_stay_readable_after_an_hour(self) -> None:
        attempt = the_silence()
        attempt.steps.append(a_step(Stage.SESSION, 4000, "POST /mcp", 200, "nginx.log:90"))
        assert " +1:06:40   session" in text(waterfall(attempt, 100))


class TestTable:
    def test_in_a_pipe_every_column_is_there_in_full_and_sorted_by_start(self) -> None:
        assert (
            text(table([row_of(connected()), row_of(the_silence())], None))
            == """\
ID        STARTED                     TOOK  CLIENT   SERVER           OUTCOME    STUCK AT  LIKELY        SURE
7f3c21a9  2026-11-23T07:51:06.510Z  16.0 s  claude   mcp.example.org  stalled    session   token-unused  62 %
0b11e2d4  2026-11-23T07:52:46.510Z  73.0 s  chatgpt  mcp.example.org  connected  -         -                -"""
        )

    def test_a_narrow_terminal_leaves_out_what_matters_least(self) -> None:
        lines = table([row_of(connected()), row_of(the_silence())], 66)
        assert drawn(lines[0], colour=False).split() == ["ID", "STARTED", "CLIENT", "OUTCOME", "STUCK", "AT", "LIKELY"]
        assert "07:51:06 " in drawn(lines[1], colour=False)

    def test_on_a_terminal_a_column_without_a_word_is_left_out(self) -> None:
        assert drawn(table([row_of(connected())], 120)[0], colour=False).split() == ["ID", "STARTED", "TOOK", "CLIENT", "SERVER", "OUTCOME"]

    def test_several_days_and_servers_are_told_apart(self) -> None:
        later = connected()
        later.started_at += 86_400
        later.server = "other.example.org"
        drawing = text(table([row_of(later), row_of(the_silence())], 120))
        assert "11-24 07:52:46" in drawing
        assert "other.example.org" in drawing

    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_a_very_long_name_is_cut_not_wrapped(self, width: int) -> None:
        attempt = the_silence()
        attempt.server = "a" * 300 + ".example.org"
        attempt.client = "b" * 90
        assert widths(table([row_of(attempt), row_of(connected())], width)) <= width


class TestSafety:
    def test_nothing_from_a_log_acts_on_the_terminal(self) -> None:
        attempt = the_silence()
        event = attempt.steps[0].event
        event.path = event.method = HOSTILE
        event.evidence[0].source = HOSTILE
        attempt.server = attempt.id = attempt.client = HOSTILE
        attempt.diagnoses[0].summary = attempt.diagnoses[0].remedy = HOSTILE
        attempt.stages[-1].reason = HOSTILE
        for width in (None, 80, 140):
            for colour in (False, True):
                out = io.StringIO()
                write(out, [*waterfall(attempt, width), *table([row_of(attempt)], width)], colour=colour)
                ours = out.getvalue().replace("\x1b[0m", "")
                for sgr in ("1", "2", "31", "32", "33", "36"):
                    ours = ours.replace(f"\x1b[{sgr}m", "")
                assert all(character.isprintable() or character == "\n" for character in ours)
                assert "\\x1b]0;title\\x07" in ours

    @given(st.text())
    def test_whatever_the_text_a_line_stays_one_line_that_prints(self, hostile: str) -> None:
        assert drawn([(hostile, "bad"), (hostile, "")], colour=False).isprintable()


class TestCells:
    @given(st.text(), st.integers(0, 30))
    def test_a_cut_text_fits(self, long: str, width: int) -> None:
        assert cells(cut(long, width)) <= width
        assert cells(cut_middle(long, width)) <= width

    def test_wide_and_combining_characters_are_measured(self) -> None:
        assert cells("日本") == 4
        assert cells("e\u0301") == 1
        assert padded("日本", 6) == "日本  "
        assert cut("日本語", 5) == "日本…"

    def test_the_middle_of_a_path_goes_first(self) -> None:
        assert cut_middle("GET /.well-known/oauth-protected-resource/mcp", 30) == "GET /.well-know…d-resource/mcp"

    @given(st.lists(st.text(alphabet="abc de", max_size=20)), st.integers(1, 40))
    def test_wrapping_loses_no_word(self, parts: list[str], width: int) -> None:
        words = " ".join(parts).split()
        assert " ".join(wrapped(" ".join(parts), width)).split() == words


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(-1, "0 ms"), (0.31, "310 ms"), (0.9999, "1.0 s"), (9.84, "9.8 s"), (250, "4 min 10 s"), (120, "2 min"), (7500, "2 h 5 min"), (7200, "2 h"),
     (400_000, "4 d")],
)  # fmt: skip
def test_durations_are_in_the_unit_that_suits_them(seconds: float, written: str) -> None:
    assert lasting(seconds) == written


def test_a_lane_keeps_order_and_does_not_let_a_pause_swallow_the_rest() -> None:
    lane = Lane([(0.0, 0.1), (0.3, 0.9), (600.0, 600.5)], 20)
    bars = [lane.bar(0.0, 0.1), lane.bar(0.3, 0.9), lane.bar(600.0, 600.5)]
    assert all(len(bar) == 20 for bar in bars)
    starts = [len(bar) - len(bar.lstrip()) for bar in bars]
    assert starts == sorted(starts)
    assert starts[1] >= 2
    assert Lane([(5.0, 5.0)], 10).bar(5.0, 5.0).strip() == "╸"


def told(attempts: list[Attempt], stats: dict[str, Any], samples: list[Unparsed] | None = None, *, show_probes: bool = False) -> list[str]:
    from collections import Counter

    rows = [row_of(attempt) for attempt in attempts if show_probes or attempt.outcome is not Outcome.PROBE]
    return list(summary(rows, Counter(attempt.outcome for attempt in attempts), stats, samples or [], show_probes=show_probes))


def test_the_summary_counts_names_the_day_and_says_what_next() -> None:
    lines = told([the_silence(), connected(), a_probe()], {"lines": 1234, "unparsed": 1, "oversized": 2}, [Unparsed("a.log", 7, "what?", "no")])
    assert lines == [
        f"2 attempts at {HOST}, 2026-11-23 (UTC): 1 connected, 1 stalled; 1,234 lines read",
        "1 probe not shown: health checks, scanners and the like (--outcome probe shows them)",
        "to see why one stopped, add --attempt 7f3c21a9",
        "1 line in no known format (connwatch explain tells why):\n  a.log:7: what?",
        "2 lines too long to be read",
    ]
    assert told([], {"lines": 0}) == ["no connector attempt in 0 lines"]
    assert T > 0
