"""`connwatch init` on a real engine with what stands for the operator's containers; then `run` on the file that it wrote, following both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support.dockerd import IMAGE, dockerd, missing, wait_for
from support.live import free_port

pytestmark = [pytest.mark.real, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

ACCESS = r"mcp.example.org 172.20.0.5 - - [02/Nov/2026:18:03:15 +0000] \"POST /mcp HTTP/1.1\" 401 85 \"-\" \"Claude-User/1.0\" \"172.20.0.4:8080\""
PROXY = f'while :; do echo "{ACCESS}"; usleep 200000; done'
SERVER = "while :; do echo '[HTTP] POST /mcp auth=no'; usleep 200000; done"


def connwatch(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CONNWATCH_", "DOCKER_"))}
    return subprocess.run(
        [sys.executable, "-m", "connwatch", *args], capture_output=True, text=True, timeout=60, env={**clean, **environ}, check=False
    )


def test_from_nothing_to_both_logs_followed(tmp_path: Path) -> None:
    with dockerd() as engine:
        secrets = ("-e", "CODA_API_TOKEN=sEcReT")
        engine.docker("tag", IMAGE, "nginxproxy/nginx-proxy:1.7")
        compose = ("--label", "com.docker.compose.project=stack", "--label", "com.docker.compose.service=mcp")
        begin = ("run", "-d", "--network", "none", "--stop-timeout", "1")
        engine.docker(*begin, "--name", "front", "-e", "HTTPS_METHOD=redirect", "nginxproxy/nginx-proxy:1.7", "sh", "-c", PROXY)
        engine.run("coda-mcp", SERVER, *compose, "-e", "VIRTUAL_HOST=mcp.example.org", *secrets)
        engine.run("cloudflared", "sleep 1000")
        engine.run("db", "sleep 1000", *secrets)
        path = tmp_path / "connwatch.toml"
        while not all(engine.docker("logs", name) for name in ("front", "coda-mcp")):
            pass  # each look is a process of its own: it gives the containers time

        done = connwatch("init", str(path), DOCKER_HOST=engine.host)
        assert done.returncode == 0, done.stderr
        assert "4 running at unix://" in done.stdout
        assert "front: the reverse proxy, image nginxproxy/nginx-proxy:1.7; format nginx-proxy" in done.stdout
        assert "coda-mcp: by its name an MCP server" in done.stdout
        assert "HTTPS_METHOD: noredirect" in done.stdout
        assert "LOG_FORMAT: '$$host" in done.stdout
        assert "sEcReT" not in done.stdout + path.read_text()
        written = tomllib.loads(path.read_text())
        assert [(one["name"], one["container"]) for one in written["sources"] if one["kind"] == "docker"] == [
            ("coda-mcp", "coda-mcp"),
            ("front", "front"),
        ]
        assert written["metrics"]["hosts"] == ["mcp.example.org"]

        assert connwatch("check", "--config", str(path)).returncode == 0
        listen = f"127.0.0.1:{free_port()}"
        log = tmp_path / "daemon.log"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONNWATCH_", "DOCKER_"))}
        argv = [sys.executable, "-m", "connwatch", "run", "--config", str(path), "--listen", listen]
        with log.open("wb") as out:
            daemon = subprocess.Popen(argv, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ)
        try:

            def both_read() -> bool:
                told = connwatch("sources", "--json", "--listen", listen)
                rows = [json.loads(line) for line in told.stdout.splitlines()]
                return {("coda-mcp", "live"), ("front", "live")} <= {(row["name"], row["state"]) for row in rows if row["lines"]}

            wait_for(both_read, 30, daemon, log)
        finally:
            daemon.terminate()
            daemon.wait(timeout=20)
