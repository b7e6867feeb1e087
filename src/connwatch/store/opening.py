"""Opening the state file: whose it is, which version, whether it is sound, and what is done where it is not. Knows no table's meaning.

| what is found | what happens |
| --- | --- |
| nothing | a new file, readable by its owner only |
| an older version | brought up to date, step by step, each step one transaction |
| a newer version, or a file that is not ours | refused: ConfigError; the file is not touched |
| damaged or cut short | set aside under another name, a new file is begun |
| held by another connwatch, or locked by another program | refused: SourceError |
| a place that cannot be written | state is kept in memory, `note` says so |

Some damage shows only when all is read: readers raise `DamageError`, and whoever began with the file opens it again and names that damage.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from connwatch.model.errors import ConfigError, SourceError

__all__ = ["APPLICATION", "DamageError", "Opened", "in_memory", "latest_version", "open_state", "unreadable"]

APPLICATION = 0x636F6E77
"""PRAGMA application_id of our files: "conw"."""

_UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_ABOUT_THE_PLACE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR})
_TAKEN = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, None})  # None: text that is no UTF-8, which only Python finds
PATIENCE = 5.0  # seconds for another program to let go of the file


class DamageError(SourceError):
    """The state holds what cannot be read, and no time, place or permission is to blame."""


@dataclass(slots=True)
class Opened:
    """An open state. `address` is an SQLite URI under which readers find it; `note` is what the operator must know, or "".

    `lasting` is False where a file was asked for and memory had to do. `lock` holds the file against a second daemon as long as it is open;
    None in memory.
    """

    connection: sqlite3.Connection
    address: str
    note: str = ""
    lasting: bool = True
    lock: int | None = None

    def close(self) -> None:
        """Let go of everything. May be called again."""
        self.connection.close()
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


def open_state(path: Path, now: float | None = None, *, damage: str = "") -> Opened:
    """The state in `path`, or in memory where the place cannot be written. See the table above for what is raised.

    `damage` is what was found wrong with the file when it was read: then it is set aside, whatever it looks like now.
    """
    try:
        lock = _locked(path)
    except OSError as error:
        if error.errno not in _UNWRITABLE | _FULL:
            raise ConfigError(
                f"cannot keep state in {path}: {error.strerror}", key="state.path", hint="name a file in a directory that exists"
            ) from error
        return _without_file(f"cannot write {path} ({error.strerror}): nothing is remembered over a restart")
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        _refuse_strangers(path)
        if not damage:
            try:
                return Opened(_sound(path), address, lock=lock)
            except sqlite3.Error as error:
                if _code(error) in _ABOUT_THE_PLACE:
                    os.close(lock)
                    return _without_file(f"cannot write {path} ({error}): nothing is remembered over a restart")
                if _code(error) in _TAKEN:
                    raise SourceError(f"{path} is held by another program ({error}): end what writes to it, and start again") from error
                damage = str(error)
        aside = _set_aside(path, time.time() if now is None else now)
        note = f"{path} is damaged ({damage}); it was set aside as {aside.name}, and a new one begun: what happened before is not known"
        return Opened(_sound(path), address, note, lock=lock)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(lock)
        raise


def unreadable(error: sqlite3.Error) -> SourceError:
    """What a reader raises for it: damage, or what may be over the next time."""
    kind = DamageError if _code(error) in _DAMAGED else SourceError
    return kind(f"the state cannot be read: {error}")


def in_memory() -> Opened:
    """A state that lasts as long as the process: for demonstrations, and where no file can be had."""
    address = f"file:connwatch-{os.getpid()}-{time.monotonic_ns()}?mode=memory&cache=shared"
    connection = _connected(address)
    _migrate(connection)
    return Opened(connection, address)


def latest_version() -> int:
    """The version of files that this program writes."""
    return len(_scripts())


def _without_file(note: str) -> Opened:
    opened = in_memory()
    opened.note, opened.lasting = note, False
    return opened


def _locked(path: Path) -> int:
    """A lock beside the file. Raises SourceError where another process has it, OSError where the place cannot be written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise SourceError(
            f"{path} is in use by another connwatch{f' (process {holder})' if holder.isdigit() else ''}: "
            "stop that one, or name another file in state.path",
            transient=True,
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    elif not os.access(path, os.W_OK):
        os.close(lock)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return lock


def _refuse_strangers(path: Path) -> None:
    """Raises ConfigError for a sound SQLite file that is another program's, or of a version to come."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return  # not readable at all: damaged, not strange
    if tables and application != APPLICATION:
        raise ConfigError(
            f"{path} is a database of another program", key="state.path", hint="name a file of its own for connwatch; this one was not touched"
        )
    if version > latest_version():
        raise ConfigError(
            f"{path} was written by a newer connwatch (version {version} of the file; this program knows {latest_version()})",
            key="state.path",
            hint="run that version again, or name another file; this one was not touched",
        )


def _sound(path: Path) -> sqlite3.Connection:
    """The connection, up to date, and the file marked as being at work. Raises sqlite3.Error where it is damaged, or cannot be written."""
    connection = _connected(path.absolute().as_uri())
    try:
        _migrate(connection)
        clean = connection.execute("SELECT value FROM meta WHERE name = 'clean'").fetchone()
        if clean is None:  # whoever had it last did not close it
            _look_through(connection)
        connection.execute("DELETE FROM meta WHERE name = 'clean'")
    except BaseException:
        connection.close()
        raise
    return connection


def _look_through(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where any page is wrong."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))


def _connected(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # a crash of the process loses nothing; one of the machine at most the last turns
    connection.execute("PRAGMA journal_size_limit = 8388608")
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(_scripts(), 1):
        if number > version:
            steps = f"BEGIN IMMEDIATE;\n{script}\nPRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {number};\nCOMMIT;"
            try:
                connection.executescript(steps)
            except sqlite3.Error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _scripts() -> list[str]:
    folder = resources.files("connwatch.store") / "schema"
    return [one.read_text(encoding="utf-8") for one in sorted(folder.iterdir(), key=lambda one: one.name) if one.name.endswith(".sql")]


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's own code, without what refines it; None where Python's module found the fault."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _set_aside(path: Path, now: float) -> Path:
    """Rename a damaged file and what SQLite keeps beside it; a name that is taken is never overwritten."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    number = 0
    while (aside := path.with_name(f"{path.name}.damaged-{stamp}{f'-{number}' if number else ''}")).exists():
        number += 1
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        beside = Path(f"{path}{ending}")
        if beside.exists():
            beside.rename(f"{aside}{ending}")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return aside
