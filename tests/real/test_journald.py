"""A real journal, written by systemd-journal-remote and read by journalctl: every message once, over restarts of the reader and of the machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from connwatch.sources.journald import JournaldSource
from support.followed import followed
from support.live import until
from support.realjournal import REMOTE, Journal

SETPRIV = shutil.which("setpriv")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(REMOTE is None or shutil.which("journalctl") is None, reason="no journal here (apt-get install systemd-journal-remote)"),
]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def source(journal: Journal, unit: str = "mcp.service", start: str = "beginning") -> JournaldSource:
    return JournaldSource("app", unit, start=start, directory=str(journal.folder))


def messages(lines: list[str]) -> list[str]:
    return [line.partition(" ")[2] for line in lines]


def test_messages_of_the_unit_come_once_over_restarts_and_boots(journal: Journal) -> None:
    cursors: dict[str, str] = {}
    journal.write("one", "two\nlines", "x" * 9000)
    journal.write("not ours", unit="other.service")

    async def story() -> None:
        async with followed(source(journal), cursors) as heard:
            await until(lambda: messages(heard.lines) == ["one", "two", "lines", "x" * 9000] and heard.state == "live")
            journal.write("three")
            await until(lambda: messages(heard.lines)[4:] == ["three"])
            read = [batch.seen_at is None for batch in heard.batches if batch.data]
            assert (read[0], read[-1]) == (True, False), "older lines have no reading time, live ones have"
        journal.write("four")
        journal.write("five", boot=2)
        async with followed(source(journal), cursors) as heard:
            await until(lambda: messages(heard.lines) == ["four", "five"])

    asyncio.run(story())


def test_large_messages_are_read_cut_and_what_is_too_large_is_counted(journal: Journal) -> None:
    journal.write("before", "x" * 2_100_000, "\x7f" * 300_000, "y" * 9_000_000, "after")
    one = source(journal)

    async def story() -> None:
        async with followed(one) as heard:
            await until(lambda: messages(heard.lines)[-1:] == ["after"], 30)
            told = messages(heard.lines)
            assert (told[0], told[2], told[3]) == ("before", "\x7f" * 300_000, "after")
            assert told[1] == "x" * len(told[1])
            assert 2**20 - len(told[1]) < 40
            assert one.status.gaps == {"unreadable": 1}

    asyncio.run(story())


def test_from_now_on_leaves_out_what_there_was(journal: Journal) -> None:
    journal.write("old")

    async def story() -> None:
        async with followed(source(journal, start="end")) as heard:
            await until(lambda: heard.state == "live")
            journal.write("new")
            await until(lambda: messages(heard.lines) == ["new"])

    asyncio.run(story())


def test_a_unit_that_the_journal_does_not_know_is_named_until_it_speaks(journal: Journal) -> None:
    journal.write("hello")

    async def story() -> None:
        one = source(journal, unit="mpc.service")
        async with followed(one) as heard:
            await until(lambda: heard.state == "live")
            assert one.status.note == "the journal has no message of mpc.service yet: is it spelt as `systemctl` lists it?"
            journal.write("at last", unit="mpc.service")
            await until(lambda: messages(heard.lines) == ["at last"])
            assert one.status.note == ""

    asyncio.run(story())


def test_a_journal_that_is_not_there_is_told_as_such(journal: Journal) -> None:
    async def story() -> None:
        one = JournaldSource("app", "mcp.service", directory=str(journal.folder / "nowhere"))
        async with followed(one):
            await until(lambda: bool(one.status.note))
            assert one.status.note.startswith("there is no journal to read (")

    asyncio.run(story())


@pytest.mark.skipif(os.geteuid() != 0 or SETPRIV is None, reason="to be somebody else needs root and setpriv")
@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_journal_that_this_user_may_not_read_is_told_and_read_once_it_may(monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    """The journalctl that is found is the real one, as nobody."""
    with tempfile.TemporaryDirectory() as name:
        folder, ours = Path(name) / "journal", Path(name) / "bin"
        for path in (Path(name), folder, ours):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
        (ours / "journalctl").write_text(f'#!/bin/sh\nexec {SETPRIV} --reuid=65534 --regid=65534 --clear-groups {shutil.which("journalctl")} "$@"\n')
        (ours / "journalctl").chmod(0o755)
        journal = Journal(folder)
        journal.write("secret")
        (folder / "system.journal").chmod(0o644)
        shut = folder / "system.journal" if closed == "file" else folder
        shut.chmod(0o600 if closed == "file" else 0o700)
        monkeypatch.setenv("PATH", f"{ours}:{os.environ['PATH']}")

        async def story() -> None:
            one = source(journal)
            async with followed(one) as heard:
                await until(lambda: bool(one.status.note))
                assert one.status.note == "the journal cannot be read: add the user connwatch runs as to the group systemd-journal"
                assert heard.lines == []
                shut.chmod(0o755)
                await until(lambda: messages(heard.lines) == ["secret"])
                await until(lambda: one.status.note == "")

        asyncio.run(story())
