"""What was told and what still waits to be told, read from the state; and silences, which commands write beside a running daemon.

Must not decide what is told. The daemon alone writes alerts, notices and the outbox, through the journal.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connwatch.alerts.alert import Alert, Notice
from connwatch.alerts.mutes import Silence
from connwatch.model.errors import SourceError
from connwatch.store.codec import read_alert, read_notice
from connwatch.store.library import Library

__all__ = ["Delivery", "Outbox", "Silences"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to a target. `again_at` is when it is tried next, `done_at` when it arrived or was given up; seconds since the epoch."""

    notice: Notice
    target: str
    state: str
    tries: int
    again_at: float
    done_at: float | None
    error: str


class Outbox:
    """The reading side. Raises SourceError as Library does."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def in_mind(self) -> list[Alert]:
        """The alerts that a desk goes on with."""
        with self._library.asked() as connection:
            return [read_alert(body) for (body,) in connection.execute("SELECT body FROM alerts WHERE due_at IS NOT NULL ORDER BY id")]

    def last(self) -> tuple[int, int]:
        """The numbers of the last alert and the last notice."""
        with self._library.asked() as connection:
            ((alert, notice),) = connection.execute("SELECT (SELECT coalesce(max(id), 0) FROM alerts), (SELECT coalesce(max(id), 0) FROM notices)")
            return int(alert), int(notice)

    def alerts(self, *, since: float = 0.0, most: int = 100) -> list[Alert]:
        """Alerts with something after `since`, the latest first."""
        query = "SELECT body FROM alerts WHERE last_at >= ? OR due_at IS NOT NULL ORDER BY last_at DESC, id DESC LIMIT ?"
        with self._library.asked() as connection:
            return [read_alert(body) for (body,) in connection.execute(query, (since, most))]

    def waiting(self) -> list[Delivery]:
        """What has to be sent yet, the oldest first."""
        return self._deliveries("outbox.state = 'waiting' ORDER BY notice, target", ())

    def deliveries(self, notice: int) -> list[Delivery]:
        """One message's ways to its targets."""
        return self._deliveries("notice = ? ORDER BY target", (notice,))

    def arrivals(self, target: str, after: float) -> list[float]:
        """When messages arrived at a target after `after`, in order; those that came as one are one."""
        query = "SELECT DISTINCT done_at FROM outbox WHERE target = ? AND state = 'sent' AND done_at > ? ORDER BY done_at"
        with self._library.asked() as connection:
            return [at for (at,) in connection.execute(query, (target, after))]

    def notices(self, *, since: float = 0.0, most: int = 100) -> list[Notice]:
        """Messages after `since`, the latest first."""
        with self._library.asked() as connection:
            rows = connection.execute("SELECT body FROM notices WHERE at >= ? ORDER BY id DESC LIMIT ?", (since, most))
            return [read_notice(body) for (body,) in rows]

    def _deliveries(self, where: str, values: tuple[object, ...]) -> list[Delivery]:
        query = f"SELECT body, target, outbox.state, tries, again_at, done_at, error FROM outbox JOIN notices ON notices.id = notice WHERE {where}"  # noqa: S608
        with self._library.asked() as connection:
            return [Delivery(read_notice(body), *rest) for body, *rest in connection.execute(query, values)]


class Silences:
    """`address` as Library has it; `path` where it may be written, None to read only. Raises SourceError."""

    def __init__(self, library: Library, path: Path | None = None) -> None:
        self._library, self._path = library, path

    def all(self, *, after: float = 0.0) -> list[Silence]:
        """Those that end later than `after` (seconds since the epoch), the next to end first."""
        query = "SELECT id, since, until, client, server, code, comment FROM silences WHERE until > ? ORDER BY until, id"
        with self._library.asked() as connection:
            return [Silence(*row) for row in connection.execute(query, (after,))]

    def add(self, silence: Silence) -> int:
        """Write one down, whatever its id says; gives the number that it got."""
        with self._writing() as connection:
            row = (silence.since, silence.until, silence.client, silence.server, silence.code, silence.comment)
            return int(
                connection.execute("INSERT INTO silences (since, until, client, server, code, comment) VALUES (?, ?, ?, ?, ?, ?)", row).lastrowid or 0
            )

    def end(self, number: int, now: float) -> bool:
        """End one now. False where there is none of this number, or it has ended."""
        with self._writing() as connection:
            return connection.execute("UPDATE silences SET until = ? WHERE id = ? AND until > ?", (now, number, now)).rowcount == 1

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        assert self._path is not None  # noqa: S101 - said above
        try:
            address = f"{self._path.absolute().as_uri()}?mode=rw"
            with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=10.0)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise SourceError(f"{self._path} cannot be written: {error}; run it as the user that the daemon runs as") from error
