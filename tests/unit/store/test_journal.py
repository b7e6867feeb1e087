"""What a turn brought is there wholly or not at all, once, and stays within its bounds."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from connwatch.alerts.alert import Alert, Key
from connwatch.model.attempt import Attempt
from connwatch.model.change import Closed, Opened, Reached, Updated, Withdrawn
from connwatch.model.errors import SourceError
from connwatch.model.mark import Gap, Mark
from connwatch.model.record import Request
from connwatch.model.selection import Selection
from connwatch.model.taken import Place, Taken
from connwatch.store import journal as journal_module
from connwatch.store.journal import Journal
from connwatch.store.keeping import BACK, FEW, Keep, horizon, prune
from connwatch.store.library import Library
from connwatch.store.opening import DamageError, in_memory, open_state
from connwatch.store.turn import Standing, Turn
from support.attempts import HOST, T, a_probe, connected, the_silence


def request(line: int, at: float | None = T) -> Request:
    return Request("nginx", line, line, at, False, "proxy", "nginx-proxy", "POST", "/mcp", params={"state": "#d1"}, keys=[("state", "#d1")])


def turn(*, taken: list[int] | None = None, changes: list[Opened | Closed | Updated | Reached | Withdrawn] | None = None, at: float = T) -> Turn:
    made = Turn(at, changes=changes or [])
    made.take([Taken("nginx", request(line, at), at) for line in taken or []], at)
    return made


def story(tell: Callable[[Journal], Awaitable[None]], path: Path | None = None) -> None:
    async def play() -> None:
        journal = Journal(in_memory() if path is None else open_state(path))
        try:
            await tell(journal)
        finally:
            await journal.close()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_an_attempt_comes_back_as_it_went_in() -> None:
    async def tell(journal: Journal) -> None:
        await journal.commit(turn(changes=[Closed(T, the_silence()), Closed(T, connected()), Closed(T, a_probe())]))
        library = Library(journal.address)
        assert library.attempts() == sorted([the_silence(), connected(), a_probe()], key=lambda one: (one.started_at, one.id), reverse=True)
        assert library.called(the_silence().id[:4]) == [the_silence()]
        assert [one.outcome for one in library.attempts(Selection(outcomes=["stalled"]))] == ["stalled"]
        assert [one.client for one in library.attempts(Selection(clients=["CLAU*"]))] == ["claude"]
        assert library.attempts(Selection(since=T + 1e6)) == []
        assert len(library.attempts(limit=1)) == 1

    story(tell)


def test_pages_follow_each_other_without_a_gap() -> None:
    async def tell(journal: Journal) -> None:
        await journal.commit(turn(changes=[Closed(T, connected(str(number))) for number in range(7)]))
        library, found = Library(journal.address), list[Attempt]()
        after = None
        while page := library.attempts(limit=3, after=after):
            found += page
            after = page[-1].started_at, page[-1].id
        assert [one.id for one in found] == [str(number) for number in reversed(range(7))]

    story(tell)


def test_changes_are_numbered_across_a_restart_and_each_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    lives = []

    async def first(journal: Journal) -> None:
        lives.append(journal.life)
        assert journal.first == 1
        attempt = the_silence()
        await journal.commit(turn(changes=[Opened(T, attempt), Reached(T, attempt, attempt.steps[0]), Updated(T, attempt)]))
        assert journal.first == 4

    async def second(journal: Journal) -> None:
        lives.append(journal.life)
        assert journal.first == 4
        await journal.commit(turn(changes=[Closed(T, the_silence())]))
        past = Library(journal.address).past(10)
        assert {number: type(change).__name__ for number, change in past.items()} == {1: "Opened", 2: "Reached", 3: "Updated", 4: "Closed"}
        assert [type(change).__name__ for change in Library(journal.address).past(1).values()] == ["Closed"]

    story(first, path)
    story(second, path)
    assert lives[0] == lives[1]


def test_what_proved_to_be_part_of_another_is_forgotten_unless_it_was_final() -> None:
    async def tell(journal: Journal) -> None:
        opened = the_silence()
        opened.open = True
        await journal.commit(turn(changes=[Opened(T, opened)]))
        await journal.commit(turn(changes=[Withdrawn(T, opened)]))
        assert Library(journal.address).attempts() == []
        await journal.commit(turn(changes=[Closed(T, the_silence()), Withdrawn(T, opened)]))
        assert Library(journal.address).attempts() == []  # in one turn the last word counts, and nothing was final before it

    story(tell)


def test_a_restart_finds_what_was_taken_in_its_turns_and_where_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    gap = Gap("rotated-away", T - 5, T - 2)

    async def before(journal: Journal) -> None:
        for line in (1, 2, 3):
            one = turn(taken=[line], at=T + line)
            one.standings["nginx"] = Standing("nginx-proxy", f"after {line}", Place(line, 0, 0, "nginx-proxy", ("/connect",)))
            if line == 2:
                one.gaps.append(("nginx", gap))
                one.marks.append(Mark(T, "nginx", "started", "nginx:1.29"))
            await journal.commit(one)

    async def after(journal: Journal) -> None:
        history = Library(journal.address).history()
        assert history.watermark == T + 3
        assert history.gaps == [("nginx", gap)]
        assert [(past.watermark, [one.record.line for one in past.taken]) for past in history.turns] == [(T + 1, [1]), (T + 2, [2]), (T + 3, [3])]
        standing = history.standings["nginx"]
        assert standing.place == Place(1, 0, 0, "nginx-proxy", ("/connect",))  # a little before the end, so that a parser finds its way
        assert standing.cursor == "after 1"
        assert Library(journal.address).marks(T - 1, T + 1) == [Mark(T, "nginx", "started", "nginx:1.29")]

    story(before, path)
    story(after, path)


def test_what_nobody_has_decided_about_is_found_however_old_it_is() -> None:
    async def tell(journal: Journal) -> None:
        now = T + 3600.0
        await journal.commit(turn(taken=list(range(FEW)), at=now))
        for watermark in (now, now + 1):  # a log that comes an hour late, twice, and after the first time the clock goes on
            one = turn(taken=[FEW + int(watermark - now)])
            one.watermark = watermark
            await journal.commit(one)
            await journal.commit(Turn(watermark + 1))
        one = turn(taken=[FEW + 2])
        one.watermark = now + 2
        await journal.commit(one)
        await journal.flush()
        await journal.within(lambda connection: prune(connection, now + 2, Keep()))
        pasts = list(Library(journal.address).history().turns)
        late = [one.record.line for past in pasts for one in past.taken if one.record.at == T]
        assert late == [FEW + 2]
        assert (pasts[-1].stood, pasts[-1].watermark) == (now + 2, now + 2)

    story(tell)


def test_a_stream_is_resumed_not_far_from_where_it_was_left() -> None:
    async def tell(journal: Journal) -> None:
        for line in range(0, 5000, 10):
            one = Turn(T)
            one.standings["nginx"] = Standing("nginx-proxy", str(line), Place(line))
            await journal.commit(one)
        await journal.flush()
        standing = Library(journal.address).history().standings["nginx"]
        assert 4990 - 2 * journal_module.OVERLAP < standing.place.lines <= 4990 - journal_module.OVERLAP
        assert standing.cursor == str(standing.place.lines)

    story(tell)


def test_cursors_alone_do_not_cost_a_transaction_each() -> None:
    async def tell(journal: Journal) -> None:
        writes = []
        journal._connection.set_trace_callback(lambda text: writes.append(text) if text == "COMMIT" else None)
        for line in range(200):
            one = Turn(T)
            one.standings["nginx"] = Standing("nginx-proxy", str(line), Place(line))
            await journal.commit(one)
        assert len(writes) <= 2

    story(tell)


def test_a_full_disk_stops_nothing_and_what_waited_is_written_when_there_is_room(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    monkeypatch.setattr(journal_module, "AGAIN_SECONDS", 0.0)

    async def tell(journal: Journal) -> None:
        (pages,) = await journal.within(lambda connection: connection.execute("PRAGMA page_count").fetchone())
        await journal.within(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}"))
        for number in range(200):
            await journal.commit(turn(taken=[number], changes=[Closed(T, connected(str(number)))]))
        assert "full" in journal.note
        stored = len(Library(journal.address).attempts(limit=500))
        assert stored < 200
        await journal.within(lambda connection: connection.execute("PRAGMA max_page_count = 1000000"))
        await journal.commit(turn())
        assert journal.note == ""
        assert len(Library(journal.address).attempts(limit=500)) == 200
        assert sorted(Library(journal.address).past(1000)) == list(range(1, 201))

    story(tell)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "the state cannot be written (database or disk is full)", "the state is written again",
    ]  # fmt: skip


def test_what_waits_for_a_full_disk_is_bounded_and_what_is_lost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MOST_WAITING", 10)
    monkeypatch.setattr(journal_module, "LAZY_SECONDS", 0.0)
    monkeypatch.setattr(journal_module, "AGAIN_SECONDS", 0.0)

    async def tell(journal: Journal) -> None:
        await journal.within(lambda connection: connection.execute("PRAGMA query_only = 1"))
        for number in range(50):
            await journal.commit(turn(taken=[number]))
        assert journal.lost == 40
        await journal.within(lambda connection: connection.execute("PRAGMA query_only = 0"))

    story(tell)


def test_what_is_old_goes_and_what_a_restart_needs_stays() -> None:
    async def tell(journal: Journal) -> None:
        day = 86_400.0
        for number in range(40):
            await journal.commit(turn(taken=[number], changes=[Closed(T, moved(connected(str(number)), number * day))], at=T + number * day))
        await journal.within(lambda connection: prune(connection, T + 39 * day, Keep(seconds=10 * day)))
        assert [one.id for one in Library(journal.address).attempts()] == [str(number) for number in reversed(range(29, 40))]
        (records,) = await journal.within(lambda connection: connection.execute("SELECT count(*) FROM records").fetchone())
        assert records == 40  # few records are kept for what they teach

    story(tell)


def test_a_cursor_goes_only_when_its_source_speaks_and_has_not_spoken_of_it_for_as_long_as_attempts_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PRUNE_SECONDS", 0.0)
    path, day = tmp_path / "state.db", 86_400.0

    def of(*streams: str) -> dict[str, Standing]:
        return {stream: Standing(stream.partition("/")[0], "a cursor", Place(1)) for stream in streams}

    async def after(journal: Journal, days: float, *streams: str) -> list[str]:
        await journal.commit(Turn(T + days * day, standings=of(*streams)))
        await journal.flush()
        await journal.commit(Turn(T + days * day))
        return list(Library(journal.address).history().standings)

    async def begun(journal: Journal) -> None:
        journal.restored(Library(journal.address).history().standings)

    async def first(journal: Journal) -> None:
        everything = ["app/1.log", "app/2.log", "app/3.log", "far"]
        assert await after(journal, 0, *everything) == everything
        assert await after(journal, 60, "app/2.log") == everything  # the others are quiet, and followed for all that is known

    async def second(journal: Journal) -> None:
        await begun(journal)
        assert await after(journal, 61, "app/3.log") == ["app/1.log", "app/2.log", "app/3.log", "far"]
        assert await after(journal, 89, "app/4.log") == ["app/1.log", "app/2.log", "app/3.log", "far", "app/4.log"]
        assert await after(journal, 91) == ["app/3.log", "far", "app/4.log"]  # a host that cannot be reached has not given up its logs
        assert await after(journal, 92, "app/2.log") == ["app/2.log", "app/3.log", "far", "app/4.log"]

    async def third(journal: Journal) -> None:
        await begun(journal)
        assert await after(journal, 92, "app/5.log") == ["app/2.log", "app/3.log", "far", "app/4.log", "app/5.log"]
        await begun(journal)  # a configuration that was read again
        assert await after(journal, 200, "far") == ["app/2.log", "app/3.log", "far", "app/4.log", "app/5.log"]
        assert await after(journal, 200, "app/6.log") == ["far", "app/6.log"]

    for one in (first, second, third):
        story(one, path)


def test_the_file_stays_within_its_size() -> None:
    async def tell(journal: Journal) -> None:
        for number in range(1500):
            await journal.commit(turn(changes=[Closed(T, moved(connected(f"{number:05}"), number))]))
        kept = 512 * 1024
        await journal.within(lambda connection: prune(connection, T + 1500, Keep(size=kept)))
        found = Library(journal.address).attempts(limit=5000)
        assert 0 < len(found) < 1500
        assert found[0].id == "01499"  # the oldest go first

    story(tell)


def test_what_people_were_told_of_outlives_a_flood() -> None:
    async def tell(journal: Journal) -> None:
        named = Alert(1, Key("claude", HOST, "session", "token-unused"), "a rule", "high", T, T, attempts=["00003", "00007"])
        await journal.commit(Turn(T, alerts=[named]))
        for number in range(1500):
            await journal.commit(turn(changes=[Closed(T, moved(connected(f"{number:05}"), number))]))
        await journal.within(lambda connection: prune(connection, T + 1500, Keep(size=512 * 1024)))
        found = [one.id for one in Library(journal.address).attempts(limit=5000)]
        assert found[-2:] == ["00007", "00003"]
        assert found[-3] > "00100"
        await journal.within(lambda connection: prune(connection, T + 1500, Keep(size=1)))
        assert Library(journal.address).attempts() == []  # the size is kept in any case

    story(tell)


def test_records_never_take_more_than_half_of_the_file_and_those_that_are_not_passed_stay() -> None:
    async def tell(journal: Journal) -> None:
        for start in range(0, 12_000, 1000):
            await journal.commit(turn(taken=list(range(start, start + 1000))))
        await journal.flush()
        await journal.within(
            lambda connection: connection.execute("INSERT INTO cursors VALUES ('nginx', 0, 'nginx', '', 1500, 0, 0, '', '{}', NULL)")
        )
        await journal.within(lambda connection: prune(connection, T, Keep(size=1024 * 1024)))
        rows = await journal.within(lambda connection: connection.execute("SELECT count(*), min(line) FROM records").fetchone())
        assert rows == (12_000 - 1_501, 1501)  # of the lines 0 to 1500 nothing is needed any more
        await journal.within(lambda connection: connection.execute("UPDATE cursors SET lines = 12000"))
        await journal.within(lambda connection: prune(connection, T, Keep(size=1024 * 1024)))
        (left,) = await journal.within(lambda connection: connection.execute("SELECT count(*) FROM records").fetchone())
        assert left == FEW

    story(tell)


def test_a_restart_begins_where_no_attempt_was_under_way() -> None:
    async def tell(journal: Journal) -> None:
        def stretched(name: str, start: float, end: float) -> Closed:
            attempt = connected(name)
            attempt.started_at, attempt.ended_at = start, end
            return Closed(end, attempt)

        now = T + 100_000
        edge = now - BACK
        for number in range(10_100):  # more than the few that are always kept
            journal._waiting.append((journal.first, turn(taken=[number], at=edge + 500)))
        await journal.commit(
            turn(changes=[stretched("a", edge - 50, edge + 10), stretched("b", edge - 200, edge - 50), stretched("c", edge - 900, edge - 201)])
        )
        assert await journal.within(lambda connection: horizon(connection, now)) == edge - 200

    story(tell)


def test_a_row_that_was_damaged_is_an_error_with_a_sentence() -> None:
    async def tell(journal: Journal) -> None:
        await journal.commit(turn(changes=[Closed(T, connected())]))
        await journal.within(lambda connection: connection.execute("UPDATE attempts SET body = '{\"id\": 3'"))
        with pytest.raises(SourceError, match="cannot be read"):
            Library(journal.address).attempts()

    story(tell)


def test_a_state_that_is_not_there_or_not_ours_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing was recorded there yet"):
        Library.of_file(tmp_path / "none.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE t (x)")
    with pytest.raises(SourceError, match="no state of connwatch"):
        Library.of_file(tmp_path / "other.db")


def moved(attempt: Attempt, seconds: float) -> Attempt:
    attempt.started_at, attempt.ended_at = T + seconds, T + seconds + 1
    return attempt


def test_a_state_that_was_set_aside_is_told_and_hinders_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"no state at all, but somebody's file" * 200)

    async def tell(journal: Journal) -> None:
        assert "set aside" in journal.note
        assert journal.healthy
        await journal.commit(turn(changes=[Closed(T, connected())]))
        assert len(Library(journal.address).attempts()) == 1

    story(tell, path)


def test_a_state_that_had_to_stay_in_memory_is_written_there_and_is_not_healthy() -> None:
    async def play() -> None:
        opened = in_memory()
        opened.note, opened.lasting = "cannot write: nothing is remembered over a restart", False
        journal = Journal(opened)
        await journal.commit(turn(changes=[Closed(T, connected())]))
        assert len(Library(journal.address).attempts()) == 1
        assert not journal.healthy
        assert journal.note == "cannot write: nothing is remembered over a restart"
        await journal.close()

    asyncio.run(play())


def test_what_nobody_is_told_of_waits_for_company_and_what_somebody_is_told_of_is_written_first() -> None:
    async def tell(journal: Journal) -> None:
        writes = []
        journal._connection.set_trace_callback(lambda text: writes.append(text) if text == "COMMIT" else None)
        await journal.flush()
        writes.clear()
        for line in range(100):
            await journal.commit(turn(taken=[line]))
        assert len(writes) <= 1
        await journal.commit(turn(taken=[100], changes=[Closed(T, connected())]))
        assert len(Library(journal.address).attempts()) == 1
        assert sum(len(past.taken) for past in Library(journal.address).history().turns) == 101

    story(tell)


def test_a_key_that_is_none_is_damage_and_is_not_shown(tmp_path: Path) -> None:
    with closing(open_state(tmp_path / "state.db")) as opened:
        opened.connection.execute("INSERT INTO meta VALUES ('key', 'not hex')")
        with pytest.raises(DamageError, match="the key of the digests cannot be read") as found:
            Journal(opened)
    assert "not hex" not in str(found.value)


@pytest.mark.parametrize("was_read", [True, False])
def test_only_a_state_that_could_be_read_is_closed_as_sound(tmp_path: Path, was_read: bool) -> None:
    async def tell(journal: Journal) -> None:
        if was_read:
            journal.restored({})
        await journal.commit(turn(changes=[Closed(T, connected())]))

    story(tell, tmp_path / "state.db")
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        found = connection.execute("SELECT count(*) FROM meta WHERE name = 'clean'").fetchone()
        assert found == (int(was_read),)


def test_who_found_the_file_held_does_not_wait_as_long_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PATIENCE", 0.2)
    monkeypatch.setattr(journal_module, "HASTE", 0.01)
    path = tmp_path / "state.db"

    async def play() -> None:
        journal = Journal(open_state(path))
        waits = []
        journal._connection.set_trace_callback(lambda text: waits.append(text) if text.startswith("PRAGMA busy") else None)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await journal.commit(turn(changes=[Closed(T, connected())]))
            assert "locked" in journal.trouble
            await journal.flush()
        await journal.flush()
        assert journal.trouble == ""
        assert waits == ["PRAGMA busy_timeout = 10", "PRAGMA busy_timeout = 10", "PRAGMA busy_timeout = 200"]
        await journal.close()

    asyncio.run(asyncio.wait_for(play(), 30))
