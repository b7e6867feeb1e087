#!/usr/bin/env python3
"""The daemon at work on growing files, beside mtail on the same files in the same run: latency, memory, processor, time to start.

    follow.py [--starts N] [--writes N] [--idle SECONDS] [--load SECONDS] [--json]

Latency is from the write of a line to its first sight in `/metrics`, which is asked again and again: the time of an answer is part of it. The
writes keep no time with a program that polls: the pauses between them are random, and reach over two of mtail's periods (250 ms). To see
what `connwatch tail` tells, a lone request of a connector is written: it is told once its neighbours have been waited for, five seconds of quiet
and `lateness_seconds` (2) behind the line's own stamp, which is a whole second. Processor time is that of all threads, memory what the
kernel counts as resident (RSS) and as the process's own share (PSS). With the defaults three minutes; nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import genlog
from measure import ENVIRONMENT
from run import provide, say

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 20.0
PAUSE = (0.02, 0.52)
"""Seconds between writes whose latency is measured. After a shorter one each write follows the poll that saw the write before, and
a program that polls looks quick or slow by luck.
"""
STAMP = "%d/%b/%Y:%H:%M:%S +0000"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Daemon:
    """A running program that follows files and answers at /metrics; `counter` is the expression that finds how many lines it has read.

    It begins with letters of its own: with `^` a search through a page of 195 KB takes 2 ms, which are no time of the program's.
    """

    name: str
    argv: list[str]
    port: int
    counter: re.Pattern[str]
    figures: dict[str, float] = field(default_factory=dict)
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Milliseconds until it answers."""
        began = time.perf_counter()
        self.child = subprocess.Popen(self.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while time.perf_counter() - began < PATIENCE:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.lines()
                return (time.perf_counter() - began) * 1000
            self.link.close()
            time.sleep(0.003)
        raise RuntimeError(f"{self.name} does not answer")

    @property
    def pid(self) -> int:
        assert self.child is not None, "it was started"
        return self.child.pid

    def stop(self) -> None:
        if self.child is None:
            return
        self.link.close()
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child = None

    def lines(self) -> int:
        try:
            text = self._asked()
        except http.client.RemoteDisconnected:  # a server closes a connection that was idle
            self.link.close()
            text = self._asked()
        return int(sum(float(value) for value in self.counter.findall(text)))

    def _asked(self) -> str:
        self.link.request("GET", "/metrics")
        return self.link.getresponse().read().decode()

    def cpu(self) -> float:
        """Seconds of processor of all threads so far."""
        used = 0
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                used += int((task / "schedstat").read_text().split()[0])
        return used / 1e9

    def memory(self) -> dict[str, float]:
        text = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii")
        return {name: int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[1]) / 1024 for name in ("Rss", "Pss")}  # type: ignore[index]


def connwatch(program: str, folder: pathlib.Path, logs: list[pathlib.Path], more: str = "") -> Daemon:
    port = free_port()
    config = folder / "connwatch.toml"
    sources = "".join(f'[[sources]]\nname = "{log.stem}"\nkind = "file"\npath = "{log}"\nformat = "nginx-proxy"\n' for log in logs)
    config.write_text(f'[state]\npath = "{folder / "state.db"}"\n[http]\nlisten = "127.0.0.1:{port}"\n{more}{sources}')
    return Daemon("connwatch", [program, "run", "--config", str(config)], port, re.compile(r"\nconnwatch_lines_read_total\{[^}]*\} ([\d.e+]+)"))


def mtail(logs: list[pathlib.Path]) -> Daemon:
    port = free_port()
    options = ["--address", "127.0.0.1", "--port", str(port), "--progs", str(HERE / "connwatch.mtail"), "--logs", ",".join(map(str, logs))]
    return Daemon("mtail", ["mtail", *options], port, re.compile(r"\nlines_total\{[^}]*\} ([\d.e+]+)"))


def ordinary(count: int, share: float = 0.03) -> list[bytes]:
    """Generated lines with the time of now."""
    now = time.strftime(STAMP, time.gmtime())
    return [re.sub(r"\[[^]]+\]", f"[{now}]", line, count=1).encode() for line in genlog.lines(count, share, 20, 300.0, random.randrange(10**6))]


def starting(daemons: list[Daemon], starts: int) -> None:
    """In turn; a first start of each, which stores bytecode, does not count. They are left at work."""
    taken: dict[str, list[float]] = {daemon.name: [] for daemon in daemons}
    for _ in range(starts + 1):
        for daemon in daemons:
            daemon.stop()
            taken[daemon.name].append(daemon.start())
    for daemon in daemons:
        daemon.figures["ready ms"] = statistics.median(taken[daemon.name][1:])


def seen_after(daemon: Daemon, log: pathlib.Path) -> float:
    """Milliseconds from a write to the daemon's count."""
    before = daemon.lines()
    (line,) = ordinary(1)
    with log.open("ab", buffering=0) as file:
        file.write(line)
    began = time.perf_counter()
    while daemon.lines() == before:
        if time.perf_counter() - began > PATIENCE:
            raise RuntimeError(f"{daemon.name} never saw a line")
    return (time.perf_counter() - began) * 1000


def quantiles(taken: list[float]) -> tuple[float, float]:
    return statistics.median(taken), sorted(taken)[min(len(taken) - 1, int(len(taken) * 0.99))]


def latencies(daemons: list[Daemon], log: pathlib.Path, writes: int) -> None:
    """In turn: each write is looked for at one of the daemons."""
    taken: dict[str, list[float]] = {daemon.name: [] for daemon in daemons}
    for _ in range(writes):
        for daemon in daemons:
            time.sleep(random.uniform(*PAUSE))
            taken[daemon.name].append(seen_after(daemon, log))
    for daemon in daemons:
        daemon.figures["latency p50 ms"], daemon.figures["latency p99 ms"] = quantiles(taken[daemon.name])


@contextlib.contextmanager
def tailing(program: str, daemon: Daemon) -> Iterator[subprocess.Popen[bytes]]:
    argv = [program, "tail", "--json", "--listen", f"127.0.0.1:{daemon.port}"]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(10)


def tail_latencies(program: str, daemon: Daemon, log: pathlib.Path, writes: int) -> None:
    """From the write of a refusal to the first line that `tail` prints of it."""
    taken: list[float] = []
    with tailing(program, daemon) as child, selectors.DefaultSelector() as waiting:
        assert child.stdout is not None
        waiting.register(child.stdout, selectors.EVENT_READ)
        time.sleep(1.5)  # it connects
        for number in range(writes):
            while waiting.select(3.0 if number else 0.5):
                if not os.read(child.stdout.fileno(), 65536):
                    return
            now = time.strftime(STAMP, time.gmtime())
            line = f'm{number}.example.net 198.51.100.{number} - - [{now}] "POST /mcp HTTP/1.1" 401 99 "-" "Claude-User/1.0" "172.18.0.9:3000"\n'
            with log.open("ab", buffering=0) as file:
                file.write(line.encode())
            began = time.perf_counter()
            if waiting.select(PATIENCE):
                taken.append((time.perf_counter() - began) * 1000)
    if taken:
        daemon.figures["tail p50 ms"], daemon.figures["tail p99 ms"] = quantiles(taken)


def idle(daemons: list[Daemon], seconds: float) -> None:
    before = [daemon.cpu() for daemon in daemons]
    time.sleep(seconds)
    for daemon, then in zip(daemons, before, strict=True):
        daemon.figures["idle CPU ms/s"] = (daemon.cpu() - then) / seconds * 1000
        daemon.figures |= {f"idle {name.upper()} MiB": size for name, size in daemon.memory().items()}


def loaded(daemons: list[Daemon], log: pathlib.Path, rate: int, seconds: float) -> None:
    """So many lines a second, in fifty writes a second at most."""
    lines = ordinary(int(rate * seconds))
    step = max(1, rate // 50)
    before = [daemon.cpu() for daemon in daemons]
    began = time.perf_counter()
    with log.open("ab", buffering=0) as file:
        for at in range(0, len(lines), step):
            wait = began + at / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            file.write(b"".join(lines[at : at + step]))
    took = time.perf_counter() - began
    for daemon, then in zip(daemons, before, strict=True):
        daemon.figures[f"CPU ms/s at {rate}/s"] = (daemon.cpu() - then) / took * 1000


def table(daemons: list[Daemon]) -> str:
    head = ["", *(daemon.name for daemon in daemons), *(["connwatch / mtail"] if len(daemons) > 1 else [])]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name in daemons[0].figures:
        values = [daemon.figures.get(name) for daemon in daemons]
        ratio = [f"{values[0] / values[1]:.2f}" if values[0] and values[1] else "-"] if len(values) > 1 else []
        rows.append("| " + " | ".join([name, *(f"{value:.1f}" if value is not None else "-" for value in values), *ratio]) + " |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writes", type=int, default=100)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--idle", type=float, default=30.0)
    parser.add_argument("--load", type=float, default=15.0, help="seconds at each of 50 and 5,000 lines a second")
    parser.add_argument("--connwatch", default=str(pathlib.Path(sys.executable).parent / "connwatch"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    provide()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        logs = [folder / "proxy.log", folder / "second.log"]
        for log in logs:
            log.write_bytes(b"".join(ordinary(200)))
        daemons = [connwatch(args.connwatch, folder, logs), *([mtail(logs)] if shutil.which("mtail") else [])]
        try:
            say("starting")
            starting(daemons, args.starts)
            say("idle")
            time.sleep(6)
            idle(daemons, args.idle)
            say("latency")
            latencies(daemons, logs[0], args.writes)
            tail_latencies(args.connwatch, daemons[0], logs[0], min(args.writes, 8))
            for rate in (50, 5000):
                say(f"{rate} lines a second")
                loaded(daemons, logs[0], rate, args.load)
        finally:
            for daemon in daemons:
                daemon.stop()
    print(json.dumps({daemon.name: daemon.figures for daemon in daemons}, indent=1) if args.json else table(daemons))
    return 0


if __name__ == "__main__":
    sys.exit(main())
