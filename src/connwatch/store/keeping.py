"""How long what is kept: attempts by age and size, those that alerts name the longest; records by what a restart needs. Works on a connection
that the journal lends.

A restart feeds a new engine with the records of the last half hour, and where these are few with the last `FEW`: what an engine has learnt of
hosts and clients decides between attempts that are alike, and a quiet server teaches it over days. So that no attempt is seen from its
middle on, it begins where none was under way: `horizon` looks for such a moment, at most `MOST_BACK` seconds further back. Records never take more
than half of the file: in a flood a restart knows less of what came before it.

A cursor says itself nothing of whether its stream is still followed, and a quiet log may be silent for months. But whatever is followed speaks
once after every start. So a cursor goes when its source has spoken since the start, only not of this stream, and that lasts as long as attempts
are kept. A source that has not spoken at all may be out of reach, and keeps its cursors.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["BACK", "MOST_BACK", "MOST_CHANGES", "Keep", "file_size", "horizon", "prune"]

BACK = 1800.0
MOST_BACK = 3 * BACK
FEW = 10_000  # records; a second's work for a small machine
MOST_CHANGES = 100_000
MOST_ALERTS = 10_000  # and messages
A_STEP = 20  # rows that go at once, so that the writing thread is not held up
A_RECORD = 500  # bytes that a record takes, with its place in the indexes

_OLDEST = "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE NOT open ORDER BY ended_at LIMIT ?)"
#: A flood must not wash away what people were told of.
_OLDEST_UNNAMED = _OLDEST.replace("NOT open", "NOT open AND id NOT IN (SELECT value FROM alerts, json_each(alerts.body, '$.attempts'))")


@dataclass(frozen=True, slots=True)
class Keep:
    """`seconds` after their end for attempts; `size` in bytes for the file."""

    seconds: float = 30 * 86_400.0
    size: int = 256 * 1024 * 1024


def horizon(connection: sqlite3.Connection, watermark: float) -> float:
    """The moment, in event time, from which on a restart needs records. Minus infinity as long as there is no watermark."""
    if not math.isfinite(watermark):
        return -math.inf
    few = connection.execute("SELECT at FROM records WHERE at > 0 ORDER BY id DESC LIMIT 1 OFFSET ?", (FEW,)).fetchone()
    first = at = min(watermark - BACK, -math.inf if few is None else float(few[0]))
    while at > first - MOST_BACK:
        # <= : an event at the very moment belongs to the attempt before it
        (earlier,) = connection.execute("SELECT min(started_at) FROM attempts WHERE ended_at >= ? AND started_at < ?", (at, at)).fetchone()
        if earlier is None:
            return at
        at = float(earlier)
    return first - MOST_BACK


def prune(connection: sqlite3.Connection, watermark: float, keep: Keep, spoken: Collection[str] = ()) -> None:
    """Let go of what is too old or too much. `spoken` are the streams that have spoken since the start. Raises sqlite3.Error."""
    if math.isfinite(watermark):
        since = horizon(connection, watermark)
        connection.execute(
            "DELETE FROM records WHERE id IN (SELECT records.id FROM records LEFT JOIN cursors USING (stream)"
            " WHERE (at = 0 OR at < ?) AND (cursors.lines IS NULL OR line <= cursors.lines)"
            " AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = turn AND stood >= ?) LIMIT 200000)",  # nobody has decided about these
            (since, watermark),
        )
        connection.execute("DELETE FROM turns WHERE id < (SELECT coalesce(min(turn), 0) FROM records)")
        old = watermark - keep.seconds
        connection.execute("DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE ended_at < ? AND NOT open LIMIT 5000)", (old,))
        connection.execute("DELETE FROM marks WHERE at < ?", (old,))
        connection.execute("DELETE FROM alerts WHERE due_at IS NULL AND last_at < ?", (old,))
        connection.execute("DELETE FROM notices WHERE at < ?", (old,))
        connection.execute("DELETE FROM outbox WHERE notice NOT IN (SELECT id FROM notices)")
        connection.execute("DELETE FROM silences WHERE until < ?", (old,))
        _forget_streams(connection, watermark, keep, json.dumps(list(spoken)))
    # What a stream has not come past yet must stay whatever it takes: it tells lines that are read again from new ones.
    connection.execute(
        "DELETE FROM records WHERE id IN (SELECT records.id FROM records LEFT JOIN cursors USING (stream)"
        " WHERE records.id <= (SELECT coalesce(max(id), 0) - ? FROM records) AND (cursors.lines IS NULL OR line <= cursors.lines))",
        (max(FEW, keep.size // 2 // A_RECORD),),
    )
    for table in ("alerts", "notices"):
        connection.execute(f"DELETE FROM {table} WHERE id <= (SELECT coalesce(max(id), 0) - ? FROM {table})", (MOST_ALERTS,))  # noqa: S608 - ours
    connection.execute("DELETE FROM changes WHERE id <= (SELECT coalesce(max(id), 0) - ? FROM changes)", (MOST_CHANGES,))
    connection.execute("PRAGMA incremental_vacuum(2000)")
    while (over := file_size(connection) - keep.size) > 0:
        step = max(A_STEP, over // 10_000)  # an attempt and its changes take some thousand bytes
        gone = connection.execute(_OLDEST_UNNAMED, (step,)).rowcount or connection.execute(_OLDEST, (step,)).rowcount
        gone += connection.execute("DELETE FROM changes WHERE id IN (SELECT id FROM changes ORDER BY id LIMIT ?)", (10 * step,)).rowcount
        connection.execute("PRAGMA incremental_vacuum(2000)").fetchall()
        if not gone:
            return


def _forget_streams(connection: sqlite3.Connection, watermark: float, keep: Keep, spoken: str) -> None:
    connection.execute(
        "UPDATE cursors SET spoke_at = :now WHERE spoke_at IS NULL"
        " OR (spoke_at < :now - :often AND stream IN (SELECT value FROM json_each(:spoken)))",
        {"now": watermark, "often": keep.seconds / 30, "spoken": spoken},  # now and then: most of them are quiet
    )
    connection.execute(
        "DELETE FROM cursors WHERE spoke_at < :old AND stream NOT IN (SELECT value FROM json_each(:spoken))"
        " AND source IN (SELECT source FROM cursors WHERE stream IN (SELECT value FROM json_each(:spoken)))",
        {"old": watermark - keep.seconds, "spoken": spoken},
    )


def file_size(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages - free) * int(page)
