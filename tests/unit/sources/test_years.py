"""What happens to a log file in a year: each thing that rotation, people and file systems do to it, while somebody reads and while nobody does."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from connwatch.sources.file import FileSource
from connwatch.sources.follower import DRAIN_SECONDS, Follower
from connwatch.sources.source import Batch, Gap
from support.live import until

LONG = "".join(f"{number:03d} a line as it stands in a log\n" for number in range(30))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rotate(path: Path) -> None:
    path.rename(beside(path, ".1"))


def write_anew(path: Path, text: str) -> None:
    path.write_text(text)


def beside(log: Path, ending: str) -> Path:
    return log.with_name(log.name + ending)


def everything(follower: Follower, now: float = 0.0) -> list[str]:
    data = b""
    while (piece := follower.read(now)) is not None:
        data += piece.data
    return data.decode().splitlines()


def read_so_far(log: Path) -> str:
    """The cursor of a reader that has read all and stops."""
    follower = Follower(str(log))
    everything(follower)
    cursor = follower.cursor
    follower.close()
    assert cursor is not None
    return cursor


# ---------------------------------------------------------------- while somebody reads


def test_a_generation_that_came_and_went_between_two_looks_is_read_too(log: Path) -> None:
    append(log, "1\n")
    follower = Follower(str(log))
    assert everything(follower) == ["1"]
    append(log, "2\n")
    log.rename(beside(log, ".1"))
    append(log, "3, in a file that was never seen at its path\n")
    beside(log, ".1").rename(beside(log, ".2"))
    log.rename(beside(log, ".1"))
    append(log, "4\n")
    assert everything(follower) == ["2", "3, in a file that was never seen at its path", "4"]


def test_what_was_copied_away_before_it_was_read_is_read_from_the_copy(log: Path) -> None:
    append(log, "1\n2\n")
    follower = Follower(str(log))
    assert everything(follower) == ["1", "2"]
    append(log, "3\nhal")
    shutil.copy(log, beside(log, ".1"))
    os.truncate(log, 0)
    append(log, "4\n")
    assert everything(follower) == ["3", "4"]
    assert everything(follower, DRAIN_SECONDS + 1) == ["hal"]
    assert not follower.lost


def test_the_writer_may_go_on_in_the_old_file_for_as_long_as_it_keeps_writing(log: Path) -> None:
    append(log, "1\n")
    follower = Follower(str(log))
    everything(follower)
    log.rename(beside(log, ".1"))
    append(log, "new\n")
    assert everything(follower) == ["new"]
    for minute in range(1, 6):
        append(beside(log, ".1"), f"late {minute}\n")
        assert everything(follower, minute * (DRAIN_SECONDS - 1)) == [f"late {minute}"]


def test_a_file_saved_over_goes_on_where_it_stood(log: Path) -> None:
    append(log, LONG)
    follower = Follower(str(log))
    assert len(everything(follower)) == 30
    for number in (1, 2):
        saved = beside(log, ".saving")
        saved.write_text(log.read_text() + f"added {number}\n")
        saved.rename(log)
        assert everything(follower) == [f"added {number}"]


def test_a_new_file_that_begins_with_the_same_greeting_is_a_new_file(log: Path) -> None:
    append(log, "server started\n")
    follower = Follower(str(log))
    assert everything(follower) == ["server started"]
    log.rename(beside(log, ".1"))
    append(log, "server started\nlistening\n")
    assert everything(follower) == ["server started", "listening"]


def test_a_truncated_file_that_grew_beyond_its_old_end_with_the_same_greeting_is_noticed(log: Path) -> None:
    append(log, "x" * 300 + "\none\n")
    follower = Follower(str(log))
    assert len(everything(follower)) == 2
    log.write_text("x" * 300 + "\ntwo\nthree\n")
    assert everything(follower)[1:] == ["two", "three"]


def test_a_link_that_is_switched_is_a_rotation(log: Path) -> None:
    monday, tuesday = log.with_name("monday"), log.with_name("tuesday")
    append(monday, "1\n")
    log.symlink_to(monday)
    follower = Follower(str(log))
    assert everything(follower) == ["1"]
    append(monday, "2\n")
    append(tuesday, "3\n")
    switched = log.with_name("switched")
    switched.symlink_to(tuesday)
    switched.rename(log)
    assert everything(follower) == ["2", "3"]


def test_a_file_that_becomes_a_link_to_itself_is_read_on(log: Path) -> None:
    append(log, "1\n")
    follower = Follower(str(log))
    everything(follower)
    log.rename(log.with_name("moved"))
    log.symlink_to("moved")
    append(log, "2\n")
    assert everything(follower) == ["2"]
    assert not follower.reopened


def test_a_directory_that_appears_later_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "later" / "still" / "a.log"
    follower = Follower(str(log), at_end=True)
    assert everything(follower) == []
    assert "does not exist" in follower.note
    log.parent.mkdir(parents=True)
    assert everything(follower) == []
    append(log, "1\n")
    assert everything(follower) == ["1"]


def test_lines_that_were_seen_to_be_there_and_were_truncated_are_a_gap_with_a_time(log: Path) -> None:
    append(log, LONG * 1000)
    os.utime(log, (1000, 1000))
    follower = Follower(str(log))
    first = follower.read(0.0)
    assert first is not None
    assert first.more
    log.write_text("after\n")
    assert everything(follower)[-1] == "after"
    assert [(one.reason, one.since) for one in follower.lost] == [("truncated", 1000.0)]


# ---------------------------------------------------------------- while nobody reads


def test_two_rotations_while_nobody_read(log: Path) -> None:
    append(log, "1\n2\n")
    cursor = read_so_far(log)
    append(log, "3\n")
    log.rename(beside(log, "-20261122"))
    append(log, "4\n5\n")
    log.rename(beside(log, "-20261123"))
    append(log, "6\n")
    follower = Follower(str(log), cursor=cursor)
    assert everything(follower) == ["3", "4", "5", "6"]
    assert not follower.lost


def test_older_generations_are_not_read_again(log: Path) -> None:
    append(beside(log, ".2"), "long ago\n")
    os.utime(beside(log, ".2"), (1000, 1000))
    append(log, "1\n")
    cursor = read_so_far(log)
    log.rename(beside(log, ".1"))
    append(log, "2\n")
    assert everything(Follower(str(log), cursor=cursor)) == ["2"]


def test_compressed_leftovers_are_never_read_and_what_only_they_hold_is_told(log: Path) -> None:
    append(log, "1\n")
    os.utime(log, (1000, 1000))
    cursor = read_so_far(log)
    append(log, "2, compressed before anybody read it\n")
    beside(log, ".1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    append(log, "3\n")
    follower = Follower(str(log), cursor=cursor)
    assert everything(follower) == ["3"]
    assert {(one.reason, one.since) for one in follower.lost} == {("rotated-away", 1000.0)}


def test_truncated_while_nobody_read(log: Path) -> None:
    append(log, "1\n2\n3\n")
    os.utime(log, (1000, 1000))
    cursor = read_so_far(log)
    log.write_text("4, shorter or longer\n")
    follower = Follower(str(log), cursor=cursor)
    assert everything(follower) == ["4, shorter or longer"]
    assert [(one.reason, one.since) for one in follower.lost] == [("rotated-away", 1000.0)]


def test_a_new_file_with_the_old_inode_and_other_first_bytes_is_a_new_file(log: Path) -> None:
    append(log, LONG)
    cursor = read_so_far(log)
    inode = log.stat().st_ino
    log.unlink()
    append(log, LONG.replace("line", "mine") * 2)
    assert cursor.count(str(inode)) == 1
    reused = cursor.replace(f'"inode": {inode}', f'"inode": {log.stat().st_ino}')
    assert len(everything(Follower(str(log), cursor=reused))) == 60


def test_a_cursor_of_a_file_that_only_begins_alike_does_not_hide_lines(log: Path) -> None:
    append(log, "server started\n")
    cursor = read_so_far(log)
    log.rename(beside(log, ".1"))
    append(log, "server started\nlistening\n")
    assert everything(Follower(str(log), cursor=cursor)) == ["server started", "listening"]


def test_a_cursor_of_another_file_reads_from_the_beginning(log: Path) -> None:
    append(log.with_name("other.log"), LONG)
    append(log, "1\n2\n")
    follower = Follower(str(log), cursor=read_so_far(log.with_name("other.log")))
    assert everything(follower) == ["1", "2"]
    assert follower.gaps == {"rotated-away": 1}


def test_a_file_that_was_empty_when_the_reader_stopped_is_read_wherever_it_is_now(log: Path) -> None:
    log.touch()
    cursor = read_so_far(log)
    append(log, "1\n")
    log.rename(beside(log, ".1"))
    append(log, "2\n")
    assert everything(Follower(str(log), cursor=cursor)) == ["1", "2"]


def test_a_restored_copy_goes_on_where_the_file_stood(log: Path) -> None:
    append(log, LONG)
    cursor = read_so_far(log)
    append(log, "new\n")
    shutil.copy(log, log.with_name("backup"))
    log.unlink()
    log.with_name("backup").rename(log)
    assert everything(Follower(str(log), cursor=cursor)) == ["new"]


def test_a_cursor_holds_nothing_of_the_text(log: Path) -> None:
    append(log, 'GET /callback?code=very-secret HTTP/1.1" 302\n')
    cursor = read_so_far(log)
    assert "secret" not in cursor
    assert b"secret".hex() not in cursor


# ---------------------------------------------------------------- permission


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """As a user who owns nothing here."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_permission_lost_at_a_rotation_and_restored(open_folder: Path) -> None:
    log = open_folder / "a.log"
    append(log, "1\n")
    log.chmod(0o644)
    follower = Follower(str(log))
    with nobody():
        assert everything(follower) == ["1"]
    log.rename(beside(log, ".1"))
    append(log, "2\n")
    log.chmod(0)
    append(beside(log, ".1"), "1, late\n")
    with nobody():
        assert everything(follower) == ["1, late"]
        assert follower.note == f"no permission to read {log}"
        assert not follower.attached
    log.chmod(0o644)
    with nobody():
        assert everything(follower) == ["2"]
        assert follower.attached
        assert follower.note == ""
    follower.close()


def test_start_at_the_end_means_the_end_when_we_started_even_where_we_could_not_read(open_folder: Path) -> None:
    log = open_folder / "a.log"
    append(log, "old\n")
    log.chmod(0)
    follower = Follower(str(log), at_end=True)
    with nobody():
        assert everything(follower) == []
    append(log, "new\n")
    log.chmod(0o644)
    with nobody():
        assert everything(follower) == ["new"]
    follower.close()


# ---------------------------------------------------------------- sources


class Mute:
    """An alarm that never rings: a network file system."""

    def watch(self, paths: object) -> None:
        """Nothing to do."""

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Nothing to do."""


class Told:
    """What a source has given, by stream."""

    def __init__(self, source: FileSource, after: dict[str, str] | None = None) -> None:
        self.source, self.after, self.batches = source, after or {}, list[Batch]()

    def text(self, stream: str) -> str:
        return b"".join(one.data for one in self.batches if one.stream == stream).decode()

    def last(self, stream: str) -> str | None:
        return next((one.state for one in reversed(self.batches) if one.stream == stream), None)

    def cursors(self) -> dict[str, str]:
        return {one.stream: one.cursor for one in self.batches if one.cursor is not None}

    async def __aenter__(self) -> Self:
        async def read() -> None:
            async for batch in self.source.stream(self.after):
                self.batches.append(batch)

        self.task = asyncio.create_task(read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def test_a_link_that_was_switched_while_nobody_read(tmp_path: Path) -> None:
    log, monday, tuesday = tmp_path / "log", tmp_path / "monday", tmp_path / "tuesday"
    append(monday, "1\n")
    log.symlink_to(monday)
    cursor = read_so_far(log)
    append(monday, "2\n")
    append(tuesday, "3\n")
    log.unlink()
    log.symlink_to(tuesday)
    assert everything(Follower(str(log), cursor=cursor)) == ["2", "3"]


def test_a_slow_poll_is_the_net_where_no_alarm_ever_rings(log: Path) -> None:
    async def story() -> None:
        async with Told(FileSource("a", str(log), poll_seconds=0.02, alarm=Mute)) as told:
            await until(lambda: told.last("a") == "down")
            append(log, "1\n")
            await until(lambda: told.text("a") == "1\n")
            rotate(log)
            append(log, "2\n")
            await until(lambda: told.text("a") == "1\n2\n")

    asyncio.run(story())


def test_files_of_one_name_in_different_directories_have_streams_of_their_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        append(tmp_path / name / "access.log", f"of {name}\n")

    async def story() -> None:
        async with Told(FileSource("app", str(tmp_path / "*" / "access.log"), start="beginning", poll_seconds=0.02)) as told:
            await until(lambda: told.text("app/a/access.log") == "of a\n" and told.text("app/b/access.log") == "of b\n")
            (tmp_path / "c").mkdir()
            append(tmp_path / "c" / "access.log", "of c\n")
            await until(lambda: told.text("app/c/access.log") == "of c\n")

    asyncio.run(story())


def test_files_of_a_pattern_come_and_go_and_come_again(tmp_path: Path) -> None:
    log = tmp_path / "a.log"

    async def story() -> None:
        async with Told(FileSource("app", str(tmp_path / "*.log*"), poll_seconds=0.02)) as told:
            await until(lambda: told.last("") == "down")
            append(log, "1\n")
            await until(lambda: told.text("app/a.log") == "1\n")
            log.rename(tmp_path / "a.log.1")
            beside(log, ".2.gz").write_bytes(gzip.compress(b"compressed\n"))
            append(log, "2\n")
            await until(lambda: told.text("app/a.log") == "1\n2\n")
            assert {one.stream for one in told.batches} == {"", "app/a.log"}

    asyncio.run(story())


def test_one_file_of_a_pattern_that_fails_does_not_silence_the_others(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "1\n")
    append(tmp_path / "b.log", "1\n")
    source = FileSource("app", str(tmp_path / "*.log"), start="beginning", poll_seconds=0.02)

    async def story() -> None:
        async with Told(source) as told:
            await until(lambda: told.last("app/a.log") == told.last("app/b.log") == "live")
            (tmp_path / "a.log").unlink()
            (tmp_path / "a.log").mkdir()
            await until(lambda: told.last("app/a.log") == "down")
            append(tmp_path / "b.log", "2\n")
            await until(lambda: told.text("app/b.log") == "1\n2\n")
            assert "a.log is not a regular file" in source.status.note

    asyncio.run(story())


def test_lines_written_between_a_quiet_stop_and_the_next_start_are_not_lost(log: Path) -> None:
    append(log, "old\n")

    async def story() -> None:
        async with Told(FileSource("a", str(log))) as told:
            await until(lambda: told.last("a") == "live")
            assert told.text("a") == ""
        append(log, "written while nobody read\n")
        async with Told(FileSource("a", str(log)), told.cursors()) as again:
            await until(lambda: again.text("a") == "written while nobody read\n")

    asyncio.run(story())


def test_a_file_that_matched_since_the_last_run_is_read_whole(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "old\n")
    pattern = str(tmp_path / "*.log")

    async def story() -> None:
        async with Told(FileSource("app", pattern)) as told:
            await until(lambda: told.last("app/a.log") == "live")
        append(tmp_path / "b.log", "new\n")
        async with Told(FileSource("app", pattern), told.cursors()) as again:
            await until(lambda: again.text("app/b.log") == "new\n" and again.last("app/a.log") == "live")
            assert again.text("app/a.log") == ""

    asyncio.run(story())


def test_what_was_lost_is_told_with_its_time_before_the_lines_that_follow(log: Path) -> None:
    append(log, "1\n")
    os.utime(log, (1000, 1000))

    async def story() -> None:
        async with Told(FileSource("a", str(log), start="beginning", now=lambda: 3000.0)) as told:
            await until(lambda: told.text("a") == "1\n")
        write_anew(log, "2\n")
        source = FileSource("a", str(log), now=lambda: 3000.0)
        async with Told(source, told.cursors()) as again:
            await until(lambda: again.text("a") == "2\n")
            assert [(one.gap, one.data) for one in again.batches if one.gap or one.data] == [
                (Gap("rotated-away", 1000.0, 3000.0), b""),
                (None, b"2\n"),
            ]
            await until(lambda: source.status.gaps == {"rotated-away": 1})

    asyncio.run(story())
