"""A state that cannot be read, or that another program holds, and the real daemon: it begins anew where the file is damaged, and only there."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.site import Site, wait


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(tmp_path)
    yield one
    one.close()


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state as a daemon leaves it that saw the demonstration and was stopped."""
    one = Site(tmp_path_factory.mktemp("left"))
    one.write(one.entries)
    one.start()
    wait(one.all_read)
    wait(lambda: one.get("/api/attempts?outcome=connected")["attempts"])
    one.stop()
    one.close()
    with closing(sqlite3.connect(one.state)) as state:
        assert state.execute("SELECT count(*) FROM meta WHERE name = 'clean'").fetchone() == (1,)
    return one.state


def changed(statement: str) -> Callable[[Path], None]:
    def spoil(state: Path) -> None:
        with closing(sqlite3.connect(state, isolation_level=None)) as connection:
            assert connection.execute(statement).rowcount

    return spoil


def overwritten(table: str) -> Callable[[Path], None]:
    """The first page of a table is gone."""

    def spoil(state: Path) -> None:
        with closing(sqlite3.connect(state)) as connection:
            (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
        with state.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xaa" * size)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        overwritten("records"),
        overwritten("attempts"),
        overwritten("meta"),
        overwritten("alerts"),
        changed("UPDATE records SET body = 'Q{'"),
        changed("UPDATE meta SET value = 'noon' WHERE name = 'watermark'"),
        changed("UPDATE meta SET value = 'xyz' WHERE name = 'key'"),
    ],
    ids=["records", "attempts", "meta", "alerts", "a record's body", "the watermark", "the key"],
)
def test_a_state_that_was_closed_well_and_is_damaged_is_set_aside_and_a_new_one_begun(site: Site, left: Path, spoil: Callable[[Path], None]) -> None:
    shutil.copy(left, site.state)
    spoil(site.state)
    site.start()
    wait(lambda: list(site.folder.glob("state.db.damaged-*")))
    site.write(site.entries)
    wait(site.all_read)
    wait(lambda: site.get("/api/attempts")["attempts"])
    (aside,) = [path for path in site.folder.glob("state.db.damaged-*") if not path.name.endswith(("-wal", "-shm"))]
    said = (site.folder / "said").read_text()
    assert f"it was set aside as {aside.name}, and a new one begun" in said
    assert said.count("is damaged") == 1
    assert aside.name in site.get("/api/sources")["state"]["note"]
    site.stop()
    site.start()
    assert site.get("/api/sources")["state"]["note"] == "", "the new one is sound"
    site.stop()
    assert len(list(site.folder.glob("state.db.damaged-*[0-9Z]"))) == 1
    assert "Traceback" not in (site.folder / "said").read_text()


def test_a_state_that_another_program_holds_at_the_start_is_named_and_left_alone(site: Site, left: Path) -> None:
    shutil.copy(left, site.state)
    with closing(sqlite3.connect(site.state, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = site.ask("run")
    assert refused.returncode == 3
    assert f"{site.state} is held by another program (database is locked)" in refused.stderr
    assert list(site.folder.glob("*.damaged-*")) == []
    site.start()
    site.stop()


def test_a_daemon_whose_state_is_held_stops_within_five_seconds(site: Site) -> None:
    site.start()
    with closing(sqlite3.connect(site.state, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        site.write(site.entries)
        wait(site.all_read)
        began = time.monotonic()
        site.stop(signal.SIGTERM)
        assert time.monotonic() - began < 5
