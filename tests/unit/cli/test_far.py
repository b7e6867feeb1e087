"""`connwatch tail --ssh`: what is followed when what is named, and what is said of wrong usage."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from connwatch.cli.attempts import attempts
from connwatch.cli.console import say
from connwatch.cli.far import Hearing, far_sources
from connwatch.cli.sources import sources
from connwatch.cli.tail import tail
from connwatch.sources.file import FileSource
from connwatch.sources.ssh import SshSource


def chosen(*files: str, containers: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    made = far_sources("box", containers, files, formats={"coda-mcp"}, format_="auto", since=None, ssh_config=None)
    return [(str(one.wanted), one.format) for one in made if isinstance(one, SshSource)]


def test_without_a_name_the_two_usual_containers_are_followed(capsys: pytest.CaptureFixture[str]) -> None:
    assert chosen() == [("container nginx-proxy", "auto"), ("container coda-mcp", "auto")]
    assert capsys.readouterr().err.splitlines() == [
        "connwatch: following the containers nginx-proxy and coda-mcp on box; to follow others: --container NAME, or a FILE there"
    ]


def test_named_containers_and_files_are_followed_instead(capsys: pytest.CaptureFixture[str]) -> None:
    followed = chosen("coda-mcp:/var/log/a.log", "/var/log/b:c.log", containers=("proxy", "proxy"))
    assert followed == [("container proxy", "auto"), ("/var/log/a.log", "coda-mcp"), ("/var/log/b:c.log", "auto")]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--container", "x"], "--container and --ssh-config belong to --ssh HOST"),
        (["--ssh", "box", "a.log"], "a.log: with --ssh a FILE is a path on box, from its root"),
        (["--ssh", "box", "-"], "-: with --ssh a FILE is a path on box, from its root"),
        (["--ssh", "-oProxyCommand=x"], "'-oProxyCommand=x' is no host"),
        (["--ssh", "box", "--no-follow"], "--ssh follows; for what there is already"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(tail, arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


@pytest.mark.parametrize("command", [tail, sources, attempts])
def test_a_url_where_an_address_belongs_is_wrong_usage(command: click.Command) -> None:
    done = CliRunner().invoke(command, ["--listen", "http://127.0.0.1:9817"])
    assert done.exit_code == 2
    assert "Invalid value for --listen: 'http://127.0.0.1:9817' is not HOST:PORT, but a URL: leave out what is not 127.0.0.1:9817" in done.output


def test_a_log_that_does_not_exist_is_told_after_a_moment_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [100.0]
    nope, other = FileSource("nope", "nope"), FileSource("other", "/logs/other.log")
    hearing = Hearing([nope, other], say, lambda: clock[0])
    nope.status.note, other.status.note = "nope does not exist", "no permission to read /logs/other.log"
    assert not hearing.look()
    clock[0] += 1.0
    assert not hearing.look()
    assert capsys.readouterr().err == "", "it may appear at once"
    for _ in range(3):
        clock[0] += 1.0
        assert not hearing.look()
    assert capsys.readouterr().err.splitlines() == [
        "connwatch: nope does not exist; waiting for it",
        "connwatch: other: no permission to read /logs/other.log; waiting for it",
    ]
    other.status.attached, other.status.note = True, "/logs/other.log was moved or deleted; still reading the open file"
    assert not hearing.look()
    assert capsys.readouterr().err == "connwatch: other: /logs/other.log was moved or deleted; still reading the open file\n"


def test_a_note_is_said_once_and_not_before_something_was_heard(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (source for source in far_sources("box", ("a", "b"), (), formats=(), format_="auto", since=None, ssh_config=None))
    hearing = Hearing([one, other], say)
    one.status.note, one.status.state = "there is no a", "ended"
    assert not hearing.look()
    assert capsys.readouterr().err == ""
    other.status.attached, other.status.state = True, "live"
    assert not hearing.look()
    assert not hearing.look()
    assert capsys.readouterr().err == "connwatch: a: there is no a\n"
    other.status.attached, other.status.state, other.status.note = False, "down", "no route"
    other.status.reopened["failed"] = 1
    assert hearing.look()
    assert hearing.broken() == "a: there is no a; b: no route"
