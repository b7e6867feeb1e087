"""Trails and what became of them: outcome, place, first diagnosis."""

from __future__ import annotations

import pytest

SIGN_IN = "post:401 prm:200 asm:200 register:201 authorize:302 page:200 decide:302"
TOKEN = f"{SIGN_IN} token:200"

GOOD = [
    ("claude", f"{TOKEN} post:200 post:202 post:200", "connected"),
    # what good attempts hold besides: missing variants, a repeated discovery, an era tried first, no stream, a late favicon
    ("claude", "post:401 prm:404 prm:200 asm:404*2 asm:200 register:201*2 authorize:302 token:200 post:400 post:200*2", "connected"),
    ("chatgpt", f"{TOKEN} post:401 prm:200 asm:200 +0.8 post:200*2 asm:200", "connected"),
    ("", "get:401*2 post:401 prm:200 asm:200 register:201 authorize:302 decide:302 prm:200 asm:200 token:200 post:200*2 get:405", "connected"),
    ("", "post:401 prm:404*2 asm:404 register:201[path=/register] authorize:302 token:200 post:200*2", "connected"),
    ("", f"{SIGN_IN} token:404 token:200 post:200*2", "connected"),
    ("", f"{TOKEN} post:200 post:202 get:404 post:200*2 delete:405", "connected"),
    (
        "",
        "post:200 post:202 post:401 prm:200 asm:200 register:201 authorize:302 token:200 post:200 post:403 authorize:302 token:200 post:200",
        "connected",
    ),
    # the authorization server is on another host
    ("vscode", "post:401 prm:200 +40 post:200 post:202 get:200", "connected"),
    ("chatgpt", "post:400 post:200 post:202 post:200*2", "reconnected"),
    ("", "get:200[duration=900] post:202*3", "reconnected"),
    ("", "get:200[duration=30]", "reconnected"),
    ("claude", "token:200 post:200*2", "renewed"),
    ("claude", "refresh:200", "renewed"),
    ("", "post:502 +5 post:200 post:202 post:200", "reconnected"),
    ("", "post:307 post:200 post:202 post:200", "reconnected"),
]


@pytest.mark.parametrize(("client", "trail", "outcome"), GOOD)
def test_what_is_good_is_not_explained(judged, client, trail, outcome):
    attempt = judged(client, trail)
    assert (attempt.outcome, attempt.stuck_at) == (outcome, None)
    assert attempt.diagnoses == []


BAD = [
    # reach
    ("", "post:301[upstream=-]*4 get:301", "failed", "reach", "proxy-redirect"),
    ("claude", "head:301 prm:301 asm:301*2", "failed", "reach", "proxy-redirect"),
    ("", "get:502 prm:502*2 asm:502*2 register:502", "failed", "reach", "upstream-unavailable"),
    ("claude", "prm:503", "failed", "reach", "upstream-unavailable"),
    ("", "post:499", "failed", "reach", "upstream-unavailable"),
    ("", "post:403*2", "failed", "reach", "origin-rejected"),
    ("", "post:421", "failed", "reach", "host-rejected"),
    ("", "post:406", "failed", "reach", "not-acceptable"),
    ("", "get:404", "failed", "reach", "endpoint-not-found"),
    ("", "post:404 get:405", "failed", "reach", "endpoint-not-found"),
    ("claude", "post:404 prm:200 asm:200", "failed", "reach", "endpoint-not-found"),
    ("", "options:404[path=/.well-known/oauth-protected-resource/mcp] options:404", "failed", "resource_metadata", "preflight-refused"),
    ("", "post:400*3", "failed", "session", "protocol-version-rejected"),
    ("", "post:500", "failed", "session", "server-error"),
    # discovery
    ("claude", "post:401", "stalled", "resource_metadata", "challenge-ignored"),
    ("claude", "post:401 prm:404*2 asm:404", "failed", "resource_metadata", "metadata-missing"),
    ("claude", "post:401 prm:200 asm:404*3", "failed", "server_metadata", "metadata-missing"),
    ("claude", "post:401 prm:401", "failed", "resource_metadata", "metadata-missing"),
    ("claude", "head:200 prm:200 asm:200*2", "stalled", "registration", "metadata-unusable"),
    ("claude", "post:401 prm:200", "stalled", "server_metadata", "metadata-unusable"),
    ("claude", "post:200 prm:404 register:404[path=/register]", "failed", "registration", "guessed-endpoints"),
    # registration, the browser, the token
    ("", "prm:200 asm:200 register:403", "failed", "registration", "registration-refused"),
    ("claude", "post:401 prm:404 prm:200 asm:200 register:201 post:401*2", "stalled", "authorization", "registration-unused"),
    ("cursor", "prm:200 asm:200 register:201", "waiting", "authorization", "registration-unused"),
    ("", "register:201 authorize:400", "failed", "authorization", "authorization-refused"),
    ("", f"{SIGN_IN[:-10]} decide:400", "failed", "consent", "authorization-refused"),
    ("", "prm:200 asm:200 authorize:200 decide:502", "failed", "consent", "upstream-unavailable"),
    ("", "post:401 prm:200 asm:200 register:201 authorize:302 page:200 other:404", "abandoned", "consent", "consent-abandoned"),
    ("", "register:201 authorize:302 page:200[path=/login] decide:200[path=/login]", "abandoned", "consent", "consent-abandoned"),
    ("chatgpt", "prm:200 asm:200 register:201 authorize:302", "stalled", "consent", "code-not-redeemed"),
    ("", "authorize:302[key=code]", "stalled", "token", "code-not-redeemed"),
    ("claude", SIGN_IN, "stalled", "token", "code-not-redeemed"),
    ("claude", "register:201 authorize:200 decide:307", "stalled", "token", "code-not-redeemed"),
    ("claude", "register:201 authorize:302 page:302[path=/oauth/callback]", "stalled", "token", "code-not-redeemed"),
    ("", f"{SIGN_IN} token:401", "failed", "token", "token-refused"),
    ("", f"{SIGN_IN} prm:200 token:400 prm:200 token:400 register:201 authorize:200", "failed", "token", "token-refused"),
    ("claude", "decide:302 post:401 prm:200 asm:200 token:404 post:401", "failed", "token", "token-refused"),
    # the session
    ("claude", TOKEN, "stalled", "session", "token-unused"),
    ("claude-code", TOKEN, "stalled", "session", "token-unused"),
    ("", f"{TOKEN} post:401*2 prm:200 asm:200 authorize:302 page:200 decide:302", "failed", "session", "token-rejected"),
    ("claude", f"{TOKEN} post:401 token:200*2", "failed", "session", "token-rejected"),
    ("", f"{TOKEN} post:403*2", "failed", "session", "token-rejected"),
    ("", f"{TOKEN} post:404", "failed", "session", "endpoint-not-found"),
    ("", f"{TOKEN} post:400", "failed", "session", "protocol-version-rejected"),
    ("", f"{TOKEN} post:200 post:404 get:404 post:404 delete:404", "failed", "session", "session-lost"),
    ("claude", "post:400[key=session] get:400 delete:400", "failed", "session", "session-lost"),
    ("", f"{TOKEN} post:200 post:403", "failed", "session", "scope-insufficient"),
    ("", "post:200 post:202 post:200 +900 post:404*2", "failed", "session", "session-lost"),
    ("", f"{TOKEN} post:200 post:202 get:406", "failed", "session", "not-acceptable"),
    ("", f"{TOKEN} post:200 post:202 get:499", "failed", "session", "stream-broken"),
    ("claude", f"{TOKEN} post:200", "stalled", "session", "handshake-incomplete"),
    ("claude", f"{TOKEN} get:200", "stalled", "session", "handshake-incomplete"),
    ("", f"{TOKEN} post:500*2", "failed", "session", "server-error"),
    ("", f"{TOKEN} post:307", "failed", "session", "proxy-redirect"),
    ("", f"{TOKEN} post:307 post:401", "failed", "session", "token-rejected"),
    # later
    ("claude", f"{TOKEN} post:200*4 +3700 post:401*3", "failed", "session", "refresh-missing"),
    ("claude", "post:200*3 +3600 post:401 token:400", "failed", "token", "refresh-refused"),
    ("claude", "refresh:400", "failed", "token", "refresh-refused"),
    ("claude", f"{TOKEN} post:200*3 +3600 post:401 refresh:401", "failed", "token", "refresh-refused"),
]


@pytest.mark.parametrize(("client", "trail", "outcome", "stuck", "code"), BAD)
def test_what_stopped_it(judged, client, trail, outcome, stuck, code):
    attempt = judged(client, trail)
    assert (attempt.outcome, attempt.stuck_at, attempt.diagnoses[0].code) == (outcome, stuck, code)
    assert attempt.diagnoses[0].evidence


def test_the_cause_is_the_first_error_not_the_last_line(judged):
    attempt = judged("", f"{TOKEN} post:403[oauth_error=insufficient_scope] post:400")
    assert attempt.diagnoses[0].code == "scope-insufficient"


def test_one_answered_request_of_a_program_proves_that_it_got_through(judged):
    assert judged("vscode", f"{TOKEN} post:200").outcome == "connected"
    assert judged("vscode", f"{TOKEN} initialize:200").outcome == "stalled"


def test_one_answered_request_is_no_stall_where_lines_were_shared_out(judged):
    assert judged("claude", f"{TOKEN} post:200", group="g1").outcome == "connected"
    assert judged("claude", f"{TOKEN} post:200[link=ambiguous]").outcome == "connected"


def test_a_lone_challenge_of_a_client_that_was_here_before_is_a_check(judged):
    assert judged("claude", "post:401", previous="earlier").outcome == "probe"
    assert judged("claude", "post:401", previous=None).outcome == "stalled"


def test_a_look_at_the_root_is_no_attempt(judged):
    attempt = judged("claude", "head:404 other:404")
    assert (attempt.outcome, attempt.stuck_at, attempt.diagnoses) == ("probe", None, [])


def test_later_trouble_is_remarked_on_a_connection_that_stands(judged):
    broken = judged("", f"{TOKEN} post:200 post:202 post:200 post:200[cause=upstream-timeout]")
    assert (broken.outcome, [found.code for found in broken.diagnoses]) == ("connected", ["stream-broken"])
    gone = judged("", f"{TOKEN} post:200*3 post:504")
    assert (gone.outcome, [found.code for found in gone.diagnoses]) == ("connected", ["upstream-unavailable"])
    stray = judged("", f"{TOKEN} post:200*3 get:404")
    assert (stray.outcome, stray.diagnoses) == ("connected", [])


def test_the_log_of_the_application_alone_has_no_status(judged):
    attempt = judged("", "post:-[bearer=no] prm:- asm:- register:- authorize:- token:- post:-[bearer=yes] post:-[bearer=yes]")
    assert attempt.outcome == "connected"
    assert judged("claude", "post:-[bearer=no]").stuck_at == "resource_metadata"


def test_stamps_of_one_second_may_put_the_session_before_its_token(judged, catalogue):
    from connwatch.diagnose.judge import judge

    attempt = judged("", f"{SIGN_IN} post:200*2 token:200")
    assert attempt.outcome == "stalled"
    for step in attempt.steps[-3:]:
        step.event.coarse = True
        step.event.at = step.event.started_at = attempt.steps[-1].event.at
    judge(attempt, catalogue, now=None)
    assert attempt.outcome == "connected"
