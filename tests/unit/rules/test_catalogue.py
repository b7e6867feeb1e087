"""Catalogue files as users write them, right and wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connwatch.model.errors import ConfigError
from connwatch.model.family import FAMILIES
from connwatch.rules.catalogue import compile_catalogue
from connwatch.rules.selfcheck import check_examples, uncovered
from connwatch.settings.loader import load_catalogue
from support.said import catalogue

CLIENT: dict[str, Any] = {"id": "x", "family": "other", "title": "X", "hosted": False}


def complaint(table: str, entry: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        compile_catalogue([("mine.toml", {table: [entry] if isinstance(entry, dict) else entry})])
    return str(caught.value)


def test_the_shipped_catalogue_does_what_its_examples_say() -> None:
    assert check_examples(catalogue()) == []


def test_every_entry_has_a_positive_example_and_a_near_miss() -> None:
    assert uncovered(catalogue()) == []


def test_every_family_has_a_client() -> None:
    assert {client.family for client in catalogue().clients.values()} == set(FAMILIES)


def test_every_limit_gives_its_reason() -> None:
    assert [limit.id for limit in catalogue().limits.values() if len(limit.reason) < 20 or limit.seconds <= 0] == []


def test_stage_rules_have_an_order_of_their_own() -> None:
    orders = [rule.order for rule in catalogue().stage_rules()]
    assert orders == sorted(set(orders))


def test_an_entry_replaces_one_with_the_same_id_as_a_whole() -> None:
    first = {**CLIENT, "agents": ["a/"], "names": ["A"]}
    compiled = compile_catalogue([("shipped.toml", {"client": [first]}), ("mine.toml", {"client": [{**CLIENT, "agents": ["b/"]}]})])
    assert (compiled.clients["x"].agents, compiled.clients["x"].names, compiled.clients["x"].file) == (("b/",), (), "mine.toml")


def test_formats_and_diagnoses_are_kept_as_they_are() -> None:
    compiled = compile_catalogue([("mine.toml", {"format": [{"id": "f", "any": 1}], "diagnosis": [{"code": "d", "any": 2}]})])
    assert (compiled.formats["f"]["any"], compiled.diagnoses["d"]["any"]) == (1, 2)


@pytest.mark.parametrize(
    ("table", "entry", "says"),
    [
        ("clinet", {}, 'mine.toml: clinet: unknown table [[clinet]] (did you mean "client"?)'),
        ("client", {**CLIENT, "agnets": []}, 'mine.toml: client[0].agnets: unknown key (did you mean "agents"?)'),
        ("method", {"id": "m", "stage": "list", "methods": ["x/y"], "example": []}, "mine.toml: method[0].example: unknown key"),
        ("client", {"id": "x"}, "mine.toml: client[0].family: missing key (add family)"),
        ("client", {**CLIENT, "hosted": "yes"}, "mine.toml: client[0].hosted: must be bool, not str (see the shipped catalogue for the shape)"),
        ("client", {**CLIENT, "agents": "a/"}, 'mine.toml: client[0].agents: must be an array of strings (write ["…"])'),
        ("client", {**CLIENT, "example": [1]}, "mine.toml: client[0].example: must be an array of tables (write [[….example]])"),
        ("client", {**CLIENT, "family": "claud"}, '(did you mean "claude"?)'),
        ("stage", {"id": "s", "stage": "token", "order": 1, "query_is": {"a": 1}}, 'must be a table of strings (write { name = "value" })'),
        ("stage", {"id": "s", "stage": "token", "order": True}, "must be int, not bool"),
        ("stage", {"id": "s", "stage": "tokken", "order": 1}, '(did you mean "token"?)'),
        ("limit", {"id": "l", "waiting_for": "token", "seconds": 1, "then": "stall", "reason": "r"}, '(did you mean "stalled"?)'),
        ("client", "all", "mine.toml: client: must be an array of tables (write [[client]])"),
        ("format", {"title": "no id"}, 'mine.toml: format[0].id: an entry needs an id (add id = "…")'),
        ("stage", {"id": "s", "stage": "token", "order": 1, "path": "("}, "not a regular expression"),
        ("client", {**CLIENT, "networks": ["300.0.0.0/8"]}, "not a network"),
    ],
)
def test_what_is_wrong_is_said_with_file_key_and_remedy(table: str, entry: Any, says: str) -> None:
    assert says in complaint(table, entry)


def test_a_failing_example_is_reported(tmp_path: Path) -> None:
    stage = {"id": "s", "stage": "token", "order": 2, "path": "^/t$", "methods": ["POST"]}
    examples = [{"request": "GET /t"}, {"request": "POST /t", "near_miss": True}, {"request": "POST /t"}]
    hidden = {"id": "h", "stage": "consent", "order": 3, "path": "^/t$", "example": [{"request": "POST /t"}]}
    silent = {"id": "q", "stage": "consent", "order": 4, "path": "^/q$", "needs": "preflight", "example": [{"request": "POST /q"}]}
    quiet = {"id": "n", "stage": "other", "order": 5, "path": "^/n$", "noise": "scanner", "example": [{"request": "GET /n", "agent": "x/1"}]}
    loud = {"id": "o", "stage": "other", "order": 1, "path": "^/n$"}
    client = {
        **CLIENT,
        "agents": ["x/"],
        "example": [{"agent": "y/1", "path": "/t", "expect": "other"}, {"agent": "x/1", "request": "POST /t", "near_miss": True}],
    }
    noise = {"id": "n", "noise": "scanner", "agents": ["z/"], "example": [{"agent": "y/"}, {"agent": "z/", "near_miss": True}]}
    agent = {"id": "a", "kind": "browser", "agents": ["w/"], "example": [{"agent": "y/"}, {"agent": "w/", "near_miss": True}]}
    compiled = compile_catalogue(
        [("m", {"stage": [{**stage, "example": examples}, hidden, silent, quiet, loud], "client": [client], "noise": [noise], "agent": [agent]})]
    )
    assert [f"{failure.entry} {failure.number}: {failure.problem}" for failure in check_examples(compiled)] == [
        "client x 1: names None, not other",
        "client x 2: was taken for other",
        "stage s 1: does not fit the rule",
        "stage s 2: was taken for token",
        "stage h 1: gives token, not consent",
        "stage q 1: gives no event",
        "stage n 1: gives noise '', not 'scanner'",
        "noise n 1: gives '', not 'scanner'",
        "noise n 2: was taken for scanner",
        "agent a 1: is library, not browser",
        "agent a 2: was taken for browser",
    ]


def test_other_floors_run_their_own_examples() -> None:
    compiled = compile_catalogue([("m", {"format": [{"id": "f", "example": [{"line": "x"}]}], "diagnosis": [{"code": "d"}]})])
    failures = check_examples(compiled, formats=lambda entry, example: f"{entry['id']} cannot read {example['line']}", diagnoses=lambda _, __: "")
    assert [(failure.entry, failure.problem) for failure in failures] == [("format f", "f cannot read x")]
    assert {(failure.entry, failure.problem) for failure in uncovered(compiled)} == {
        ("format f", "has no near miss"),
        ("diagnosis d", "has no positive example"),
        ("diagnosis d", "has no near miss"),
    }


def test_a_users_directory_adds_and_replaces(tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "mine.toml").write_text(
        '[[client]]\nid = "mine"\nfamily = "other"\ntitle = "Mine"\nhosted = false\n[[client.example]]\nagent = "a"\n'
    )
    (tmp_path / "clients" / "notes.txt").write_text("not read")
    loaded = load_catalogue(tmp_path, {"site": {"log_format": "$host"}})
    assert loaded.clients["mine"].title == "Mine"
    assert loaded.clients["mine"].example == ()
    assert loaded.formats["site"]["log_format"] == "$host"
    assert load_catalogue(tmp_path, examples=True).clients["mine"].example == ({"agent": "a"},)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        load_catalogue(tmp_path / "missing")
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "a.toml").write_text("[[client")
    with pytest.raises(ConfigError, match=r"a\.toml: not valid TOML"):
        load_catalogue(tmp_path)
    (tmp_path / "clients" / "a.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"a\.toml: cannot be read"):
        load_catalogue(tmp_path)


def test_cutting_examples_out_changes_nothing_else() -> None:
    with_examples, without = load_catalogue(examples=True), load_catalogue()
    for table in ("clients", "stages", "noise", "agents", "methods", "limits"):
        left, right = getattr(with_examples, table), getattr(without, table)
        assert list(left) == list(right)
        for name, entry in right.items():
            assert [getattr(entry, key) for key in entry.__slots__ if key != "example"] == [
                getattr(left[name], key) for key in entry.__slots__ if key != "example"
            ]
    for raws in ("formats", "diagnoses"):
        left, right = getattr(with_examples, raws), getattr(without, raws)
        assert {name: {k: v for k, v in raw.items() if k != "example"} for name, raw in left.items()} == dict(right)
