"""`connwatch explain` and `connwatch check`, through the real parsers, rules and catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connwatch.cli.main import cli
from connwatch.settings.advice import FIELDS, RECOMMENDED, advise, variables_of
from connwatch.settings.loader import load_catalogue
from connwatch.settings.selfcheck import check_catalogue

STATE, CHALLENGE = "Yq3xT0pSecretStateValue", "fY2bSecretChallengeValueQ1w2e3r4t5y6u7i8o9p0"
AUTHORIZE = (
    '2026-11-23T07:51:06.510000000Z mcp.example.org 203.0.113.7 - - [23/Nov/2026:07:51:06 +0000] "GET /authorize?response_type=code&client_id=abc'
    f'&state={STATE}&code_challenge={CHALLENGE}&redirect_uri=https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback HTTP/1.1" 302 0 "-" "Mozilla/5.0"'
    ' "10.0.0.2:8080"'
)
PLAIN = 'mcp.example.org 203.0.113.7 - - [23/Nov/2026:07:51:06 +0000] "POST /mcp HTTP/1.1" 401 9 "-" "Claude-User" "10.0.0.2:80"'


def run(*args: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [*args], input=stdin)


class TestExplain:
    def test_a_line_its_format_fields_stage_and_redactions(self) -> None:
        result = run("explain", AUTHORIZE)
        assert result.exit_code == 0
        shown = result.stdout
        assert shown.startswith("line 1      nginx-proxy: request\n")
        assert "at              2026-11-23T07:51:06.510Z" in shown
        assert "stage       authorization\n" in shown
        assert "redacted    params.state, params.code_challenge" in shown
        assert "no JSON object" in shown
        assert STATE not in shown
        assert CHALLENGE not in shown

    def test_json_says_the_same(self) -> None:
        row = json.loads(run("explain", "--json", AUTHORIZE).stdout)
        assert (row["schema"], row["format"], row["stage"]) == ("connwatch.explain/1", "nginx-proxy", "authorization")
        assert row["fields"]["status"] == "302"
        assert "params.state" in row["redacted"]
        assert {other["format"] for other in row["others"]} >= {"combined", "coda-mcp"}

    def test_a_line_in_no_format_is_a_finding_with_reasons_and_without_its_secrets(self) -> None:
        result = run("explain", "what is this token=pat_0123456789abcdef0123456789abcdef and \x1b]0;this\x07")
        assert result.exit_code == 1
        assert result.stdout.startswith("line 1      in no known format\n")
        assert "pat_0123456789abcdef" not in result.stdout
        assert "\x1b" not in result.stdout

    def test_only_failures_of_a_stream(self) -> None:
        result = run("explain", "--failures", "-", stdin=f"{PLAIN}\nnonsense\n{PLAIN}\n")
        assert result.exit_code == 1
        assert [line for line in result.stdout.splitlines() if line.startswith("line ")] == ["line 2      in no known format"]

    def test_a_dump_of_several_lines_is_one_record(self) -> None:
        incoming = "[HTTP] POST /mcp auth=yes\n"
        dump = incoming + "[MCP] Incoming POST /mcp {\n  sessionId: '0f3d2c1b-aaaa-bbbb-cccc-0123456789ab',\n  hasBody: true,\n  hasAuth: true\n}\n"
        rows = [json.loads(line) for line in run("explain", "--json", "-", stdin=dump).stdout.splitlines()]
        assert (2, 6) in {(row["line"], row["end_line"]) for row in rows}

    def test_one_format_only(self) -> None:
        assert run("explain", "--format", "combined", PLAIN).exit_code == 1
        assert run("explain", "--format", "nginx-proxy", PLAIN).exit_code == 0
        wrong = run("explain", "--format", "nginx-prxy", PLAIN)
        assert wrong.exit_code == 2
        assert 'did you mean "nginx-proxy"' in wrong.stderr

    def test_a_format_of_ones_own(self) -> None:
        result = run("explain", "--log-format", "mine=$status|$host|$request", "401|mcp.example.org|POST /mcp HTTP/1.1")
        assert result.exit_code == 0
        assert result.stdout.startswith("line 1      mine: request\n")

    @pytest.mark.parametrize("stdin", [b"", b"\n", b"\x00\xff\xfe\n", b"x" * 300_000 + b"\n" + PLAIN.encode(), b"\xe2\x80\xa8\r\n"])
    def test_strange_input_is_explained_like_any_other(self, stdin: bytes) -> None:
        result = run("explain", "-", stdin=stdin)
        assert result.exit_code in (0, 1)
        assert "fault" not in result.stderr

    def test_a_huge_line_does_not_shift_the_numbers_of_those_behind_it(self) -> None:
        result = run("explain", "--json", "-", stdin=b"x" * 300_000 + b"\n" + PLAIN.encode() + b"\n")
        assert [json.loads(line)["line"] for line in result.stdout.splitlines()] == [1, 2]


class TestCheck:
    def test_the_shipped_catalogue_holds(self) -> None:
        result = run("check")
        assert result.stdout.splitlines()[0] == "configuration  none given; the defaults hold"
        assert result.exit_code == 0, result.stdout
        assert "all hold" in result.stdout

    def test_every_entry_by_name(self) -> None:
        listed = run("check", "--verbose").stdout
        assert "holds  client claude\n" in listed
        assert "holds  diagnosis token-unused\n" in listed

    def test_one_entry_with_its_examples(self) -> None:
        assert "examples: all hold" in run("check", "--show", "alert", "users-leave").stdout
        assert "examples" not in run("check", "--show", "limit", "session-hosted").stdout
        shown = run("check", "--show", "client", "claude").stdout
        assert "Claude-User" in shown
        assert "  1  holds  " in shown
        wrong = run("check", "--show", "client", "cluade")
        assert (wrong.exit_code, 'did you mean "claude"?' in wrong.stderr) == (2, True)
        assert run("check", "--show", "clients", "claude").exit_code == 2

    def test_a_failing_example_of_the_users_own_is_a_finding(self, tmp_path: Path) -> None:
        (tmp_path / "clients").mkdir()
        (tmp_path / "clients" / "mine.toml").write_text(
            '[[client]]\nid = "mine"\nfamily = "other"\ntitle = "Mine"\nhosted = false\nagents = ["mine/"]\n'
            '[[client.example]]\nmethod = "POST"\npath = "/mcp"\nagent = "yours/1.0"\nexpect = "other"\n'
        )
        config = tmp_path / "c.toml"
        config.write_text(f'[catalogue]\ndir = "{tmp_path}"\n')
        result = run("check", "--config", str(config))
        assert result.exit_code == 1
        assert "fails  client mine" in result.stdout
        assert "example 1:" in result.stdout

    def test_a_poor_proxy_log_gets_the_format_to_set(self, tmp_path: Path) -> None:
        log = tmp_path / "access.log"
        log.write_text(f"{PLAIN}\n" * 50 + "nonsense\n")
        result = run("check", str(log))
        assert result.exit_code == 0
        assert f"{log}  nginx-proxy  50 of 51 lines read" in result.stdout
        assert "not read nonsense" in result.stdout
        for variable in ("$msec", "$connection", "$request_time", "$http_mcp_session_id"):
            assert f"      {variable}" in result.stdout
        assert "      $host" not in result.stdout
        assert "LOG_FORMAT='$host $remote_addr" in result.stdout
        assert "LOG_FORMAT: '$$host $$remote_addr" in result.stdout

    def test_the_containers_stamps_are_as_good_as_msec(self, tmp_path: Path) -> None:
        log = tmp_path / "access.log"
        log.write_text(f"2026-11-23T07:51:06.510000000Z {PLAIN}\n" * 3)
        assert "$msec\n" not in run("check", str(log)).stdout

    def test_what_is_recommended_is_recognised_and_hides_nothing(self, tmp_path: Path) -> None:
        log = tmp_path / "rich.log"
        log.write_text(f'{PLAIN} 1795420266.510 0.002 "-" "-" "-" "-" "-" 17 "-" "9b736a9c6008a1bd234d5053a2ecc6eb"\n' * 5)
        result = run("check", str(log))
        assert "nginx-proxy-rich  5 of 5 lines read" in result.stdout
        assert "its format hides nothing that would help" in result.stdout

    def test_json_for_programs(self, tmp_path: Path) -> None:
        log = tmp_path / "access.log"
        log.write_text(f"{PLAIN}\n")
        row = json.loads(run("check", "--json", str(log), "/no/such.log").stdout)
        assert row["schema"] == "connwatch.check/1"
        assert row["catalogue"]["failed"] == []
        assert row["logs"][0]["format"] == "nginx-proxy"
        assert row["logs"][0]["log_format"].startswith("$host $remote_addr")
        assert row["logs"][1] == {"name": "/no/such.log", "error": "/no/such.log: no such file"}

    def test_a_log_that_cannot_be_read_is_a_finding(self) -> None:
        assert run("check", "/no/such.log").exit_code == 1

    def test_sources_of_the_configuration_are_looked_at(self, tmp_path: Path) -> None:
        (tmp_path / "a.log").write_text(f"{PLAIN}\n")
        config = tmp_path / "c.toml"
        config.write_text(
            f'[[sources]]\nname = "proxy"\nkind = "file"\npath = "{tmp_path}/a.log"\n[[sources]]\nname = "d"\nkind = "journald"\nunit = "x"\n'
        )
        result = run("check", "--config", str(config))
        assert "proxy  nginx-proxy  1 of 1 lines read" in result.stdout
        assert "fine, 2 sources" in result.stdout

    def test_a_wrong_configuration_is_status_2_with_everything_that_is_wrong(self, tmp_path: Path) -> None:
        config = tmp_path / "c.toml"
        config.write_text("[htp]\n[engine]\nmax_open = 'x'\n")
        result = run("check", "--config", str(config))
        assert result.exit_code == 2
        assert "htp: unknown key" in result.stderr
        assert "engine.max_open" in result.stderr

    def test_the_schema_is_json(self) -> None:
        assert json.loads(run("check", "--schema").stdout)["title"] == "connwatch.toml"


def test_every_field_of_the_advice_is_in_the_recommended_format() -> None:
    formats = load_catalogue().formats
    recommended = formats[RECOMMENDED]
    written = variables_of(recommended["log_format"] + recommended["optional_tail"])
    assert [field.variables for field in FIELDS if written.isdisjoint(field.variables)] == []
    assert advise("coda-mcp", formats) is None
    assert advise("no-such-format", formats) is None


def test_every_entry_of_the_catalogue_with_examples_is_run() -> None:
    checked = check_catalogue(load_catalogue(examples=True))
    assert {entry.entry.split()[0] for entry in checked} == {"client", "stage", "noise", "agent", "format", "diagnosis", "alert"}
    assert [entry.entry for entry in checked if not entry.examples] == []
