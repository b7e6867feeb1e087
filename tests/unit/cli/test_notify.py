"""`connwatch notify` where nothing is sent: the list, and what is refused."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from connwatch.cli.main import cli

SECRET = "hunter2Canary"
TWO = f"high,claude,name:phone=json://me:{SECRET}@example.org/\nmailto://me:{SECRET}@example.org\nheartbeat=https://hc.example.org/{SECRET}"


def run(*args: str, targets: str = TWO) -> Result:
    result = CliRunner().invoke(cli, ["notify", *args], env={"CONNWATCH_TARGETS": targets})
    assert SECRET not in result.output
    return result


def test_the_list_has_names_and_tags_and_no_urls() -> None:
    result = run("--list")
    assert result.exit_code == 0
    assert [line.split(None, 2) for line in result.stdout.splitlines()] == [
        ["TARGET", "SCHEMA", "WANTS"],
        ["phone", "json", "high, claude"],
        ["mailto-1", "mailto", "everything"],
    ]
    assert result.stderr == "a heartbeat is sent besides\n"
    rows = [json.loads(line) for line in run("--list", "--json").stdout.splitlines()]
    assert rows[0] == {"target": "phone", "schema": "json", "tags": ["high", "claude"]}


def test_what_is_refused() -> None:
    assert run().exit_code == 2
    assert run("--list", "--test").exit_code == 2
    nobody = run("--test", targets="")
    assert nobody.exit_code == 2
    assert "there is no target (name a file with alerts.targets_file" in nobody.stderr
    assert "no target is called 'phne'; did you mean \"phone\"?" in run("--test", "phne").stderr
    assert "CONNWATCH_TARGETS:1: tag 1 is no word" in run("--list", targets=f"huge={SECRET}://x").stderr


def test_a_settings_file_names_the_file_of_targets(tmp_path) -> None:
    targets, config = tmp_path / "targets", tmp_path / "connwatch.toml"
    targets.write_text("name:desk=json://example.org\n", encoding="utf-8")
    targets.chmod(0o640)
    config.write_text(f'[alerts]\ntargets_file = "{targets}"\n', encoding="utf-8")
    result = run("--list", "--config", str(config), targets="")
    assert "desk" in result.stdout
    assert f"chmod 600 {targets}" in result.stderr
