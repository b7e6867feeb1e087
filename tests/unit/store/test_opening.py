"""Each state that a state file can be found in, and what becomes of it. Nothing of the user's is ever deleted."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from connwatch.model.errors import ConfigError, SourceError
from connwatch.store import opening
from connwatch.store.opening import APPLICATION, DamageError, in_memory, latest_version, open_state, unreadable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "connwatch.db"


def facts(path: Path) -> tuple[int, int, str]:
    with closing(sqlite3.connect(path)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        return application, version, mode


def filled(path: Path) -> None:
    """A state with so many attempts that they take hundreds of pages."""
    opened = open_state(path)
    rows = [(f"{number:06}", 1.0, 2.0, "claude", "mcp.example.org", "stalled", 0, "x" * 2000) for number in range(500)]
    opened.connection.executemany("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    opened.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    opened.close()


def test_a_new_state_is_its_owners_alone(path: Path) -> None:
    opened = open_state(path)
    opened.close()
    assert opened.note == ""
    assert facts(path) == (APPLICATION, latest_version(), "wal")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_whatever_lies_beside_the_state_is_its_owners_alone_too_however_generous_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        opened = open_state(path)
        opened.connection.execute("INSERT INTO meta VALUES ('word', 'x')")
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
        opened.close()
        path.write_bytes(b"SQLite format 3\x00" + b"no such thing" * 1000)
        open_state(path).close()
        aside = {oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys((f"connwatch.db{ending}" for ending in ("", "-wal", "-shm", ".lock")), "0o600")
    assert aside == {"0o600"}


def test_an_older_version_is_brought_up_to_date_and_keeps_what_it_holds(path: Path) -> None:
    path.parent.mkdir()
    first = (resources.files("connwatch.store") / "schema" / "0001_journal.sql").read_text()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"{first} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1;")
        old.execute("INSERT INTO meta VALUES ('life', 'before')")
        old.commit()
    opened = open_state(path)
    assert opened.connection.execute("SELECT value FROM meta WHERE name = 'life'").fetchone() == ("before",)
    assert opened.connection.execute("SELECT count(*) FROM marks").fetchone() == (0,)
    opened.close()
    assert facts(path)[1] == latest_version()


def test_a_newer_version_is_refused_and_not_touched(path: Path) -> None:
    open_state(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {latest_version() + 1}")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="newer connwatch"):
        open_state(path)
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_not_touched(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another program"):
        open_state(path)
    assert path.read_bytes() == before


def spoil_the_middle(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[8192 : len(raw) - 4096] = os.urandom(len(raw) - 12288)
    path.write_bytes(raw)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_the_beginning(path: Path) -> None:
    path.write_bytes(b"this was a state once" + path.read_bytes()[21:])


@pytest.mark.parametrize("spoil", [spoil_the_middle, cut_short, spoil_the_beginning])
def test_a_damaged_state_is_set_aside_and_a_new_one_begun(path: Path, spoil) -> None:
    filled(path)
    spoil(path)
    damaged = path.read_bytes()
    opened = open_state(path, now=1_795_500_000.0)
    try:
        assert "set aside as connwatch.db.damaged-20261124T060000Z" in opened.note
        assert (path.parent / "connwatch.db.damaged-20261124T060000Z").read_bytes()[100:] == damaged[100:]  # the header counts openings
        assert opened.connection.execute("SELECT count(*) FROM attempts").fetchone() == (0,)
    finally:
        opened.close()


def test_damage_that_only_a_reader_finds_sets_the_file_aside_too(path: Path) -> None:
    filled(path)
    opened = open_state(path, now=1_795_500_000.0, damage="the state holds a row that cannot be read: no watermark is 'noon'")
    try:
        assert "is damaged (the state holds a row that cannot be read: no watermark is 'noon')" in opened.note
        assert opened.connection.execute("SELECT count(*) FROM attempts").fetchone() == (0,)
    finally:
        opened.close()
    with closing(sqlite3.connect(path.parent / "connwatch.db.damaged-20261124T060000Z")) as aside:
        assert aside.execute("SELECT count(*) FROM attempts").fetchone() == (500,)


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        (sqlite3.SQLITE_CORRUPT_INDEX, True),
        (sqlite3.SQLITE_NOTADB, True),
        (sqlite3.SQLITE_IOERR_READ, False),
        (sqlite3.SQLITE_CANTOPEN, False),
        (sqlite3.SQLITE_PERM, False),
        (sqlite3.SQLITE_BUSY, False),
    ],
)
def test_a_disk_or_a_permission_that_fails_is_no_damage(code: int, damage: bool) -> None:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    assert isinstance(unreadable(error), DamageError) is damage


def test_a_state_that_another_program_holds_is_refused_and_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.05)
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SourceError, match=r"connwatch\.db is held by another program \(database is locked\)"):
            open_state(path)
    assert list(path.parent.glob("*.damaged-*")) == []
    open_state(path).close()


def test_two_damaged_states_of_one_second_are_both_kept(path: Path) -> None:
    for _ in range(2):
        filled(path)
        spoil_the_beginning(path)
        open_state(path, now=1_795_500_000.0).close()
    assert len(list(path.parent.glob("connwatch.db.damaged-*Z*"))) == 2


def test_a_second_daemon_is_told_who_has_the_state(path: Path) -> None:
    opened = open_state(path)
    try:
        script = "import sys; from pathlib import Path; from connwatch.store.opening import open_state; open_state(Path(sys.argv[1]))"
        second = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=30, check=False)
        assert f"is in use by another connwatch (process {os.getpid()})" in second.stderr
        with pytest.raises(SourceError, match="in use"):
            open_state(path)
    finally:
        opened.close()
    open_state(path).close()


def test_where_nothing_can_be_written_state_is_kept_in_memory(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from connwatch.store.opening import in_memory, open_state\n"
        "in_memory().close()\n"  # so that all is imported that root alone may read
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "opened = open_state(Path(sys.argv[1])); print(opened.note); print(opened.connection.execute('SELECT count(*) FROM attempts').fetchone())"
    )
    tmp_path.chmod(0o555)
    for folder in tmp_path.parents:
        if os.geteuid() == 0 and folder.stat().st_mode & 0o700 and str(folder).startswith("/tmp/"):  # another user must be able to get there
            folder.chmod(folder.stat().st_mode | 0o011)
    answer = subprocess.run([sys.executable, "-c", script, str(tmp_path / "connwatch.db")], capture_output=True, text=True, timeout=30, check=False)
    assert "nothing is remembered over a restart" in answer.stdout, answer.stderr
    assert "(0,)" in answer.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"state\.path"):
        open_state(tmp_path / "file" / "connwatch.db")


def test_memory_can_be_read_by_others_of_the_process() -> None:
    opened = in_memory()
    opened.connection.execute("INSERT INTO meta VALUES ('a', 'b')")
    with closing(sqlite3.connect(opened.address, uri=True)) as reader:
        assert reader.execute("SELECT value FROM meta").fetchall() == [("b",)]
    opened.close()
