"""The recorded demonstration as two growing logs, and the program beside them as a user has it: the daemon, and commands that ask.

What is here starts processes and asks them; what they should have said is the tests' matter.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from connwatch.daemon.played import Entry, recorded
from support.live import free_port

__all__ = ["CONNWATCH", "LOGS", "QUIET", "Site", "wait"]

CONNWATCH = [sys.executable, "-m", "connwatch"]
QUIET = {name: value for name, value in os.environ.items() if not name.startswith("CONNWATCH_")}
LOGS = ("nginx-proxy", "coda-mcp")


def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.05)


class Site:
    """Two logs, a configuration, a daemon that comes and goes, and commands beside it. `state`: where else than beside the logs it is kept."""

    def __init__(self, folder: Path, state: Path | None = None) -> None:
        state = state or folder / "state.db"
        self.folder, self.state, self.config, self.port = folder, state, folder / "connwatch.toml", free_port()
        self.entries = recorded()
        self.began = time.time() - self.entries[-1].after - 5
        text = f'[state]\npath = "{state}"\n[http]\nlisten = "127.0.0.1:{self.port}"\n'
        for log in LOGS:
            (folder / f"{log}.log").touch()
            text += f'[[sources]]\nname = "{log}"\nkind = "file"\npath = "{folder}/{log}.log"\nstart = "beginning"\n'
        self.config.write_text(text)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.daemon: subprocess.Popen[bytes] | None = None

    def launch(self, *args: str, out: Path) -> subprocess.Popen[bytes]:
        with out.open("ab") as file, (self.folder / "said").open("ab") as said:
            command = [*CONNWATCH, *args, "--config", str(self.config)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=said, env=QUIET)
        self.processes.append(process)
        return process

    def start(self) -> None:
        self.daemon = self.launch("run", out=self.folder / "daemon.out")
        wait(lambda: "sources" in self.get("/api/sources"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.daemon is not None
        self.daemon.send_signal(number)
        assert self.daemon.wait(30) == (0 if number == signal.SIGTERM else -number)

    def write(self, entries: list[Entry]) -> None:
        for log in LOGS:
            with (self.folder / f"{log}.log").open("ab") as file:
                file.writelines(entry.line(self.began + entry.after) for entry in entries if entry.log == log)

    def ask(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [*CONNWATCH, *args, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=QUIET, check=False)

    def get(self, path: str) -> Any:
        """An answer of the daemon, {} while there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return json.loads(answer.read())
        except OSError:
            return {}

    def listed(self, *args: str) -> list[str]:
        return [json.loads(line)["id"] for line in self.ask("attempts", "--json", *args).stdout.splitlines()]

    def all_read(self) -> bool:
        return sum(one["lines"] for one in self.get("/api/sources").get("sources", [])) == len(self.entries)

    def sources(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ask("sources", "--json").stdout.splitlines()]

    def told(self) -> list[tuple[str, str]]:
        """Every change that the journal holds, in order: kind and attempt."""
        with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as state:
            return list(state.execute("SELECT kind, attempt FROM changes ORDER BY id"))

    def close(self) -> None:
        """End everything that was started here."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
