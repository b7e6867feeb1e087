"""A daemon that is asked to read its configuration again, and one that is stopped and started: what was under way goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connwatch.daemon.played import recorded

CONNWATCH = str(Path(sys.executable).parent / "connwatch")
SOURCE = '[[sources]]\nname = "{name}"\nkind = "file"\npath = "{path}"\nstart = "beginning"\n'


class Running:
    def __init__(self, folder: Path) -> None:
        self.folder, self.config, self.said = folder, folder / "connwatch.toml", folder / "said"
        self.log = folder / "nginx-proxy.log"
        self.log.touch()
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, extra: str = "") -> None:
        state = f'[state]\npath = "{self.folder}/connwatch.db"\n[http]\nlisten = "127.0.0.1:0"\n'
        self.config.write_text(state + SOURCE.format(name="nginx-proxy", path=self.log) + extra)

    def start(self) -> None:
        self.said.write_bytes(b"")
        with self.said.open("ab") as said:
            self.process = subprocess.Popen([CONNWATCH, "run", "--config", str(self.config)], stdout=subprocess.DEVNULL, stderr=said)
        self.port = int(self.until("http://127.0.0.1:").partition("http://127.0.0.1:")[2].partition("/")[0])

    def until(self, words: str) -> str:
        give_up = time.monotonic() + 30
        while words not in (text := self.said.read_text()):
            assert time.monotonic() < give_up, text
            assert self.process is None or self.process.poll() is None, text
            time.sleep(0.01)
        return text

    def get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                body = answer.read().decode()
        except urllib.error.HTTPError as answer:  # not ready yet says who is not
            body = answer.read().decode()
        return json.loads(body) if path.startswith(("/api", "/readyz")) else body

    def open_attempts(self, count: int) -> list[dict[str, Any]]:
        give_up = time.monotonic() + 30
        while True:
            found = [one for one in self.get("/api/attempts")["attempts"] if one["open"]]
            if len(found) == count:
                return found
            assert time.monotonic() < give_up, found
            time.sleep(0.05)

    def stop(self) -> float:
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.said.read_text()
        return time.monotonic() - began

    def write(self, count: int) -> None:
        """The first requests of the demonstration, as if they came now."""
        entries = [entry for entry in recorded() if entry.log == "nginx-proxy"][:count]
        now = time.time()
        with self.log.open("ab") as log:
            for entry in entries:
                log.write(entry.line(now - 3 + entry.after - entries[0].after))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait()


def test_a_good_configuration_is_taken_and_open_attempts_survive(running: Running) -> None:
    running.configure()
    running.start()
    running.write(3)
    before = running.open_attempts(1)
    other = running.folder / "coda-mcp.log"
    other.touch()
    running.configure(SOURCE.format(name="coda-mcp", path=other))
    running.process.send_signal(signal.SIGHUP)
    running.until("the new configuration is in use: nginx-proxy, coda-mcp")
    assert [one["name"] for one in running.get("/readyz")["sources"]] == ["nginx-proxy", "coda-mcp"]
    assert running.open_attempts(1) == before
    assert "connwatch_config_last_reload_successful 1.0" in running.get("/metrics")
    assert running.stop() < 5


def test_what_a_running_daemon_cannot_change_is_named(running: Running) -> None:
    running.configure("[metrics]\nhosts = []\n[engine]\nlateness_seconds = 2\n")
    running.start()
    running.configure('[metrics]\nhosts = ["mcp.example.org"]\n[engine]\nlateness_seconds = 1\n')
    running.config.write_text(running.config.read_text().replace("connwatch.db", "other.db"))
    running.process.send_signal(signal.SIGHUP)
    running.until("metrics.hosts, state.path: the new value needs a restart, the old one goes on")
    assert not (running.folder / "other.db").exists()
    assert running.stop() < 5


def test_a_bad_configuration_changes_nothing_and_says_so(running: Running) -> None:
    running.configure()
    running.start()
    running.write(3)
    before = running.open_attempts(1)
    for extra, sentence in (
        ("[engine]\nmax_opn = 3\n", "max_open"),
        ("[engine]\nmax_opn = 3\nlateness_seconds = 'x'\n", "must be a number (it is 'x' now); "),
        (SOURCE.format(name="other", path="/nowhere.log") + 'format = "nginx-prxy"\n', "no log format is called 'nginx-prxy'"),
        ("[[sources]\n", "not used"),
    ):
        running.said.write_bytes(b"")
        running.configure(extra)
        running.process.send_signal(signal.SIGHUP)
        text = running.until("the new configuration is not used, the old one goes on")
        assert sentence in text
        assert "connwatch_config_last_reload_successful 0.0" in running.get("/metrics")
    assert running.open_attempts(1) == before
    running.write(1)
    running.configure()
    running.process.send_signal(signal.SIGHUP)
    running.until("the new configuration is in use")
    assert "connwatch_config_last_reload_successful 1.0" in running.get("/metrics")


def test_what_was_under_way_goes_on_after_a_restart(running: Running) -> None:
    running.configure()
    running.start()
    running.write(3)
    before = running.open_attempts(1)
    assert running.stop() < 5
    position = len(running.log.read_bytes())
    running.write(5)  # while nobody reads
    assert len(running.log.read_bytes()) > position
    running.start()
    running.until("going on from the state: 1 streams, 1 attempts under way")
    give_up = time.monotonic() + 30
    while not any(one["id"] == before[0]["id"] or one["events"] for one in running.get("/api/attempts")["attempts"]):
        assert time.monotonic() < give_up
    lines = [event["line"] for one in running.get("/api/attempts?limit=500")["attempts"] for event in one["events"]]
    assert len(lines) == len(set(lines)), "a line was told twice"


def test_a_second_daemon_on_the_same_state_is_refused(running: Running) -> None:
    running.configure()
    running.start()
    second = subprocess.run([CONNWATCH, "run", "--config", str(running.config)], capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 3
    assert f"is in use by another connwatch (process {running.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr
