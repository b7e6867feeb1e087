"""Three states for each stage, and why one is not seen."""

from __future__ import annotations


def states(attempt):
    return {state.stage.value: state for state in attempt.stages}


def test_a_good_attempt_has_seen_everything(judged):
    attempt = judged("claude", "post:401 prm:404 prm:200 asm:200 register:201 authorize:302 page:200 decide:302 token:200 post:200*2")
    found = states(attempt)
    assert [state.state for state in attempt.stages] == ["seen"] * 8
    assert [state.status for state in attempt.stages] == [401, 200, 200, 201, 302, 302, 200, 200]
    assert found["challenge"].after_seconds is None
    assert round(found["token"].after_seconds, 3) == 0.4
    assert all(not state.reason for state in attempt.stages)


def test_a_stage_that_is_repeated_later_does_not_make_time_run_backwards(judged):
    found = states(judged("claude", "prm:200 register:201 authorize:302 decide:302 prm:200 token:200 post:200*2"))
    assert found["registration"].after_seconds > 0


def test_what_was_not_reached_and_what_was_not_needed(judged):
    found = states(judged("claude", "post:401 prm:200 authorize:302"))
    assert (found["token"].state, found["token"].reason) == ("not_seen", "the attempt did not get there")
    assert found["registration"].reason == "the client had an id already, or uses a metadata document"
    assert found["server_metadata"].reason.startswith("not asked for in this attempt")
    assert states(judged("claude", "authorize:302 token:200 post:200*2"))["consent"].reason == "no page of this host was needed"


def test_an_authorization_server_on_another_host_is_out_of_sight(judged):
    found = states(judged("vscode", "post:401 prm:200 post:200 post:202"))
    assert found["token"].state == "not_observable"
    assert "another host" in found["token"].reason
    assert found["challenge"].state == found["session"].state == "seen"


def test_a_refused_token_is_a_session_that_was_seen(judged):
    found = states(judged("", "post:401 prm:200 authorize:302 decide:302 token:200 post:401"))
    assert (found["session"].state, found["session"].status) == ("seen", 401)


def test_a_look_at_the_endpoint_is_no_session(judged):
    found = states(judged("claude", "sniff:200 prm:200"))
    assert (found["challenge"].state, found["session"].state) == ("seen", "not_seen")


def test_stages_before_the_last_one_seen_are_not_hidden_by_a_deaf_source(judged):
    found = states(judged("claude", "post:401 authorize:302", deaf=frozenset({"proxy"})))
    assert found["registration"].state == "not_seen"
    assert (found["token"].state, found["token"].reason) == ("not_observable", "no lines from proxy at present")
