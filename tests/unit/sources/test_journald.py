"""What journalctl prints, by a program that prints it: entries of any size, and what cannot be read."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from connwatch.sources.follower import MAX_LINE
from connwatch.sources.journald import MOST_ENTRY, JournaldSource
from support.followed import followed
from support.live import until

STAMP = "2026-11-23T07:52:42.940123000Z "


def entry(number: int, message: Any) -> bytes:
    return json.dumps({"__CURSOR": f"i={number}", "MESSAGE": message, "__REALTIME_TIMESTAMP": "1795420362940123"}).encode() + b"\n"


def test_a_large_message_is_read_cut_and_what_is_too_large_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        entry(1, "one"),
        entry(2, "x" * 2 * MAX_LINE),
        entry(3, [200] * 300_000),
        entry(4, "y" * MOST_ENTRY),
        b'{"__CURSOR":"i=5","MESSAGE":"torn\n',
        b"-- No entries --\n",
        entry(6, "last"),
    ]
    (tmp_path / "entries").write_bytes(b"".join(told))
    (tmp_path / "journalctl").write_text(
        f'#!/bin/sh\ncase "$*" in *--follow*) cat {tmp_path}/entries; exec sleep 600 ;; *) head -n 1 {tmp_path}/entries ;; esac\n'
    )
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    source = JournaldSource("app", "mcp.service", start="beginning")

    async def story() -> None:
        async with followed(source) as heard:
            await until(lambda: bool(heard.batches) and heard.batches[-1].data.endswith(b" last\n"))
            lines = b"".join(batch.data for batch in heard.batches).split(b"\n")
            assert lines == [
                f"{STAMP}one".encode(),
                f"{STAMP}{'x' * MAX_LINE}"[:MAX_LINE].encode(),
                STAMP.encode() + b"\xc8" * 300_000,
                f"{STAMP}last".encode(),
                b"",
            ]
            assert source.status.gaps == {"unreadable": 2}
            assert heard.cursors == {"app": "i=6"}

    asyncio.run(story())
