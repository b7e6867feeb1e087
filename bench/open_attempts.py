#!/usr/bin/env python3
"""What an event costs the engine while attempts are open: few or many alike, few or very many in all; and its longest pause.

    open_attempts.py [--alike 1 20 200] [--open 0 100000 1000000] [--events N] [--json]

*Alike*: so many attempts of one client, from one address, go through the same stages at the same time, so that every event competes for them.
*Open*: so many attempts wait for their users, each with an authorization request of its own, while ordinary attempts go through. A call takes one
line and moves the clock; the longest such call is the pause. In one process, without reading files: the figures are the engine's alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import genlog

from connwatch.cli.setup import steady_memory
from connwatch.engine import Engine, EngineOptions
from connwatch.settings.loader import load_catalogue

SOURCE, LATENESS = "proxy", 2.0
STEPS = (
    ("POST /mcp", 401),
    ("GET /.well-known/oauth-protected-resource/mcp", 200),
    ("GET /.well-known/oauth-authorization-server", 200),
    ("POST /oauth/register", 201),
    ("POST /oauth/token", 200),
    ("POST /mcp", 200),
    ("POST /mcp", 202),
    ("POST /mcp", 200),
)


class Cost(NamedTuple):
    """Microseconds an event, and the longest call in milliseconds."""

    event: float
    pause: float
    open_attempts: int


def line(at: float, address: str, request: str, status: int, agent: str = "node") -> tuple[float, bytes]:
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at))
    whole, part = divmod(round(at * 1000), 1000)
    exact = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{part:03d}000000Z"
    text = f'{exact} {genlog.SERVER} {address} - - [{stamp}] "{request} HTTP/1.1" {status} 105 "-" "{agent}" "172.18.0.9:3000"\n'
    return at, text.encode()


def alike(count: int, events: int) -> Iterator[tuple[float, bytes]]:
    """Waves of `count` attempts that nothing tells apart; 20 ms between lines of one stage, at least 0.4 s from stage to stage."""
    at, given = float(genlog.START), 0
    while given < events:
        for request, status in STEPS:
            for _ in range(count):
                at += 0.02
                given += 1
                yield line(at, "203.0.113.7", request, status)
            at += 0.4
        at += 5.0


def waiting(count: int) -> Iterator[tuple[float, bytes]]:
    """`count` browsers on an authorization page, within two minutes."""
    for number in range(count):
        query = f"response_type=code&client_id=c{number}&state=s{number:015d}&code_challenge={number:043d}&redirect_uri=http%3A%2F%2Flocalhost%2Fcb"
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        yield line(genlog.START + 120 * number / max(count, 1), address, f"GET /oauth/authorize?{query}", 200, genlog.BROWSER.format(140))


def ordinary(start: float, events: int) -> Iterator[tuple[float, bytes]]:
    """Attempts of all kinds, twenty at a time, ten lines a second."""
    for number, row in enumerate(genlog.rows(events, 1.0, 20, 7)):
        yield line(start + number / 10, row.address, row.request.rpartition(" ")[0], row.status, row.agent)


def drive(engine: Engine, lines: Iterable[tuple[float, bytes]]) -> Cost:
    """Feed line by line as a live daemon would, and time every call."""
    calls = []
    for at, text in lines:
        began = time.perf_counter()
        engine.feed(SOURCE, text)
        engine.advance(at - LATENESS)
        calls.append(time.perf_counter() - began)
    return Cost(statistics.fmean(calls) * 1e6, max(calls) * 1e3, len(engine.open_attempts()))


def fresh(max_open: int) -> Engine:
    engine = Engine(load_catalogue(), EngineOptions(max_open=max_open))
    engine.open_source(SOURCE, "nginx-proxy")
    return engine


def with_alike(count: int, events: int) -> Cost:
    return drive(fresh(10_000), list(alike(count, events)))


def with_open(count: int, events: int) -> Cost:
    engine = fresh(count + 10_000)
    people = waiting(count)
    while chunk := list(itertools.islice(people, 2_000)):
        engine.feed(SOURCE, b"".join(text for _, text in chunk))
        engine.advance(chunk[-1][0] - LATENESS)
    return drive(engine, list(ordinary(genlog.START + 121.0, events)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alike", type=int, nargs="*", default=[1, 20, 200])
    parser.add_argument("--open", type=int, nargs="*", default=[0, 100_000, 1_000_000])
    parser.add_argument("--events", type=int, default=6_000)
    parser.add_argument("--json", action="store_true")
    steady_memory()  # as every command does that runs an engine
    args = parser.parse_args()
    found = {f"{count} alike": with_alike(count, args.events) for count in args.alike}
    found |= {f"{count:,} open": with_open(count, args.events) for count in args.open}
    if args.json:
        print(json.dumps({name: cost._asdict() for name, cost in found.items()}, indent=1))
        return 0
    first = {kind: next(cost for name, cost in found.items() if name.endswith(kind)) for kind in {name.split()[1] for name in found}}
    print("| | µs an event | × the first | longest pause, ms | open at the end |\n| --- | --- | --- | --- | --- |")
    for name, cost in found.items():
        print(f"| {name} | {cost.event:.0f} | {cost.event / first[name.split()[1]].event:.1f} | {cost.pause:.1f} | {cost.open_attempts:,} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
