#!/usr/bin/env python3
"""Stands in for systemctl in a tree where no systemd runs: it starts what the unit says, by hand, with what the unit says of account and environment.

Kept: User, Group, SupplementaryGroups, StateDirectory, WorkingDirectory, UMask, LoadCredential, ExecStart, ExecReload, the notification socket and
the watchdog's variable; no capabilities and no new privileges. Left out, because only systemd does it: everything that shuts the service in.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

UNITS, CREDENTIALS, PID = Path("/etc/systemd/system"), Path("/run/credentials"), Path("/run/connwatch.pid")


def read(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / f"{name}.service").read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def environment(name: str, unit: dict[str, list[str]]) -> dict[str, str]:
    state = Path("/var/lib") / unit["StateDirectory"][0]
    state.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(state, unit["User"][0], unit["Group"][0])
    folder = CREDENTIALS / f"{name}.service"
    folder.mkdir(parents=True, exist_ok=True)
    for credential in unit["LoadCredential"]:
        title, _, source = credential.partition(":")
        (folder / title).unlink(missing_ok=True)
        shutil.copyfile(source, folder / title)
        (folder / title).chmod(0o400)
        shutil.chown(folder / title, unit["User"][0])
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "STATE_DIRECTORY": str(state),
        "CREDENTIALS_DIRECTORY": str(folder),
        "NOTIFY_SOCKET": f"/run/{name}.notify",
        "WATCHDOG_USEC": f"{unit['WatchdogSec'][0]}000000",
    }


def as_account(unit: dict[str, list[str]], command: str) -> list[str]:
    groups = ",".join([unit["Group"][0], *unit["SupplementaryGroups"][0].split()])
    account = ["--reuid", unit["User"][0], "--regid", unit["Group"][0], "--groups", groups]
    shut_in = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--reset-env"]
    words = [f"umask {unit['UMask'][0]}", f"cd {unit['WorkingDirectory'][0]}", f"exec {command}"]
    return ["setpriv", *account, *shut_in[:-1], "sh", "-c", "; ".join(words)]


def start(name: str) -> int:
    unit = read(name)
    variables = environment(name, unit)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(variables["NOTIFY_SOCKET"])
        Path(variables["NOTIFY_SOCKET"]).chmod(0o666)
        told.settimeout(60)
        with Path(f"/var/log/{name}.journal").open("ab") as log:
            process = subprocess.Popen(as_account(unit, unit["ExecStart"][0]), env=variables, stdout=log, stderr=log, start_new_session=True)
        PID.write_text(str(process.pid))
        ready = told.recv(4096).startswith(b"READY=1")
    return 0 if ready else 1


def reload(name: str) -> int:
    unit = read(name)
    for command in unit["ExecReload"]:
        by_hand = command.replace("$MAINPID", PID.read_text()).replace("$$", "$")
        done = subprocess.run(as_account(unit, by_hand), env=environment(name, unit), check=False)
        if done.returncode != 0:
            return 1
    return 0


def main(words: list[str]) -> int:
    match words:
        case ["daemon-reload"]:
            return 0
        case ["enable", "--now", name]:
            return start(name)
        case ["reload", name]:
            return reload(name)
    sys.stderr.write(f"the stand-in for systemctl does not know: {words}\n")
    return 2


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
