"""Everything for real: an engine, nginx under a forego-like prefix, an MCP server and clients by the official SDK. And everything is broken once.

The daemon follows the two containers while they are stopped, killed, replaced, and their engine is restarted and killed; it is killed itself. In
the end its attempts are those that the clients made, and every line of both logs was taken exactly once.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.dockerd import Dockerd, dockerd, missing

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "support" / "mcp_peers"
SDK = ROOT / ".cache" / "mcp" / "bin" / "python"
NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
CONNWATCH = str(Path(sys.executable).parent / "connwatch")
WHY = missing() or (None if SDK.exists() else "no MCP SDK here (tools/real.sh)") or (None if NGINX else "no nginx here (apt-get install nginx-light)")
pytestmark = [pytest.mark.real, pytest.mark.skipif(WHY is not None, reason=str(WHY)), pytest.mark.timeout(600)]

AGENT = "Claude-User"
NGINX_CONF = """
daemon off; worker_processes 1; pid /tmp/nginx.pid; error_log /dev/stderr notice;
events {{ worker_connections 128; }}
http {{
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi; uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  log_format vhost escape=default '$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" "$upstream_addr"';
  access_log /dev/stdout vhost;
  server {{
    listen 127.0.0.1:{front};
    proxy_http_version 1.1; proxy_buffering off; proxy_set_header Host $http_host; proxy_connect_timeout 2s;
    location / {{ proxy_pass http://127.0.0.1:{back}; }}
  }}
}}
"""
#: As forego does it: a coloured name in front of every line, the reset glued to the next one.
FOREGO = (
    r"""exec 2>&1; {nginx} -c /var/nginx.conf -e stderr | while IFS= read -r line; do printf '\033[0;33;1mnginx.1     | \033[0m%s\n' "$line"; done"""
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class World:
    """The two containers, the clients, and what they really did."""

    def __init__(self, engine: Dockerd, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.front, self.back = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.front}"
        (folder / "nginx.conf").write_text(NGINX_CONF.format(front=self.front, back=self.back))
        self.good = self.unused = 0
        self.generations: dict[str, list[str]] = {"nginx-proxy": [], "coda-mcp": []}

    def image(self) -> None:
        """An image with nothing in it but places: programs come from this machine, read-only."""
        packed = self.folder / "places.tar"
        with tarfile.open(packed, "w") as tar:
            for name in ("tmp", "usr", "bin", "lib", "lib64", "etc", "root", "var", "dev", "proc", "sys"):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o777
                tar.addfile(entry)
        self.engine.docker("import", str(packed), "connwatch/places:1")

    def run(self, name: str) -> None:
        script = FOREGO.format(nginx=NGINX) if name == "nginx-proxy" else f"exec {SDK} -u {PEERS}/server.py {self.back} {self.url}"
        seen = ["/usr", "/bin", "/lib", "/etc"] + [path for path in ("/lib64",) if Path(path).exists()]
        for needed in (str(ROOT), sys.base_prefix, str(SDK.resolve().parents[1])):
            if not any(needed == path or needed.startswith(f"{path}/") for path in seen):
                seen.append(needed)
        volumes = [option for path in seen for option in ("-v", f"{path}:{path}:ro")]
        volumes += ["-v", f"{self.folder}/nginx.conf:/var/nginx.conf:ro"] if name == "nginx-proxy" else []
        self.engine.docker(
            "run", "-d", "--name", name, "--network", "host", "--restart", "always", "--stop-timeout", "2", "--tmpfs", "/tmp", *volumes,
            "connwatch/places:1", "/bin/sh", "-c", script,
        )  # fmt: skip
        self.generations[name].append(self.engine.docker("inspect", "-f", "{{.Id}}", name))

    def replace(self, name: str) -> None:
        self.keep_log(name)
        self.engine.docker("rm", "-f", name)
        self.run(name)

    def keep_log(self, name: str) -> None:
        """What the engine holds of a container that will be gone: the truth about its lines."""
        raw = subprocess.run(["docker", "-H", self.engine.host, "logs", "-t", name], capture_output=True, timeout=60, check=True)
        with (self.folder / f"{name}.truth").open("ab") as truth:
            truth.write(raw.stdout + raw.stderr)

    def ready(self) -> None:
        """Wait until requests get through; the question is one that no attempt is made of."""
        give_up = time.monotonic() + 40
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.back), timeout=1), socket.create_connection(("127.0.0.1", self.front), timeout=1):
                    return
            except OSError:
                assert time.monotonic() < give_up, self.engine.docker("ps", "-a")
                time.sleep(0.1)

    def connect(self, *, unused: bool = False) -> None:
        self.ready()
        arguments = [str(SDK), str(PEERS / "client.py"), f"{self.url}/mcp", AGENT, *(["--unused"] if unused else [])]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        if unused:
            self.unused += 1
        else:
            self.good += 1


class Daemon:
    def __init__(self, folder: Path, host: str) -> None:
        self.folder, self.state, self.said = folder, folder / "connwatch.db", folder / "said"
        sources = "".join(
            f'[[sources]]\nname = "{name}"\nkind = "docker"\ncontainer = "{name}"\nhost = "{host}"\nformat = "{format_}"\n'
            for name, format_ in (("nginx-proxy", "nginx-proxy"), ("coda-mcp", "auto"))
        )
        self.config = folder / "connwatch.toml"
        self.config.write_text(f'[state]\npath = "{self.state}"\n[http]\nlisten = "127.0.0.1:0"\n{sources}')
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.said.open("ab") as said:
            self.process = subprocess.Popen([CONNWATCH, "run", "--config", str(self.config)], stdout=subprocess.DEVNULL, stderr=said)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.said.read_text()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.Error:
            return []

    def until(self, query: str, wanted: Any, seconds: float = 60) -> None:
        give_up = time.monotonic() + seconds
        while (found := self.ask(query)) != wanted:
            assert time.monotonic() < give_up, f"{query}: {found}, not {wanted}\n{self.said.read_text()[-3000:]}"
            assert self.process is not None
            assert self.process.poll() is None, self.said.read_text()[-3000:]
            time.sleep(0.1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with dockerd() as engine:
        one = World(engine, tmp_path)
        one.image()
        yield one


def test_through_everything_that_happens_to_containers(world: World, tmp_path: Path) -> None:
    for name in ("coda-mcp", "nginx-proxy"):
        world.run(name)
    world.ready()
    daemon = Daemon(tmp_path, world.engine.host)
    daemon.start()
    daemon.until("SELECT count(*) FROM cursors", [(2,)])
    try:
        world.connect()
        world.engine.docker("restart", "coda-mcp")
        world.connect()
        world.engine.docker("restart", "nginx-proxy")
        world.connect()
        world.engine.docker("kill", "nginx-proxy")
        world.engine.docker("start", "nginx-proxy")
        world.connect()
        world.replace("nginx-proxy")
        world.connect()
        world.replace("coda-mcp")
        world.connect()
        daemon.kill()
        world.connect()  # while nobody looks
        daemon.start()
        world.connect()
        world.engine.stop()
        world.engine.start()
        world.connect()
        world.engine.kill()
        world.engine.start()
        world.connect()
        world.connect(unused=True)
        finals = "SELECT outcome, count(*) FROM attempts WHERE client = 'claude' AND outcome NOT IN ('probe', 'waiting') GROUP BY 1 ORDER BY 1"
        daemon.until(finals, [("connected", world.good), ("stalled", world.unused)], 120)
        daemon.stop()
        check_the_truth(world, daemon)
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


def check_the_truth(world: World, daemon: Daemon) -> None:
    (stuck,) = daemon.ask("SELECT body FROM attempts WHERE outcome = 'stalled' AND client = 'claude'")
    assert json.loads(stuck[0])["diagnoses"][0]["code"] == "token-unused"
    marks = [row[0] for row in daemon.ask("SELECT what FROM marks WHERE source = 'nginx-proxy' ORDER BY id")]
    assert {"died", "started", "replaced"} <= set(marks), marks
    for name in ("nginx-proxy", "coda-mcp"):
        world.keep_log(name)
        truth = (world.folder / f"{name}.truth").read_bytes().splitlines()
        (lines,) = daemon.ask(f"SELECT lines FROM cursors WHERE source = '{name}'")
        requests = [line for line in truth if b" HTTP/1.1" in line]
        taken = daemon.ask(f"SELECT json_extract(substr(body, 2), '$.at'), body FROM records WHERE stream = '{name}' AND substr(body, 1, 1) = 'Q'")
        assert len(taken) == len(requests), f"{name}: {len(taken)} requests taken of {len(requests)}"
        assert len({row[1] for row in taken}) == len(taken), f"{name}: a request was taken twice"
        assert lines[0] <= len(truth)
