"""Logs on another machine, which is a real sshd on loopback: what is written there arrives once and in order, whatever happens to the link."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connwatch.sources.containers import Choice
from connwatch.sources.docker import DockerSource
from connwatch.sources.ssh import SshSource, Wanted
from support.followed import followed
from support.live import until
from support.sshd import MISSING, Sshd, can_run, key, running

pytestmark = [pytest.mark.real, pytest.mark.skipif(not can_run(), reason=MISSING)]

CONNWATCH = str(Path(sys.executable).parent / "connwatch")
DOCKER = f"""#!{sys.executable}
# Behaves as docker's command line does for `container inspect` and `logs -f -t --since`, over NAME.log, while NAME.running exists.
import os, sys, time
name, folder = sys.argv[-1], os.environ["CONNWATCH_TEST"]
log, running = f"{{folder}}/{{name}}.log", f"{{folder}}/{{name}}.running"
if not os.path.exists(log):
    sys.exit(f"Error response from daemon: No such container: {{name}}")
if sys.argv[1] == "container":
    print("true" if os.path.exists(running) else "false")
    sys.exit()
since = sys.argv[sys.argv.index("--since") + 1] if "--since" in sys.argv else ""
with open(log, "rb") as file:
    while True:
        alive = os.path.exists(running)
        for line in file:
            if line[:26].decode() >= since.rstrip("Z"):
                sys.stdout.buffer.write(line)
        sys.stdout.flush()
        if not alive:
            sys.exit()
        time.sleep(0.02)
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Sshd]:
    with running(tmp_path) as sshd:
        yield sshd


class Writer:
    """Numbers that are written to a log over there, one a line."""

    def __init__(self, path: Path, *, stamped: bool = False) -> None:
        self.path, self.count, self._stamped = path, 0, stamped
        path.touch()

    def write(self, many: int = 100) -> None:
        with self.path.open("a") as file:
            for _ in range(many):
                self.count += 1
                file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z {self.count}\n" if self._stamped else f"{self.count}\n")

    def numbers(self) -> list[str]:
        return [str(number) for number in range(1, self.count + 1)]


def a_file(there: Sshd, path: Path, **options: str) -> SshSource:
    return SshSource("far", "there", Wanted("path", str(path)), ssh_config=str(there.config), start="beginning", **options)


def a_container(there: Sshd, name: str = "proxy") -> SshSource:
    there.program("docker", DOCKER)
    return SshSource("far", "there", Wanted("container", name), ssh_config=str(there.config), start="beginning")


def told(lines: list[str]) -> list[str]:
    return [line.rpartition(" ")[2] for line in lines]


def test_a_file_is_followed_through_killed_sessions_and_rotation(there: Sshd, tmp_path: Path) -> None:
    log = Writer(tmp_path / "access.log")

    async def story() -> None:
        source = a_file(there, log.path)
        log.write()
        async with followed(source) as heard:
            for round_ in range(3):
                await until(lambda: heard.lines == log.numbers() and heard.state == "live")
                log.write()
                there.signal(signal.SIGKILL)
                log.write()
                log.path.rename(tmp_path / f"access.log.{3 - round_}")
                log.write()
            await until(lambda: heard.lines == log.numbers() and heard.state == "live")
            assert heard.states == ["catching_up", "live", *["down", "catching_up", "live"] * 3]
            assert (source.status.gaps, source.status.reopened["failed"]) == ({}, 3)
            assert heard.batches[1].seen_at is None
            log.path.rename(tmp_path / "access.log.9")  # and once more, with the link in order
            log.write()
            await until(lambda: heard.lines == log.numbers())
            assert source.status.reopened["rotated"] == 1

    asyncio.run(story())


def test_a_copied_and_truncated_file_is_read_to_its_end(there: Sshd, tmp_path: Path) -> None:
    log = Writer(tmp_path / "access.log")
    cursors: dict[str, str] = {}

    async def story() -> None:
        log.write()
        async with followed(a_file(there, log.path), cursors) as heard:
            await until(lambda: heard.lines == log.numbers())
        log.write()
        shutil.copy(log.path, tmp_path / "access.log.1")
        os.truncate(log.path, 0)
        log.write(10)
        async with followed(a_file(there, log.path), cursors) as heard:
            await until(lambda: heard.lines == log.numbers()[100:])
            assert heard.state in ("catching_up", "live")

    asyncio.run(story())


def test_what_was_rotated_away_for_good_is_counted(there: Sshd, tmp_path: Path) -> None:
    log = Writer(tmp_path / "access.log")
    cursors: dict[str, str] = {}

    async def story() -> None:
        log.write()
        async with followed(a_file(there, log.path), cursors) as heard:
            await until(lambda: heard.lines == log.numbers())
        log.path.unlink()
        log.path.write_text("new\n")
        source = a_file(there, log.path)
        async with followed(source, cursors) as heard:
            await until(lambda: heard.lines == ["new"])
            assert source.status.gaps == {"rotated-away": 1}
            assert [batch.gap.reason for batch in heard.batches if batch.gap] == ["rotated-away"]

    asyncio.run(story())


def test_at_the_end_means_after_the_last_whole_line(there: Sshd, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("old\n" * 40_000 + "half")

    async def story() -> None:
        source = SshSource("far", "there", Wanted("path", str(log)), ssh_config=str(there.config))
        async with followed(source) as heard:
            await until(lambda: heard.state == "live")
            with log.open("a") as file:
                file.write(" a line\nnew\n")
            await until(lambda: heard.lines == ["half a line", "new"])

    asyncio.run(story())


def test_a_file_that_does_not_exist_yet_is_waited_for(there: Sshd, tmp_path: Path) -> None:
    async def story() -> None:
        source = SshSource("far", "there", Wanted("path", str(tmp_path / "late.log")), ssh_config=str(there.config))
        async with followed(source) as heard:
            await until(lambda: heard.state == "down" and "does not exist there" in source.status.note)
            (tmp_path / "late.log").write_text("first\n")
            await until(lambda: heard.lines == ["first"] and heard.state == "live")
            assert source.status.note == ""

    asyncio.run(story())


BUSYBOX = shutil.which("busybox")


@pytest.mark.skipif(BUSYBOX is None, reason="no busybox here (apt-get install busybox-static)")
def test_busybox_over_there_is_enough(there: Sshd, tmp_path: Path) -> None:
    for name in ("sh", "cat", "date", "head", "ls", "md5sum", "sleep", "tail"):
        (there.bin / name).symlink_to(str(BUSYBOX))
    config = there.folder / "sshd_config"
    config.write_text(config.read_text().replace(":/usr/local/bin:/usr/bin:/bin", ""))
    there.stop()
    there.start()
    log = Writer(tmp_path / "access.log")
    cursors: dict[str, str] = {}
    heard_so_far: list[str] = []

    async def story() -> None:
        for generation in (2, 1, 0):
            log.write()
            async with followed(a_file(there, log.path), cursors) as heard:
                log.write()
                await until(lambda: heard_so_far + heard.lines == log.numbers())
                heard_so_far.extend(heard.lines)
            log.write()
            log.path.rename(tmp_path / f"access.log.{generation}")

    asyncio.run(story())


def test_a_container_is_followed_through_killed_sessions_and_restarts(there: Sshd, tmp_path: Path) -> None:
    log = Writer(tmp_path / "proxy.log", stamped=True)
    alive = tmp_path / "proxy.running"
    alive.touch()

    async def story() -> None:
        source = a_container(there)
        log.write()
        async with followed(source) as heard:
            await until(lambda: told(heard.lines) == log.numbers() and heard.state == "live")
            log.write()
            there.signal(signal.SIGKILL)
            log.write()
            await until(lambda: told(heard.lines) == log.numbers() and heard.state == "live")
            assert source.status.duplicates > 0
            before = heard.states
            alive.unlink()
            await until(lambda: "is stopped" in source.status.note)
            log.write()
            alive.touch()
            await until(lambda: told(heard.lines) == log.numbers() and heard.state == "live")
            assert "down" not in heard.states[len(before) :], "a restart is no failure"
            assert source.status.reopened == {"failed": 1, "restarted": 1}
            assert [mark.what for batch in heard.batches for mark in batch.marks] == ["stopped", "started"]
            assert source.status.note == ""

    asyncio.run(story())


def test_a_container_from_now_on_resumes_even_where_nothing_came_before_the_link_broke(there: Sshd, tmp_path: Path) -> None:
    log = Writer(tmp_path / "proxy.log", stamped=True)
    (tmp_path / "proxy.running").touch()
    (tmp_path / "proxy.log").write_text("2020-01-01T00:00:00.000000000Z old\n")
    there.program("docker", DOCKER)

    async def story() -> None:
        source = SshSource("far", "there", Wanted("container", "proxy"), ssh_config=str(there.config))
        async with followed(source) as heard:
            await until(lambda: heard.state == "live")
            there.signal(signal.SIGKILL)
            log.write(3)
            await until(lambda: told(heard.lines) == log.numbers())

    asyncio.run(story())


def test_a_command_without_stamps_says_that_lines_may_be_missing(there: Sshd, tmp_path: Path) -> None:
    log = Writer(tmp_path / "x.log")

    async def story() -> None:
        source = SshSource("far", "there", Wanted("command", f"tail -n 0 -F '{log.path}'"), ssh_config=str(there.config))
        async with followed(source) as heard:
            await until(lambda: heard.state == "live")
            log.write(3)
            await until(lambda: heard.lines == log.numbers())
            there.signal(signal.SIGKILL)
            await until(lambda: source.status.gaps == {"unresumed": 1} and heard.state == "live")

    asyncio.run(story())


def test_a_frozen_machine_is_noticed_within_ten_seconds_and_nothing_is_lost(there: Sshd, tmp_path: Path) -> None:
    log = Writer(tmp_path / "access.log")

    async def story() -> None:
        source = a_file(there, log.path)
        async with followed(source) as heard:
            await until(lambda: heard.state == "live")
            frozen = there.sessions()
            there.signal(signal.SIGSTOP, frozen)
            began = time.monotonic()
            log.write()
            await until(lambda: "went silent" in source.status.note, 20)
            assert time.monotonic() - began <= 10
            there.signal(signal.SIGKILL, frozen)
            await until(lambda: heard.lines == log.numbers() and heard.state == "live")

    asyncio.run(story())


TROUBLES = {
    "unknown host key": "is not known here: run `ssh there` once by hand",
    "changed host key": "shows another host key than it used to",
    "refused key": "refuses the login: no key that it accepts was offered",
    "no listener": "refuses connections: no ssh server listens",
    "no docker": "docker: not found",
    "no container": "there is no container other on there",
    "no ssh configuration": "the ssh configuration cannot be used",
}


REFUSED = ("unknown host key", "changed host key", "refused key")


def spoil(there: Sshd, folder: Path, trouble: str) -> None:
    """Make a login fail; what is no trouble of a login is left as it is."""
    if trouble == "unknown host key":
        there.known.write_text("")
    elif trouble == "changed host key":
        there.trust(Path(f"{key(folder / 'another')}.pub"))
    elif trouble == "refused key":
        there.configure(key(folder / "stranger"))
    elif trouble == "no listener":
        there.stop()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_wrong_is_said_in_words_to_act_on(there: Sshd, tmp_path: Path, trouble: str) -> None:
    wanted = Wanted("container", "other")
    spoil(there, tmp_path, trouble)
    if trouble == "no container":
        there.program("docker", DOCKER)
    elif trouble == "no docker":
        for name in ("sh", "cat", "date"):
            (there.bin / name).symlink_to(str(shutil.which(name)))
        config = there.folder / "sshd_config"
        config.write_text(config.read_text().replace(":/usr/local/bin:/usr/bin:/bin", ""))
        there.stop()
        there.start()
    elif trouble == "no ssh configuration":
        there.config.write_text("Nonsense yes\n")

    async def story() -> None:
        source = SshSource("far", "there", wanted, ssh_config=str(there.config))
        async with followed(source) as heard:
            await until(lambda: bool(source.status.note), 20)
            assert TROUBLES[trouble] in source.status.note
            assert not heard.lines
            assert source.status.note.endswith("(no further try for 5 minutes)") == (trouble in REFUSED)

    asyncio.run(story())


@pytest.mark.parametrize("trouble", ["unknown host key", "changed host key", "refused key", "no listener", "no docker"])
def test_what_keeps_an_engine_behind_ssh_from_us_is_said_likewise(there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    monkeypatch.setattr("connwatch.sources.dialling._refused", {})
    there.program("docker", "#!/bin/sh\necho 'sh: 1: docker: not found' >&2\nexit 127\n")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {there.config} "$@"\n')
    (tmp_path / "ours" / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/ours:/usr/bin:/bin")
    spoil(there, tmp_path, trouble)

    async def story() -> None:
        source = DockerSource("app", Choice("app"), host="ssh://there")
        async with followed(source) as heard:
            await until(lambda: source.status.reopened["failed"] >= 3, 20)
            assert TROUBLES[trouble] in source.status.note
            assert heard.states == ["down"]
            assert source.status.note.endswith("(no further try for 5 minutes)") == (trouble in REFUSED)

    asyncio.run(story())


def children() -> set[str]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found |= set((task / "children").read_text().split())
    return found


def test_cancelling_leaves_no_process_here_and_none_there(there: Sshd, tmp_path: Path) -> None:
    log = Writer(tmp_path / "access.log")
    (tmp_path / "proxy.log").touch()
    (tmp_path / "proxy.running").touch()
    before = children()

    async def story() -> None:
        async with followed(a_file(there, log.path)) as one, followed(a_container(there)) as other:
            await until(lambda: one.state == other.state == "live")
            assert len(children() - before) == 2
            began = time.monotonic()
        assert time.monotonic() - began < 2
        assert children() == before
        await until(lambda: not there.sessions())

    asyncio.run(story())


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("iptables") is None or shutil.which("ip") is None,
    reason="dropping packets needs root, iptables and iproute2",
)
def test_dropped_packets_are_noticed_within_ten_seconds_and_nothing_is_lost(tmp_path: Path) -> None:
    space, pair, network = f"connwatch-{os.getpid()}", f"cw{os.getpid() % 100_000}", f"198.18.{os.getpid() % 250}"

    def run(*command: str, check: bool = True) -> bool:
        return subprocess.run(command, check=check, capture_output=True).returncode == 0

    if not run("ip", "netns", "add", space, check=False):
        pytest.skip("no network namespace can be made here")
    try:
        run("ip", "link", "add", f"{pair}a", "type", "veth", "peer", "name", f"{pair}b", "netns", space)
        run("ip", "address", "add", f"{network}.1/30", "dev", f"{pair}a")
        run("ip", "link", "set", f"{pair}a", "up")
        run("ip", "-n", space, "address", "add", f"{network}.2/30", "dev", f"{pair}b")
        run("ip", "-n", space, "link", "set", f"{pair}b", "up")
        with running(tmp_path, inside=["ip", "netns", "exec", space], address=f"{network}.2") as there:
            log = Writer(tmp_path / "access.log")

            async def story() -> None:
                source = a_file(there, log.path)
                async with followed(source) as heard:
                    log.write()
                    await until(lambda: heard.lines == log.numbers() and heard.state == "live")
                    run("ip", "netns", "exec", space, "iptables", "-A", "INPUT", "-j", "DROP")
                    began = time.monotonic()
                    log.write()
                    await until(lambda: "went silent" in source.status.note, 20)
                    assert time.monotonic() - began <= 10
                    run("ip", "netns", "exec", space, "iptables", "-F", "INPUT")
                    await until(lambda: heard.lines == log.numbers() and heard.state == "live", 30)

            asyncio.run(story())
    finally:
        run("ip", "netns", "delete", space, check=False)
        run("ip", "link", "delete", f"{pair}a", check=False)


def tail(there: Sshd, *arguments: str) -> subprocess.Popen[str]:
    command = [CONNWATCH, "tail", "--ssh", "there", "--ssh-config", str(there.config), *arguments]
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_tail_shows_an_attempt_on_another_machine_and_says_what_is_missing_there(there: Sshd, tmp_path: Path) -> None:
    there.program("docker", DOCKER)
    (tmp_path / "nginx-proxy.running").touch()
    (tmp_path / "nginx-proxy.log").touch()
    with tail(there, "--json", "--client", "claude") as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        try:
            assert "following the containers nginx-proxy and coda-mcp on there" in shown.stderr.readline()
            assert "coda-mcp: there is no container coda-mcp on there" in shown.stderr.readline()
            now = datetime.now(UTC)
            line = f'mcp.example.org 203.0.113.7 - - [{now:%d/%b/%Y:%H:%M:%S} +0000] "POST /mcp HTTP/1.1" 401 74 "-" "Claude-User" "127.0.0.1:3000"'
            with (tmp_path / "nginx-proxy.log").open("a") as log:
                log.write(f"{now:%Y-%m-%dT%H:%M:%S.%f}000Z nginx.1     | {line}\n")
            assert '"mcp.example.org"' in shown.stdout.readline()
        finally:
            shown.terminate()
            shown.communicate(timeout=20)


def test_tail_that_reaches_nothing_ends_with_status_three(there: Sshd) -> None:
    there.stop()
    with tail(there) as shown:
        _, said = shown.communicate(timeout=60)
    assert shown.returncode == 3
    assert said.splitlines()[-1] == "connwatch: nginx-proxy, coda-mcp: there refuses connections: no ssh server listens at that address and port"
