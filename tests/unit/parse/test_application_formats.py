"""Every example of the shipped application formats holds, and near misses are refused."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from connwatch.model.line import Line
from connwatch.model.record import Unparsed
from connwatch.parse.recognise import recognise
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import make_parser

KINDS = {"json", "logfmt", "coda-mcp", "uvicorn", "node"}


def _formats() -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for file in files("connwatch.catalogue").joinpath("formats").iterdir():
        if file.name.endswith(".toml"):
            tables |= {entry["id"]: entry for entry in tomllib.loads(file.read_text())["format"]}
    return tables


FORMATS = _formats()
OURS = {name: table for name, table in FORMATS.items() if table["kind"] in KINDS}
EXAMPLES = [pytest.param(name, example, id=f"{name}-{number}") for name, table in OURS.items() for number, example in enumerate(table["example"])]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_the_example_is_read_as_it_says(name: str, example: dict[str, Any]) -> None:
    parser = make_parser(name, FORMATS, Redactor(b"key"))
    records = [*parser.parse(Line("x", 1, example["line"])), *parser.flush()]
    if example.get("matches") is False:
        assert records
        assert all(isinstance(record, Unparsed) for record in records), records
        return
    assert not any(isinstance(record, Unparsed) for record in records), records
    for key, wanted in example["expect"].items():
        value = getattr(records[0], key)
        assert value == (pytest.approx(wanted, abs=0.01) if key in ("at", "duration") else wanted), (key, value)


@pytest.mark.parametrize("name", OURS)
def test_every_format_has_a_positive_and_a_near_miss(name: str) -> None:
    examples = OURS[name]["example"]
    assert any(example.get("expect") for example in examples)
    assert any(example.get("matches") is False for example in examples)


@pytest.mark.parametrize("name", OURS)
def test_the_format_is_recognised_by_its_own_request_lines(name: str) -> None:
    lines = [
        example["line"] for example in OURS[name]["example"] if "status" in example.get("expect", {}) or "authorization" in example.get("expect", {})
    ]
    assert recognise(lines, FORMATS, Redactor(b"key")) == name
