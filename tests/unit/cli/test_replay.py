"""`connwatch replay` and `report`, with an engine that was told its attempts: what is printed where, and the exit statuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connwatch.cli.main import cli
from connwatch.cli.setup import Setup
from connwatch.model.record import Unparsed
from support.attempts import ToldEngine, a_probe, connected, the_silence
from support.crowd import crowd

ATTEMPTS = [the_silence(), connected(), a_probe()]


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "access.log"
    path.write_text("one\ntwo\n")
    return str(path)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ToldEngine:
    told = ToldEngine(list(ATTEMPTS), [Unparsed("access.log", 2, "two", "no")])
    monkeypatch.setattr(Setup, "engine", lambda _: told)
    return told


def replay(*args: str, **more: Any) -> Result:
    return CliRunner().invoke(cli, ["replay", *args], **more)


def test_a_table_on_standard_output_and_remarks_on_standard_error(log: str, engine: ToldEngine) -> None:
    result = replay(log)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].split()[0] == "ID"
    assert [line.split()[0] for line in lines[1:]] == ["7f3c21a9", "0b11e2d4"]
    assert "2 attempts at mcp.example.org" in result.stderr
    assert "1 probe not shown" in result.stderr
    assert "access.log:2: two" in result.stderr
    assert engine.fed == {log: b"one\ntwo\n"}
    assert engine.formats == {log: "auto"}


def test_json_is_one_attempt_a_line_probes_too_and_nothing_else(log: str, engine: ToldEngine) -> None:
    result = replay("--json", log)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["7f3c21a9", "0b11e2d4", "dead0001"]
    assert {row["schema"] for row in rows} == {"connwatch.attempt/1"}
    assert result.stderr == ""
    assert result.exit_code == 1


def test_stats_is_one_object_and_goes_with_no_choice(log: str, engine: ToldEngine) -> None:
    result = replay("--stats", log)
    assert json.loads(result.stdout) == {"lines": 2, "unparsed": 1}
    assert result.exit_code == 1
    assert replay("--stats", "--client", "claude", log).exit_code == 2
    assert replay("--stats", "--json", log).exit_code == 2


def test_the_status_tells_whether_all_that_was_shown_connected(log: str, engine: ToldEngine) -> None:
    assert replay(log).exit_code == 1
    assert replay(log, "--client", "chatgpt").exit_code == 0
    assert replay(log, "--outcome", "probe").exit_code == 0
    assert replay(log, "--client", "nobody").exit_code == 0


@pytest.mark.parametrize("ident", ["7f3c21a9", "7f"])
def test_one_attempt_by_its_id_or_the_beginning_of_it(log: str, engine: ToldEngine, ident: str) -> None:
    result = replay(log, "--attempt", ident)
    assert result.stdout.startswith("7f3c21a9  claude → mcp.example.org  stalled at session\n")
    assert result.exit_code == 1


def test_an_id_that_names_none_or_several_is_explained(log: str, engine: ToldEngine) -> None:
    assert "no attempt 'ffff'" in replay(log, "--attempt", "ffff").stderr
    engine.attempts = [the_silence("7f01"), the_silence("7f02"), the_silence("7f")]
    several = replay(log, "--attempt", "7f0")
    assert several.exit_code == 2
    assert "'7f0' begins 2 ids: 7f01, 7f02; give more of it" in several.stderr
    assert replay(log, "--attempt", "7f").stdout.startswith("7f  claude")


def test_json_of_one_attempt_goes_through_the_same_choice(log: str, engine: ToldEngine) -> None:
    absent = replay(log, "--attempt", "ffff", "--json")
    assert (absent.exit_code, absent.stdout) == (2, "")
    assert "no attempt 'ffff'" in absent.stderr
    engine.attempts = [the_silence("7f01"), the_silence("7f02"), connected("7f")]
    several = replay(log, "--attempt", "7f0", "--json")
    assert (several.exit_code, several.stdout) == (2, "")
    assert "begins 2 ids" in several.stderr
    one = replay(log, "--attempt", "7f", "--json")
    assert [json.loads(line)["id"] for line in one.stdout.splitlines()] == ["7f"]
    assert one.exit_code == 0, "the others are not shown"


def test_probes_are_listed_when_asked_for(log: str, engine: ToldEngine) -> None:
    assert "dead0001" in replay(log, "--outcome", "probe").stdout
    assert "not shown" not in replay(log, "--outcome", "probe").stderr


def test_an_empty_log_is_no_finding(tmp_path: Path, engine: ToldEngine) -> None:
    (tmp_path / "empty.log").touch()
    engine.attempts = []
    engine.unparsed = []
    result = replay(str(tmp_path / "empty.log"))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith("empty.log: is empty\n\nno connector attempt in 0 lines\n")


def test_standard_input_and_formats_reach_the_engine(log: str, engine: ToldEngine) -> None:
    replay("combined:-", "--log-format", "mine=$host $status", f"mine:{log}", input="three\n")
    assert engine.formats == {"-": "combined", log: "mine"}
    assert engine.fed["-"] == b"three\n"


@pytest.mark.parametrize("args", [["/no/such.log"], [], ["--since", "someday", "x"], ["--outcome", "good", "x"], ["--log-format", "x", "y"]])
def test_wrong_usage_is_status_2_and_nothing_on_standard_output(args: list[str], engine: ToldEngine) -> None:
    result = replay(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_a_configuration_gives_formats_and_bounds(tmp_path: Path, log: str, engine: ToldEngine) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[formats.own]\nlog_format = '$host $status'\n")
    assert replay(f"own:{log}", "--config", str(config)).exit_code == 1
    assert engine.formats == {log: "own"}
    engine.formats.clear()
    assert replay(f"own:{log}", env={"CONNWATCH_CONFIG": str(config)}).exit_code == 1
    config.write_text("[formats.own]\nlog_fromat = '$host $status'\n")
    wrong = replay(f"own:{log}", "--config", str(config))
    assert wrong.exit_code == 2
    assert f'{config}: formats.own.log_fromat: unknown key (did you mean "log_format"?)' in wrong.stderr


def test_a_variable_alone_is_a_configuration_too(log: str, engine: ToldEngine) -> None:
    wrong = replay(log, env={"CONNWATCH_ENGINE__MAX_OPN": "5"})
    assert wrong.exit_code == 2
    assert "CONNWATCH_ENGINE__MAX_OPEN" in wrong.stderr


class TestReport:
    """The command's choice of the attempt; what the document says is the diagnosis floor's."""

    @pytest.fixture(autouse=True)
    def _document(self) -> None:
        pytest.importorskip("connwatch.diagnose.report")

    def report(self, *args: str) -> Result:
        return CliRunner().invoke(cli, ["report", *args])

    def test_without_a_choice_it_is_the_last_that_did_not_connect(self, log: str, engine: ToldEngine) -> None:
        result = self.report(log)
        assert result.exit_code == 1
        assert "7f3c21a9" in result.stdout

    def test_last_means_what_it_means_to_show_and_any_takes_all_but_probes(self, log: str, engine: ToldEngine) -> None:
        assert self.report(log, "--last").stdout == self.report(log).stdout
        result = self.report(log, "--any")
        assert result.exit_code == 0
        assert "0b11e2d4" in result.stdout
        engine.attempts = [one for one in engine.attempts if one.id == "0b11e2d4"]
        assert "0b11e2d4" in self.report(log).stdout
        assert self.report(log, "--last").exit_code == 2

    def test_by_id_and_with_mistakes(self, log: str, engine: ToldEngine) -> None:
        assert "7f3c21a9" in self.report(log, "--attempt", "7f").stdout
        assert self.report(log, "--attempt", "zz").exit_code == 2
        assert self.report(log, "--attempt", "7f", "--last").exit_code == 2
        engine.attempts = [a_probe()]
        nothing = self.report(log)
        assert nothing.exit_code == 2
        assert "no connector attempt of that kind in these logs" in nothing.stderr


def test_pieces_of_attempts_that_cannot_be_told_apart_are_counted_once(tmp_path: Path) -> None:
    log = tmp_path / "crowd.log"
    log.write_bytes(crowd(100, 6, unused=1)[0])
    shown = replay(str(log))
    assert "6 attempts in 14 pieces, because some cannot be told apart, at mcp.example.org" in shown.stderr
    assert "5 connected, 1 stalled" in shown.stderr
    assert json.loads(replay("--stats", str(log)).stdout)["attempts"]["outcome"] == {"connected": 5, "stalled": 1}
