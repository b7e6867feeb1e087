"""What each kind of source needs to stand the contract's tests: something to read from that can be written to, cut and restored.

To add a kind: a class with the members of `Adapter`, and one line in `ADAPTERS` (with `marks=pytest.mark.real` where it needs a component;
its `open` calls `pytest.skip` with the reason where that is missing).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from connwatch.sources.file import FileSource
from connwatch.sources.source import Source
from connwatch.sources.stdin import StdinSource


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
]


async def do(action: Callable[..., None], *arguments: str) -> None:
    """An adapter's action, on a thread: the source must go on meanwhile."""
    await asyncio.to_thread(action, *arguments)
