"""The program from end to end: lines are written, a message arrives, once. Real processes, a real web server and a real mail server."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.lines import proxy, story
from support.live import free_port
from support.services import Web, mail, web
from support.site import CONNWATCH, QUIET, wait

LIMIT, WAIT, LATENESS = 10.0, 1.0, 1.0
SECRET = "hunter2-Zq8rYwTn"
#: The shipped limit is twenty seconds; a test cannot wait for it, so the site has one of its own, as any site can.
QUICK = f"""
[[limit]]
id = "session-hosted"
waiting_for = "session"
after = "token"
hosted = "yes"
seconds = {LIMIT}
then = "stalled"
reason = "quick"
"""


class Told:
    """A proxy's log, a daemon that comes and goes, and where its messages go."""

    def __init__(self, folder: Path, targets: str) -> None:
        self.folder, self.port, self.log = folder, free_port(), folder / "access.log"
        self.log.touch()
        (folder / "catalogue" / "stages").mkdir(parents=True)
        (folder / "catalogue" / "stages" / "quick.toml").write_text(QUICK)
        self.targets = folder / "targets"
        self.targets.write_text(targets)
        self.targets.chmod(0o600)
        self.config = folder / "connwatch.toml"
        self.config.write_text(
            f'[state]\npath = "{folder}/state.db"\n[http]\nlisten = "127.0.0.1:{self.port}"\n'
            f'[[sources]]\nname = "nginx-proxy"\nkind = "file"\npath = "{self.log}"\nstart = "beginning"\nformat = "nginx-proxy"\n'
            f"[engine]\nlateness_seconds = {LATENESS}\n"
            f'[catalogue]\ndir = "{folder}/catalogue"\n'
            f'[alerts]\ntargets_file = "{self.targets}"\nwait_seconds = {WAIT}\ngrace_seconds = 0\nagain_seconds = 1\n'
        )
        self.daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "said").open("ab") as said:
            self.daemon = subprocess.Popen(
                [*CONNWATCH, "run", "--config", str(self.config)], stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=QUIET
            )
        before = self.said().count("following nginx-proxy")
        daemon = self.daemon
        wait(lambda: self.said().count("following nginx-proxy") > before or daemon.poll() is not None)
        assert daemon.poll() is None, self.said()

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.send_signal(number)
            self.daemon.wait(30)

    def happens(self, agent: str = "claude", until: int = 9, state: str = "s") -> float:
        """An attempt that made its last request just now; gives that moment."""
        now = time.time()
        seconds = float(story(agent=agent, until=until).splitlines()[-1].split()[0])
        with self.log.open("ab") as log:
            log.write(proxy(story(agent=agent, until=until, state=state), base=now - seconds))
        return now

    def said(self) -> str:
        file = self.folder / "said"
        return file.read_text(errors="replace") if file.exists() else ""

    def ask(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CONNWATCH, *args, "--config", str(self.config)], capture_output=True, text=True, timeout=60, env=QUIET, check=False
        )

    def rows(self, *args: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ask(*args, "--json").stdout.splitlines()]


@pytest.fixture
def sink() -> Iterator[Web]:
    with web() as service:
        yield service


@pytest.fixture
def place(tmp_path: Path, sink: Web) -> Iterator[Told]:
    told = Told(tmp_path, f"name:phone={sink.url('/inbox', 'json', f'me:{SECRET}@')}\n")
    yield told
    told.end(signal.SIGKILL)


def titles(sink: Web) -> list[str]:
    return [json.loads(asked.body)["title"] for asked in sink.requests]


def test_a_stall_is_told_in_time_and_once_over_a_death_and_so_is_its_end(place: Told, sink: Web) -> None:
    place.start()
    last = place.happens(until=6)
    wait(lambda: sink.requests, LIMIT + LATENESS + WAIT + 20)
    took = time.time() - last
    assert titles(sink) == ["Claude (hosted) → mcp.example.org: A token was issued, and no MCP request came (1 attempt)"]
    body = json.loads(sink.requests[0].body)["message"]
    assert "token                         200" in body
    assert "connwatch silence --client claude --server mcp.example.org --code token-unused --for 2h" in body
    decided = datetime.fromisoformat(place.rows("notifications")[0]["at"]).timestamp() - last
    assert LIMIT + WAIT <= decided <= LIMIT + LATENESS + WAIT + 2, decided
    assert took <= LIMIT + LATENESS + WAIT + 4, took  # two seconds, and two more for a machine that runs other tests at the same time

    wait(lambda: place.rows("notifications")[0]["deliveries"][0]["state"] == "sent")
    place.end(signal.SIGKILL)
    place.start()
    place.happens(state="again")
    wait(lambda: len(sink.requests) > 1)
    assert titles(sink)[1:] == ["Works again: Claude (hosted) → mcp.example.org (token-unused, 1 attempt)"]
    place.end()
    assert len(sink.requests) == 2

    kinds = [row["kind"] for row in place.rows("notifications") if row["schema"] == "connwatch.notice/1"]
    assert kinds == ["stopped", "recovered"]
    everything = place.said() + place.ask("notifications", "--full").stdout + (place.folder / "state.db").read_bytes().decode("latin-1")
    assert SECRET not in everything


def test_a_silence_is_obeyed_at_once_by_the_running_daemon(place: Told, sink: Web) -> None:
    place.start()
    assert place.ask("silence", "--client", "claude", "--for", "1h", "--comment", "new release").returncode == 0
    place.happens(until=6)
    wait(lambda: [row for row in place.rows("alerts") if row["state"] == "muted"], 30)
    (row,) = place.rows("alerts")
    assert [(one["reason"], one["detail"]) for one in row["reasons"]] == [("silenced", "silence 1: new release")]
    assert sink.requests == []
    assert "silenced: a silence was in force (silence 1: new release)" in place.ask("notifications").stdout
    assert place.ask("silence", "--end", "1").returncode == 0
    assert place.ask("silence", "--end", "1").returncode == 1


def test_a_target_that_was_down_gets_its_message_after_a_restart_and_the_others_do_not_wait(tmp_path: Path, sink: Web) -> None:
    dead, mute = free_port(), sink
    mute.silent = True
    with mail() as (port, letters), web() as other:
        to = f"mailto://127.0.0.1:{port}/?from=connwatch@example.org&to=me@example.org&smtp=127.0.0.1&mode=insecure"
        told = Told(tmp_path, f"name:letters={to}\nname:hangs={mute.url('/x', 'json')}\nname:dead=json://127.0.0.1:{dead}/x\n")
        try:
            told.start()
            told.happens(until=6)
            wait(lambda: letters, 60)
            assert letters[0]["subject"].startswith("Claude (hosted) → mcp.example.org: A token was issued")
            states = {}

            def settled() -> bool:
                states.update({one["target"]: one for row in told.rows("notifications")[:1] for one in row["deliveries"]})
                return bool(states) and states["letters"]["state"] == "sent" and states["dead"]["tries"] >= 1

            wait(settled, 60)
            assert states["dead"]["state"] == "waiting"
            told.end(signal.SIGKILL)
            told.targets.write_text(f"name:letters={to}\nname:dead={other.url('/x', 'json')}\n")
            told.start()
            wait(lambda: other.requests, 60)
            told.end()
            assert len(letters) == 1
        finally:
            told.end(signal.SIGKILL)


def test_targets_that_are_written_wrongly_stop_the_start_and_leave_a_running_daemon_as_it_is_and_right_ones_are_taken(place: Told, sink: Web) -> None:
    place.start()
    place.targets.write_text(f"loud=json://me:{SECRET}@127.0.0.1/x\n")
    assert place.daemon is not None
    place.daemon.send_signal(signal.SIGHUP)
    wait(lambda: "is not used, the old one goes on" in place.said())
    assert place.daemon.poll() is None
    place.targets.write_text(f"heartbeat={sink.url('/alive')}\nname:other={sink.url('/other', 'json')}\n")
    place.daemon.send_signal(signal.SIGHUP)
    wait(lambda: [asked for asked in sink.requests if asked.path == "/alive"])
    place.happens(until=6)
    wait(lambda: [asked for asked in sink.requests if asked.path == "/other"])
    assert not [asked for asked in sink.requests if asked.path == "/inbox"]
    place.end()
    place.targets.write_text(f"loud=json://me:{SECRET}@127.0.0.1/x\n")
    refused = place.ask("run")
    assert refused.returncode == 2
    assert "no word that is known here" in refused.stderr
    assert SECRET not in place.said() + refused.stderr
