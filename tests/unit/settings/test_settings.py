"""Configurations as operators write them, right and wrong, and what they are told."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from connwatch.model.errors import ConfigError
from connwatch.settings import models
from connwatch.settings.problems import SettingsError
from connwatch.settings.settings import load_settings, schema

STAGES = "resource_metadata, server_metadata, registration, authorization, consent, token"
NO_SUCH_ENTRY = "the list has 1 entries, and '7' is none of them (count from 0, and only over what the file holds)"
EXAMPLE = Path(__file__).parents[3] / "config" / "connwatch.toml"


def complaint(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """What is said about a file of this text, without the file's name."""
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, environ)
    return str(caught.value).replace(f"{path}: ", "").splitlines()


def test_nothing_need_be_configured() -> None:
    settings = load_settings()
    assert settings.http.listen == "127.0.0.1:9817"
    assert str(settings.state.path) == "var/connwatch.db"
    assert settings.sources == ()
    assert (settings.engine.max_open, settings.engine.lateness_seconds) == (10_000, 2.0)


def test_the_example_file_loads() -> None:
    settings = load_settings(EXAMPLE)
    assert [source.kind for source in settings.sources] == ["file", "file"]
    assert set(settings.formats) == {"rich", "gateway", "router"}
    assert (settings.formats["rich"].log_format or "").startswith("$host $remote_addr")


def test_the_sources_that_the_example_only_mentions_load_too() -> None:
    text = EXAMPLE.read_text()
    keys = "name|kind|container|project|service|label|host|path|command|unit|directory|ssh_config|start"
    text = text[: text.index("# ----", text.index("[[sources]]"))]  # up to the next part
    mentioned = "\n".join(line.removeprefix("# ") for line in text.splitlines() if re.match(rf"# (\[\[sources\]\]|({keys}) = )", line))
    kinds = {entry.kind for entry in models.Settings.model_validate(tomllib.loads(mentioned)).sources}
    assert kinds == {"stdin", "docker", "ssh", "journald"}


def test_the_maintenance_window_that_the_example_only_mentions_loads_too() -> None:
    text = EXAMPLE.read_text()
    start = text.index("# [[alerts.maintenance]]")
    block = text[start : text.index("\n\n", start)]
    loaded = models.Settings.model_validate(tomllib.loads("\n".join(line.removeprefix("# ") for line in block.splitlines())))
    assert [(one.name, one.days, str(one.start)) for one in loaded.alerts.maintenance] == [("backup", ("sun",), "02:00:00")]


def tables(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [entry for entry in vars(models).values() if isinstance(entry, type) and issubclass(entry, model) and entry is not model]


def test_the_example_names_every_setting_and_every_setting_is_described() -> None:
    text = EXAMPLE.read_text()
    for table in tables(BaseModel):
        for name, field in table.model_fields.items():
            written = field.alias or name
            assert re.search(rf"\b{re.escape(written)}\b", text), f"{table.__name__}.{written} is not in the example"
            if table is not models.Settings and name != "kind":
                assert field.description, f"{table.__name__}.{written} says nothing about itself"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[htp]\nlisten = "127.0.0.1:1"', ['htp: unknown key (did you mean "http"?)']),
        ('[http]\nlistn = "127.0.0.1:1"', ['http.listn: unknown key (did you mean "listen"?)']),
        ('[http]\nqqq = "x"', ["http.qqq: unknown key (known here: listen, token_file)"]),
        ('[http]\nlisten = "9817"', ["http.listen: '9817' is not HOST:PORT, for example 127.0.0.1:9817 or [::1]:9817"]),
        ('[http]\nlisten = "http://[::1]:98/"', ["http.listen: 'http://[::1]:98/' is not HOST:PORT, but a URL: leave out what is not [::1]:98"]),
        ("http = 3", ["http: must be a table (it is 3 now)"]),
        ("sources = 3", ["sources: must be a list (it is 3 now)"]),
        ('[[sources]]\nname = "a"\nkind = "dokcer"', ['sources.0.kind: unknown kind "dokcer" (did you mean "docker"?)']),
        ('[[sources]]\nname = "a"', ['sources.0.kind: is missing (say what kind of source it is, as in kind = "file")']),
        (
            '[[sources]]\nname = "a"\nkind = "docker"\ncontianer = "x"',
            ['sources.0.contianer: unknown key (did you mean "container"?)'],
        ),
        (
            '[[sources]]\nname = "a"\nkind = "docker"\nproject = "x"',
            ["sources.0: say in exactly one way which container is meant: `container`, or `project` with `service`, or `label`"],
        ),
        (
            '[[sources]]\nname = "a"\nkind = "docker"\ncontainer = "x"\nlabel = "y"',
            ["sources.0: say in exactly one way which container is meant: `container`, or `project` with `service`, or `label`"],
        ),
        (
            '[[sources]]\nname = "a"\nkind = "docker"\ncontainer = "x"\nhost = "far.example.org"',
            ["sources.0.host: 'far.example.org' is no address of an engine: unix:///var/run/docker.sock, tcp://host:port or ssh://user@host"],
        ),
        (
            '[[sources]]\nname = "a"\nkind = "ssh"\nhost = "h"',
            ["sources.0: a source of kind ssh follows one of container, path and command; none is given"],
        ),
        (
            '[[sources]]\nname = "a"\nkind = "ssh"\nhost = "h"\npath = "/x"\ncommand = "y"',
            ["sources.0: a source of kind ssh follows one of container, path and command; path and command are given"],
        ),
        (
            '[[sources]]\nname = "a"\nkind = "ssh"\nhost = "-oProxyCommand=x"\npath = "x"',
            [
                "sources.0.host: '-oProxyCommand=x' is no host: it begins with a dash or has a space; ports, keys, jumps belong into ~/.ssh/config",
                "sources.0.path: 'x' must begin with /: over there it is read from the home directory of the login otherwise",
            ],
        ),
        (
            '[[sources]]\nname = "a"\nkind = "file"\npath = "x"\n[[sources]]\nname = "a"\nkind = "file"\npath = "y"',
            ["sources: two sources are called 'a'; every source needs a name of its own"],
        ),
        (
            '[[sources]]\nname = "a"\nkind = "stdin"\n[[sources]]\nname = "b"\nkind = "stdin"',
            ["sources: only one source can read standard input"],
        ),
        ('[formats.mine]\nlog_fromat = "$host"', ['formats.mine.log_fromat: unknown key (did you mean "log_format"?)']),
        ("[formats.mine]", ['formats.mine: a format needs log_format, or kind = "json" or "logfmt" with fields']),
        ('[formats.mine]\nkind = "json"\nlog_format = "x"', ["formats.mine: a format of kind json has fields, and no log_format"]),
        ('[engine]\nmax_open = "many"', ["engine.max_open: must be a whole number (it is 'many' now)"]),
        ("[engine]\nmax_open = 0", ["engine.max_open: input should be greater than or equal to 1 (it is 0 now)"]),
        ('[engine]\nmcp_paths = ["mcp"]', ["engine.mcp_paths: 'mcp' is not a path: it must begin with /"]),
        (
            '[engine.endpoints]\n"/in" = "tokn"',
            [f"engine.endpoints: 'tokn' is no stage of an endpoint; one of {STAGES}"],
        ),
        ("[http\n", ["not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 6) (correct the syntax there)"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_key_with_what_to_do(tmp_path: Path, text: str, told: list[str]) -> None:
    assert complaint(tmp_path, text) == told


def test_all_mistakes_are_told_at_once_and_can_be_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[htp]\n[engine]\nmax_open = "x"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert sorted(problem.key for problem in caught.value.problems) == ["engine.max_open", "htp"]
    assert {problem.file for problem in caught.value.problems} == {str(path)}


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read \(No such file or directory\)"):
        load_settings(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        load_settings(tmp_path / "latin.toml")


class TestEnvironment:
    def test_it_wins_over_the_file_and_may_hold_lists(self, tmp_path: Path) -> None:
        path = tmp_path / "c.toml"
        path.write_text(
            '[http]\nlisten = "127.0.0.1:1"\n[[sources]]\nname = "a"\nkind = "file"\npath = "x"\n[formats.my-own]\nlog_format = "$host"\n'
        )
        settings = load_settings(
            path,
            {
                "CONNWATCH_HTTP__LISTEN": "0.0.0.0:2",
                "CONNWATCH_ENGINE__MCP_PATHS": '["/connect"]',
                "CONNWATCH_ENGINE__LATENESS_SECONDS": "3.5",
                "CONNWATCH_SOURCES__0__PATH": "/var/log/y.log",
                "CONNWATCH_FORMATS__MY_OWN__LOG_FORMAT": "$host $msec",
                "CONNWATCH_CONFIG": "ignored here",
                "CONNWATCH_DEBUG": "1",
                "HOME": "/root",
            },
        )
        assert settings.http.listen == "0.0.0.0:2"
        assert settings.engine.mcp_paths == ("/connect",)
        assert settings.engine.lateness_seconds == 3.5
        assert str(settings.sources[0].path) == "/var/log/y.log"  # type: ignore[union-attr]
        assert settings.formats["my-own"].log_format == "$host $msec"

    @pytest.mark.parametrize(
        ("variable", "value", "told"),
        [
            ("CONNWATCH_HTTP__LISTN", "x", 'environment: CONNWATCH_HTTP__LISTN: unknown key (did you mean "CONNWATCH_HTTP__LISTEN"?)'),
            ("CONNWATCH_LISTEN", "x", 'environment: CONNWATCH_LISTEN: unknown key (did you mean "CONNWATCH_HTTP__LISTEN"?)'),
            ("CONNWATCH_ENGINE__MAX_OPEN", "x", "environment: CONNWATCH_ENGINE__MAX_OPEN: must be a whole number (it is 'x' now)"),
            ("CONNWATCH_HTTP__", "x", "environment: CONNWATCH_HTTP__: is no setting (tables and keys are joined by two underscores)"),
            (
                "CONNWATCH_SOURCES__7__PATH", "x",
                f"environment: CONNWATCH_SOURCES__7__PATH: {NO_SUCH_ENTRY}",
            ),
            (
                "CONNWATCH_HTTP__LISTEN__X", "x",
                "environment: CONNWATCH_HTTP__LISTEN__X: http.listen is a value and has no keys (take off the last part)",
            ),
        ],
    )  # fmt: skip
    def test_its_mistakes_are_named_by_the_variable(self, tmp_path: Path, variable: str, value: str, told: str) -> None:
        text = '[http]\nlisten = "127.0.0.1:1"\n[[sources]]\nname = "a"\nkind = "file"\npath = "x"\n'
        assert complaint(tmp_path, text, {variable: value}) == [told]

    def test_deep_nonsense_is_text(self, tmp_path: Path) -> None:
        assert "CONNWATCH_HTTP__LISTEN" in complaint(tmp_path, "", {"CONNWATCH_HTTP__LISTEN": "[" * 100_000})[0]


def test_the_schema_is_json_and_knows_every_table() -> None:
    written: dict[str, Any] = json.loads(json.dumps(schema()))
    assert set(written["properties"]) == set(models.Settings.model_fields)
    assert written["additionalProperties"] is False
    assert "log_format" in written["$defs"]["FormatSettings"]["properties"]
