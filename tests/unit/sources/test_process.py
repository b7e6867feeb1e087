"""A child process: what it prints arrives, what it leaves behind is nothing."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.model.errors import SourceError
from connwatch.sources.follower import MAX_LINE
from connwatch.sources.process import Child, Lines
from support.live import until


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def output_of(child: Child) -> bytes:
    found = b""
    while block := await child.read():
        found += block
    return found


def test_output_status_and_last_words_of_a_child() -> None:
    async def story() -> None:
        child = await Child.start(["sh", "-c", "echo out; echo one >&2; printf 'two\\n\\nthree' >&2; exit 7"], missing="")
        try:
            assert await output_of(child) == b"out\n"
            assert await child.finish() == 7
            assert child.last_words == ["one", "two", "three"]
        finally:
            child.close()

    asyncio.run(story())


def test_last_words_are_bounded() -> None:
    async def story() -> None:
        child = await Child.start(["sh", "-c", "seq 100000 >&2; head -c 3000000 /dev/zero | tr '\\0' x >&2"], missing="")
        try:
            assert await output_of(child) == b""
            await child.finish()
            assert len(child.last_words) == 40
            assert child.last_words[-2] == "100000"
            assert len(child.last_words[-1]) == 500
        finally:
            child.close()

    asyncio.run(story())


def test_a_program_that_is_not_there_is_told_as_such() -> None:
    async def story() -> None:
        with pytest.raises(SourceError, match="install it"):
            await Child.start(["connwatch-no-such-program"], missing="install it")

    asyncio.run(story())


def test_what_is_not_read_makes_the_child_wait(tmp_path: Path) -> None:
    async def story() -> None:
        child = await Child.start(["sh", "-c", f"head -c 5000000 /dev/zero; touch {tmp_path}/done"], missing="")
        try:
            assert await child.read()
            for _ in range(100):
                await asyncio.sleep(0)
            assert not (tmp_path / "done").exists()
            while await child.read():
                pass
            assert await child.finish() == 0
            assert (tmp_path / "done").exists()
        finally:
            child.close()

    asyncio.run(story())


def test_cancelling_kills_the_whole_group_and_leaves_neither_zombie_nor_thread_nor_file(tmp_path: Path) -> None:
    numbers = tmp_path / "pids"
    threads, files = threading.active_count(), set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers, not paths

    async def reading() -> None:
        child = await Child.start(["sh", "-c", f"trap '' TERM; sleep 600 & echo $$ $! > {numbers}; wait"], missing="")
        try:
            await child.read()
        finally:
            child.close()

    async def story() -> list[int]:
        task = asyncio.create_task(reading())
        await until(lambda: numbers.exists() and len(numbers.read_text().split()) == 2)
        assert threading.active_count() == threads
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        pids = [int(number) for number in numbers.read_text().split()]
        await until(lambda: not any(alive(pid) for pid in pids))
        return pids

    pids = asyncio.run(story())
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], os.WNOHANG)
    assert set(os.listdir("/proc/self/fd")) <= files  # noqa: PTH208


@given(st.lists(st.binary(max_size=8)))
def test_whole_lines_leave_however_they_were_cut(blocks: list[bytes]) -> None:
    lines = Lines()
    out = [lines.feed(block) for block in blocks]
    assert all(not piece or piece.endswith(b"\n") for piece in out)
    text = b"".join(blocks)
    assert b"".join(out) + lines.held == text
    assert lines.finish() == (text[text.rfind(b"\n") + 1 :] + b"\n" if text and not text.endswith(b"\n") else b"")


@given(st.lists(st.text("ab\n", max_size=12)))
def test_a_line_over_the_limit_is_cut_there_and_every_byte_is_accounted_for(texts: list[str]) -> None:
    lines, fed, out = Lines(limit=4), 0, b""
    for text in texts:
        out += lines.feed(text.encode())
        fed += len(text)
        assert lines.taken + len(lines.held) == fed
    *whole, rest = "".join(texts).split("\n")
    assert out + lines.finish() == "".join(f"{line[:4]}\n" for line in (*whole, *([rest] if rest else []))).encode()
    assert lines.taken == fed


def test_a_line_without_an_end_is_cut_and_counts_as_one() -> None:
    lines = Lines()
    out = b"".join(lines.feed(b"x" * 100_000) for _ in range(30))
    assert (lines.taken, lines.skipping) == (3_000_000, True)
    assert (out + lines.feed(b"end\nnext\n")).split(b"\n") == [b"x" * MAX_LINE, b"next", b""]


def test_what_follows_the_end_of_a_cut_line_s_log_is_no_rest_of_it() -> None:
    lines = Lines()
    lines.feed(b"x" * 2 * MAX_LINE)
    assert lines.finish() == b""
    assert lines.feed(b"first line of the next log\n") == b"first line of the next log\n"
