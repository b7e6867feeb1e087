"""The written form of an attempt: programs read it, so every key and shape is asserted."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from connwatch.diagnose.serial import attempt_detail, attempt_row, change_row, iso
from connwatch.model.attempt import Attempt, Outcome, StageState, Step
from connwatch.model.change import Closed, Reached
from connwatch.model.diagnosis import Diagnosis
from connwatch.model.event import Event, Evidence, Stage

T = 1_795_420_266.5104


def an_event(stage: Stage, at: float, status: int, evidence: list[Evidence]) -> Event:
    return Event(
        at=at, started_at=at, stage=stage, method="POST", path="/mcp", status=status, host="mcp.example.org", address=None, agent=None,
        actor="backend", client="claude", hint=None, noise="", size=None, duration=0.25, upstream=None, authorization=None,
        redirect_host=None, resource=None, coarse=False, evidence=evidence,
    )  # fmt: skip


def a_stalled_attempt() -> Attempt:
    challenge = an_event(Stage.CHALLENGE, T, 401, [Evidence("nginx.log", 12, 12), Evidence("server.log", 40, 44)])
    token = an_event(Stage.TOKEN, T + 1.23456, 200, [Evidence("nginx.log", 13, 13)])
    return Attempt(
        id="7f3c21a9",
        steps=[Step(challenge, "exact"), Step(token, "inferred")],
        client="claude",
        server="mcp.example.org",
        entry=Stage.CHALLENGE,
        outcome=Outcome.STALLED,
        stuck_at="session",
        started_at=T,
        ended_at=T + 1.23456,
        stages=[
            StageState(Stage.CHALLENGE, "seen", T, 401, None),
            StageState(Stage.TOKEN, "seen", T + 1.23456, 200, 1.23456),
            StageState(Stage.SESSION, "not_seen"),
            StageState(Stage.CONSENT, "not_observable", reason="the authorization server is another host"),
        ],
        diagnoses=[Diagnosis("token-unused", 0.7049, "sum", "do", "not so if", [Evidence("nginx.log", 13, 13)], ["look"], ["https://example.org/"])],
    )


def test_the_published_contract_is_exactly_these_keys_and_values() -> None:
    assert json.loads(json.dumps(attempt_row(a_stalled_attempt()))) == {
        "schema": "connwatch.attempt/1",
        "id": "7f3c21a9",
        "client": "claude",
        "server": "mcp.example.org",
        "entry": "challenge",
        "outcome": "stalled",
        "stuck_at": "session",
        "started_at": "2026-11-23T07:51:06.510Z",
        "ended_at": "2026-11-23T07:51:07.745Z",
        "stages": [
            {"stage": "challenge", "at": "2026-11-23T07:51:06.510Z", "status": 401, "state": "seen", "after_seconds": None},
            {"stage": "token", "at": "2026-11-23T07:51:07.745Z", "status": 200, "state": "seen", "after_seconds": 1.235},
            {"stage": "session", "at": None, "status": None, "state": "not_seen", "after_seconds": None},
            {"stage": "consent", "at": None, "status": None, "state": "not_observable", "after_seconds": None},
        ],
        "diagnoses": [
            {
                "code": "token-unused",
                "confidence": 0.7,
                "summary": "sum",
                "remedy": "do",
                "refuted_by": "not so if",
                "evidence": [{"source": "nginx.log", "line": 13}],
            }
        ],
        "events": [
            {"source": "nginx.log", "line": 12, "end_line": 12, "stage": "challenge", "status": 401, "link": "exact"},
            {"source": "server.log", "line": 40, "end_line": 44, "stage": "challenge", "status": 401, "link": "exact"},
            {"source": "nginx.log", "line": 13, "end_line": 13, "stage": "token", "status": 200, "link": "inferred"},
        ],
    }


def test_the_detail_only_adds_to_the_contract() -> None:
    row, detail = attempt_row(a_stalled_attempt()), attempt_detail(a_stalled_attempt())
    assert set(detail) - set(row) == {"open", "group", "noise", "previous", "steps"}
    assert detail["events"] == row["events"]
    assert detail["diagnoses"][0]["checks"] == ["look"]
    assert detail["stages"][3]["reason"] == "the authorization server is another host"
    assert detail["steps"][0]["evidence"][1] == {"source": "server.log", "line": 40, "end_line": 44}
    json.dumps(detail)


def test_a_change_names_its_kind_and_a_step_where_there_is_one() -> None:
    attempt = a_stalled_attempt()
    assert change_row(Closed(T, attempt))["change"] == "closed"
    reached = change_row(Reached(T, attempt, attempt.steps[1]))
    assert (reached["change"], reached["step"]["stage"], reached["step"]["link"]) == ("reached", "token", "inferred")


def test_milliseconds_are_rounded_not_cut_and_carry_over() -> None:
    assert iso(0.9996) == "1970-01-01T00:00:01.000Z"
    assert iso(1_795_420_266.51) == "2026-11-23T07:51:06.510Z"


@given(st.floats())
def test_no_time_is_too_strange_to_be_written(seconds: float) -> None:
    written = iso(seconds)
    assert len(written) == 24
    assert written.endswith("Z")
