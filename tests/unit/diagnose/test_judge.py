"""Time and purity: nothing is said too early, nothing depends on the order of arrival, and what cannot be heard is not called silent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.diagnose.judge import deadline, judge, patience, view_of
from connwatch.diagnose.trail import WORDS, read_trail
from connwatch.model.attempt import Attempt, Outcome
from connwatch.rules.catalogue import compile_catalogue

TOKEN = "post:401 prm:200 asm:200 register:201 authorize:302 page:200 decide:302 token:200"


@pytest.mark.parametrize(
    ("client", "trail", "limit"),
    [
        ("claude", "prm:200 asm:200", 30),
        ("cursor", "prm:200 asm:200", 60),
        ("claude", "register:201", 60),
        ("claude", "authorize:200", 900),
        ("claude", "authorize:200 decide:302", 90),
        ("claude", TOKEN, 20),
        ("claude-code", TOKEN, 600),
        ("claude", f"{TOKEN} post:200", 30),
        ("claude", f"{TOKEN} post:401", 10),
        ("claude", "post:401 prm:404", 15),
    ],
)
def test_an_attempt_waits_until_its_deadline(judged, catalogue, client, trail, limit):
    before = judged(client, trail, after=limit - 0.001)
    assert (before.outcome, before.diagnoses) == ("waiting", [])
    assert deadline(before, catalogue) == pytest.approx(before.ended_at + limit)
    assert judged(client, trail, after=limit).outcome not in ("waiting", "connected")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(WORDS)),
            st.sampled_from(["200", "202", "302", "401", "404", "502", "-"]),
            st.sampled_from(["claude", "cursor", None]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_how_long_a_lone_request_waits_is_what_its_attempt_would_wait(catalogue, rows):
    """The answer is remembered for requests that are alike, so it is asked of many in a row."""
    for word, status, client in rows:
        (step,) = read_trail(f"{word}:{status}", client=client)
        due = deadline(Attempt("one", [step]), catalogue)
        assert patience(step.event, catalogue) == (None if due is None else pytest.approx(due - step.event.at))


def test_judge_hands_back_the_deadline(catalogue):
    attempt = Attempt("one", read_trail(TOKEN, client="claude"))
    last = attempt.steps[-1].event.at
    assert judge(attempt, catalogue, now=last) == deadline(attempt, catalogue)
    assert judge(attempt, catalogue, now=last + 500) is None


def test_what_is_settled_has_no_deadline(judged, catalogue):
    assert deadline(judged("claude", f"{TOKEN} post:200*2"), catalogue) is None
    assert deadline(judged("", "authorize:400"), catalogue) is None
    assert deadline(Attempt("none", []), catalogue) is None


def test_nothing_more_can_come_is_the_end_of_waiting(catalogue):
    attempt = Attempt("one", read_trail(TOKEN, client="claude"))
    judge(attempt, catalogue, now=None)
    assert attempt.outcome == "stalled"


def test_silence_of_a_deaf_source_is_no_silence(judged):
    attempt = judged("claude", TOKEN, deaf=frozenset({"example"}))
    assert (attempt.outcome, attempt.diagnoses) == ("blind", [])
    assert attempt.stages[-1].state == "not_observable"
    assert "example" in attempt.stages[-1].reason
    assert judged("claude", TOKEN, deaf=frozenset({"another"})).outcome == "stalled"


def test_a_refusal_is_a_refusal_though_a_source_is_deaf(judged):
    assert judged("claude", "register:201 authorize:400", deaf=frozenset({"example"})).outcome == "failed"


def test_counting_and_doubt_lower_the_confidence_and_say_so(judged):
    plain = judged("claude", TOKEN).diagnoses[0]
    counted = judged("claude", TOKEN, group="g7").diagnoses[0]
    doubtful = judged("claude", TOKEN + "[link=ambiguous]").diagnoses[0]
    assert counted.confidence < doubtful.confidence < plain.confidence
    assert "counting" in counted.summary
    assert "another attempt" in doubtful.summary


def test_noise_is_not_judged(catalogue):
    attempt = Attempt("one", read_trail("post:401 token:400"), noise="scanner")
    judge(attempt, catalogue, now=None)
    assert (attempt.outcome, attempt.stuck_at, attempt.diagnoses) == ("probe", None, [])


def test_an_attempt_without_steps_stays_as_it_is(catalogue):
    attempt = Attempt("none", [])
    judge(attempt, catalogue, now=None)
    assert (attempt.outcome, attempt.stages) == ("waiting", [])


def test_who_where_when(judged):
    attempt = judged("claude", "head:404 prm:200[host=login.example.org] post:401 prm:200 post:200[duration=30] post:200")
    assert (attempt.client, attempt.server, attempt.entry) == ("claude", "mcp.example.org", "probe")
    assert attempt.started_at == attempt.steps[0].event.started_at
    assert attempt.ended_at == attempt.steps[4].event.at


def test_the_server_of_an_attempt_without_mcp_requests_is_where_the_resource_is(judged):
    assert judged("", "prm:200 asm:200[host=login.example.org] asm:200[host=login.example.org]").server in ("mcp.example.org", "login.example.org")
    assert judged("", "post:401").entry == "challenge"


def test_without_limits_the_default_holds(judged):
    attempt = Attempt("one", read_trail(TOKEN, client="claude"))
    bare = compile_catalogue([])
    assert deadline(attempt, bare) == pytest.approx(attempt.steps[-1].event.at + 60)
    judge(attempt, bare, now=None)
    assert (attempt.outcome, attempt.diagnoses) == ("stalled", [])


WORD = st.sampled_from(sorted(WORDS))
STATUSES = "- 200 201 202 204 301 302 307 400 401 403 404 405 406 421 429 499 500 502"
STATUS = st.sampled_from(STATUSES.split())
ITEM = st.builds("{}:{}".format, WORD, STATUS)
TRAIL = st.lists(st.one_of(ITEM, ITEM, ITEM, st.sampled_from(["+5", "+400", "+4000"])), max_size=14).map(" ".join)


@given(TRAIL, st.sampled_from(["", "claude", "cursor"]))
def test_any_trail_is_judged_the_same_twice_and_in_full(catalogue, trail, client):
    def run(now):
        attempt = Attempt("one", read_trail(trail, client=client or None))
        judge(attempt, catalogue, now=now)
        return attempt

    one, other = run(None), run(None)
    assert one == other
    assert one.outcome is not Outcome.WAITING or one.stuck_at == "authorization" or not one.steps
    assert (one.stuck_at is None) == (one.outcome in ("connected", "reconnected", "renewed", "probe") or not one.steps)
    assert [found.confidence for found in one.diagnoses] == sorted((found.confidence for found in one.diagnoses), reverse=True)
    for found in one.diagnoses:
        assert found.summary
        assert "{" not in found.summary + found.remedy + found.refuted_by


@given(TRAIL, st.sampled_from(["", "claude", "cursor"]))
def test_silence_changes_a_verdict_at_its_deadline_and_at_no_other_time(catalogue, trail, client):
    attempt = Attempt("one", read_trail(trail, client=client or None))
    if not attempt.steps:
        return
    last = max(step.event.at for step in attempt.steps)
    due = deadline(attempt, catalogue)

    def at(now):
        judge(attempt, catalogue, now=now)
        return attempt.outcome, attempt.stuck_at, [found.code for found in attempt.diagnoses]

    first = at(last)
    if due is not None:
        assert at(due - 0.001) == first
        first = at(due)
    assert at((due or last) + 86_400) == first == at(None)


def test_a_view_is_the_judges_own(judged, catalogue):
    view = view_of(judged("claude", TOKEN), catalogue)
    assert (view.family, view.hosted, view.verdict.place) == ("claude", True, "token")
