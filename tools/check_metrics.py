#!/usr/bin/env python3
"""Start the daemon on the example log, fetch /metrics, and let promtool judge the names, types and help texts.

Also holds the budget of series, and that no label carries a value of a log. Exit status 1 when promtool or a rule here objects; where there is no
promtool the rules here are held alone, and that is said.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOG = ROOT / "docs" / "examples" / "access.log"
BUDGET = 3_000  # series; every label's vocabulary is closed, so this cannot grow with traffic
PATIENCE = 20.0  # seconds until the daemon has read a log of 24 lines
SAMPLE = re.compile(r"^(?P<name>[a-z_:]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)", re.MULTILINE)
OF_A_LOG = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|/mcp|/authorize|/token|Mozilla|Claude-User|httpx")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, ConnectionError):
        return ""


def exported() -> str:
    """What the daemon shows once it has read the log. Raises RuntimeError when it does not come that far."""
    with tempfile.TemporaryDirectory() as folder:
        here, port = pathlib.Path(folder), free_port()
        log = here / "access.log"
        log.touch()  # a daemon begins at the end of a file: the lines come once it is there
        config = here / "connwatch.toml"
        config.write_text(
            f'[state]\npath = "{here}/state.db"\n[http]\nlisten = "127.0.0.1:{port}"\n'
            f'[[sources]]\nname = "proxy"\nkind = "file"\npath = "{log}"\nformat = "nginx-proxy"\n',
            encoding="utf-8",
        )
        command = [str(pathlib.Path(sys.executable).parent / "connwatch"), "run", "--config", str(config)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as daemon:
            text, end = "", time.monotonic() + PATIENCE
            while time.monotonic() < end and daemon.poll() is None:
                text = fetch(f"http://127.0.0.1:{port}/metrics")
                if text and not log.stat().st_size and '"live"' in fetch(f"http://127.0.0.1:{port}/readyz"):
                    shutil.copy(LOG, log)
                if re.search(r"^connwatch_lines_read_total\{[^}]*\} [1-9]", text, re.MULTILINE):
                    break
                time.sleep(0.1)
            daemon.send_signal(signal.SIGTERM)
            _, said = daemon.communicate(timeout=20)
        if not text:
            raise RuntimeError(f"the daemon showed no metrics: {said.strip()[-400:]}")
        return text


def objections(text: str) -> list[str]:
    samples = list(SAMPLE.finditer(text))
    found = []
    if len(samples) > BUDGET:
        found.append(f"{len(samples)} series, the budget is {BUDGET}")
    found += [f"a value of the log in a label: {sample[0]}" for sample in samples if OF_A_LOG.search(sample["labels"] or "")]
    found += [f"not ours: {sample['name']}" for sample in samples if not sample["name"].startswith(("connwatch_", "process_", "python_"))]
    if not any(sample["name"] == "connwatch_lines_read_total" and float(sample["value"]) for sample in samples):
        found.append("connwatch_lines_read_total stays 0 although there is a log")
    return found


def main() -> int:
    text = exported()
    problems = objections(text)
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        problems += (done.stdout + done.stderr).splitlines() if done.returncode else []
    else:
        print("metrics: no promtool here, its check was left out", file=sys.stderr)
    for problem in problems:
        print(f"metrics: {problem}", file=sys.stderr)
    if not problems:
        print(f"metrics: {sum(1 for _ in SAMPLE.finditer(text))} series, nothing to object{', says promtool too' if promtool else ''}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
