"""Hundreds of thousands of numbered lines over three logs with real attempts among them: what a test of nothing lost and nothing repeated reads.

The recorded demonstration is played again and again, each time with other secrets, so that no two attempts share a key.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from connwatch.daemon.played import recorded

START = 1_795_300_000.0
LOGS = ("nginx-proxy", "coda-mcp", "other-proxy")
_SECRET = re.compile(rb"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])(?!\d{4}-)[\w-]{12,}(?![\w-])")
_STAMP = 31  # characters of the stamp in front, which is no secret


def write_logs(folder: Path, lines: int, rounds: int, end: float | None = None) -> float:
    """Write so many lines over the three logs, `rounds` times the demonstration among them, the last before `end`. Gives that time, in seconds."""
    entries = recorded()
    span = entries[-1].after + 120
    start = START if end is None else end - rounds * span
    end = start + rounds * span
    for log in LOGS:
        rows: list[tuple[float, bytes]] = []
        for number in range(rounds):
            for entry in entries:
                at = start + number * span + entry.after
                if entry.log == log:
                    rows.append((at, _changed(entry.line(at), number)))
                elif log == "other-proxy" and entry.log == "nginx-proxy":
                    rows.append((at, _changed(entry.line(at), number + rounds).replace(b".example.com", b".example.net")))
        filler = lines // len(LOGS) - len(rows)
        rows += [_filler(log, number, start + (end - start) * number / filler) for number in range(filler)]
        rows.sort(key=lambda row: row[0])
        (folder / f"{log}.log").write_bytes(b"".join(line for _, line in rows))
    return end


def _changed(line: bytes, number: int) -> bytes:
    def other(secret: re.Match[bytes]) -> bytes:
        return secret[0].translate(bytes.maketrans(b"0123456789", bytes(48 + (digit + number) % 10 for digit in range(10)))) + b"%d" % number

    return line[:_STAMP] + _SECRET.sub(other, line[_STAMP:])


def _filler(log: str, number: int, at: float) -> tuple[float, bytes]:
    moment = datetime.fromtimestamp(at, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"
    if log == "coda-mcp":
        return at, f"{stamp} line number {number}\n".encode()
    return at, (
        f"{stamp} nginx.1     | blog.example.org 192.0.2.{number % 250} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "
        f'"GET /page/{number} HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0" "172.20.0.9:80"\n'
    ).encode()
