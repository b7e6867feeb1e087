"""A real sshd for tests, on a loopback port of its own, with keys, a known_hosts and an ssh configuration that reaches it as `there`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from support.live import free_port

SSHD = shutil.which("sshd") or next((path for path in ("/usr/sbin/sshd", "/usr/local/sbin/sshd") if Path(path).exists()), None)
MISSING = "no sshd here (apt-get install openssh-server openssh-client)"
PRIVILEGES = Path("/run/sshd")


def can_run() -> bool:
    """Whether sshd and its client are here, and may be started: only root can give sshd its empty directory."""
    return SSHD is not None and shutil.which("ssh") is not None and (PRIVILEGES.is_dir() or os.geteuid() == 0)


def key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


class Sshd:
    """A running sshd. `config` is the ssh configuration in which it is called `there`; `bin` comes first in the PATH over there."""

    def __init__(self, folder: Path, *, inside: Sequence[str] = (), address: str = "127.0.0.1") -> None:
        self.folder, self.inside, self.address, self.port = folder, list(inside), address, free_port()
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.config, self.known = folder / "ssh_config", folder / "known_hosts"
        host, mine = key(folder / "host"), key(folder / "mine")
        shutil.copy(f"{mine}.pub", folder / "authorized")
        self.trust(Path(f"{host}.pub"))
        self.configure(mine)
        self._settings = folder / "sshd_config"
        self._settings.write_text(
            f"Port {self.port}\nListenAddress {address}\nHostKey {host}\nAuthorizedKeysFile {folder}/authorized\nPidFile none\nStrictModes no\n"
            f"UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nMaxStartups 100\n"
            # A home of its own: what a user's shell does at its start takes time, and may leave locks when a session is killed.
            f"SetEnv PATH={self.bin}:/usr/local/bin:/usr/bin:/bin CONNWATCH_TEST={folder} HOME={folder}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def trust(self, public: Path) -> None:
        kind, text = public.read_text().split()[:2]
        self.known.write_text(f"[{self.address}]:{self.port} {kind} {text}\n")

    def configure(self, identity: Path) -> None:
        self.config.write_text(
            f"Host there\n  HostName {self.address}\n  Port {self.port}\n  User {_user()}\n  IdentityFile {identity}\n  IdentitiesOnly yes\n"
            f"  IdentityAgent none\n  UserKnownHostsFile {self.known}\n  GlobalKnownHostsFile /dev/null\n"
        )

    def start(self) -> None:
        if not PRIVILEGES.is_dir():
            PRIVILEGES.mkdir(mode=0o755)
        command = [*self.inside, str(SSHD), "-D", "-f", str(self._settings), "-E", str(self.folder / "sshd.log")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        give_up = time.monotonic() + 15
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "sshd.log").read_text()
            assert time.monotonic() < give_up, "sshd does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((self.address, self.port)) == 0

    def stop(self) -> None:
        """End sshd and every session of it."""
        if self._process is not None:
            everyone = self.sessions()
            self._process.kill()
            self._process.wait()
            self.signal(signal.SIGKILL, everyone)
            self._process = None

    def sessions(self) -> list[int]:
        """The processes below sshd: the sessions, their shells and what runs in those."""
        assert self._process is not None
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        found, left = [], [self._process.pid]
        while left:
            below = children.get(left.pop(), [])
            found += below
            left += below
        return found

    def names(self) -> list[str]:
        """What the processes below sshd are called."""
        called = []
        for pid in self.sessions():
            with suppress(OSError):
                called.append(Path(f"/proc/{pid}/comm").read_text().strip())
        return called

    def signal(self, number: signal.Signals, pids: Sequence[int] | None = None) -> None:
        """Send a signal to the sessions (or to `pids`, which were below sshd)."""
        for pid in self.sessions() if pids is None else pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def program(self, name: str, text: str) -> None:
        """A program over there."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)


@contextmanager
def running(folder: Path, *, inside: Sequence[str] = (), address: str = "127.0.0.1") -> Iterator[Sshd]:
    sshd = Sshd(folder, inside=inside, address=address)
    try:
        sshd.start()
        yield sshd
    finally:
        sshd.stop()


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
