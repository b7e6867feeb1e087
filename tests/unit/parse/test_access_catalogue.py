"""The shipped access formats: every entry's own examples, positive and near miss."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.parse.formats import FORMATS, REDACTOR

from connwatch.model.line import Line
from connwatch.model.record import Unparsed
from connwatch.parse.registry import SKIMMED, make_parser

ACCESS = {name: table for name, table in FORMATS.items() if table.get("kind", "log_format") in SKIMMED}
EXAMPLES = [pytest.param(name, example, id=f"{name}-{number}") for name, table in ACCESS.items() for number, example in enumerate(table["example"])]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_example(name: str, example: dict[str, Any]) -> None:
    (record,) = make_parser(name, FORMATS, REDACTOR).parse(Line("s", 1, example["line"]))
    assert isinstance(record, Unparsed) is not example.get("matches", True)
    for field, value in example.get("expect", {}).items():
        assert getattr(record, field) == value


@pytest.mark.parametrize("name", ACCESS)
def test_every_format_has_a_positive_and_a_near_miss(name: str) -> None:
    assert {example.get("matches", True) for example in ACCESS[name]["example"]} == {True, False}
