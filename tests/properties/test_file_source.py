"""A file is written, rotated, copied, truncated, deleted, saved over and compressed in any order, while its reader looks, pauses and restarts.

What must hold: what a model says must be read is read; nothing is read that was not written; no line comes twice to one reader, nor to the next
one if that has the latest cursor; lines of one generation come in their order. The model forgives only what no reader could save: text
truncated or deleted before anybody looked.

`CONNWATCH_FILE_SEQUENCES=5000` runs that many sequences.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest

from connwatch.sources import file, generation
from connwatch.sources.file import FileSource
from connwatch.sources.source import Batch

SEQUENCES = int(os.environ.get("CONNWATCH_FILE_SEQUENCES", "300"))
SHARES = 4
"""Tests that the sequences are dealt to, so that they may run side by side."""


@dataclass(eq=False)
class Kept:
    """One generation of the log: an inode, what was written to it, and which reader has it open."""

    inode: int
    lines: list[str] = field(default_factory=list)
    opened_by: int = -1
    deleted: bool = False
    settled: bool = False  # renamed, and the reader has been told that time went by: nobody waits for late lines


class Stepped:
    """An alarm that rings when the test says so, and says when everything has been read."""

    def __init__(self) -> None:
        self.idle, self.ring = asyncio.Event(), asyncio.Event()

    def watch(self, paths: Iterable[str]) -> None:
        """Nothing to do: the test knows when."""

    async def wait(self, seconds: float) -> None:
        self.idle.set()
        await self.ring.wait()
        self.ring.clear()

    async def close(self) -> None:
        self.idle.set()


class World:
    """The folder, its writer, its reader, and the model of what must come."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.path = folder / "app.log"
        self.pattern = chance.random() < 0.3
        self.stream = "app/app.log" if self.pattern else "app"
        self.number = self.session = 0
        self.clock = 1000.0
        self.kept: list[Kept] = []
        self.writer: tuple[BinaryIO, Kept] | None = None
        self.at_path: Kept | None = None
        self.half = ""
        self.unread: dict[str, Kept] = {}
        self.forgiven: set[str] = set()
        self.missing: set[str] = set()
        self.written: set[str] = set()
        self.pieces: set[str] = set()
        self.again: set[str] = set()  # written a second time by saving over: short texts may come again
        self.got: list[list[str]] = [[]]
        self.cursors: list[dict[str, str]] = [{}]
        self.alarm = Stepped()
        self.reading: asyncio.Task[None] | None = None
        self.forgotten = False  # nothing was at the path, and a pattern keeps no reader for what is not there
        self.story: list[str] = []

    # ---------------------------------------------------------------- the reader

    async def look(self) -> None:
        """The reader runs until nothing is left to read."""
        if self.pattern and not self.cursors[-1] and self.at_path is None:
            self.appear()  # what matches alone is a log of its own, whatever its name
        if '"inode"' not in self.cursors[-1].get(self.stream, ""):
            self.begin_anew()
        if self.reading is None:
            self.alarm = Stepped()
            where = str(self.folder / "app.lo*") if self.pattern else str(self.path)
            source = FileSource("app", where, start="beginning", alarm=lambda: self.alarm)
            self.reading = asyncio.create_task(self._read(source))
        self.alarm.idle.clear()
        self.alarm.ring.set()
        for _ in range(2):  # the first look may have begun before the ring
            waiting = asyncio.create_task(self.alarm.idle.wait())
            await asyncio.wait({waiting, self.reading}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if self.reading.done():
                self.reading.result()
            self.alarm.idle.clear()
            self.alarm.ring.set()
        self.forgotten = self.pattern and self.at_path is None
        if self.at_path is not None:
            self.at_path.opened_by = self.session
        for one in self.kept:
            if not one.deleted:
                one.opened_by = self.session

    async def _read(self, source: FileSource) -> None:
        async for batch in source.stream(self.cursors[-1]):
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        if batch.data:
            assert batch.stream == self.stream
            assert batch.data.endswith(b"\n")
        for line in batch.data.decode().splitlines():
            self.got[-1].append(line)
            self.unread.pop(line, None)
        if batch.cursor is not None:
            self.cursors.append({**self.cursors[-1], batch.stream: batch.cursor})

    async def stop(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.gather(self.reading, return_exceptions=True)
            self.reading = None
        self.session += 1
        self.got.append([])
        for one in self.kept:  # what is deleted was only to be had from the open descriptor
            if one.deleted:
                self.forgive(one)

    def begin_anew(self) -> None:
        """A reader that stands nowhere reads what is at the path, and cannot know what was there before."""
        for one in self.kept:
            if one is not self.at_path:
                self.forgive(one)
                one.settled = True

    def forgive(self, one: Kept) -> None:
        self.forgiven |= {line for line, where in self.unread.items() if where is one}

    # ---------------------------------------------------------------- the writer

    def put(self, text: str) -> None:
        if self.writer is None:
            if self.at_path is None:
                self.appear()
            assert self.at_path is not None
            self.writer = (self.path.open("ab", buffering=0), self.at_path)
        self.writer[0].write(text.encode())

    def wrote(self, line: str) -> None:
        assert self.writer is not None
        where = self.writer[1]
        where.lines.append(line)
        self.written.add(line)
        self.unread[line] = where
        if where.settled or (where.deleted and where.opened_by != self.session):
            self.forgiven.add(line)

    def end_half(self) -> None:
        if self.half:
            self.put("end\n")
            self.wrote(f"{self.half}end")
            self.half = ""

    def line(self) -> None:
        self.end_half()
        for _ in range(self.chance.choice((1, 1, 2, 9))):
            self.number += 1
            line = f"{self.number:05d} " + "x" * self.chance.choice((0, 3, 40, 200))
            self.put(f"{line}\n")
            self.wrote(line)

    def half_a_line(self) -> None:
        if not self.half:
            self.number += 1
            self.half = f"{self.number:05d} half "
            self.put(self.half)
            self.pieces.add(self.half)

    def reopen(self) -> None:
        """The writer lets go of its file; the next line goes to what is at the path by then."""
        if self.writer is not None:
            self.end_half()
            self.writer[0].close()
        self.writer = None

    # ---------------------------------------------------------------- what is done to the file

    def shift(self) -> str:
        """Where the file goes: app.log.1 after the others were numbered up, or a date."""
        if self.chance.random() < 0.3:
            self.number += 1
            return f"{self.path}-2026{self.number:04d}"
        for number in range(9, 0, -1):
            for ending in ("", ".gz"):
                old = Path(f"{self.path}.{number}{ending}")
                if old.exists():
                    old.rename(f"{self.path}.{number + 1}{ending}")
        return f"{self.path}.1"

    def appear(self) -> None:
        self.path.touch()
        self.at_path = Kept(self.path.stat().st_ino)
        self.kept.append(self.at_path)

    def rename(self) -> None:
        if self.at_path is None:
            return
        self.path.rename(self.shift())
        if self.forgotten:  # it came and went between two looks
            self.forgive(self.at_path)
            self.at_path.settled = True
        self.at_path = None
        if self.chance.random() < 0.6:
            self.appear()
        if self.chance.random() < 0.7:
            self.reopen()

    def copy_and_truncate(self) -> None:
        if self.at_path is None:
            return
        Path(self.shift()).write_bytes(self.path.read_bytes())
        if all(line in self.unread for line in self.at_path.lines):
            self.forgive(self.at_path)  # emptied before a first line of it was read: nobody can know that it was
        self.emptied()

    def truncate(self) -> None:
        if self.at_path is None:
            return
        self.forgive(self.at_path)
        self.emptied()

    def emptied(self) -> None:
        assert self.at_path is not None
        os.truncate(self.path, 0)
        fresh = Kept(self.at_path.inode)
        self.kept.append(fresh)
        if self.writer is not None and self.writer[1] is self.at_path:
            self.writer = (self.writer[0], fresh)
            self.half = ""
        self.at_path = fresh

    def lost_to_us(self, one: Kept) -> None:
        one.deleted = True
        if one.opened_by != self.session or self.reading is None:
            self.forgive(one)

    def delete(self) -> None:
        if self.at_path is None:
            return
        self.path.unlink()
        self.lost_to_us(self.at_path)
        self.at_path = None
        if self.chance.random() < 0.7:
            self.reopen()

    def save_over(self) -> None:
        """An editor, or a tool that copies logs from elsewhere: the same text and more, renamed over the file."""
        if self.at_path is None or self.half:
            return
        self.reopen()
        fresh = self.folder / "saving"
        fresh.write_bytes(self.path.read_bytes())
        self.again.update(fresh.read_text().splitlines())
        fresh.replace(self.path)
        self.at_path.inode, self.at_path.opened_by = self.path.stat().st_ino, -1

    def compress(self) -> None:
        old = Path(f"{self.path}.1")
        if old.exists():
            for one in self.kept:
                if one.inode == old.stat().st_ino and one is not self.at_path:
                    self.lost_to_us(one)
            lines = set(old.read_text().splitlines())
            if any(line in self.unread for line in lines):
                self.forgiven |= lines  # a copy that nobody has read yet
            Path(f"{self.path}.1.gz").write_bytes(gzip.compress(old.read_bytes()))
            os.utime(f"{self.path}.1.gz", ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))
            old.unlink()

    async def pause(self) -> None:
        """Longer than late lines are waited for."""
        await self.look()
        self.clock += 100
        await self.look()
        for one in self.kept:
            if one is not self.at_path:
                one.settled = True


ACTIONS: dict[str, int] = {
    "line": 40, "half_a_line": 8, "look": 20, "rename": 8, "copy_and_truncate": 5, "truncate": 3, "delete": 3,
    "save_over": 2, "compress": 3, "reopen": 6, "pause": 2, "stop": 6, "crash": 2,
}  # fmt: skip


async def play(world: World) -> None:
    for action in world.chance.choices(list(ACTIONS), list(ACTIONS.values()), k=world.chance.randint(3, 40)):
        world.story.append(action)
        if action == "crash":  # what was taken last was not stored
            await world.stop()
            world.cursors = world.cursors[: max(1, len(world.cursors) - world.chance.randint(1, 3))]
        else:
            done = getattr(world, action)()
            if done is not None:
                await done
    world.reopen()
    await world.pause()
    world.missing = set(world.unread) - world.forgiven
    await world.stop()


def judge(world: World, seed: int) -> None:
    told = f"sequence {seed}: {' '.join(world.story)}"
    everything = [line for session in world.got for line in session]
    assert not world.missing, f"{told}: never read: {sorted(world.missing)[:5]}"
    strange = {line for line in everything if line not in world.written and line not in world.pieces}
    assert not strange, f"{told}: never written: {sorted(strange)[:5]}"
    for session in world.got:
        twice = {line for line in session if session.count(line) > 1} - world.again
        assert not twice, f"{told}: twice to one reader: {sorted(twice)[:5]}"
    if "crash" not in world.story:
        twice = {line for line in everything if everything.count(line) > 1} - world.again
        assert not twice, f"{told}: again after a restart: {sorted(twice)[:5]}"
    place = {line: number for number, line in reversed(list(enumerate(everything)))}
    for one in world.kept:
        order = [place[line] for line in one.lines if line in place]
        assert order == sorted(order), f"{told}: out of order"


@pytest.mark.parametrize("share", range(SHARES))
def test_nothing_that_can_be_saved_is_lost_and_nothing_comes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int) -> None:
    monkeypatch.setattr(file, "GATHER_SECONDS", 0.0)
    for seed in range(share, SEQUENCES, SHARES):
        chance = random.Random(seed)
        monkeypatch.setattr(generation, "BLOCK", chance.choice((48, 300, 131072)))
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = World(folder, chance)
        monkeypatch.setattr(file, "time", SimpleNamespace(monotonic=lambda world=world: world.clock))
        asyncio.run(play(world))
        judge(world, seed)
