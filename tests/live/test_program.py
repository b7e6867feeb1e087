"""The real program in its own process: it follows a file, answers, tells the service manager, and stops when asked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connwatch.daemon.played import recorded
from support.live import free_port

CONNWATCH = [sys.executable, "-m", "connwatch"]
QUIET = {name: value for name, value in os.environ.items() if not name.startswith("CONNWATCH_")}


def wait(condition: Callable[[], object], seconds: float = 20.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*CONNWATCH, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**QUIET, **environment}
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answer(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as found:
            return str(found.read().decode())
    except urllib.error.HTTPError as error:
        error.close()
        return ""
    except OSError:
        return ""


@pytest.fixture
def configured(tmp_path: Path) -> tuple[Path, int]:
    port = free_port()
    log = tmp_path / "proxy.log"
    log.touch()
    (tmp_path / "connwatch.toml").write_text(
        f'[state]\npath = "{tmp_path}/state.db"\n[http]\nlisten = "127.0.0.1:{port}"\n'
        f'[[sources]]\nname = "proxy"\nkind = "file"\npath = "{log}"\nstart = "beginning"\n'
    )
    return tmp_path, port


def write_the_demonstration(path: Path) -> int:
    entries = [entry for entry in recorded() if entry.log == "nginx-proxy"]
    start = time.time() - entries[-1].after - 5
    with path.open("ab") as file:
        file.writelines(entry.line(start + entry.after) for entry in entries)
    return len(entries)


def test_run_follows_answers_and_stops_when_asked(configured: tuple[Path, int]) -> None:
    folder, port = configured
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(20)
        with running("run", "--config", str(folder / "connwatch.toml"), NOTIFY_SOCKET=str(folder / "notify"), WATCHDOG_USEC="3000000") as process:
            assert manager.recv(4096).decode().startswith("READY=1\nSTATUS=following 1 source")
            assert "pydantic" not in Path(f"/proc/{process.pid}/maps").read_text(), "what checks the configuration is gone with its process"
            lines = write_the_demonstration(folder / "proxy.log")
            url = f"http://127.0.0.1:{port}"
            wait(lambda: f'connwatch_lines_read_total{{source="proxy"}} {lines}.0' in answer(f"{url}/metrics"))
            wait(lambda: json.loads(answer(f"{url}/readyz") or "{}").get("ready"))
            assert answer(f"{url}/healthz") == "alive\n"
            wait(lambda: json.loads(answer(f"{url}/api/attempts?client=claude"))["attempts"])
            assert manager.recv(4096) == b"WATCHDOG=1"
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=5) == 0
            assert time.monotonic() - began < 5
            assert process.stderr is not None
            said = process.stderr.read()
            assert f"http://127.0.0.1:{port}/" in said
            assert "Traceback" not in said


def test_tail_reads_from_the_daemon(configured: tuple[Path, int]) -> None:
    folder, port = configured
    with running("run", "--config", str(folder / "connwatch.toml")):
        wait(lambda: answer(f"http://127.0.0.1:{port}/healthz"))
        with running("tail", "--config", str(folder / "connwatch.toml"), "--client", "claude", "--json", "--since", "2h") as tail:
            write_the_demonstration(folder / "proxy.log")
            assert tail.stdout is not None
            row = json.loads(tail.stdout.readline())
            assert (row["schema"], row["attempt"]["client"]) == ("connwatch.change/1", "claude")
        wait(lambda: json.loads(answer(f"http://127.0.0.1:{port}/api/attempts"))["attempts"])
        listed = subprocess.run(
            [*CONNWATCH, "tail", "--listen", f"127.0.0.1:{port}", "--no-follow"], capture_output=True, text=True, timeout=30, env=QUIET, check=False
        )
        assert listed.returncode == 0
        assert "claude" in listed.stdout


def test_tail_reads_a_pipe_to_its_end(tmp_path: Path) -> None:
    write_the_demonstration(tmp_path / "log")
    done = subprocess.run(
        [*CONNWATCH, "tail", "--format", "nginx-proxy", "-"],
        input=(tmp_path / "log").read_text(), capture_output=True, text=True, timeout=60, env=QUIET, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "token-unused" in done.stdout
    assert "failed at reach" in done.stdout


def test_tail_follows_a_file_directly(tmp_path: Path) -> None:
    log = tmp_path / "proxy.log"
    log.write_text("an old line\n")
    with running("tail", f"nginx-proxy:{log}") as tail:
        time.sleep(0.2)
        wait(lambda: tail.poll() is not None or _follows(tail.pid, log))
        write_the_demonstration(log)
        assert tail.stdout is not None
        assert "challenge" in tail.stdout.readline()


def test_tail_says_that_a_log_does_not_exist_and_waits_for_it(tmp_path: Path) -> None:
    log = tmp_path / "nope.log"
    with running("tail", f"nginx-proxy:{log}") as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert tail.stderr.readline() == f"connwatch: {log} does not exist; waiting for it\n"
        write_the_demonstration(log)
        assert "challenge" in tail.stdout.readline()


def _follows(pid: int, log: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):  # it closes one while they are looked through
        return any(link.resolve() == log for link in Path(f"/proc/{pid}/fd").iterdir())
    return False


def test_without_a_daemon_or_a_source_tail_says_what_to_do() -> None:
    done = subprocess.run(
        [*CONNWATCH, "tail", "--listen", f"127.0.0.1:{free_port()}"], capture_output=True, text=True, timeout=30, env=QUIET, check=False
    )
    assert done.returncode == 3
    assert "no daemon answers" in done.stderr
    assert "connwatch run --config FILE" in done.stderr


def test_run_without_a_configuration_offers_the_demonstration() -> None:
    done = subprocess.run([*CONNWATCH, "run"], capture_output=True, text=True, timeout=30, env=QUIET, check=False)
    assert done.returncode == 2
    assert "connwatch demo" in done.stderr


def test_a_taken_port_is_status_3(configured: tuple[Path, int]) -> None:
    folder, port = configured
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        for command in (["run", "--config", str(folder / "connwatch.toml")], ["demo", "--listen", f"127.0.0.1:{port}"]):
            done = subprocess.run([*CONNWATCH, *command], capture_output=True, text=True, timeout=30, env=QUIET, check=False)
            assert done.returncode == 3
            assert "is taken by another program" in done.stderr
            assert "--listen" in done.stderr


def test_the_demonstration_plays_to_its_end_and_shows_every_kind_of_stop() -> None:
    done = subprocess.run(
        [*CONNWATCH, "demo", "--speed", "400", "--listen", f"127.0.0.1:{free_port()}"],
        capture_output=True,
        text=True,
        timeout=60,
        env=QUIET,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for part in ("connected", "token-unused", "consent-abandoned", "proxy-redirect", "token-refused"):
        assert part in done.stdout, part
    assert "Traceback" not in done.stderr


def test_the_recorded_stream_is_what_its_program_writes() -> None:
    root = Path(__file__).resolve().parents[2]
    made = subprocess.run([sys.executable, str(root / "tools" / "make_demo.py")], capture_output=True, timeout=30, check=True).stdout
    assert made == (root / "src" / "connwatch" / "catalogue" / "demo" / "stream.jsonl").read_bytes()
