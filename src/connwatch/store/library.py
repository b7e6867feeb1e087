"""The reading side of the state: attempts, marks, where a restart begins. Never writes; each question has a connection of its own.

May be asked from any thread, and by another process while the daemon writes.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from connwatch.model.attempt import GOOD, Attempt
from connwatch.model.change import Change, Closed, Evicted, Opened, Reached, Updated
from connwatch.model.errors import SourceError
from connwatch.model.mark import Gap, Mark
from connwatch.model.selection import Selection
from connwatch.model.taken import Place, Taken
from connwatch.store.codec import read_attempt, read_record, read_step
from connwatch.store.keeping import horizon
from connwatch.store.opening import APPLICATION, DamageError, latest_version, unreadable
from connwatch.store.turn import Standing

__all__ = ["History", "Library", "Past"]


@dataclass(slots=True)
class Past:
    """What a turn took while the watermark stood at `stood`, before it was moved to `watermark` (seconds since the epoch)."""

    stood: float
    watermark: float
    taken: list[Taken]


@dataclass(slots=True)
class History:
    """What a new engine needs to stand where the last one stood. `turns` are lazily read, in their order.

    `old` was taken too long ago to be taken again, or before the clock was set back (then it has the time 0), of lines that will be read again.
    """

    standings: dict[str, Standing]
    old: list[Taken]
    gaps: list[tuple[str, Gap]]
    watermark: float
    turns: Iterator[Past]


_KINDS: dict[str, type[Opened | Updated | Closed | Evicted]] = {"opened": Opened, "updated": Updated, "closed": Closed, "evicted": Evicted}


class Library:
    """`address` is an SQLite URI. Raises SourceError from every question that the state cannot answer; where that is its own fault, DamageError."""

    def __init__(self, address: str) -> None:
        self._address = address

    @classmethod
    def of_file(cls, path: Path) -> Library:
        """The library in a state file that a daemon has written. Raises SourceError where there is none."""
        try:
            there = path.exists()
        except OSError as error:
            raise SourceError(f"{path} cannot be read ({error.strerror})") from error
        if not there:
            raise SourceError(f"{path} does not exist: nothing was recorded there yet (state.path says where; `connwatch run` records)")
        library = cls(f"{path.absolute().as_uri()}?mode=ro")
        with library.asked() as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION or version != latest_version():
            raise SourceError(f"{path} {_why_not(application, version)}", transient=False)
        return library

    @contextlib.contextmanager
    def asked(self) -> Iterator[sqlite3.Connection]:
        """A connection for one question."""
        try:
            with contextlib.closing(sqlite3.connect(self._address, uri=True, timeout=5.0)) as connection:
                connection.execute("PRAGMA read_uncommitted = 1")  # of a state in memory: readers would lock the writer out of a table
                connection.create_function("fits", 2, _fits, deterministic=True)  # SQLite's own GLOB negates a set with another sign
                yield connection
        except sqlite3.Error as error:
            raise unreadable(error) from error
        except ValueError as error:
            raise DamageError(f"the state holds a row that cannot be read: {error}") from error

    def life(self) -> str:
        """What tells this state from every other one; positions in the stream of its changes begin with it."""
        with self.asked() as connection:
            found = connection.execute("SELECT value FROM meta WHERE name = 'life'").fetchone()
            return "" if found is None else str(found[0])

    def attempts(self, selection: Selection | None = None, *, limit: int = 100, after: tuple[float, str] | None = None) -> list[Attempt]:
        """Attempts, the latest started first. `after` continues behind the start and id of the last one of the page before."""
        where, values = _condition(selection or Selection())
        if after is not None:
            where += " AND (started_at, id) < (?, ?)"
            values += after
        with self.asked() as connection:
            rows = connection.execute(f"SELECT body FROM attempts WHERE {where} ORDER BY started_at DESC, id DESC LIMIT ?", (*values, limit))  # noqa: S608 - parts are ours
            return [read_attempt(body) for (body,) in rows]

    def attempt(self, name: str) -> Attempt | None:
        """The attempt of this id, or None."""
        with self.asked() as connection:
            row = connection.execute("SELECT body FROM attempts WHERE id = ?", (name,)).fetchone()
            return None if row is None else read_attempt(row[0])

    def called(self, beginning: str, *, most: int = 10) -> list[Attempt]:
        """The attempts whose id begins so, the latest first."""
        with self.asked() as connection:
            rows = connection.execute(
                "SELECT body FROM attempts WHERE substr(id, 1, ?) = ? ORDER BY started_at DESC LIMIT ?", (len(beginning), beginning, most)
            )
            return [read_attempt(body) for (body,) in rows]

    def open(self) -> list[Attempt]:
        """The attempts that are not final."""
        with self.asked() as connection:
            return [read_attempt(body) for (body,) in connection.execute("SELECT body FROM attempts WHERE open ORDER BY started_at, id")]

    def marks(self, start: float, end: float) -> list[Mark]:
        """What happened to the programs between two times, gaps not among it."""
        with self.asked() as connection:
            rows = connection.execute(
                "SELECT at, source, what, detail FROM marks WHERE at BETWEEN ? AND ? AND what != 'gap' ORDER BY at", (start, end)
            )
            return [Mark(*row) for row in rows]

    def gaps(self, start: float, end: float) -> list[tuple[str, Gap]]:
        """Where lines of a stream are known to be lost, touching the time between two moments."""
        with self.asked() as connection:
            rows = connection.execute(
                "SELECT source, detail, at, until FROM marks WHERE what = 'gap' AND at <= ? AND until >= ? ORDER BY at", (end, start)
            )
            return [(stream, Gap(reason, since, until)) for stream, reason, since, until in rows]

    def successes(self) -> dict[tuple[str, str], float]:
        """When the last good attempt of each client with each server ended, seconds since the epoch."""
        good = [outcome.value for outcome in GOOD]
        query = f"SELECT client, server, max(ended_at) FROM attempts WHERE outcome IN ({', '.join('?' * len(good))}) AND NOT open GROUP BY 1, 2"  # noqa: S608
        with self.asked() as connection:
            rows = connection.execute(query, good)
            return {(client, server): at for client, server, at in rows}

    def past(self, most: int) -> dict[int, Change]:
        """The last changes by their numbers, each with its attempt as it was last told; those of attempts that are gone are left out."""
        with self.asked() as connection:
            rows = connection.execute(
                "SELECT * FROM (SELECT changes.id, at, kind, body, step FROM changes LEFT JOIN attempts ON attempts.id = attempt"
                " ORDER BY changes.id DESC LIMIT ?) ORDER BY 1",
                (most,),
            )
            return {number: _change(at, kind, read_attempt(body), step) for number, at, kind, body, step in rows if body is not None}

    def changes(self, numbers: range, most: int) -> list[tuple[int, Change | None]]:
        """The first of the changes with these numbers that are kept, each with its attempt as it was last told; None where that is gone."""
        with self.asked() as connection:
            rows = connection.execute(
                "SELECT changes.id, at, kind, attempt, body, step FROM changes LEFT JOIN attempts ON attempts.id = attempt"
                " WHERE changes.id >= ? AND changes.id < ? ORDER BY 1 LIMIT ?",
                (numbers.start, numbers.stop, most),
            ).fetchall()
            bodies = {name: body for _, _, _, name, body, _ in rows if body is not None}
            attempts = {name: read_attempt(body) for name, body in bodies.items()}
            return [(number, _change(at, kind, attempts[name], step) if name in attempts else None) for number, at, kind, name, _, step in rows]

    def history(self) -> History:
        """Where the last engine stood."""
        with self.asked() as connection:
            standings = {
                stream: Standing(source, cursor, Place(lines, unparsed, oversized, form, tuple(json.loads(learnt))))
                for stream, source, cursor, lines, unparsed, oversized, form, learnt in connection.execute(
                    "SELECT stream, source, cursor, lines, unparsed, oversized, format, learnt FROM cursors ORDER BY number"
                )
            }
            found = connection.execute("SELECT value FROM meta WHERE name = 'watermark'").fetchone()
            watermark = float(found[0]) if found is not None else -math.inf
            if found is not None and not math.isfinite(watermark):
                raise ValueError(f"no watermark is {found[0]!r}")
            since = horizon(connection, watermark)
            lost = connection.execute("SELECT source, detail, at, until FROM marks WHERE what = 'gap' AND until >= ? ORDER BY id", (since,))
            gaps = [(stream, Gap(reason, start, end)) for stream, reason, start, end in lost]
            beyond = connection.execute(
                "SELECT records.stream, seen_at, body FROM records JOIN cursors USING (stream) JOIN turns ON turns.id = turn"
                " WHERE (at = 0 OR (at < ? AND (stood IS NULL OR stood < ?))) AND line > lines ORDER BY records.id",
                (since, watermark),
            )
            old = [Taken(stream, read_record(body), seen_at) for stream, seen_at, body in beyond]
        return History(standings, old, gaps, watermark, self._turns(since, watermark))

    def _turns(self, since: float, watermark: float) -> Iterator[Past]:
        """What turns took since then; and of any age what they took while the watermark stood where it stands: nobody has decided about that."""
        with self.asked() as connection:
            rows = connection.execute(
                "SELECT turns.id, stood, watermark, stream, seen_at, body FROM records JOIN turns ON turns.id = turn"
                " WHERE at > 0 AND (at >= ? OR stood >= ?) ORDER BY records.id",
                (since, watermark),
            )
            for (_, *times), group in groupby(rows, key=itemgetter(0, 1, 2)):
                stood, moved_to = (-math.inf if at is None else at for at in times)
                yield Past(stood, moved_to, [Taken(stream, read_record(body), seen_at) for *_, stream, seen_at, body in group])


def _condition(selection: Selection) -> tuple[str, list[object]]:
    """As SQL: what stands behind WHERE, and its values."""
    parts: list[str] = []
    values: list[object] = []
    for column, globs in (("client", selection.clients), ("server", selection.servers)):
        if globs:
            parts.append(f"fits({column}, ?)")
            values.append("|".join(translate(glob.lower()) for glob in globs))
    if selection.outcomes:
        parts.append(f"outcome IN ({', '.join('?' * len(selection.outcomes))})")
        values += selection.outcomes
    for clause, moment in (("ended_at >= ?", selection.since), ("started_at <= ?", selection.until)):
        if moment is not None:
            parts.append(clause)
            values.append(moment)
    return " AND ".join(parts) or "1", values


def _fits(value: str, patterns: str) -> bool:
    """`fits` of `model.selection`: SQLite asks it of each attempt."""
    return re.match(patterns, value.lower()) is not None


def _why_not(application: int, version: int) -> str:
    if application != APPLICATION:
        return "is no state of connwatch"
    if version > latest_version():
        return f"was written by a newer connwatch (version {version} of the file; this program knows {latest_version()}): ask with that one"
    return "is of an older version; the daemon brings it up to date"


def _change(at: float, kind: str, attempt: Attempt, step: str | None) -> Change:
    return Reached(at, attempt, read_step(step)) if step is not None else _KINDS.get(kind, Updated)(at, attempt)
