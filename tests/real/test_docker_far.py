"""A real engine on another machine: over TLS with certificates of our own making, through a real sshd, and by `docker logs` over there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connwatch.sources.containers import Choice
from connwatch.sources.docker import DockerSource
from connwatch.sources.source import Source
from connwatch.sources.ssh import SshSource, Wanted
from support.dockerd import Dockerd, dockerd, missing
from support.listening import Heard, listening
from support.live import free_port, until
from support.sshd import MISSING, Sshd, can_run, running

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(120),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here (apt-get install openssl)"),
]
with_sshd = pytest.mark.skipif(not can_run(), reason=MISSING)
DOCKER, SSH = shutil.which("docker"), shutil.which("ssh")
COUNT = "i=0; while [ $i -lt {count} ]; do i=$((i+1)); echo $i; usleep 15000; done; "


def signed(folder: Path, authority: str, name: str) -> None:
    """A key and a certificate for 127.0.0.1, signed by the authority beside it, which signs itself."""
    by = [] if name == authority else ["-CA", f"{folder}/{authority}.pem", "-CAkey", f"{folder}/{authority}-key.pem"]
    of = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    to = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/{name}-key.pem", "-out", f"{folder}/{name}.pem"]
    subprocess.run(["openssl", "req", "-x509", *by, *of, *to], check=True, capture_output=True)


class Secured:
    """An engine that also listens on TCP, and lets in who shows a certificate of its authority."""

    def __init__(self, engine: Dockerd, port: int, papers: Path) -> None:
        self.engine, self.host, self.papers = engine, f"tcp://127.0.0.1:{port}", papers

    def given(self, folder: Path, *, trusting: str = "ca", as_: str = "client") -> Path:
        """What DOCKER_CERT_PATH names: whom we trust, and who we say we are."""
        shutil.copy(self.papers / f"{trusting}.pem", folder / "ca.pem")
        shutil.copy(self.papers / f"{as_}.pem", folder / "cert.pem")
        shutil.copy(self.papers / f"{as_}-key.pem", folder / "key.pem")
        return folder


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    papers, port = tmp_path_factory.mktemp("papers"), free_port()
    for authority, name in (("ca", "ca"), ("ca", "engine"), ("ca", "client"), ("other", "other"), ("other", "stranger")):
        signed(papers, authority, name)
    proof = ("--tlscacert", f"{papers}/ca.pem", "--tlscert", f"{papers}/engine.pem", "--tlskey", f"{papers}/engine-key.pem")
    with dockerd(options=("-H", f"tcp://127.0.0.1:{port}", "--tlsverify", *proof)) as engine:
        yield Secured(engine, port, papers)


@pytest.fixture
def engine(secured: Secured) -> Iterator[Dockerd]:
    yield secured.engine
    for container in secured.engine.docker("ps", "-aq").split():
        secured.engine.docker("rm", "-f", container)


@pytest.fixture
def there(tmp_path: Path, engine: Dockerd) -> Iterator[Sshd]:
    """A machine whose docker command speaks to the engine."""
    with running(tmp_path) as sshd:
        sshd.program("docker", f'#!/bin/sh\nexec {DOCKER} -H {engine.host} "$@"\n')
        yield sshd


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(1, count + 1)]


def play(one: Source, heard: Heard, condition: Callable[[], bool]) -> None:
    async def story() -> None:
        async with listening(one, heard):
            await until(condition, 30)

    asyncio.run(story())


def test_an_engine_behind_tls_is_followed(secured: Secured, engine: Dockerd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(secured.given(tmp_path)))
    engine.run("app", COUNT.format(count=30) + "sleep 100")
    for host in (secured.host, None):
        if host is None:
            monkeypatch.setenv("DOCKER_HOST", secured.host)
        heard = Heard()
        play(DockerSource("s", Choice("app"), host=host, start="beginning"), heard, lambda heard=heard: heard.lines("s") == numbers(30))


TROUBLES = {
    "another authority": "DOCKER_CERT_PATH must hold the ca.pem of the authority that signed it",
    "a stranger": "it does not accept our certificate: DOCKER_CERT_PATH must hold a cert.pem and key.pem that its authority signed",
    "no certificate": "ca.pem, cert.pem or key.pem in DOCKER_CERT_PATH cannot be used: NO_CERTIFICATE_OR_CRL_FOUND",
    "no TLS": "Client sent an HTTP request to an HTTPS server",
    "no TLS over there": "it does not speak TLS: unset DOCKER_TLS_VERIFY",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_wrong_with_a_certificate_is_said(secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    trusting, as_ = "other" if trouble == "another authority" else "ca", "stranger" if trouble == "a stranger" else "client"
    secured.given(tmp_path, trusting=trusting, as_=as_)
    if trouble == "no certificate":
        (tmp_path / "ca.pem").write_text("nonsense\n")
    if trouble != "no TLS":
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    heard = Heard()
    (tmp_path / "elsewhere").mkdir()
    with running(tmp_path / "elsewhere") if trouble == "no TLS over there" else contextlib.nullcontext() as elsewhere:
        one = DockerSource("s", Choice("app"), host=f"tcp://127.0.0.1:{elsewhere.port}" if elsewhere else secured.host)
        play(one, heard, lambda: TROUBLES[trouble] in one.status.note and heard.states() != [])  # the note comes a moment before the state
    assert heard.states() == ["down"]


@with_sshd
def test_an_engine_behind_ssh_is_followed_though_its_sessions_are_killed(
    engine: Dockerd, there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "ssh").write_text(f'#!/bin/sh\nexec {SSH} -F {there.config} "$@"\n')
    (ours / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{ours}:/usr/bin:/bin")
    heard = Heard()
    one = DockerSource("s", Choice("app"), host="ssh://there", start="beginning", watch_seconds=1.0)
    engine.run("app", COUNT.format(count=200) + "sleep 100")

    async def story() -> None:
        async with listening(one, heard):
            await until(lambda: len(heard.lines("s")) > 20, 30)
            assert "docker" in there.names()
            there.signal(signal.SIGKILL)
            await until(lambda: one.status.reopened.total() >= 1, 30)
            await until(lambda: heard.lines("s") == numbers(200), 60)

    asyncio.run(story())
    assert heard.gaps() == []


@with_sshd
def test_docker_logs_over_there_are_followed_through_killed_sessions_and_a_restart(engine: Dockerd, there: Sshd) -> None:
    source = SshSource("s", "there", Wanted("container", "app"), ssh_config=str(there.config), start="beginning")
    heard = Heard()
    engine.run("app", COUNT.format(count=150) + "sleep 100")

    async def story() -> None:
        async with listening(source, heard):
            await until(lambda: len(heard.lines("s")) > 20, 30)
            there.signal(signal.SIGKILL)
            await until(lambda: source.status.reopened["failed"] == 1, 20)
            await until(lambda: heard.lines("s") == numbers(150), 30)
            await asyncio.to_thread(engine.docker, "restart", "-t", "0", "app")
            await until(lambda: len(heard.lines("s")) > 170, 30)
            there.signal(signal.SIGKILL)
            await asyncio.to_thread(engine.docker, "kill", "app")
            held = (await asyncio.to_thread(engine.docker, "logs", "app")).splitlines()
            await until(lambda: heard.lines("s") == held, 30)
            await asyncio.to_thread(engine.docker, "start", "app")
            await until(lambda: heard.lines("s")[len(held) :] == numbers(150), 30)

    asyncio.run(story())
    assert heard.gaps() == []
    assert source.status.reopened["failed"] == 2


def ask(engine: Dockerd, host: str) -> None:
    """A line of the proxy's, in its container's log."""
    at = f"{datetime.now(UTC):%d/%b/%Y:%H:%M:%S +0000}"
    line = f'{host} 203.0.113.7 - - [{at}] "POST /mcp HTTP/1.1" 401 74 "-" "Claude-User" "127.0.0.1:3000"'
    engine.docker("exec", "nginx-proxy", "sh", "-c", 'echo "$0" > /proc/1/fd/1', line)


@with_sshd
def test_tail_shows_what_containers_of_another_machine_say_after_its_sessions_were_killed_too(engine: Dockerd, there: Sshd) -> None:
    engine.run("nginx-proxy", "sleep 100")
    engine.run("coda-mcp", "sleep 100")
    command = [str(Path(sys.executable).parent / "connwatch"), "tail", "--ssh", "there", "--ssh-config", str(there.config), "--since", "1h", "--json"]
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        try:
            assert "following the containers nginx-proxy and coda-mcp on there" in shown.stderr.readline()
            ask(engine, "first.example.org")
            assert "first.example.org" in shown.stdout.readline()
            there.signal(signal.SIGKILL)
            ask(engine, "second.example.org")
            while "second.example.org" not in (told := shown.stdout.readline()):
                assert "first.example.org" in told
        finally:
            shown.terminate()
            shown.communicate(timeout=20)
