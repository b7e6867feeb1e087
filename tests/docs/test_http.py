"""docs/http.md against the application: every route is on the page, and the page names no other; its examples have the fields of real answers."""

import json
import re
import types
from pathlib import Path

import pytest
from starlette.routing import Route

from connwatch.daemon.roster import source_rows
from connwatch.model.mark import What
from connwatch.sources.file import FileSource
from connwatch.web import app

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


def routes() -> set[str]:
    guarded = app.create_app(app.View(None, None, None, None))
    return {route.path for route in guarded._app.routes if isinstance(route, Route)}


def test_every_route_is_on_the_page_and_no_other():
    table = {path for row in re.findall(r"^\| (.*?) \| .* \|$", TEXT.partition("\n## ")[0], re.MULTILINE) for path in re.findall(r"`(/[^`]*)`", row)}
    beside = set(re.findall(r"`(/(?:app|style|waterfall)\.\w+)`", TEXT))
    assert table | beside == routes()
    assert set(re.findall(r"^## (/\S+)", TEXT, re.MULTILINE)) <= routes()


def test_parameters_are_those_that_the_code_asks_for():
    code = "\n".join((Path(app.__file__).parent / name).read_text(encoding="utf-8") for name in ("app.py", "asking.py"))
    asked = set(re.findall(r'(?:query\.get(?:list)?|query_params\.get)\("(\w+)"', code)) | set(re.findall(r'moment_of\([\w.]+, "(\w+)"', code))
    section = TEXT.partition("## /api/attempts\n")[2].partition("\n```")[0]
    shown = {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert shown == asked


@pytest.mark.parametrize("word", What.__args__)
def test_every_mark_is_explained(word):
    assert f"`{word}`" in TEXT


def test_the_example_of_a_source_has_the_fields_of_a_real_one(tmp_path):
    (example,) = next(one["sources"] for one in EXAMPLES if "delivery" in one.get("sources", [{}])[0])
    source = FileSource("nginx-proxy", str(tmp_path / "log"))
    engine = types.SimpleNamespace(stats=lambda: types.SimpleNamespace(sources={}))
    recorder = types.SimpleNamespace(sources=[source], engine=engine, owner=str, ear=types.SimpleNamespace(deaf=[]))
    (row,) = source_rows(recorder)
    assert list(example) == list(row)
    assert example["delivery"] == row["delivery"]
