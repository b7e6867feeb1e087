"""How what a turn brought becomes rows. Works on a connection that the journal lends, within a transaction of the journal's."""

from __future__ import annotations

import json
import math
import sqlite3

from connwatch.model.change import Change, Reached, Withdrawn
from connwatch.store.codec import written_alert, written_attempt, written_notice, written_step
from connwatch.store.turn import Standing, Turn

__all__ = ["write_standing", "write_turn"]


def write_turn(connection: sqlite3.Connection, first: int, turn: Turn) -> None:
    """Write a turn; `first` is the number of its first change. Raises sqlite3.Error."""
    if turn.anew:  # what is decided stays for a while without a time: its lines may be read again, and must be recognised
        connection.execute("UPDATE records SET at = 0")
        connection.execute("UPDATE turns SET stood = NULL, watermark = NULL")
    if turn.taken:
        times = [at if math.isfinite(at) else None for at in (turn.watermark, turn.stood)]
        number = connection.execute("INSERT INTO turns (watermark, stood) VALUES (?, ?)", times).lastrowid
        rows = [(number, *row) for row in turn.taken]
        connection.executemany("INSERT INTO records (turn, stream, line, at, seen_at, body) VALUES (?, ?, ?, ?, ?, ?)", rows)
    _write_changes(connection, first, turn)
    _write_alerts(connection, turn)
    connection.executemany(
        "INSERT OR IGNORE INTO marks (at, until, source, what, detail) VALUES (?, NULL, ?, ?, ?)",
        [(one.at, one.source, one.what, one.detail) for one in turn.marks],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO marks (at, until, source, what, detail) VALUES (?, ?, ?, 'gap', ?)",
        [(gap.start, gap.end, stream, gap.reason) for stream, gap in turn.gaps],
    )


def _write_changes(connection: sqlite3.Connection, first: int, turn: Turn) -> None:
    latest: dict[str, Change] = {}
    rows = []
    for number, change in enumerate(turn.changes, first):
        step = written_step(change.step) if isinstance(change, Reached) else None
        rows.append((number, change.at, type(change).__name__.lower(), change.attempt.id, step))
        latest[change.attempt.id] = change
    connection.executemany("INSERT OR REPLACE INTO changes (id, at, kind, attempt, step) VALUES (?, ?, ?, ?, ?)", rows)
    for name, change in latest.items():
        attempt = change.attempt
        if isinstance(change, Withdrawn):
            connection.execute("DELETE FROM attempts WHERE id = ? AND open", (name,))
            continue
        row = (
            name,
            attempt.started_at,
            attempt.ended_at,
            attempt.client,
            attempt.server,
            attempt.outcome.value,
            attempt.open,
            written_attempt(attempt),
        )
        connection.execute("INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def _write_alerts(connection: sqlite3.Connection, turn: Turn) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?)",
        [(one.id, one.state, one.last_at, one.due_at, written_alert(one)) for one in turn.alerts],
    )
    for notice, targets in turn.notices:
        connection.execute("INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?)", (notice.id, notice.at, notice.kind, written_notice(notice)))
        connection.executemany(
            "INSERT OR IGNORE INTO outbox VALUES (?, ?, 'waiting', 0, ?, NULL, '')", [(notice.id, target, notice.at) for target in targets]
        )


def write_standing(connection: sqlite3.Connection, number: int, stream: str, standing: Standing, watermark: float) -> None:
    """Write where a stream can be resumed; `number` is its place in the order of streams, `watermark` when it last spoke. Raises sqlite3.Error."""
    place = standing.place
    row = (
        stream, number, standing.source, standing.cursor, place.lines, place.unparsed, place.oversized, place.format, json.dumps(place.learnt),
        watermark if math.isfinite(watermark) else None,
    )  # fmt: skip
    connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
