"""The document, the ten answers, and the rows they are drawn from."""

from __future__ import annotations

import pytest

from connwatch.diagnose.hypotheses import answers
from connwatch.diagnose.report import report
from connwatch.diagnose.story import headline, rows, stage_title
from connwatch.model.attempt import Attempt

SIGN_IN = "post:401 prm:200 asm:200 register:201 authorize:302 page:200 decide:302"
TOKEN = f"{SIGN_IN} token:200"


def ten(judged, catalogue, client, trail):
    return {found.number: found for found in answers(judged(client, trail), catalogue)}


def test_rows_tell_offsets_and_places(judged):
    told = rows(judged("claude", "post:401 prm:200 +30 authorize:302 options:404 post:301[upstream=-] token:400[oauth_error=invalid_grant]"))
    assert [round(row.offset, 1) for row in told] == [0, 0.4, 30.4, 30.8, 31.2, 31.6]
    assert told[0].places == ("example:1",)
    assert [row.actor for row in told][:3] == ["backend", "backend", "browser"]
    assert [row.remark for row in told][3:] == ["preflight", "answered by the proxy itself", "invalid_grant"]


def test_a_row_of_several_lines_names_the_range(judged):
    attempt = judged("claude", "post:401")
    attempt.steps[0].event.evidence[0].end_line = 5
    assert rows(attempt)[0].places == ("example:1-5",)


@pytest.mark.parametrize(
    ("client", "trail", "text"),
    [
        ("claude", f"{TOKEN} post:200*2", "Claude (hosted) connected to mcp.example.org, "),
        ("", "post:200*3", "The client reconnected to mcp.example.org without a new sign-in, 0.8 s"),
        ("cursor", "register:201", "Cursor is waiting at mcp.example.org (authorization), after one request."),
        ("claude", TOKEN, "stopped without a word at mcp.example.org (MCP session)"),
        ("claude", f"{SIGN_IN[:-11]} +400 other:404", "was left by its user at mcp.example.org (sign-in and consent), 7 min"),
    ],
)
def test_the_headline_says_it_all(judged, client, trail, text):
    assert text in headline(judged(client, trail))


def test_stages_in_words():
    assert (stage_title("reach"), stage_title("step_up")) == ("reaching the server", "step up")


SUPPORTED = [
    (2, "", "post:404*2"),
    (3, "", "prm:200 asm:200 register:400"),
    (3, "", "register:201 authorize:400"),
    (4, "", "post:403*2"),
    (4, "", "options:404*2"),
    (5, "claude", "post:401"),
    (5, "", f"{TOKEN} post:401*2"),
    (6, "", "post:400*3"),
    (7, "", "post:401 prm:404*2 asm:404"),
    (8, "", "post:502[cause=tls]"),
    (9, "", "post:429"),
    (10, "claude", "post:401 prm:404 asm:404 register:404[path=/register]"),
]
RULED_OUT = [
    (1, "claude", "post:401 prm:200 asm:200"),
    (2, "claude", f"{SIGN_IN}"),
    (2, "", "post:200*3"),
    (3, "", f"{TOKEN}"),
    (4, "", "post:401 prm:200"),
    (5, "", f"{TOKEN} post:200*2"),
    (5, "", "post:401 prm:200"),
    (5, "", "post:200*3"),
    (6, "", "post:200*3"),
    (7, "", "prm:200 asm:200"),
    (7, "", "post:200*3"),
    (8, "", "post:401"),
    (9, "", f"{TOKEN} post:200*2"),
    (10, "", f"{TOKEN}"),
]
OPEN = [
    (1, "claude", "post:401 prm:200 asm:200 register:201"),
    (2, "", "prm:200"),
    (3, "", "post:401 prm:200"),
    (4, "", "prm:200"),
    (5, "", "post:404"),
    (6, "", "post:401"),
    (7, "", "post:401"),
    (9, "claude", TOKEN),
    (9, "", "register:400"),
    (10, "", "prm:200 asm:200"),
    (10, "", "post:401"),
]


@pytest.mark.parametrize(("number", "client", "trail"), SUPPORTED)
def test_supported(judged, catalogue, number, client, trail):
    assert ten(judged, catalogue, client, trail)[number].answer == "supported"


@pytest.mark.parametrize(("number", "client", "trail"), RULED_OUT)
def test_ruled_out(judged, catalogue, number, client, trail):
    assert ten(judged, catalogue, client, trail)[number].answer == "ruled out"


@pytest.mark.parametrize(("number", "client", "trail"), OPEN)
def test_not_decidable_names_the_check(judged, catalogue, number, client, trail):
    found = ten(judged, catalogue, client, trail)[number]
    assert found.answer == "not decidable"
    assert found.grounds
    assert found.check


def test_without_requests_nothing_is_decided(catalogue):
    assert {found.answer for found in answers(Attempt("none", []), catalogue)} == {"not decidable"}


def test_the_document_has_its_parts_in_order(judged, catalogue):
    text = report(judged("claude", TOKEN), catalogue, {("example", 1): "POST /mcp 401", ("example", 8): "POST /oauth/token 200"})
    parts = ["Confirmed working", "Not confirmed", "What happened", "Diagnosis", "The ten usual suspects", "Next steps", "Evidence"]
    titles = ["# Connection attempt one", *(f"## {part}" for part in parts)]
    assert [text.index(title) for title in titles] == sorted(text.index(title) for title in titles)
    assert "### Most likely: token-unused (75%)" in text
    assert "- token: answered 200, 0.4 s after the stage before" in text
    assert "| | MCP session | *never came* |" in text
    assert "example:8: POST /oauth/token 200" in text
    assert text.count("\n1. ") == 1


def test_a_good_attempt_needs_no_diagnosis(judged, catalogue):
    text = report(judged("claude", f"{TOKEN} post:200*2"), catalogue)
    assert "None is needed." in text
    assert "## Next steps" not in text
    assert "never came" not in text


def test_silence_is_told_apart_from_deafness(judged, catalogue):
    heard = report(judged("claude", TOKEN), catalogue)
    assert "- MCP session: not seen, though these logs would have shown it (the attempt did not get there)" in heard
    deaf = report(judged("claude", TOKEN, deaf=frozenset({"example"})), catalogue)
    assert "- MCP session: not observable in these logs (no lines from example at present)" in deaf


def test_lines_that_are_not_kept_are_named(judged, catalogue):
    attempt = judged("claude", TOKEN)
    assert "The lines themselves are not kept. In the logs they are:\n\n- example: lines 1-8\n" in report(attempt, catalogue)
    assert "## Evidence" not in report(attempt, catalogue, {})


def test_a_document_says_that_it_was_settled_by_counting(judged, catalogue):
    assert "settled by counting" in report(judged("claude", TOKEN, group="g1"), catalogue)


def test_a_long_attempt_is_cut(judged, catalogue):
    assert "and 20 more" in report(judged("claude", "post:200 get:405 " * 40), catalogue)


def test_nothing_works_where_nothing_was_answered(judged, catalogue):
    text = report(judged("", "post:502"), catalogue)
    assert "Nothing: no stage of this attempt got a good answer." in text
    assert "None can be made" in report(judged("claude", "authorize:200", deaf=frozenset({"example"})), catalogue)


def test_a_log_cannot_break_out_of_the_document(judged, catalogue):
    hostile = "post:404[path=/<script>|x|`y`\x1b[2J]"
    text = report(judged("", hostile), catalogue, {("example", 1): "````\n# forged\x1b[2J " + "a" * 9000})
    assert "\x1b" not in text
    assert "\n# forged" not in text
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "`````text" in text
    assert max(len(line) for line in text.splitlines()) < 2000
