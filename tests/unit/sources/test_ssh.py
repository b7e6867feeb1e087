"""When a source over ssh logs in again. The ssh here is a program that runs what it is given, and counts how often it was started."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from connwatch.model.errors import SourceError
from connwatch.sources.ssh import SshSource, Wanted
from support.followed import followed
from support.live import until
from support.programs import Programs


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """The other machine: what ssh is given runs here."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    programs = Programs(tmp_path)
    programs.ssh('for last; do :; done\nexec sh -c "$last"')
    return programs


def test_a_command_that_ends_with_our_own_status_has_failed_like_any_other(box: Programs) -> None:
    source = SshSource("far", "box", Wanted("command", "echo hello; exit 75"))
    heard = b""

    async def story() -> None:
        nonlocal heard
        async with aclosing(source.stream({})) as batches:
            async for batch in batches:
                heard += batch.data

    with pytest.raises(SourceError, match="the command on box ended with status 75"):
        asyncio.run(asyncio.wait_for(story(), 10))
    assert (heard, box.logins) == (b"hello\n", 1)


def test_a_container_whose_log_ends_again_and_again_is_asked_for_with_pauses_that_grow(box: Programs) -> None:
    box.program("docker", '[ "$1" = logs ] || echo true\n')
    source = SshSource("far", "box", Wanted("container", "app"))

    async def story() -> None:
        began = time.monotonic()
        async with followed(source) as heard:
            await until(lambda: box.logins == 3)
            assert time.monotonic() - began >= 0.5 + 1.0
            assert "down" not in heard.states
            pauses = [batch.state for batch in heard.batches for mark in batch.marks if mark.what == "started"]
            assert pauses == ["catching_up"] * 2, "while it is not read, its silence shows nothing"

    asyncio.run(story())


def test_a_log_that_docker_breaks_off_with_our_own_status_has_failed(box: Programs) -> None:
    box.program("docker", '[ "$1" = container ] || exit 75\n')
    source = SshSource("far", "box", Wanted("container", "app"))

    async def story() -> None:
        async with followed(source) as heard:
            await until(lambda: heard.states[-1:] == ["down"])
            assert source.status.note == "container app on box ended with status 75"

    asyncio.run(story())
