"""Alerts, messages and silences in the state: in the turn's transaction, as they were, bounded, and written beside a running daemon."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from connwatch.alerts.alert import Alert, Entry, Key, Notice, Tally
from connwatch.alerts.mutes import Silence
from connwatch.model.errors import SourceError
from connwatch.store import journal as journal_module
from connwatch.store.journal import Journal
from connwatch.store.keeping import MOST_ALERTS, Keep, prune
from connwatch.store.library import Library
from connwatch.store.opening import open_state
from connwatch.store.outbox import Outbox, Silences
from connwatch.store.turn import Turn
from support.attempts import T

KEY = Key("claude", "mcp.example.org", "session", "token-unused")


def an_alert(number: int = 1, due: float | None = T + 100, **more: object) -> Alert:
    return Alert(number, KEY, "silence-after-success", "high", T, T + 5, due_at=due, reasons={"grace": Tally(T, T, 2, "x")}, **more)  # type: ignore[arg-type]


def a_notice(number: int = 1) -> Notice:
    return Notice(number, T + number, "stopped", "high", [Entry(1, KEY, 3, T, T + 5, ["a", "b"])])


def story(path: Path, tell: Callable[[Journal], Awaitable[None]]) -> None:
    async def play() -> None:
        journal = Journal(open_state(path))
        try:
            await tell(journal)
        finally:
            await journal.close()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_what_is_told_comes_back_as_it_went_in_and_what_is_over_goes_out_of_mind(tmp_path: Path) -> None:
    async def tell(journal: Journal) -> None:
        outbox = Outbox(Library(journal.address))
        await journal.commit(Turn(T, alerts=[an_alert(), an_alert(2, None)], notices=[(a_notice(), ["mail", "phone"])]))
        assert outbox.in_mind() == [an_alert()]
        assert outbox.last() == (2, 1)
        assert [one.id for one in outbox.alerts()] == [2, 1]
        assert outbox.notices() == [a_notice()]
        assert [(one.notice, one.target, one.tries) for one in outbox.waiting()] == [(a_notice(), "mail", 0), (a_notice(), "phone", 0)]
        await journal.settle(1, "mail", "sent", tries=1, at=T + 40)
        await journal.settle(1, "phone", "waiting", tries=1, at=T + 50, error="refused the connection")
        assert [(one.target, one.again_at, one.error) for one in outbox.waiting()] == [("phone", T + 50, "refused the connection")]
        assert [(one.target, one.state, one.done_at) for one in outbox.deliveries(1)] == [("mail", "sent", T + 40), ("phone", "waiting", None)]
        assert outbox.arrivals("mail", T) == [T + 40]
        await journal.commit(Turn(T, alerts=[an_alert(1, None, state="over")]))
        await journal.flush()
        assert outbox.in_mind() == []

    story(tmp_path / "state.db", tell)


def test_a_message_that_arrived_while_nothing_could_be_written_is_noted_with_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def tell(journal: Journal) -> None:
        outbox = Outbox(Library(journal.address))
        monkeypatch.setattr(journal_module, "AGAIN_SECONDS", 0.0)
        (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        notices = [(a_notice(number), ["mail"]) for number in range(1, 2000)]
        await journal.commit(Turn(T, notices=notices))
        assert journal.trouble
        await journal.settle(7, "mail", "sent", tries=1, at=T + 40)
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        await journal.commit(Turn(T, notices=[(a_notice(2000), ["mail"])]))
        assert not journal.trouble
        waiting = {one.notice.id for one in outbox.waiting()}
        assert waiting == set(range(1, 2001)) - {7}

    story(tmp_path / "state.db", tell)


def test_alerts_and_messages_are_bounded_by_age_and_number(tmp_path: Path) -> None:
    async def tell(journal: Journal) -> None:
        many = MOST_ALERTS + 10
        await journal.commit(Turn(T, alerts=[an_alert(number, None) for number in range(1, many + 1)], notices=[(a_notice(1), ["mail"])]))
        await journal.within(lambda connection: prune(connection, T, Keep()))
        outbox = Outbox(Library(journal.address))
        assert len(outbox.alerts(most=2 * many)) == MOST_ALERTS
        await journal.within(lambda connection: prune(connection, T + 40 * 86_400, Keep()))
        assert (outbox.alerts(), outbox.notices(), outbox.waiting()) == ([], [], [])

    story(tmp_path / "state.db", tell)


def test_a_silence_is_written_beside_the_daemon_that_holds_the_state(tmp_path: Path) -> None:
    async def tell(journal: Journal) -> None:
        ours, theirs = Silences(Library(journal.address)), Silences(Library.of_file(tmp_path / "state.db"), tmp_path / "state.db")
        number = theirs.add(Silence(0, T, T + 3600, "claude", "*", "*", "new release"))
        assert ours.all(after=T) == [Silence(number, T, T + 3600, "claude", "*", "*", "new release")]
        await journal.commit(Turn(T, alerts=[an_alert()]))
        assert theirs.end(number, T + 10)
        assert not theirs.end(number, T + 20)
        assert ours.all(after=T + 10) == []

    story(tmp_path / "state.db", tell)
    with pytest.raises(SourceError, match="does not exist"):
        Silences(Library.of_file(tmp_path / "none.db"), tmp_path / "none.db")


def test_a_state_of_an_earlier_version_gets_the_tables_and_keeps_its_attempts(tmp_path: Path) -> None:
    path = tmp_path / "state.db"

    async def tell(journal: Journal) -> None:
        await journal.commit(Turn(T, alerts=[an_alert()]))

    story(path, tell)
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "ALTER TABLE cursors DROP COLUMN spoke_at; ALTER TABLE turns DROP COLUMN stood;"
            "DROP TABLE alerts; DROP TABLE notices; DROP TABLE outbox; DROP TABLE silences;"
            "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, attempt TEXT, code TEXT, kind TEXT, at REAL) STRICT; PRAGMA user_version = 2;"
        )
    story(path, tell)
    assert [one.id for one in Outbox(Library.of_file(path)).in_mind()] == [1]
