"""A proxy's log, a daemon that comes and goes, and where its messages go. What should have been told is the tests' matter."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from support.lines import proxy, story
from support.live import free_port
from support.services import Web
from support.site import CONNWATCH, QUIET, wait

__all__ = ["LATENESS", "LIMIT", "WAIT", "Told", "titles"]

LIMIT, WAIT, LATENESS = 10.0, 1.0, 1.0
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

    def __init__(self, folder: Path, targets: str, more: str = "") -> None:
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
            f'[alerts]\ntargets_file = "{self.targets}"\nwait_seconds = {WAIT}\ngrace_seconds = 0\nagain_seconds = 1\n{more}'
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

    def happens(self, agent: str = "claude", until: int = 9, state: str = "s", server: str = "mcp.example.org") -> float:
        """An attempt that made its last request just now; gives that moment."""
        now = time.time()
        seconds = float(story(agent=agent, until=until).splitlines()[-1].split()[0])
        with self.log.open("ab") as log:
            log.write(proxy(story(agent=agent, until=until, state=state), base=now - seconds, host=server))
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


def titles(sink: Web) -> list[str]:
    return [json.loads(asked.body)["title"] for asked in sink.requests]
