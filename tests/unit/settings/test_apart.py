"""Settings read by a process of its own are the same settings, and what is wrong with them is told in the same words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from connwatch.model.errors import ConfigError
from connwatch.settings.apart import Apart, Plain
from connwatch.settings.problems import SettingsError
from connwatch.settings.settings import load_settings

EXAMPLE = Path(__file__).resolve().parents[3] / "config" / "connwatch.toml"
RICH = """
[catalogue]
dir = "somewhere"
[[alerts.maintenance]]
name = "backup"
days = ["sun"]
start = "23:30"
end = "01:05"
timezone = "Europe/Madrid"
[formats.gate]
kind = "json"
fields = { method = "m", target = ["a", "b"], deep = { none = [] } }
[[sources]]
name = "a"
kind = "docker"
label = "connwatch.format"
[[sources]]
name = "b"
kind = "ssh"
host = "there"
path = "/var/log/x"
ssh_config = "config"
"""


def alike(model: Any, plain: Any) -> bool:
    if isinstance(model, BaseModel):
        return type(plain) is Plain and alike(dict(iter(model)), dict(iter(plain)))
    if isinstance(model, dict):
        return isinstance(plain, dict) and model.keys() == plain.keys() and all(alike(model[name], plain[name]) for name in model)
    if isinstance(model, list | tuple):
        return type(model) is type(plain) and len(model) == len(plain) and all(map(alike, model, plain))
    return type(model) is type(plain) and bool(model == plain)


@pytest.mark.parametrize("text", [None, EXAMPLE.read_text(encoding="utf-8"), RICH], ids=["defaults", "example", "rich"])
def test_they_are_the_same_values(tmp_path: Path, text: str | None) -> None:
    file = None
    if text is not None:
        file = tmp_path / "connwatch.toml"
        file.write_text(text, encoding="utf-8")
    environ = {"CONNWATCH_HTTP__LISTEN": "127.0.0.1:4", "CONNWATCH_METRICS__HOSTS": '["é.example.org"]'}
    assert alike(load_settings(file, environ), Apart(file, environ).settings())


@pytest.mark.parametrize(
    "text", ["[http", '[http]\nlisten = 7\n[engine]\nmax_opn = 3\nlateness_seconds = "x"\n', '[[sources]]\nkind = "flie"\n', None]
)
def test_what_is_wrong_is_told_in_the_same_words(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "connwatch.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as here:
        load_settings(file, {})
    with pytest.raises(ConfigError) as there:
        Apart(file, {}).settings()
    one, other = here.value, there.value
    assert (type(one), str(one), one.file, one.key, one.hint) == (type(other), str(other), other.file, other.key, other.hint)
    if isinstance(one, SettingsError) and isinstance(other, SettingsError):
        assert [str(problem) for problem in one.problems] == [str(problem) for problem in other.problems]


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/true", "/bin/echo"])
def test_where_no_process_answers_they_are_read_here(monkeypatch: pytest.MonkeyPatch, python: str) -> None:
    monkeypatch.setattr(sys, "executable", python)
    assert Apart(EXAMPLE, {}).settings() == load_settings(EXAMPLE, {})


def test_a_path_means_what_it_means_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text("[engine]\nmax_open = 17\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert Apart(Path("own.toml"), {}).settings().engine.max_open == 17


def test_who_waits_for_them_does_not_import_what_checks_them() -> None:
    asked = "import sys; from connwatch.settings.apart import Apart; Apart(None, {}).settings(); print('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "False\n"
