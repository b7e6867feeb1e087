"""`attempts`, `show`, `report` without FILE and `sources` on a state file that a daemon left, and where there is none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connwatch.cli.main import cli
from connwatch.model.change import Closed
from connwatch.model.mark import Gap, Mark
from connwatch.store.journal import Journal
from connwatch.store.opening import open_state
from connwatch.store.turn import Turn
from support.attempts import T, a_probe, connected, the_silence
from support.live import free_port

MARKS = [
    Mark(T - 61, "coda-mcp", "started", "too early to matter"),
    Mark(T + 2, "coda-mcp", "died", "exit status 137"),
    Mark(T + 75, "coda-mcp", "started"),
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose daemon is gone, with the state that it left."""
    attempts = [the_silence(), connected(), a_probe()]

    async def write() -> None:
        journal = Journal(open_state(tmp_path / "state.db"))
        turn = Turn(T, changes=[Closed(T, one) for one in attempts], marks=list(MARKS), gaps=[("nginx.log", Gap("cursor", T + 10, T + 11.5))])
        await journal.commit(turn)
        await journal.close()

    asyncio.run(write())
    path = tmp_path / "connwatch.toml"
    path.write_text(
        f'[state]\npath = "{tmp_path}/state.db"\n[http]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[[sources]]\nname = "nginx-proxy"\nkind = "file"\npath = "{tmp_path}/access.log"\n'
    )
    return path


def run(config: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, [args[0], "--config", str(config), *args[1:]])


def ids(result: Result) -> list[str]:
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


def test_attempts_are_listed_the_latest_last_without_probes(config: Path) -> None:
    result = run(config, "attempts")
    assert (result.exit_code, ids(result)) == (0, ["7f3c21a9", "0b11e2d4"])
    assert "2 attempts at mcp.example.org, 2026-11-23 (UTC): 1 connected, 1 stalled; from" in result.stderr
    assert "connwatch show 7f3c21a9" in result.stderr
    assert ids(run(config, "attempts", "--all")) == ["7f3c21a9", "dead0001", "0b11e2d4"]
    assert ids(run(config, "attempts", "--outcome", "probe")) == ["dead0001"]


def test_attempts_by_client_time_and_number(config: Path) -> None:
    assert ids(run(config, "attempts", "--client", "cha*")) == ["0b11e2d4"]
    assert ids(run(config, "attempts", "--until", "2026-11-23T07:52Z")) == ["7f3c21a9"]
    one = run(config, "attempts", "--limit", "1")
    assert ids(one) == ["0b11e2d4"]
    assert "older ones are left out" in one.stderr
    assert "older ones" not in run(config, "attempts", "--limit", "2").stderr
    nothing = run(config, "attempts", "--client", "nobody")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "no attempt of that kind in" in nothing.stderr


def test_attempts_as_json_are_the_published_form(config: Path) -> None:
    result = run(config, "attempts", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["schema"], row["id"]) for row in rows] == [("connwatch.attempt/1", "7f3c21a9"), ("connwatch.attempt/1", "0b11e2d4")]
    assert result.stderr == ""


def test_one_attempt_is_drawn_with_what_happened_around_it(config: Path) -> None:
    result = run(config, "show", "7f")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "7f3c21a9  claude → mcp.example.org  stalled at session"
    mark, gap, late = (next(number for number, line in enumerate(lines) if words in line) for words in ("died", "are lost", "+75.000"))
    assert lines[mark].split(maxsplit=4) == ["+2.000", "◆", "coda-mcp", "-", "died: exit status 137"]
    assert lines[gap].split(maxsplit=4) == ["+10.000", "◆", "nginx.log", "-", "lines of 1.5 s are lost: cursor"]
    order = [next(number for number, line in enumerate(lines) if line.strip().startswith(start)) for start in ("+0.900", "+9.800", "+14.200")]
    assert order[0] < mark < order[1] < gap < order[2] < late
    assert "too early to matter" not in result.stdout
    assert "nginx.log:12" in result.stdout
    assert "not observable here: consent" in result.stdout
    assert "token-unused" in result.stdout


def test_show_takes_the_last_that_did_not_connect_and_tells_by_its_status(config: Path) -> None:
    assert run(config, "show", "--last").stdout.startswith("7f3c21a9")
    assert run(config, "show", "--any").stdout.startswith("0b11e2d4")
    assert run(config, "show", "0b11").exit_code == 0
    row = json.loads(run(config, "show", "7f3c21a9", "--json").stdout)
    assert (row["schema"], row["outcome"]) == ("connwatch.attempt/1", "stalled")
    assert [(mark["source"], mark["what"]) for mark in row["marks"]] == [("coda-mcp", "died"), ("nginx.log", "gap"), ("coda-mcp", "started")]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "name one attempt"),
        (("7f", "--last"), "ID and --last exclude each other"),
        (("--last", "--any"), "--last and --any exclude each other"),
        (("zz",), "no attempt 'zz' in"),
        (("",), "begins 3 ids"),
        (("\udcff",), "'\\udcff' is no text in UTF-8"),
        (("\udcff", "--listen", "127.0.0.1:1"), "'\\udcff' is no text in UTF-8"),
    ],
)
def test_show_says_what_is_wrong(config: Path, args: tuple[str, ...], words: str) -> None:
    result = run(config, "show", *args)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize("args", [("--limit", "99999999999999999999"), ("--client", "\udcff"), ("--server", "\udcff", "--listen", "127.0.0.1:1")])
def test_attempts_refuses_what_no_state_can_be_asked(config: Path, args: tuple[str, ...]) -> None:
    result = run(config, "attempts", *args)
    assert result.exit_code == 2
    assert "is not in the range" in result.stderr or "is no text in UTF-8" in result.stderr


def test_of_many_that_begin_so_it_is_not_said_that_they_are_ten(config: Path) -> None:
    async def write() -> None:
        journal = Journal(open_state(config.parent / "state.db"))
        await journal.commit(Turn(T, changes=[Closed(T, connected(f"ab{number:06x}")) for number in range(12)]))
        await journal.close()

    asyncio.run(write())
    for beginning in ("", "ab"):
        assert f"{beginning!r} begins 10 ids or more" in run(config, "show", beginning).stderr
    assert run(config, "show", "ab00000b").exit_code == 0


def test_a_glob_means_in_a_list_what_it_means_in_a_stream(config: Path) -> None:
    assert ids(run(config, "attempts", "--client", "[!c]*")) == []
    assert ids(run(config, "attempts", "--client", "CL[!x]ude")) == ["7f3c21a9"]
    assert ids(run(config, "attempts", "--client", "cl[^x]ude")) == []


def test_a_report_of_a_recorded_attempt_names_its_lines(config: Path) -> None:
    result = run(config, "report", "--attempt", "7f3c")
    assert result.exit_code == 1
    assert result.stdout.startswith("# Connection attempt 7f3c21a9\n")
    assert "The lines themselves are not kept. In the logs they are:\n\n- nginx.log: lines 12-18\n- server.log: lines 40-44\n" in result.stdout
    assert run(config, "report").stdout.startswith("# Connection attempt 7f3c21a9\n")
    assert run(config, "report", "--last").stdout == run(config, "report").stdout
    assert run(config, "report", "--any").stdout.startswith("# Connection attempt 0b11e2d4\n")
    assert run(config, "report", "--any", "--last").exit_code == 2


def test_an_id_in_the_place_of_a_file_is_told(config: Path) -> None:
    result = run(config, "report", "7f3c")
    assert result.exit_code == 2
    assert "a recorded attempt is named by --attempt 7f3c" in result.stderr
    assert run(config, "report", str(config), "--listen", "127.0.0.1:1").exit_code == 2


def test_without_a_daemon_sources_are_what_is_configured(config: Path) -> None:
    result = run(config, "sources")
    assert result.exit_code == 0
    assert result.stdout.startswith("nginx-proxy  file     unknown\n")
    assert "every line once, unless the file is truncated, deleted" in result.stdout
    assert "the state of the sources is unknown" in result.stderr
    row = json.loads(run(config, "sources", "--json").stdout)
    assert (row["name"], row["kind"], row["state"], row["lines"]) == ("nginx-proxy", "file", None, None)


@pytest.mark.parametrize("args", [("attempts",), ("show", "7f"), ("report",), ("sources",)])
def test_a_daemon_that_was_asked_for_and_does_not_answer_is_status_3(config: Path, args: tuple[str, ...]) -> None:
    port = free_port()
    result = run(config, *args, "--listen", f"127.0.0.1:{port}")
    assert result.exit_code == 3
    assert f"no daemon answers at 127.0.0.1:{port}" in result.stderr
    assert run(config, *args, "--listen", "nonsense").exit_code == 2


@pytest.mark.parametrize("args", [("attempts",), ("show", "--last"), ("report",)])
def test_without_state_and_daemon_it_is_said_what_to_do(config: Path, args: tuple[str, ...]) -> None:
    (config.parent / "state.db").unlink()
    result = run(config, *args)
    assert result.exit_code == 3
    assert "nothing was recorded there yet" in result.stderr
    assert "connwatch run --config FILE" in result.stderr


def test_a_damaged_row_is_no_traceback(config: Path) -> None:
    import sqlite3

    with sqlite3.connect(config.parent / "state.db") as connection:
        connection.execute("UPDATE attempts SET body = '{\"id\": 3}'")
    connection.close()
    result = run(config, "attempts")
    assert result.exit_code == 3
    assert "a row that cannot be read" in result.stderr
