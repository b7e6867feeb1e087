"""What an expert would say of attempts as they fail and succeed in the field, against what the engine says of their lines.

The cases are our own; what is expected was written down before they were run. Those that are `open` are known to come out otherwise, and
why: when one of them comes out right, its word goes.
"""

from __future__ import annotations

import pytest

from support.field import Case, cases, lines_of, made_of, wrong

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_an_attempt_is_told_as_an_expert_would(case: Case) -> None:
    found = wrong(case, made_of(lines_of(case)))
    if "open" in case["expect"]:
        assert found, "this comes out right now: take its `open` away"
    else:
        assert found == [], case["what_happened"]


def test_every_case_says_something_that_can_be_wrong() -> None:
    for case in CASES:
        expect = case["expect"]
        assert expect["ok"] is not None or expect["client"] or expect.get("attempts") is not None, case["id"]
    assert len({case["id"] for case in CASES}) == len(CASES)
