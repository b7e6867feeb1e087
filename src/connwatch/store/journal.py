"""The journal: everything a turn brought, in one transaction, by one thread that alone writes. Knows tables, no engine and no source.

1. A turn is there wholly or not at all, and who publishes after `commit` never tells of what a crash could undo. A turn that nobody is told of
   may wait a second: what it took would be read again.
2. Where writing fails (a full disk) the daemon goes on: turns wait, at most `MOST_WAITING`, and are written when there is room again.
3. What grows is bounded: attempts by age and size, changes by number, records by what a restart needs (`connwatch.store.keeping`).
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from connwatch.store.keeping import Keep, file_size, prune
from connwatch.store.opening import DamageError, Opened, unreadable
from connwatch.store.turn import Standing, Turn
from connwatch.store.writing import write_standing, write_turn

__all__ = ["MOST_WAITING", "OVERLAP", "Journal"]

log = logging.getLogger("connwatch")

OVERLAP = 256
"""Lines before the last one from which a stream is read again after a restart: a parser has to find its way into a many-line record."""
MOST_WAITING = 1000
LAZY_SECONDS = 1.0  # how long what nobody was told of may wait: it would be read again
AGAIN_SECONDS = 5.0  # between tries where writing fails
PATIENCE = 2.0  # for another program to let go of the file: what is stopped must end within five seconds
HASTE = 0.25  # and where it did not the last time
PRUNE_SECONDS = 60.0
PRUNE_SOON = 5.0  # where the file grew beyond its size by an eighth: somebody floods the logs

_Result = TypeVar("_Result")


class Journal:
    """`first` is the number that the next change will get. `trouble` says why nothing can be written at present, or is "".

    Raises SourceError where what it begins with cannot be read.
    """

    def __init__(self, opened: Opened, keep: Keep | None = None) -> None:
        self.address = opened.address
        self.trouble = ""
        self.lost = 0  # turns that could not be written and were too many to wait
        self._opened, self._keep = opened, keep or Keep()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="connwatch-journal")
        self._connection = opened.connection
        self._waiting: deque[tuple[int, Turn]] = deque()
        self._trails: dict[str, deque[Standing]] = {}
        self._dirty: set[str] = set()
        self._urgent = False  # somebody waits to be told of what is in a turn
        self._swollen = False
        self._settled: deque[tuple[object, ...]] = deque()
        self._spoken: set[str] = set()  # streams of which anything was told since the start, or since the configuration was read again
        self._written_at = self._tried_at = 0.0
        self._pruned_at = time.monotonic()
        self._watermark = -math.inf
        self._sound = False  # until all that a restart needs was read
        try:
            self.key = bytes.fromhex(self._fact("key", lambda: secrets.token_hex(32)))
            self.life = self._fact("life", lambda: secrets.token_hex(4))
            (last,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'").fetchone()
            self.first = int(last) + 1
            self._numbers: dict[str, int] = dict(self._connection.execute("SELECT stream, number FROM cursors"))
            _wait_at_most(self._connection, PATIENCE)
        except sqlite3.Error as error:
            raise unreadable(error) from error
        except ValueError as error:
            raise DamageError(f"the key of the digests cannot be read: {error}") from error

    @property
    def note(self) -> str:
        """What the operator must know of the state now, or "": trouble first, then what was found when it was opened."""
        return self.trouble or self._opened.note

    @property
    def healthy(self) -> bool:
        """Whether what happens now will be known after a restart."""
        return self._opened.lasting and not self.trouble

    def _fact(self, name: str, make: Callable[[], str]) -> str:
        found = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if found is not None:
            return str(found[0])
        made = make()
        self._connection.execute("INSERT INTO meta VALUES (?, ?)", (name, made))
        return made

    async def within(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """What `work` makes of the connection, on the writing thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)

    def restored(self, standings: dict[str, Standing]) -> None:
        """The streams that are resumed, in their order, and where: all that a restart needs could be read."""
        self._sound = True
        self._spoken.clear()
        for stream, standing in standings.items():
            self._number(stream)
            self._trails[stream] = deque([standing])

    def known(self, stream: str) -> None:
        """A stream was opened, or has spoken."""
        self._spoken.add(stream)
        self._number(stream)

    def _number(self, stream: str) -> None:
        """The order in which streams became known decides between lines of one time."""
        if stream not in self._numbers:
            self._numbers[stream] = max(self._numbers.values(), default=-1) + 1  # those of streams that are forgotten are not given again

    async def settle(self, notice: int, target: str, state: str, *, tries: int, at: float, error: str = "") -> None:
        """How far a message is on its way: "waiting" until `at` for another try, "sent" or "failed" at that time. Seconds since the epoch.

        Where nothing can be written at present it is kept, like the turn that the message came with, and written after that.
        """
        self._settled.append((state, tries, at, None if state == "waiting" else at, error, notice, target))
        if not self.trouble:
            await self.within(self._write)

    async def flush(self) -> None:
        """Write what waits now."""
        await self.within(self._write)

    async def commit(self, turn: Turn) -> None:
        """Write a turn. Returns when it is written, or when it is sure that it has to wait."""
        for stream, standing in turn.standings.items():
            if stream in turn.turned:
                self._trails.pop(stream, None)
            self._stand(stream, standing)
        now = time.monotonic()
        if turn:
            turn.stood = self._watermark
            self._waiting.append((self.first, turn))
            self.first += len(turn.changes)
            self._urgent = self._urgent or bool(turn.changes or turn.marks or turn.gaps or turn.notices or turn.anew)
        self._watermark = turn.watermark if turn.anew else max(self._watermark, turn.watermark)
        if self.trouble:
            due = now - self._tried_at >= AGAIN_SECONDS
        else:
            due = self._urgent or now - self._written_at >= LAZY_SECONDS
        if due and (self._waiting or self._dirty):
            self._tried_at = now
            await self.within(self._write)
        if now - self._pruned_at >= (PRUNE_SOON if self._swollen else PRUNE_SECONDS) and not self.trouble:
            self._pruned_at = now
            await self.within(self._prune)

    async def close(self) -> None:
        """Write what waits, and let go of the file."""
        await self.flush()
        await self.within(self._closed)
        self._thread.shutdown()

    def _closed(self, connection: sqlite3.Connection) -> None:
        try:
            if self._sound and not self._waiting and not self.trouble:
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('clean', '1')")
        except sqlite3.Error as error:
            log.warning("the state could not be closed tidily: %s", error)
        self._opened.close()

    def _stand(self, stream: str, standing: Standing) -> None:
        """Keep a trail of places, so that a restart can begin a few lines before the last one."""
        self.known(stream)
        trail = self._trails.setdefault(stream, deque())
        if trail and trail[-1].place.lines == standing.place.lines:
            trail.pop()
        trail.append(standing)
        while len(trail) > 1 and trail[1].place.lines <= standing.place.lines - OVERLAP:
            trail.popleft()
        self._dirty.add(stream)

    # on the writing thread

    def _write(self, connection: sqlite3.Connection) -> None:
        self._urgent = False
        waiting, settled, dirty, self._dirty = list(self._waiting), list(self._settled), self._dirty, set()  # more may come meanwhile
        try:
            connection.execute("BEGIN IMMEDIATE")
            for first, turn in waiting:
                write_turn(connection, first, turn)
            connection.executemany(
                "UPDATE outbox SET state = ?, tries = ?, again_at = ?, done_at = ?, error = ? WHERE notice = ? AND target = ?", settled
            )
            for stream in dirty:
                write_standing(connection, self._numbers[stream], stream, self._trails[stream][0], self._watermark)
            if math.isfinite(self._watermark):
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('watermark', ?)", (repr(self._watermark),))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._dirty |= dirty
            self._failed(connection, error)
            return
        for _ in waiting:
            self._waiting.popleft()
        for _ in settled:
            self._settled.popleft()
        self._written_at = time.monotonic()
        self._swollen = file_size(connection) > self._keep.size * 9 // 8
        if self.trouble:
            log.warning("the state is written again")
            self.trouble = ""
            _wait_at_most(connection, PATIENCE)

    def _failed(self, connection: sqlite3.Connection, error: sqlite3.Error) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if not self.trouble:
            log.warning("the state cannot be written (%s): going on without; what happens now is lost if connwatch ends before that is mended", error)
        self.trouble = f"the state cannot be written: {error}"
        self._sound = self._sound and not isinstance(unreadable(error), DamageError)
        _wait_at_most(connection, HASTE)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1

    def _prune(self, connection: sqlite3.Connection) -> None:
        try:
            prune(connection, self._watermark, self._keep, self._spoken)
        except sqlite3.Error as error:
            self._failed(connection, error)


def _wait_at_most(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
