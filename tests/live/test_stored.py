"""What the daemon recorded, asked for as a user does from another process: while it runs, after it stopped, and across a restart."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connwatch.daemon.played import Entry, recorded
from connwatch.model.attempt import Outcome
from support.live import free_port

CONNWATCH = [sys.executable, "-m", "connwatch"]
QUIET = {name: value for name, value in os.environ.items() if not name.startswith("CONNWATCH_")}
LOGS = ("nginx-proxy", "coda-mcp")
ALL = [word for outcome in Outcome for word in ("--outcome", outcome.value)]


def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.05)


class Site:
    """Two logs, a configuration, a daemon that comes and goes, and commands beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config, self.port = folder, folder / "connwatch.toml", free_port()
        self.entries = recorded()
        self.began = time.time() - self.entries[-1].after - 5
        text = f'[state]\npath = "{folder}/state.db"\n[http]\nlisten = "127.0.0.1:{self.port}"\n'
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
        with closing(sqlite3.connect(f"file:{self.folder}/state.db?mode=ro", uri=True)) as state:
            return list(state.execute("SELECT kind, attempt FROM changes ORDER BY id"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(tmp_path)
    yield one
    for process in one.processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_what_was_recorded_can_be_asked_for_while_the_daemon_runs_and_after_it_stopped(site: Site) -> None:
    nothing = site.ask("attempts")
    assert nothing.returncode == 3
    assert "nothing was recorded there yet" in nothing.stderr
    site.write(site.entries)  # before the start: of a backlog the order of reading is that of time
    site.start()
    wait(site.all_read)
    wait(lambda: len(site.get("/api/attempts?outcome=connected&client=claude")["attempts"]) >= 2)
    wait(lambda: len(site.get("/api/attempts?outcome=stalled")["attempts"]) == 1)

    listed = site.ask("attempts")
    assert listed.returncode == 0
    assert "token-unused" in listed.stdout
    assert f"from {site.folder}/state.db" in listed.stderr
    (stalled,) = site.listed("--outcome", "stalled")
    from_afar = site.ask("attempts", "--listen", f"127.0.0.1:{site.port}")
    assert from_afar.stdout.splitlines()[0] == listed.stdout.splitlines()[0]
    assert f"the daemon at 127.0.0.1:{site.port}" in from_afar.stderr

    drawn = site.ask("show", stalled[:6])
    assert drawn.returncode == 1
    assert drawn.stdout == site.ask("show", stalled[:6], "--listen", f"127.0.0.1:{site.port}").stdout
    assert "nginx-proxy:" in drawn.stdout
    document = site.ask("report", "--attempt", stalled)
    assert document.returncode == 1
    assert f"# Connection attempt {stalled}" in document.stdout
    assert "- nginx-proxy: lines " in document.stdout

    assert [(one["name"], one["state"]) for one in site.sources()] == [("nginx-proxy", "live"), ("coda-mcp", "live")]
    past = site.ask("tail", "--no-follow", "--since", "2h", "--outcome", "stalled", "--stage", "token", "--json")
    assert {json.loads(line)["attempt"]["id"] for line in past.stdout.splitlines()} == {stalled}

    site.stop()
    after = site.listed()
    assert stalled in after
    assert site.ask("show", stalled).stdout == drawn.stdout
    assert site.ask("report", "--attempt", stalled).stdout == document.stdout
    gone = site.ask("sources")
    assert gone.returncode == 0
    assert "unknown" in gone.stdout
    assert site.ask("sources", "--listen", f"127.0.0.1:{site.port}").returncode == 3
    assert "Traceback" not in (site.folder / "said").read_text()


def test_tail_goes_on_over_restarts_without_losing_or_repeating(site: Site) -> None:
    shown = site.folder / "tail.out"
    rest = list(site.entries)

    def write(count: int) -> None:
        site.write(rest[:count])
        del rest[:count]

    def tailed() -> list[tuple[str, str]]:
        rows = map(json.loads, shown.read_text().splitlines())
        return [(row["change"], row["attempt"]["id"]) for row in rows if row["change"] != "heard"]

    def back() -> int:
        return (site.folder / "said").read_text().count(" is back\n")

    def begun() -> bool:
        write(5)
        return bool(tailed())

    site.start()
    site.launch("tail", "--json", *ALL, out=shown)
    wait(begun)
    write(len(rest) // 3)
    site.stop(signal.SIGKILL)  # whatever it is doing
    write(len(rest) // 2)
    site.start()
    write(len(rest) // 2)
    wait(lambda: back() == 1)
    site.stop()
    write(len(rest))
    site.start()
    wait(lambda: back() == 2)
    wait(site.all_read)

    def all_told() -> bool:
        """What was withdrawn is gone from the state, and after a restart cannot be told of any more."""
        told, seen = site.told(), tailed()
        taken_back = {name for kind, name in told if kind == "withdrawn"}
        first = told.index(seen[0])
        return [one for one in told[first:] if one[1] not in taken_back] == [one for one in seen if one[1] not in taken_back]

    wait(lambda: {"opened", "reached", "closed"} <= {kind for kind, _ in tailed()} and all_told())
    assert "are left out" not in (site.folder / "said").read_text()
