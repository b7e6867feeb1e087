"""A real Prometheus and a real Alertmanager on loopback, with the configurations of deploy/prometheus made quick, and somebody who is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.live import free_port

__all__ = ["DEPLOY", "TOKEN", "WINDOW", "Told", "World", "missing", "wait", "world"]

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
PLACES = os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".cache" / "real" / "usr" / "bin")])
PROMETHEUS, ALERTMANAGER = (shutil.which(name, path=PLACES) for name in ("prometheus", "prometheus-alertmanager"))
WINDOW = 25  # seconds: what is an hour in the rules, unless a test says otherwise
TOKEN = "only-for-this-test"


def missing() -> str | None:
    """Why there can be no world here."""
    absent = [name for name, path in (("prometheus", PROMETHEUS), ("prometheus-alertmanager", ALERTMANAGER)) if path is None]
    return f"not here: {', '.join(absent)} (tools/real.sh gets them)" if absent else None


def wait(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `condition` gives, as soon as that is something."""
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.1)
    return found


@dataclass
class Told:
    """A webhook: every alert that came, with when (monotonic seconds) and to which path; and the titles of connwatch's own messages."""

    alerts: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def of(self, name: str, status: str, *, path: str = "/alerts", **labels: str) -> list[dict[str, Any]]:
        wanted = {"alertname": name, **labels}.items()
        return [alert for _, to, alert in list(self.alerts) if to == path and alert["status"] == status and wanted <= alert["labels"].items()]

    def when(self, name: str, status: str) -> float:
        """When such a one came first."""
        return next(at for at, _, alert in list(self.alerts) if (alert["labels"]["alertname"], alert["status"]) == (name, status))


@dataclass
class World:
    prometheus: str
    alertmanager: str
    daemon: str
    folder: Path
    told: Told

    def ask(self, path: str, **parameters: Any) -> Any:
        """The data of Prometheus' answer; an error fails, with Prometheus' own words."""
        url = f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def now(self, expr: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("query", query=expr)["result"]
        return found


def _quick(text: str, changes: dict[str, str]) -> str:
    for pattern, instead in changes.items():
        text, count = re.subn(pattern, instead, text)
        assert count, f"nothing to make quick: {pattern}"
    return text


def _configurations(folder: Path, daemon: int, alertmanager: int, told: int, site: Callable[[Path, int], str], window: int) -> None:
    """The files as they are shipped, but for ports and times; `site` gives the rest of the daemon's."""
    (folder / "rules").mkdir()
    changes = {"connwatch-alerts.yml": {r"for: 1h": "for: 5s", r"for: \d+m": "for: 1s"}, "connwatch-recording.yml": {r"\[1h\]": f"[{window}s]"}}
    for name, change in changes.items():
        (folder / "rules" / name).write_text(_quick((DEPLOY / "rules" / name).read_text(encoding="utf-8"), change), encoding="utf-8")
    changed = {
        r"_interval: \d+s": "_interval: 1s", "127.0.0.1:9817": f"127.0.0.1:{daemon}", "127.0.0.1:9093": f"127.0.0.1:{alertmanager}",
        r"# (authorization:)": r"\1", r"#   (credentials_file:) \S+": rf"  \1 {folder / 'token'}",
    }  # fmt: skip
    (folder / "prometheus.yml").write_text(_quick((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"), changed), encoding="utf-8")
    changed = {r"group_wait: \w+": "group_wait: 1s", r"group_interval: \w+": "group_interval: 2s", "127.0.0.1:9095": f"127.0.0.1:{told}"}
    (folder / "alertmanager.yml").write_text(_quick((DEPLOY / "alertmanager.yml").read_text(encoding="utf-8"), changed), encoding="utf-8")
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    (folder / "token").chmod(0o600)
    web = f'[http]\nlisten = "127.0.0.1:{daemon}"\ntoken_file = "{folder}/token"\n'
    (folder / "connwatch.toml").write_text(f'[state]\npath = "{folder}/state.db"\n{web}{site(folder, told)}', encoding="utf-8")


def _two_logs(folder: Path, told: int) -> str:
    """Two logs that a test writes, and one target, the webhook."""
    logs = "".join(
        f'[[sources]]\nname = "{name}"\nkind = "file"\npath = "{folder}/{name}.log"\nstart = "beginning"\n' for name in ("nginx-proxy", "coda-mcp")
    )
    for name in ("nginx-proxy", "coda-mcp"):
        (folder / f"{name}.log").touch()
    (folder / "targets").write_text(f"name:phone=json://127.0.0.1:{told}/inbox\n", encoding="utf-8")
    (folder / "targets").chmod(0o600)
    hosts = '[metrics]\nhosts = ["mcp.example.org", "mcp.example.com"]\n'
    return f'{hosts}{logs}[alerts]\ntargets_file = "{folder}/targets"\nwait_seconds = 1\ngrace_seconds = 0\n'


@contextmanager
def _telling(told: Told) -> Iterator[int]:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/inbox":
                told.messages.append(body["title"])
            else:
                told.alerts += [(time.monotonic(), self.path, alert) for alert in body["alerts"]]
            self.send_response(200)
            self.end_headers()

        def log_message(self, *said: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def program(folder: Path, ready: str, *command: str) -> Iterator[None]:
    """A program, from when it answers at `ready`."""
    log = folder / f"{Path(command[0]).name}.said"
    with log.open("wb") as said:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONNWATCH_")}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=folder, env=environment)
        try:
            wait(lambda: process.poll() is not None or _answers(ready))
            assert process.poll() is None, log.read_text()[-800:]
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def world(folder: Path, site: Callable[[Path, int], str] = _two_logs, window: int = WINDOW) -> Iterator[World]:
    """Daemon, Prometheus, Alertmanager and a webhook, all at work; the daemon was scraped at least twice before anything happened.

    `site` gives the daemon's sources, targets and times; it is called with the folder and the webhook's port. `window` is in seconds.
    What Prometheus finds before it has taken note of Alertmanager is sent again a second later, not after a minute.
    """
    daemon, prometheus, alertmanager = free_port(), free_port(), free_port()
    made = World(f"http://127.0.0.1:{prometheus}", f"http://127.0.0.1:{alertmanager}", f"http://127.0.0.1:{daemon}", folder, Told())
    programs = (
        (f"{made.daemon}/healthz", sys.executable, "-m", "connwatch", "run", "--config", f"{folder}/connwatch.toml"),
        (
            f"{made.alertmanager}/-/ready", str(ALERTMANAGER), f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address=",
        ),
        (
            f"{made.prometheus}/-/ready", str(PROMETHEUS), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{prometheus}", "--enable-feature=exemplar-storage",
            "--rules.alert.resend-delay=1s",
        ),
    )  # fmt: skip
    with ExitStack() as stack:
        _configurations(folder, daemon, alertmanager, stack.enter_context(_telling(made.told)), site, window)
        for one in programs:
            stack.enter_context(program(folder, *one))
        wait(lambda: made.now("count_over_time(connwatch_state_healthy[1m]) >= 2"))
        yield made


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False
