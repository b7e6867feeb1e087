"""What can be done to a growing file, and what a reader of it must still get: every line once, and never two lines as one."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

from connwatch.model.errors import SourceError
from connwatch.sources.follower import BLOCK, DRAIN_SECONDS, MAX_LINE, MISSING_SECONDS, Follower


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def everything(follower: Follower, now: float = 0.0) -> list[str]:
    data = b""
    while (piece := follower.read(now)) is not None:
        data += piece.data
    return data.decode().splitlines()


def last_cursor(follower: Follower) -> str:
    cursor = ""
    while (piece := follower.read(0.0)) is not None:
        cursor = piece.cursor
    return cursor


def let_go(follower: Follower) -> tuple[list[str], str]:
    """What comes until nothing is waited for any more, and the last cursor that was told."""
    lines, cursor = [], ""
    for now in (0.0, DRAIN_SECONDS + 1, 3 * DRAIN_SECONDS, MISSING_SECONDS + 1, 2 * MISSING_SECONDS, 3 * MISSING_SECONDS):
        while (piece := follower.read(now)) is not None:
            lines += piece.data.decode().splitlines()
            cursor = piece.cursor
    return lines, cursor


def compress(path: Path) -> None:
    """As gzip does it, which keeps the time of the last writing."""
    info = path.stat()
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    os.utime(f"{path}.gz", ns=(info.st_atime_ns, info.st_mtime_ns))
    path.unlink()


def test_lines_come_as_they_are_written(log: Path) -> None:
    append(log, "one\ntwo\n")
    follower = Follower(str(log))
    assert everything(follower) == ["one", "two"]
    append(log, "three\n")
    assert everything(follower) == ["three"]


def test_a_file_that_does_not_exist_yet_is_waited_for(log: Path) -> None:
    follower = Follower(str(log), at_end=True)
    assert everything(follower) == []
    assert not follower.attached
    assert "does not exist" in follower.note
    append(log, "one\n")
    assert everything(follower) == ["one"]
    assert follower.note == ""


def test_the_start_at_the_end_keeps_a_line_that_is_half_written(log: Path) -> None:
    append(log, "old\nhalf")
    follower = Follower(str(log), at_end=True)
    assert everything(follower) == []
    append(log, " line\nnew\n")
    assert everything(follower) == ["half line", "new"]


def test_a_partial_line_waits_for_its_end(log: Path) -> None:
    append(log, "one\ntw")
    follower = Follower(str(log))
    assert everything(follower) == ["one"]
    append(log, "o\n")
    assert everything(follower) == ["two"]


def test_rename_rotation_loses_nothing_of_either_file(log: Path) -> None:
    append(log, "1\n")
    follower = Follower(str(log))
    assert everything(follower) == ["1"]
    append(log, "2\n")
    log.rename(log.with_suffix(".1"))
    append(log, "4\n")
    append(log.with_suffix(".1"), "3\n")  # the server had not reopened yet
    assert everything(follower) == ["2", "3", "4"]
    append(log.with_suffix(".1"), "5, late\n")
    append(log, "6\n")
    assert everything(follower) == ["5, late", "6"]
    assert follower.reopened == {"rotated": 1}


def test_the_old_generation_is_let_go_of_and_its_last_piece_is_a_line(log: Path) -> None:
    append(log, "1\nunfinished")
    follower = Follower(str(log))
    assert everything(follower) == ["1"]
    log.rename(log.with_suffix(".1"))
    append(log, "2\n")
    assert everything(follower) == ["2"]
    assert everything(follower, DRAIN_SECONDS + 1) == ["unfinished"]
    append(log.with_suffix(".1"), "nobody reads this\n")
    assert everything(follower, DRAIN_SECONDS + 2) == []


def test_copy_and_truncate(log: Path) -> None:
    append(log, "1\n2\nhal")
    follower = Follower(str(log))
    assert everything(follower) == ["1", "2"]
    os.truncate(log, 0)
    append(log, "3\n")
    assert everything(follower) == ["hal", "3"]
    assert follower.reopened == {"truncated": 1}


def test_truncated_and_grown_beyond_the_old_end_is_noticed_by_the_first_bytes(log: Path) -> None:
    append(log, "1 first generation\n")
    follower = Follower(str(log))
    everything(follower)
    log.write_text("2 second generation, longer than the first\n3\n")
    assert everything(follower) == ["2 second generation, longer than the first", "3"]


def test_a_writer_that_does_not_append_leaves_a_hole_that_is_skipped(log: Path) -> None:
    with log.open("w") as writer:
        writer.write("x" * 100_000 + "\n")
        writer.flush()
        follower = Follower(str(log))
        assert len(everything(follower)) == 1
        os.truncate(log, 0)
        writer.write("after\n")
        writer.flush()
        assert everything(follower) == ["after"]


def test_delete_and_create_again(log: Path) -> None:
    append(log, "1\n")
    follower = Follower(str(log))
    with log.open("a") as writer:
        everything(follower)
        log.unlink()
        assert everything(follower) == []
        assert "deleted" in follower.note
        writer.write("2, into the deleted file\n")
        writer.flush()
        assert everything(follower) == ["2, into the deleted file"]
    append(log, "3\n")
    assert everything(follower) == ["3"]
    assert follower.note == ""


def test_a_deleted_file_is_not_kept_open_for_ever(log: Path) -> None:
    append(log, "1\n")
    follower = Follower(str(log))
    everything(follower)
    log.unlink()
    everything(follower, 0.0)
    everything(follower, MISSING_SECONDS + 1)
    assert not follower.attached
    assert follower.gone


def test_permission_errors_are_waited_out(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(log, "1\n")
    follower = Follower(str(log))
    real, refused = os.open, True

    def guarded(path: str, flags: int) -> int:
        if refused:
            raise PermissionError(13, "Permission denied")
        return real(path, flags)

    monkeypatch.setattr(os, "open", guarded)
    assert everything(follower) == []
    assert "no permission" in follower.note
    refused = False
    assert everything(follower) == ["1"]


def test_what_is_not_a_file_is_refused_for_good(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (".", "pipe"):
        with pytest.raises(SourceError, match="not a regular file") as caught:
            Follower(str(tmp_path / name)).read(0.0)
        assert not caught.value.transient


def test_a_line_without_end_is_cut_and_memory_stays_bounded(log: Path) -> None:
    append(log, "a\n" + "b" * (3 * MAX_LINE) + "\nc\n")
    follower = Follower(str(log))
    lines = everything(follower)
    assert [lines[0], lines[2]] == ["a", "c"]
    assert MAX_LINE <= len(lines[1]) <= MAX_LINE + BLOCK


def test_a_cursor_goes_on_where_it_stood(log: Path) -> None:
    append(log, "1\n2\nhal")
    cursor = last_cursor(Follower(str(log)))
    append(log, "f\n3\n")
    assert everything(Follower(str(log), cursor=cursor)) == ["half", "3"]


def test_a_cursor_survives_rename_and_copy_while_nobody_read(log: Path) -> None:
    append(log, "1 a\n2\n")
    cursor = last_cursor(Follower(str(log)))
    append(log, "3\n")
    log.rename(log.with_suffix(".log.1"))
    append(log, "4 b\n")
    assert everything(Follower(str(log), cursor=cursor)) == ["3", "4 b"]


def test_a_cursor_taken_while_the_old_file_drains_covers_both(log: Path) -> None:
    append(log, "1 a\n")
    follower = Follower(str(log))
    everything(follower)
    log.rename(log.with_suffix(".log.1"))
    append(log, "2 b\n")
    cursor = last_cursor(follower)
    append(log.with_suffix(".log.1"), "3 late\n")
    append(log, "4\n")
    assert everything(Follower(str(log), cursor=cursor)) == ["3 late", "4"]


def test_what_a_cursor_cannot_find_is_a_gap_and_not_a_silence(log: Path) -> None:
    append(log, "1 a\n")
    cursor = last_cursor(Follower(str(log)))
    log.write_text("2 b\n")
    follower = Follower(str(log), cursor=cursor)
    assert everything(follower) == ["2 b"]
    assert follower.gaps == {"rotated-away": 1}


@pytest.mark.parametrize("cursor", ["", "nonsense", "{}", '{"files": [{"head": "zz", "offset": 1}]}', "[]"])
def test_a_damaged_cursor_reads_from_the_beginning(log: Path, cursor: str) -> None:
    append(log, "1\n")
    follower = Follower(str(log), cursor=cursor)
    assert everything(follower) == ["1"]
    assert follower.gaps == {"cursor": 1}


# What a cursor knows of the generations that are done with


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return tmp_path / "access.log.1"


def test_a_copy_that_was_made_of_a_log_which_is_quiet_since_is_not_read_again_after_a_restart(log: Path, older: Path) -> None:
    append(log, "1\n2\n")
    follower = Follower(str(log))
    everything(follower)
    shutil.copyfile(log, older)
    os.truncate(log, 0)
    lines, cursor = let_go(follower)
    assert lines == []
    again = Follower(str(log), cursor=cursor)
    assert let_go(again)[0] == []
    append(log, "3\n")
    assert everything(again) == ["3"]
    assert again.gaps == {}


def test_late_lines_of_a_renamed_file_do_not_make_it_new_after_a_restart(log: Path, older: Path) -> None:
    append(log, "1\n2\n")
    follower = Follower(str(log))
    everything(follower)
    log.rename(older)
    log.touch()
    os.utime(log, (1000.0, 1000.0))
    append(older, "3, late\n")
    lines, cursor = let_go(follower)
    assert lines == ["3, late"]
    append(older, "4, later than anybody waits\n")
    again = Follower(str(log), cursor=cursor)
    assert let_go(again)[0] == []
    log.rename(log.with_suffix(".log.2"))
    append(log, "5\n")
    assert everything(again) == ["5"]
    assert again.gaps == {}


@pytest.mark.parametrize("at_end", [False, True])
def test_what_was_rotated_away_before_the_very_first_look_is_never_read(log: Path, older: Path, at_end: bool) -> None:
    append(older, "1\n2\n")
    log.touch()
    os.utime(log, (1000.0, 1000.0))
    append(older, "3, into the renamed file\n")
    follower = Follower(str(log), at_end=at_end)
    lines, _ = let_go(follower)
    cursor = follower.cursor
    assert (lines, cursor is not None) == ([], True)
    again = Follower(str(log), cursor=cursor)
    assert let_go(again)[0] == []
    for one in (follower, again):
        older.rename(log.with_suffix(".log.2"))
        log.rename(older)
        append(log, "new\n")
        assert everything(one) == ["new"]
        log.unlink()
        older.rename(log)
        log.with_suffix(".log.2").rename(older)


def test_a_generation_that_was_read_whole_and_let_go_of_may_be_compressed(log: Path, older: Path) -> None:
    append(log, "1\n2\n")
    follower = Follower(str(log))
    everything(follower)
    log.rename(older)
    log.touch()
    lines, cursor = let_go(follower)
    compress(older)
    again = Follower(str(log), cursor=cursor)
    assert (lines, let_go(again)[0], again.gaps) == ([], [], {})


@pytest.mark.parametrize("unread", ["", "3, which nobody read\n"])
def test_a_file_that_was_rotated_and_compressed_while_nobody_read_is_lost_only_if_it_held_more(log: Path, older: Path, unread: str) -> None:
    append(log, "1\n2\n")
    cursor = last_cursor(Follower(str(log)))
    append(log, unread)
    log.rename(older)
    append(log, "4\n")
    compress(older)
    again = Follower(str(log), cursor=cursor)
    assert everything(again) == ["4"]
    assert set(again.gaps) == ({"rotated-away"} if unread else set())


@pytest.mark.parametrize("unread", ["", "3, which nobody read\n"])
def test_a_copy_that_was_compressed_at_once_is_lost_only_if_it_held_more(log: Path, older: Path, unread: str) -> None:
    append(log, "1\n2\n")
    follower = Follower(str(log))
    everything(follower)
    append(log, unread)
    shutil.copyfile(log, older)
    os.utime(older, (log.stat().st_mtime + 1, log.stat().st_mtime + 1))
    os.truncate(log, 0)
    compress(older)
    append(log, "4\n")
    assert everything(follower) == ["4"]
    assert set(follower.gaps) == ({"rotated-away"} if unread else set())


def test_what_was_told_to_be_lost_is_not_told_again_after_a_restart(log: Path, older: Path) -> None:
    append(log, "1\n")
    cursor = last_cursor(Follower(str(log)))
    log.rename(log.with_suffix(".log.2"))
    append(older, "2, which nobody read\n")
    compress(older)
    log.touch()
    os.utime(log, (1000.0, 1000.0))
    follower = Follower(str(log), cursor=cursor)
    _, cursor = let_go(follower)
    assert follower.gaps == {"rotated-away": 1}
    again = Follower(str(log), cursor=cursor)
    assert (let_go(again)[0], again.gaps) == ([], {})


def test_while_nothing_is_at_the_path_a_cursor_still_tells_what_has_come_since(log: Path, older: Path) -> None:
    append(log, "1\n")
    follower = Follower(str(log))
    everything(follower)
    log.rename(older)
    _, cursor = let_go(follower)
    assert not follower.attached
    again = Follower(str(log), cursor=cursor)
    assert everything(again) == []
    older.rename(log.with_suffix(".log.2"))
    append(older, "2, came and went\n")
    append(log, "3\n")
    assert everything(again) == ["2, came and went", "3"]
    assert everything(Follower(str(log), cursor=cursor)) == ["2, came and went", "3"]


def test_a_cursor_of_an_earlier_version_is_understood(log: Path, older: Path) -> None:
    append(log, "1\n2\n")
    cursor = json.loads(last_cursor(Follower(str(log))))
    assert cursor.keys() == {"files"}
    append(log, "3\n")
    log.rename(older)
    append(log, "4\n")
    assert everything(Follower(str(log), cursor=json.dumps(cursor))) == ["3", "4"]
