#!/usr/bin/env python3
"""The daemon at work on two containers of a real engine: latency, memory, processor, time to start. Needs root, dockerd and busybox.

    containers.py [--writes N] [--idle SECONDS]

Latency is from a line that a container's program is given to its first sight in `/metrics`, the way through the container and the engine
included. There is no peer in this table: mtail reads no engine's API.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import re
import sys
import tempfile
import time

from follow import PATIENCE, Daemon, free_port, idle, quantiles, table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

from support.dockerd import Dockerd, dockerd, missing  # type: ignore[import-not-found]  # the tests' real engine

NAMES = ("nginx-proxy", "coda-mcp")
COUNTER = re.compile(r"^connwatch_lines_read_total\{[^}]*\} ([\d.e+]+)", re.MULTILINE)


def connwatch(program: str, folder: pathlib.Path, engine: Dockerd) -> Daemon:
    port = free_port()
    sources = "".join(f'[[sources]]\nname = "{name}"\nkind = "docker"\ncontainer = "{name}"\nhost = "{engine.host}"\n' for name in NAMES)
    config = folder / "connwatch.toml"
    config.write_text(f'[state]\npath = "{folder / "state.db"}"\n[http]\nlisten = "127.0.0.1:{port}"\n{sources}')
    return Daemon("two containers", [program, "run", "--config", str(config)], port, COUNTER)


def latencies(daemon: Daemon, pipe: pathlib.Path, writes: int) -> None:
    taken = []
    for number in range(writes):
        time.sleep(random.uniform(0.02, 0.08))
        before = daemon.lines()
        descriptor = os.open(pipe, os.O_WRONLY)
        os.write(descriptor, f"line {number}\n".encode())
        began = time.perf_counter()
        os.close(descriptor)
        while daemon.lines() == before and time.perf_counter() - began < PATIENCE:
            pass
        taken.append((time.perf_counter() - began) * 1000)
    daemon.figures["latency p50 ms"], daemon.figures["latency p99 ms"] = quantiles(taken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writes", type=int, default=100)
    parser.add_argument("--idle", type=float, default=30.0)
    parser.add_argument("--connwatch", default=str(pathlib.Path(sys.executable).parent / "connwatch"))
    args = parser.parse_args()
    if (why := missing()) is not None:
        print(why, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, dockerd() as engine:
        folder = pathlib.Path(name)
        os.mkfifo(folder / "pipe")
        for container in NAMES:
            engine.run(container, "while :; do cat /in/pipe; done" if container == NAMES[0] else "sleep 100000", "-v", f"{folder}:/in")
        daemon = connwatch(args.connwatch, folder, engine)
        daemon.figures["ready ms"] = daemon.start()
        try:
            time.sleep(3)
            idle([daemon], args.idle)
            latencies(daemon, folder / "pipe", args.writes)
        finally:
            daemon.stop()
    print(table([daemon]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
