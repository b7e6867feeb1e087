"""A real container engine for tests: Debian's dockerd in a directory of its own, with an image made of one busybox, without any network.

The newer engine is that of the next Debian, which tools/real.sh puts into a tree; it runs in that tree, with its own mounts.
Also a real haproxy in front of it, which lets only reading through and cuts what is idle. Everything that is started here is ended here.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

DOCKERD = shutil.which("dockerd") or ("/usr/sbin/dockerd" if Path("/usr/sbin/dockerd").exists() else None)
BUSYBOX = shutil.which("busybox")
HAPROXY = shutil.which("haproxy") or ("/usr/sbin/haproxy" if Path("/usr/sbin/haproxy").exists() else None)
NEWER = Path(__file__).resolve().parents[2] / ".cache" / "real" / "docker26"
IMAGE = "connwatch/busybox:1"
APPLETS = ("sh", "cat", "echo", "head", "seq", "sleep", "tr", "usleep", "yes")
pause = Event().wait
#: runc remounts the root of what it runs in: the tree has to be a mount point of its own, and a chroot is not enough.
INSIDE = """
set -e; tree=$1 shared=$2; shift 2
mount --make-rprivate /
mount --bind "$tree" "$tree"
for place in /proc /sys /dev "$shared"; do mkdir -p "$tree$place"; mount --rbind "$place" "$tree$place"; done
cd "$tree"; pivot_root . mnt; umount -l mnt; exec "$@"
"""
PROXY = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client {idle}s
    timeout server {idle}s
frontend engine
    bind unix@{folder}/proxy.sock mode 600
    http-request deny deny_status 403 unless METH_GET
    http-request deny deny_status 403 unless {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/(containers|events|_ping|version)(/|$) }}
    default_backend dockerd
backend dockerd
    server dockerd unix@{folder}/docker.sock
"""


def missing() -> str | None:
    """Why no engine can run here, or None."""
    if DOCKERD is None or BUSYBOX is None or shutil.which("docker") is None:
        return "no dockerd or busybox here (apt-get install docker.io busybox-static)"
    if os.geteuid() != 0:
        return "dockerd needs root"
    return None


def newer_missing() -> str | None:
    """Why the newer engine cannot run here, or None."""
    if not (NEWER / "usr/sbin/dockerd").exists() or shutil.which("unshare") is None:
        return "no newer engine here (tools/real.sh puts one into .cache/real/docker26, with root, debootstrap and apt)"
    return missing()


class Dockerd:
    """An engine in a short-named directory (a socket's path has room for 107 characters). `tree`: the root that it runs in, None for this one.

    `options` are further words for dockerd. `networks`: containers get networks of their own; the engine then has a network namespace of its own too,
    so that no port and no bridge of this machine is touched.
    """

    def __init__(self, tree: Path | None = None, options: Sequence[str] = (), *, networks: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cw-dockerd-"))
        self.socket = self.folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        self._inside = [] if tree is None else ["unshare", "--mount", "sh", "-c", INSIDE, "inside", str(tree), str(self.folder.parent)]
        if networks:
            self._inside = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "inside"]
        self._networks = networks
        self._program = DOCKERD if tree is None else "/usr/sbin/dockerd"
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "daemon.json").write_text("{}", encoding="utf-8")

    def start(self) -> None:
        assert self._program
        for pid in (self.folder / "d.pid", self.folder / "exec" / "containerd" / "containerd.pid"):
            pid.unlink(missing_ok=True)
        with (self.folder / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(*self._inside, self._program, "--config-file", str(self.folder / "daemon.json"), "--data-root", str(self.folder / "data")),
                    *("--exec-root", str(self.folder / "exec"), "--pidfile", str(self.folder / "d.pid"), "-H", self.host),
                    *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
                    *([] if self._networks else ["--bridge=none"]),
                    *("--exec-opt", "native.cgroupdriver=cgroupfs", "--shutdown-timeout", "3", *self._options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process = self._process
        wait_for(lambda: answers(self.socket), 60, process, self.folder / "dockerd.log")

    def stop(self) -> None:
        """As an administrator stops it: containers first."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=60)
            self._process = None

    def kill(self) -> None:
        """As the kernel's memory killer stops it; its containerd goes too, or the next engine would wait for it in vain."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)
        self._process = None
        with contextlib.suppress(OSError, ValueError):
            _end(int((self.folder / "exec" / "containerd" / "containerd.pid").read_text()))

    def close(self) -> None:
        """Stop everything that runs in the directory, and remove it."""
        with contextlib.suppress(AssertionError):
            if self._process is None:
                self.start()  # a container outlives an engine that was killed
            for container in self.docker("ps", "-aq").split():
                self.docker("rm", "-f", container)
        self.stop()
        for pid in _processes_of(str(self.folder)):
            _end(pid)
        points = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        for point in reversed([point for point in points if point.startswith(str(self.folder))]):
            subprocess.run(["umount", "-l", point], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def load_image(self) -> None:
        """A root file system of one program, packed and imported."""
        assert BUSYBOX
        packed = self.folder / "image.tar"
        with tarfile.open(packed, "w") as tar:
            tar.add(BUSYBOX, "bin/busybox")
            for applet in APPLETS:
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        self.docker("import", str(packed), IMAGE)
        packed.unlink()

    @property
    def in_its_network(self) -> list[str]:
        """Before a command: it runs where the engine's ports are."""
        assert self._process
        return ["nsenter", "--target", str(self._process.pid), "--net"]

    def docker(self, *arguments: str) -> str:
        """The docker command; raises where it fails."""
        done = subprocess.run(["docker", "-H", self.host, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def run(self, name: str, script: str, *options: str) -> str:
        """A container in the background; its id."""
        return self.docker("run", "-d", "--name", name, "--network", "none", "--stop-timeout", "1", *options, IMAGE, "sh", "-c", script)


@contextlib.contextmanager
def dockerd(tree: Path | None = None, options: Sequence[str] = (), *, networks: bool = False) -> Iterator[Dockerd]:
    engine = Dockerd(tree, options, networks=networks)
    try:
        engine.start()
        engine.load_image()
        yield engine
    finally:
        engine.close()


@contextlib.contextmanager
def socket_proxy(engine: Dockerd, idle: int) -> Iterator[str]:
    """A haproxy that only lets reading through and cuts what was idle for so many seconds; yields its address."""
    assert HAPROXY
    config, socket_path = engine.folder / "haproxy.cfg", engine.folder / "proxy.sock"
    socket_path.unlink(missing_ok=True)
    config.write_text(PROXY.format(folder=engine.folder, idle=idle), encoding="utf-8")
    with (engine.folder / "haproxy.log").open("ab") as log:
        process = subprocess.Popen([HAPROXY, "-db", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(socket_path), 20, process, engine.folder / "haproxy.log")
        yield f"unix://{socket_path}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def answers(path: Path) -> bool:
    """Whether an engine answers at a socket, itself or through a proxy."""
    try:
        with contextlib.closing(_UnixConnection(path)) as link:
            link.request("GET", "/_ping")
            return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def wait_for(condition: Callable[[], bool], seconds: float, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as `condition` holds; fail with the end of the log when the process has ended, or too late."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        assert process.poll() is None, log.read_text()[-2000:]
        pause(0.05)
    raise AssertionError(log.read_text()[-2000:])


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(str(self._path))


def _processes_of(folder: str) -> list[int]:
    """Shims and containerd of an engine name its directory in their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if f"{folder}/".encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def _end(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
    for _ in range(250):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        pause(0.02)
