"""What each kind of source needs to stand the contract's tests: something to read from that can be written to, cut and restored.

To add a kind: a class with the members of `Adapter`, and one line in `ADAPTERS` (with `marks=pytest.mark.real` where it needs a component;
its `open` calls `pytest.skip` with the reason where that is missing).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from connwatch.sources.containers import Choice
from connwatch.sources.docker import DockerSource
from connwatch.sources.file import FileSource
from connwatch.sources.journald import JournaldSource
from connwatch.sources.source import Source
from connwatch.sources.ssh import SshSource, Wanted
from connwatch.sources.stdin import StdinSource
from support.dockerd import Dockerd, dockerd, missing
from support.realjournal import REMOTE, Journal
from support.sshd import MISSING, Sshd, can_run, running


class Adapter:
    """One origin of lines, and the sources that read it. Methods may block for a moment: they are called on a thread."""

    no_resume: ClassVar[str] = ""
    """Why this kind cannot go on after a cursor; "" for those that can."""
    no_restore: ClassVar[str] = ""
    """Why what was cut cannot come back; "" where it can."""
    seconds: ClassVar[float] = 10.0
    """How long anything may take here."""
    stream: str
    """The name of the stream that the lines come in."""

    def source(self) -> Source:
        """A new source, as a daemon that starts makes it. It reads from the beginning where it has no cursor."""
        raise AssertionError

    def bare(self, line: str) -> str:
        """The line without what the transport puts before it."""
        return line

    def write(self, *lines: str) -> None:
        """The program behind the source says these lines."""
        raise AssertionError

    def cut(self) -> None:
        """Take away what is read, so that the source falls down, fails or ends."""
        raise AssertionError

    def restore(self) -> None:
        """Bring back what was cut; lines written before and after must come."""
        raise AssertionError


class OneFile(Adapter):
    """A path. It is cut by a link that leads to itself, which no one can open."""

    stream = "one"

    def __init__(self, folder: Path) -> None:
        self.path, self.aside = folder / "a.log", folder / "aside"
        self.path.touch()

    def source(self) -> Source:
        return FileSource("one", str(self.path), start="beginning", poll_seconds=0.05)

    def write(self, *lines: str) -> None:
        with self.path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def cut(self) -> None:
        self.path.rename(self.aside)
        self.path.symlink_to(self.path)

    def restore(self) -> None:
        self.path.unlink()
        self.aside.rename(self.path)


class ManyFiles(OneFile):
    """A pattern, cut likewise."""

    stream = "many/a.log"

    def source(self) -> Source:
        return FileSource("many", str(self.path.with_name("*.log")), start="beginning", poll_seconds=0.05)


class Pipe(Adapter):
    """Standard input. Its end is the end."""

    no_resume = "a pipe has no way back"
    no_restore = "a pipe that was closed stays closed"
    stream = "-"

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def source(self) -> Source:
        return StdinSource(fd=self.reader, quiet_seconds=0.02)

    def write(self, *lines: str) -> None:
        os.write(self.writer, "".join(f"{line}\n" for line in lines).encode())

    def cut(self) -> None:
        os.close(self.writer)

    def close(self) -> None:
        for fd in (self.reader, self.writer):
            with contextlib.suppress(OSError):
                os.close(fd)


class FarFile(OneFile):
    """A file on another machine, cut by the end of its sshd and of every session."""

    seconds = 20.0
    stream = "far"

    def __init__(self, folder: Path, sshd: Sshd) -> None:
        self.path, self.sshd = folder / "far.log", sshd
        self.path.touch()

    def source(self) -> Source:
        return SshSource("far", "there", Wanted("path", str(self.path)), start="beginning", ssh_config=str(self.sshd.config))

    def cut(self) -> None:
        self.sshd.stop()

    def restore(self) -> None:
        self.sshd.start()


class Unit(Adapter):
    """A unit's messages in a real journal, cut by the end of the journalctl that reads them."""

    seconds = 20.0
    stream = "unit"

    def __init__(self, folder: Path) -> None:
        self.folder, self.journal = folder, Journal(folder)
        self.journal.write("of another unit", unit="other.service")

    def source(self) -> Source:
        return JournaldSource("unit", "mcp.service", start="beginning", directory=str(self.folder))

    def bare(self, line: str) -> str:
        return line.partition(" ")[2]

    def write(self, *lines: str) -> None:
        self.journal.write(*lines)

    def cut(self) -> None:
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = command.read_bytes().split(b"\0")
                if words[0].endswith(b"journalctl") and any(str(self.folder).encode() in word for word in words):
                    os.kill(int(command.parent.name), signal.SIGKILL)

    def restore(self) -> None:
        pass  # who reads is started again


class Container(Adapter):
    """A container on a real engine that says what comes through a pipe, cut by the end of the engine."""

    seconds = 40.0
    stream = "app"

    def __init__(self, folder: Path, engine: Dockerd) -> None:
        self.engine, self.pipe = engine, folder / "pipe"
        os.mkfifo(self.pipe)
        engine.run("app", "while :; do cat /in/pipe; done", "--restart", "always", "-v", f"{folder}:/in")

    def source(self) -> Source:
        return DockerSource("app", Choice("app"), host=self.engine.host, start="beginning")

    def bare(self, line: str) -> str:
        return line.partition(" ")[2]

    def write(self, *lines: str) -> None:
        with self.pipe.open("w") as pipe:
            pipe.writelines(f"{line}\n" for line in lines)

    def cut(self) -> None:
        self.engine.kill()

    def restore(self) -> None:
        self.engine.start()


@contextmanager
def far_file(folder: Path) -> Iterator[Adapter]:
    if not can_run():
        pytest.skip(MISSING)
    with running(folder) as sshd:
        yield FarFile(folder, sshd)


@contextmanager
def unit(folder: Path) -> Iterator[Adapter]:
    if REMOTE is None or shutil.which("journalctl") is None:
        pytest.skip("no journal here (apt-get install systemd-journal-remote)")
    yield Unit(folder)


@contextmanager
def container(folder: Path) -> Iterator[Adapter]:
    if (why := missing()) is not None:
        pytest.skip(why)
    with dockerd() as engine:
        yield Container(folder, engine)


@contextmanager
def one_file(folder: Path) -> Iterator[Adapter]:
    yield OneFile(folder)


@contextmanager
def many_files(folder: Path) -> Iterator[Adapter]:
    yield ManyFiles(folder)


@contextmanager
def pipe(_: Path) -> Iterator[Adapter]:
    made = Pipe()
    try:
        yield made
    finally:
        made.close()


Maker = Callable[[Path], AbstractContextManager[Adapter]]

ADAPTERS: list[object] = [
    pytest.param(one_file, id="file"),
    pytest.param(many_files, id="pattern"),
    pytest.param(pipe, id="stdin"),
    pytest.param(far_file, id="ssh", marks=pytest.mark.real),
    pytest.param(unit, id="journald", marks=pytest.mark.real),
    pytest.param(container, id="docker", marks=[pytest.mark.real, pytest.mark.timeout(240)]),
]


async def do(action: Callable[..., None], *arguments: str) -> None:
    """An adapter's action, on a thread: the source must go on meanwhile."""
    await asyncio.to_thread(action, *arguments)
