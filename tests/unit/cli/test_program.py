"""The program around the commands: help at once, statuses that scripts can trust, errors a person can act on, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connwatch.cli import main as program
from connwatch.cli.program import Program
from connwatch.model.errors import ConfigError, SourceError

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("CONNWATCH_")}


def run(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connwatch", *args], capture_output=True, text=True, timeout=60, env={**CLEAN, **environ}, check=False
    )


def a_program(error: BaseException) -> Program:
    """A program whose only command ends in `error`."""

    class Failing(Program):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            def fail() -> None:
                raise error

            return click.Command(cmd_name, callback=fail)

    return Failing("failing", table={"fail": ("nowhere:nothing", "Fails.")}, params=[click.Option(["--debug"], is_flag=True, expose_value=False)])


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ConfigError("unknown key", file="c.toml", key="http.listn", hint="listen?"), 2, "connwatch: c.toml: http.listn: unknown key (listen?)\n"),
        (SourceError("x.log: no such file", transient=False), 2, "connwatch: x.log: no such file\n"),
        (SourceError("host: connection refused", transient=True), 3, "connwatch: host: connection refused\n"),
        (KeyboardInterrupt(), 130, "\n"),  # the line that the ^C stands on
    ],
)  # fmt: skip
def test_an_error_becomes_one_message_and_a_status(error: BaseException, status: int, told: str) -> None:
    result = CliRunner().invoke(a_program(error), ["fail"])
    assert (result.exit_code, result.stderr) == (status, told)
    assert result.stdout == ""


def test_a_fault_of_ours_is_two_lines_and_how_to_report_it() -> None:
    result = CliRunner().invoke(a_program(ZeroDivisionError("division by \x1b[31mzero")), ["fail"], env={"CONNWATCH_DEBUG": ""})
    assert result.exit_code == 70
    assert "Traceback" not in result.stderr
    assert "a fault in connwatch, not in your logs: ZeroDivisionError: division by \\x1b[31mzero" in result.stderr
    assert "connwatch --debug" in result.stderr


@pytest.mark.parametrize(("args", "environ"), [(["--debug", "fail"], {}), (["fail"], {"CONNWATCH_DEBUG": "1"})])
def test_the_traceback_is_there_for_who_asks(args: list[str], environ: dict[str, str]) -> None:
    result = CliRunner().invoke(a_program(ZeroDivisionError("x")), args, env=environ)
    assert result.exit_code == 70
    assert "Traceback" in result.stderr


def test_a_misspelt_command_gets_a_suggestion() -> None:
    result = CliRunner().invoke(program.cli, ["repaly"])
    assert result.exit_code == 2
    assert "No such command: repaly. Did you mean replay?" in result.stderr


@pytest.mark.parametrize("name", sorted(program._COMMANDS))
def test_every_command_exists_is_named_alike_and_shows_examples(name: str) -> None:
    module, _, _ = program._COMMANDS[name][0].partition(":")
    pytest.importorskip(module)
    result = CliRunner().invoke(program.cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.stdout
    command = program.cli.get_command(click.Context(program.cli), name)
    assert command is not None
    assert command.get_short_help_str(200) == program._COMMANDS[name][1]


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys\nfrom connwatch.cli.main import main\ntry:\n main()\nexcept SystemExit:\n pass\n"
        "heavy = {'pydantic', 'rich', 'starlette', 'docker', 'connwatch.engine', 'connwatch.cli.replay', 'tomllib'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True, env=CLEAN)
    assert done.stderr == "[]\n"


def test_a_replay_without_configuration_does_not_import_pydantic_or_rich(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text("nothing\n")
    code = (
        "import sys\nfrom connwatch.cli.main import main\ntry:\n main()\nexcept SystemExit:\n pass\n"
        "print(sorted({'pydantic', 'rich', 'starlette', 'asyncio'} & set(sys.modules)), file=sys.stderr)"
    )
    argv = [sys.executable, "-c", code, "replay", "--json", str(tmp_path / "access.log")]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=CLEAN)
    assert done.stderr.splitlines()[-1] == "[]"


def least(cache: Path, *argv: str) -> float:
    """The least processor time of five runs, in seconds: what else the machine does counts little. Byte code is kept, as where installed."""
    environ = {name: value for name, value in CLEAN.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPYCACHEPREFIX": str(cache)}
    times = []
    for _ in range(5):
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ)
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        times.append(used.ru_utime + used.ru_stime)
    return min(times)


def test_help_and_a_small_replay_answer_at_once(tmp_path: Path) -> None:
    """150 ms and 400 ms; on a slow machine the ratio to a bare interpreter counts instead."""
    log = tmp_path / "access.log"
    log.write_text('mcp.example.org 203.0.113.7 - - [23/Nov/2026:07:51:06 +0000] "POST /mcp HTTP/1.1" 401 9 "-" "Claude-User" "10.0.0.2:80"\n' * 20)
    bare = least(tmp_path, sys.executable, "-c", "pass")
    assert least(tmp_path, sys.executable, "-m", "connwatch", "--help") < max(10 * bare, 0.15)
    assert least(tmp_path, sys.executable, "-m", "connwatch", "replay", "--json", str(log)) < max(28 * bare, 0.4)


def test_the_version_is_the_packages() -> None:
    from connwatch import __version__

    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"connwatch {__version__}\n")


def test_a_reader_that_goes_away_ends_the_program_quietly(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("nothing\n" * 5000)
    with (
        log.open() as lines,
        subprocess.Popen(
            [sys.executable, "-m", "connwatch", "explain", "-"], stdin=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(60) == 141
    assert told == b""


def test_completion_offers_the_commands() -> None:
    done = run(_CONNWATCH_COMPLETE="bash_complete", COMP_WORDS="connwatch re", COMP_CWORD="1")
    offered = run_installed(_CONNWATCH_COMPLETE="bash_complete", COMP_WORDS="connwatch re", COMP_CWORD="1")
    assert "plain,replay" in offered
    assert "plain,report" in offered
    assert done.returncode in (0, 2)


def run_installed(**environ: str) -> str:
    """Through a program of the installed name, as a shell calls it."""
    code = "import sys; sys.argv[0] = 'connwatch'; from connwatch.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env={**CLEAN, **environ}, check=False).stdout
