#!/usr/bin/env python3
"""The daemon for a long time under traffic that never repeats itself: what must not grow, does not grow.

    soak.py [--minutes N] [--rate LINES] [--rotate SECONDS]

Random clients, hosts and paths are written to two files, which are rotated in turn by renaming and by copying. Every few seconds memory, the number
of series and the open attempts are looked at. Exit status 0: memory (RSS) flat within 10 % after the warm-up, series constant,
open attempts within the bound that is set (MOST_OPEN), every line read; 1 otherwise, with what was not so.
"""

from __future__ import annotations

import argparse
import http.client
import pathlib
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import BinaryIO

from follow import STAMP, Daemon, connwatch
from run import say

STEP_SECONDS = 0.1
LOOK_SECONDS = 5.0
KEPT = 4
MOST_OPEN = 2000
"""The bound that the daemon is given: forty strangers a second begin an attempt here, and most of them wait for a quarter of an hour."""
GROWTH = 1.10
WARM_UP = 0.3
"""The part of the time after which memory must be flat."""
STEPS = (
    ("POST /mcp", 401),
    ("GET /.well-known/oauth-protected-resource/mcp", 200),
    ("GET /.well-known/oauth-authorization-server", 200),
    ("POST /register", 201),
    ("GET /authorize?response_type=code&state={state}&client_id={client}", 302),
    ("POST /token", 200),
    ("POST /mcp", 200),
)
CLIENTS = ("Claude-User/1.0", "openai-mcp/1.0.0", "node", "Cursor/1.4.2", "{word}/{number}.0", "python-httpx/0.28.1")


@dataclass
class Look:
    """One look at the daemon. Sizes in MiB."""

    rss: float
    series: int
    open: int
    lines: int


class Log:
    """A file that is written to and rotated; each generation has another writer's habits."""

    def __init__(self, path: pathlib.Path, chance: random.Random) -> None:
        self.path, self.chance, self.written = path, chance, 0
        self.file: BinaryIO = path.open("ab", buffering=0)
        self.turn = 0

    def write(self, count: int) -> None:
        self.file.write(b"".join(self._line() for _ in range(count)))
        self.written += count

    def _line(self) -> bytes:
        draw = self.chance
        word = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=8))
        request, status = draw.choice(STEPS) if draw.random() < 0.2 else (f"GET /{word}/{draw.randrange(10**6)}", draw.choice((200, 304, 404)))
        request = request.format(state=f"{draw.getrandbits(128):x}", client=f"{draw.getrandbits(64):x}")
        agent = draw.choice(CLIENTS).format(word=word, number=draw.randrange(99))
        address = ".".join(str(draw.randrange(1, 255)) for _ in range(4))
        now = time.strftime(STAMP, time.gmtime())
        host = f"{word[:2]}.example.net"
        return f'{host} {address} - - [{now}] "{request} HTTP/1.1" {status} 99 "-" "{agent}" "172.18.0.9:3000"\n'.encode()

    def rotate(self) -> None:
        for number in range(KEPT, 0, -1):
            old = self.path.with_name(f"{self.path.name}.{number}")
            if old.exists():
                old.rename(self.path.with_name(f"{self.path.name}.{number + 1}"))
        self.path.with_name(f"{self.path.name}.{KEPT + 1}").unlink(missing_ok=True)
        first = self.path.with_name(f"{self.path.name}.1")
        self.turn += 1
        if self.turn % 2:
            self.path.rename(first)
            self.file.close()
            self.file = self.path.open("ab", buffering=0)
        else:  # nobody writes between copy and truncation here, so that every line can be asked for
            shutil.copy(self.path, first)
            self.file.truncate(0)


def look(daemon: Daemon) -> Look:
    link = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    link.request("GET", "/metrics")
    text = link.getresponse().read().decode()
    link.close()
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    found = re.findall(r"^connwatch_attempts_open(?:\{[^}]*\})? ([\d.e+]+)", text, re.MULTILINE)
    lines = sum(float(value) for value in daemon.counter.findall(text))
    return Look(daemon.memory()["Rss"], series, int(sum(map(float, found))), int(lines))


def judged(looks: list[Look], written: int) -> list[str]:
    """What was not as it must be."""
    warm = looks[int(len(looks) * WARM_UP) :]
    third = max(1, len(warm) // 3)
    began, ended = statistics.median(one.rss for one in warm[:third]), statistics.median(one.rss for one in warm[-third:])
    say(f"memory {began:.1f} MiB after the warm-up, {ended:.1f} at the end, {max(one.rss for one in looks):.1f} at most")
    say(f"series {warm[0].series}; open attempts at most {max(one.open for one in looks)}; lines written {written}, read {looks[-1].lines}")
    wrong = []
    if ended > began * GROWTH:
        wrong.append(f"memory grew from {began:.1f} to {ended:.1f} MiB")
    if len({one.series for one in warm}) > 1:
        wrong.append(f"the number of series changed: {sorted({one.series for one in warm})}")
    if max(one.open for one in looks) > MOST_OPEN:
        wrong.append("more open attempts than allowed")
    if looks[-1].lines != written:
        wrong.append(f"{written} lines were written, {looks[-1].lines} read")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=200, help="lines a second, both files together")
    parser.add_argument("--rotate", type=float, default=180.0, help="seconds between rotations of a file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connwatch", default=str(pathlib.Path(sys.executable).parent / "connwatch"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        logs = [Log(folder / f"{stem}.log", random.Random(args.seed + number)) for number, stem in enumerate(("one", "two"))]
        daemon = connwatch(args.connwatch, folder, [log.path for log in logs], f"[engine]\nmax_open = {MOST_OPEN}\n")
        daemon.start()
        try:
            looks = soak(daemon, logs, args.minutes * 60, args.rate, args.rotate)
        finally:
            daemon.stop()
    wrong = judged(looks, sum(log.written for log in logs))
    for what in wrong:
        say(f"not so: {what}")
    return 1 if wrong else 0


def soak(daemon: Daemon, logs: list[Log], seconds: float, rate: int, rotate: float) -> list[Look]:
    time.sleep(1)
    began = time.monotonic()
    looks, owed = [look(daemon)], 0.0
    looked = rotated = now = began
    while now - began < seconds:
        time.sleep(STEP_SECONDS)
        then, now = now, time.monotonic()
        owed += (now - then) * rate / len(logs)
        for log in logs:
            log.write(int(owed))
        owed -= int(owed)
        if now - rotated >= rotate:
            rotated = now
            for log in logs:
                log.rotate()
        if now - looked >= LOOK_SECONDS:
            looked = now
            looks.append(look(daemon))
    written = sum(log.written for log in logs)
    give_up = time.monotonic() + 15
    looks.append(look(daemon))
    while looks[-1].lines < written and time.monotonic() < give_up:
        time.sleep(0.2)
        looks[-1] = look(daemon)
    return looks


if __name__ == "__main__":
    sys.exit(main())
