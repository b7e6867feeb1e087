"""Diagnoses as data: what a file may say, and what an error in it tells its author."""

from __future__ import annotations

import pytest

from connwatch.diagnose.judge import judge
from connwatch.diagnose.predicates import VOCABULARY, compile_when
from connwatch.diagnose.rules import compile_rules
from connwatch.diagnose.trail import read_trail
from connwatch.model.attempt import Attempt
from connwatch.model.errors import ConfigError
from connwatch.rules.catalogue import Catalogue

ENTRY = {
    "title": "A title",
    "stuck_at": ["reach", "session", "token", "registration"],
    "summary": "{client} got {status} for {request} at {server}.",
    "remedy": "Repair it.",
    "refuted_by": "It works.",
    "case": [{"confidence": 0.5, "when": {"kind": ["refusal"]}}],
}


def diagnosed(trail: str, client: str | None = None, **changes: object) -> Attempt:
    attempt = Attempt("one", read_trail(trail, client=client))
    judge(attempt, Catalogue(diagnoses={"mine": {**ENTRY, **changes}}), now=None)
    return attempt


def test_fields_are_filled_in():
    (found,) = diagnosed("post:404", client="claude").diagnoses
    assert found.summary == "Claude (hosted) got 404 for POST /mcp at mcp.example.org."
    assert (found.code, found.confidence, found.remedy, found.refuted_by) == ("mine", 0.5, "Repair it.", "It works.")


def test_all_fields_can_be_filled_in():
    from connwatch.diagnose.wording import FIELDS

    text = " ".join(f"{name}={{{name}}}" for name in FIELDS)
    (found,) = diagnosed("prm:404 register:201 authorize:302 decide:302 token:200 post:401[oauth_error=invalid_token]", summary=text).diagnoses
    assert "status=401" in found.summary
    assert "error= (invalid_token)" in found.summary
    assert "registrations=1" in found.summary
    assert "stuck=session" in found.summary
    (found,) = diagnosed("post:404", summary=text).diagnoses
    assert "since_token=an unknown time" in found.summary


def test_text_of_a_log_is_shown_on_one_line_without_control_characters():
    (found,) = diagnosed("post:404[path=/\x1b[31m\u202e\u2066\x07x]").diagnoses
    assert "\x1b" not in found.summary
    assert "\u202e" not in found.summary
    assert "\x07" not in found.summary
    (found,) = diagnosed(f"post:404[path=/{'a' * 5000}]").diagnoses
    assert len(found.summary) < 300


def test_the_best_case_makes_the_diagnosis_and_may_word_it():
    cases = [
        {"confidence": 0.3, "when": {"status": ["4xx"]}},
        {"confidence": 0.8, "when": {"status": [404]}, "summary": "Not there.", "checks": ["look"]},
        {"confidence": 0.9, "when": {"status": [500]}},
    ]
    (found,) = diagnosed("post:404", case=cases, checks=["look again"]).diagnoses
    assert (found.confidence, found.summary, found.checks) == (0.8, "Not there.", ["look", "look again"])


def test_a_diagnosis_is_made_at_its_places_only():
    assert diagnosed("prm:404", stuck_at=["reach"]).diagnoses == []
    assert diagnosed("post:200*3", stuck_at=["reach", "session"]).diagnoses == []


HOLDS = [
    ({}, "post:404"),
    ({"kind": ["silence"], "stuck": ["registration"], "place": ["server_metadata"]}, "prm:200 asm:200"),
    ({"good_at": ["resource_metadata"], "tried": ["registration"], "untried": ["token"], "only_bad_at": ["registration"]}, "prm:200 register:400"),
    ({"family": ["claude"], "hosted": False}, "register:400"),  # this catalogue knows no clients, so nobody is hosted
    ({"method": ["POST"], "path": ["/mcp"]}, "post:404"),
    ({"bearer": True, "proxy_answered": True}, "post:404[bearer=yes,upstream=-]"),
    ({"proxy_answered": False}, "post:404[upstream=10.0.0.1:80]"),
    ({"fact": {"cause": ["other", "host"]}, "any_fact": {"mcp_method": ["tools"]}}, "post:403[cause=host-rejected] post:404[mcp_method=tools/list]"),
    ({"at_least": {"requests": 2}, "at_most": {"tokens": 0}}, "post:404 post:404"),
    ({"any": [{"status": [500]}, {"status": [404]}], "none": [{"status": [403]}]}, "post:404"),
    ({"is": ["nothing-answered"], "status": [404, "5xx"]}, "post:404"),
]
FAILS = [
    ({"kind": ["good"]}, "post:404"),
    ({"place": ["session"]}, "post:404"),
    ({"good_at": ["resource_metadata"]}, "post:404"),
    ({"family": ["chatgpt"]}, "post:404"),
    ({"bearer": False}, "post:404"),
    ({"proxy_answered": True}, "post:404"),
    ({"fact": {"cause": ["host"]}}, "post:404"),
    ({"is": ["nothing-answered", "fresh-token"]}, "post:404"),
    ({"none": [{"status": [404]}]}, "post:404"),
]


@pytest.mark.parametrize(("when", "trail"), HOLDS)
def test_words_that_hold(when, trail):
    assert diagnosed(trail, "claude", case=[{"confidence": 0.5, "when": when}]).diagnoses


@pytest.mark.parametrize(("when", "trail"), FAILS)
def test_words_that_do_not(when, trail):
    assert not diagnosed(trail, "claude", case=[{"confidence": 0.5, "when": when}]).diagnoses


def test_every_word_is_tried_here():
    assert {word for when, _ in HOLDS for word in when} == set(VOCABULARY)


WRONG = [
    ({"cases": []}, "cases", "known"),
    ({"title": ""}, "title", "text"),
    ({"remedy": 3}, "remedy", "text"),
    ({"summary": "{nothing}"}, "summary", "unknown field"),
    ({"checks": ["{nothing}"]}, "checks", "unknown field"),
    ({"see": "RFC"}, "see", "array"),
    ({"evidence": ["all"]}, "evidence", "unknown selector"),
    ({"case": []}, "case", "at least one"),
    ({"case": [{"confidence": 0.5, "if": {}}]}, "case[0]", "unknown key"),
    ({"case": [{"confidence": 2}]}, "confidence", "at most 1"),
    ({"case": [{"confidence": True}]}, "confidence", "at most 1"),
    ({"case": [{"confidence": 0.5, "summary": 1}]}, "summary", "text"),
    ({"case": [{"confidence": 0.5, "when": []}]}, "when", "table"),
    ({"case": [{"confidence": 0.5, "when": {"colour": ["red"]}}]}, "when", "unknown word"),
    ({"case": [{"confidence": 0.5, "when": {"kind": ["bad"]}}]}, "when.kind", "unknown value"),
    ({"case": [{"confidence": 0.5, "when": {"stuck": ["sesion"]}}]}, "when.stuck", 'did you mean "session"?'),
    ({"case": [{"confidence": 0.5, "when": {"family": ["cluade"]}}]}, "when.family", 'did you mean "claude"?'),
    ({"stuck_at": ["tokn"]}, "stuck_at", 'did you mean "token"?'),
    ({"case": [{"confidence": 0.5, "when": {"kind": "good"}}]}, "when.kind", "array"),
    ({"case": [{"confidence": 0.5, "when": {"status": ["6xx"]}}]}, "when.status", "no status"),
    ({"case": [{"confidence": 0.5, "when": {"status": 404}}]}, "when.status", "array"),
    ({"case": [{"confidence": 0.5, "when": {"hosted": "yes"}}]}, "when.hosted", "true or false"),
    ({"case": [{"confidence": 0.5, "when": {"fact": ["x"]}}]}, "when.fact", "table"),
    ({"case": [{"confidence": 0.5, "when": {"at_least": {"luck": 1}}}]}, "when.at_least", "counts"),
    ({"case": [{"confidence": 0.5, "when": {"is": ["strange"]}}]}, "when.is", "unknown value"),
    ({"case": [{"confidence": 0.5, "when": {"any": {}}}]}, "when.any", "array"),
]


@pytest.mark.parametrize(("changes", "key", "problem"), WRONG)
def test_an_error_names_the_entry_the_key_and_the_remedy(changes, key, problem):
    with pytest.raises(ConfigError) as raised:
        compile_rules({"mine": {**ENTRY, **changes}})
    assert raised.value.file == "diagnosis mine"
    assert key in raised.value.key
    assert problem in str(raised.value)
    assert raised.value.hint


def test_an_empty_when_always_holds():
    assert compile_when({}, "here", "when")(None)  # type: ignore[arg-type]
