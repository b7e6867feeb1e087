"""The image, built by its own Dockerfile on a real engine, and the compose file, brought up by the real compose.

No base image and no image of others can be had without a registry. The base is a Debian 12 made by debootstrap; nginx-proxy is a busybox into
whose output lines are written; the socket proxy is a haproxy with the rules of tecnativa's. Prometheus, Alertmanager, Grafana and cloudflared are not
run here: their part of the file is read by compose alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connwatch.settings.advice import RECOMMENDED
from connwatch.settings.loader import load_catalogue
from support.debian import COMPOSE, TREE, WHEELS, debian_missing, ten_minutes_ago
from support.dockerd import HAPROXY, PROXY, Dockerd, dockerd, missing, pause
from support.page import blocks

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
BASE = "local/debian:bookworm"
WHY_NOT = missing() or debian_missing() or (None if COMPOSE.exists() else "no docker compose here (tools/real.sh puts it into .cache/real/compose)")
WHY_NOT = WHY_NOT or (None if HAPROXY and shutil.which("nsenter") and shutil.which("ip") else "no haproxy, nsenter or ip here")

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]


@pytest.fixture(scope="module")
def engine() -> Iterator[Dockerd]:
    with dockerd(networks=True) as running:
        yield running


@pytest.fixture(scope="module")
def image(engine: Dockerd) -> str:
    """The image, by the Dockerfile as it stands; pip gets its wheels from a folder behind HTTP, and nothing else."""
    unpacked = ["tar", "-C", str(TREE), "--exclude=./usr/share/doc", "--exclude=./usr/share/locale", "-c", "."]
    with subprocess.Popen(unpacked, stdout=subprocess.PIPE) as tar:
        subprocess.run(["docker", "-H", engine.host, "import", "-", BASE], stdin=tar.stdout, check=True, capture_output=True, timeout=120)
    assert tar.returncode == 0
    serve = [*engine.in_its_network, sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(WHEELS), "8000"]
    server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        arguments = [f"BASE={BASE}", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=http://127.0.0.1:8000/"]
        build(engine, "connwatch:0.1", DOCKERFILE, ROOT, *arguments)
    finally:
        server.terminate()
        server.wait(timeout=10)
    return "connwatch:0.1"


def build(engine: Dockerd, tag: str, dockerfile: Path, context: Path, *arguments: str) -> None:
    words = [word for argument in arguments for word in ("--build-arg", argument)]
    done = subprocess.run(
        ["docker", "-H", engine.host, "build", "--network", "host", "-t", tag, "-f", str(dockerfile), *words, str(context)],
        env={**os.environ, "DOCKER_BUILDKIT": "0"}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def eventually(condition: Callable[[], bool], seconds: float, what: str, why: Callable[[], object] = str) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"{what}: {why()}"
        pause(0.1)


# ---------------------------------------------------------------------------------------------------------- the image alone


def test_the_image_is_nobody_and_holds_what_is_locked(engine: Dockerd, image: str) -> None:
    settings = json.loads(engine.docker("image", "inspect", image))[0]["Config"]
    assert settings["User"] == "10001:10001"
    assert list(settings["Volumes"]) == ["/var/lib/connwatch"]
    locked = set(re.findall(r"^(\S+==\S+)", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE))
    script = "import importlib.metadata as m; print(*sorted(f'{d.name.lower()}=={d.version}' for d in m.distributions()))"
    inside = [one.split("==") for one in shut_in(engine, image, "python3", "-c", script).split()]
    named = {f"{re.sub(r'[._]+', '-', name)}=={version}" for name, version in inside}
    assert {one for one in named if not one.startswith("connwatch==")} == locked, "no more and no less, and no pip"
    assert "--hash=sha256:" in shut_in(engine, image, "cat", "/opt/connwatch/packages.txt")


def test_it_runs_with_nothing_to_write_and_no_capability(engine: Dockerd, image: str) -> None:
    assert shut_in(engine, image, "connwatch", "--version").startswith("connwatch ")
    status = shut_in(engine, image, "cat", "/proc/self/status")
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    example = f"{ROOT}/docs/examples:/examples:ro"
    done = json.loads(shut_in(engine, image, "sh", "-c", "connwatch replay --json /examples/access.log | tail -1", options=("-v", example)))
    assert (done["client"], done["diagnoses"][0]["code"]) == ("chatgpt", "token-unused")


def shut_in(engine: Dockerd, image: str, *command: str, options: tuple[str, ...] = ()) -> str:
    flags = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp", "--network", "none", *options]
    return engine.docker("run", "--rm", *flags, "-e", "CONNWATCH_CONFIG=", "--entrypoint", command[0], image, *command[1:])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here (apt-get install systemd)")
def test_the_daemon_lives_with_the_system_calls_that_the_unit_leaves_it(engine: Dockerd, image: str, tmp_path: Path) -> None:
    """The unit's SystemCallFilter, enforced by the engine instead of systemd: the same names, and a call that is not among them fails."""
    unit = (ROOT / "deploy" / "systemd" / "connwatch.service").read_text()
    allowed: set[str] = set()
    for words in re.findall(r"^SystemCallFilter=(.+)$", unit, re.MULTILINE):
        named = {call for word in words.removeprefix("~").split() for call in calls(word)}
        allowed = allowed - named if words.startswith("~") else allowed | named
    assert "mount" not in allowed
    assert len(allowed) > 200
    profile = tmp_path / "filter.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": sorted(allowed), "action": "SCMP_ACT_ALLOW"}]}))
    options = ("--security-opt", f"seccomp={profile}")
    refused = "import os\ntry: os.nice(1); os.setpriority(os.PRIO_PROCESS, 0, 5)\nexcept PermissionError: print('refused')"
    assert shut_in(engine, image, "python3", "-c", refused, options=options) == "refused"
    told = shut_in(engine, image, "connwatch", "demo", "--speed", "2000", options=options)
    assert "token-unused" in told
    send = "import apprise; print(apprise.Apprise('json://127.0.0.1:1/').notify(body='x').__bool__())"
    assert shut_in(engine, image, "python3", "-c", send, options=options) == "False"


def calls(word: str) -> set[str]:
    """The system calls of a set such as @system-service, with the sets within it."""
    if not word.startswith("@"):
        return {word}
    told = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True).stdout
    entries = [line.strip() for line in told.splitlines()[1:] if line.startswith("    ") and not line.strip().startswith("#")]
    return {call for entry in entries for call in calls(entry)}


# -------------------------------------------------------------------------------------------------------------- the compose file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """deploy/ with secrets, made by following docs/install.md."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    (block,) = blocks("install.md", "compose")
    subprocess.run(["bash", "-euc", f'sudo() {{ "$@"; }}\n{block}'], cwd=tmp_path, check=True, capture_output=True)
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(0o711)
    # Asked more often, for the test's sake: what is asked is the image's own affair.
    (tmp_path / "deploy" / "docker" / "compose.override.yml").write_text("services: {connwatch: {healthcheck: {interval: 2s}}}\n")
    return tmp_path / "deploy" / "docker"


def compose(folder: Path, engine: Dockerd | None, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_", "TUNNEL_"))}
    if engine is not None:
        environment |= {"DOCKER_HOST": engine.host, "DOCKER_SOCKET": str(engine.socket)}
    done = subprocess.run(
        [str(COMPOSE), *(word for name in ("compose", "compose.override") for word in ("-f", str(folder / f"{name}.yml"))), *words],
        capture_output=True, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_compose_takes_the_file_and_every_service_is_shut_in(folder: Path) -> None:
    told = json.loads(compose(folder, None, "--profile", "tunnel", "--profile", "monitoring", "config", "--format", "json"))
    services = told["services"]
    assert set(services) == {"nginx-proxy", "socket-proxy", "connwatch", "cloudflared", "prometheus", "alertmanager", "grafana"}
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name
        if name != "nginx-proxy":
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
        for mount in service.get("volumes", []):
            if mount["type"] == "bind" and "docker.sock" not in mount["source"]:
                assert Path(mount["source"]).exists(), f"{name}: {mount['source']}"
    assert [name for name, service in services.items() if "docker.sock" in json.dumps(service.get("volumes", []))] == ["nginx-proxy", "socket-proxy"]
    assert all(port["host_ip"] == "127.0.0.1" for port in services["connwatch"]["ports"])
    assert told["networks"]["engine"]["internal"]


def test_prometheus_is_scraped_as_everywhere_but_with_the_token(folder: Path) -> None:
    plain, here = ((ROOT / "deploy" / where / "prometheus.yml").read_text() for where in ("prometheus", "docker"))
    lines = [line for line in here.splitlines() if not line.strip().startswith("#")]
    extra = [line for line in lines if line not in plain.splitlines()]
    assert extra == ["    authorization:", "      credentials_file: /run/secrets/connwatch-token"]
    assert [line for line in plain.splitlines() if line and not line.strip().startswith("#") and line not in lines] == []


def test_it_comes_up_follows_two_containers_and_says_where_an_attempt_stopped(
    engine: Dockerd, image: str, folder: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    began, token = time.monotonic(), folder / "secrets" / "token"
    stand_ins(engine, tmp_path)
    try:
        engine.docker("run", "-d", "--name", "coda-mcp", "--network", "none", "connwatch/busybox:1", "sleep", "600")
        compose(folder, engine, "up", "-d", "--no-build", "--pull", "never", "nginx-proxy", "connwatch")
        name = engine.docker("ps", "--filter", "label=com.docker.compose.service=connwatch", "--format", "{{.Names}}")
        variables = json.loads(engine.docker("inspect", "-f", "{{json .Config.Env}}", "nginx-proxy"))
        assert f"LOG_FORMAT={recommended()}" in variables, "what connwatch check recommends reaches nginx unharmed"

        def said() -> str:
            return subprocess.run(["docker", "-H", engine.host, "logs", name], capture_output=True, text=True, check=False, timeout=30).stderr

        eventually(lambda: json.loads(ask(engine, "/readyz") or "{}").get("ready") is True, 40, "every source is attached", said)
        write(engine, "nginx-proxy", "".join(f"nginx.1     | {line}\n" for line in ten_minutes_ago()))
        write(engine, "coda-mcp", "[HTTP] GET /health auth=no\n")
        eventually(lambda: bool(stalled(engine, token)), 40, "the stall is told", said)
        (attempt,) = stalled(engine, token)
        assert (attempt["server"], attempt["stuck_at"], attempt["diagnoses"][0]["code"]) == ("mcp.example.org", "session", "token-unused")
        eventually(lambda: lines_of(engine, "coda-mcp", token) == 1, 20, "the other container's line", said)
        assert ask(engine, "/healthz") == "alive\n"
        assert ask(engine, "/api/attempts") == "A token is needed.\n"
        eventually(lambda: engine.docker("inspect", "-f", "{{.State.Health.Status}}", name) == "healthy", 60, "the engine finds it healthy", said)
        assert stalled_after_restart(engine, folder, name), "what was recorded is in the volume"
        record_property("measured", f"brought up by compose, a stall told, found healthy, restarted: {time.monotonic() - began:.1f} s")
    finally:
        compose(folder, engine, "down", "--volumes", "--timeout", "5")
        engine.docker("rm", "-f", "coda-mcp")


def lines_of(engine: Dockerd, source: str, token: Path) -> int:
    return next(row["lines"] for row in json.loads(ask(engine, "/api/sources", token))["sources"] if row["name"] == source)


def stalled_after_restart(engine: Dockerd, folder: Path, name: str) -> bool:
    compose(folder, engine, "restart", "connwatch")
    listed = engine.docker("exec", name, "connwatch", "attempts", "--client", "chatgpt", "--outcome", "stalled", "--json")
    return json.loads(listed)["diagnoses"][0]["code"] == "token-unused"


def stand_ins(engine: Dockerd, folder: Path) -> None:
    rules = PROXY.format(folder="/var/run", idle=60).replace("unix@/var/run/proxy.sock mode 600", ":2375")
    (folder / "proxy").mkdir()
    (folder / "proxy" / "haproxy.cfg").write_text(rules)
    (folder / "proxy" / "Dockerfile").write_text(f'FROM {BASE}\nCOPY haproxy.cfg /\nCMD ["/usr/sbin/haproxy", "-db", "-f", "/haproxy.cfg"]\n')
    build(engine, "tecnativa/docker-socket-proxy:0.3", folder / "proxy" / "Dockerfile", folder / "proxy")
    (folder / "proxy" / "Dockerfile").write_text('FROM connwatch/busybox:1\nCMD ["sleep", "600"]\n')
    build(engine, "nginxproxy/nginx-proxy:1.9", folder / "proxy" / "Dockerfile", folder / "proxy")


def recommended() -> str:
    entry = load_catalogue().formats[RECOMMENDED]
    return f"{entry['log_format']}{entry.get('optional_tail', '')}"


def write(engine: Dockerd, container: str, text: str) -> None:
    """To the output of the container's first process, as if that had written it."""
    command = ["docker", "-H", engine.host, "exec", "-i", container, "sh", "-c", "cat > /proc/1/fd/1"]
    subprocess.run(command, input=text, text=True, check=True, timeout=30)


def ask(engine: Dockerd, path: str, token: Path | None = None) -> str:
    words = ["-H", f"Authorization: Bearer {token.read_text().strip()}"] if token is not None else []
    command = [*engine.in_its_network, "curl", "-s", "--max-time", "5", *words, f"http://127.0.0.1:9817{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def stalled(engine: Dockerd, token: Path) -> list[dict[str, object]]:
    answer = json.loads(ask(engine, "/api/attempts?client=chatgpt&outcome=stalled", token) or "{}")
    return [attempt for attempt in answer.get("attempts", []) if attempt["diagnoses"]]


def test_the_configuration_in_the_image_is_that_of_the_compose_file() -> None:
    settings = tomllib.loads((ROOT / "deploy" / "docker" / "etc" / "connwatch.toml").read_text())
    assert {source["container"] for source in settings["sources"]} == {"nginx-proxy", "coda-mcp"}
    assert {source["host"] for source in settings["sources"]} == {"tcp://socket-proxy:2375"}
    assert settings["http"]["token_file"] == "/run/secrets/connwatch-token"
