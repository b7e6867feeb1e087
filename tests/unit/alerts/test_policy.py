"""Who is told of what, as data: what is written wrongly is refused, and one's own entries come first."""

from __future__ import annotations

from typing import Any

import pytest

from connwatch.alerts.policy import check_example, compile_policy
from connwatch.model.errors import ConfigError
from connwatch.settings.loader import load_catalogue
from support.attempts import connected, the_silence

RIGHT: dict[str, Any] = {"id": "mine", "severity": "low", "reason": "because"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"severity": "loud"}, "severity: must be one of high, low, never"),
        ({"reason": None}, "reason: missing key"),
        ({"codes": "token-unused"}, "codes: must be an array of words"),
        ({"outcomes": ["connected"]}, "outcomes: must be an array of "),
        ({"recovered_by": ["failed"]}, "recovered_by: must be an array of "),
        ({"mutes": 1}, "mutes: must be bool, not int"),
        ({"repeat": 0}, "repeat: must be at least 1"),
        ({"repeat": True}, "repeat: must be int, not bool"),
        ({"sevrity": "low"}, "sevrity: unknown key"),
        ({"codes": ["tokn-unused"]}, "codes: 'tokn-unused' fits nothing that there is (did you mean \"token-unused\"?)"),
        ({"codes": ["token-*", "zzz"]}, "codes: 'zzz' fits nothing that there is (the words are in docs/diagnoses.md"),
        ({"clients": ["claud"]}, "clients: 'claud' fits nothing that there is (did you mean \"claude\"?)"),
    ],
)
def test_an_entry_that_is_written_wrongly_is_refused_with_its_name_and_key(change: dict[str, Any], said: str) -> None:
    entry = {key: value for key, value in {**RIGHT, **change}.items() if value is not None}
    with pytest.raises(ConfigError) as refused:
        compile_policy({"mine": entry}, {"token-unused": {}})
    assert str(refused.value).startswith(f"alert mine: {said}")


def test_an_entry_of_ones_own_is_tried_before_the_shipped_ones() -> None:
    catalogue = load_catalogue()
    shipped = compile_policy(catalogue.alerts, catalogue.diagnoses)
    assert (rule := shipped.of(the_silence())) is not None
    assert rule.id == "silence-after-success"
    mine = compile_policy({**catalogue.alerts, "mine": {**RIGHT, "codes": ["token-*"], "severity": "never"}}, catalogue.diagnoses)
    assert (rule := mine.of(the_silence())) is not None
    assert (rule.id, rule.severity) == ("mine", "never")
    assert mine.of(connected()) is None


def test_an_example_that_does_not_hold_says_what_decides_instead() -> None:
    policy = compile_policy({"mine": {**RIGHT, "codes": ["a"]}, "rest": {**RIGHT, "id": "rest", "order": 1}}, {"a": {}, "b": {}})
    assert check_example(policy, "mine", {"code": "a", "expect": "low"}) == ""
    assert check_example(policy, "mine", {"code": "a", "expect": "high"}) == "expected high, got low"
    assert check_example(policy, "mine", {"code": "b", "expect": "low"}) == "is decided by rest"
    assert check_example(policy, "mine", {"code": "a", "near_miss": True}) == "is taken, and must not be"
    assert check_example(policy, "mine", {"code": "b", "near_miss": True}) == ""
