"""docs/install.md, followed literally in a clean Debian 12, from the built wheel to the verdict on a recorded stall.

The tree was made by debootstrap; every test has a layer of its own above it, and its own mounts, processes and loopback. Its sshd is reached as
`tools-droplet`: laptop and droplet are the same tree. pip's configuration there names a folder of wheels, since there is no
network, and leaves compiling to the first start. No systemd runs
in it: `systemctl` is tests/support/systemctl.py, which does by hand what the unit says. The compose way is followed in test_container.py.
"""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.debian import TREE, WHEELS, debian_missing, ten_minutes_ago
from support.dockerd import pause
from support.page import steps

Measured = Callable[[str, object], None]
ROOT = Path(__file__).resolve().parents[2]
HOME = "/root"
EXAMPLE = ROOT / "docs" / "examples" / "access.log"
TOOLS = all(shutil.which(tool) for tool in ("unshare", "nsenter", "ip"))
WHY_NOT = debian_missing() or (None if TOOLS else "no unshare, nsenter or ip here (apt-get install util-linux iproute2)")

pytestmark = [pytest.mark.real, pytest.mark.timeout(240), pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]

#: In namespaces of its own: the layer above the tree, and what an installation is given there.
LAYER = """
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/tree"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/tree"
mount -t proc proc "$1/tree/proc"
mount --rbind /dev "$1/tree/dev"
mkdir "$1/tree/wheels" "$1/tree/laptop"
mount --bind "$3" "$1/tree/wheels"
ip link set lo up
echo ready
exec sleep 300 > /dev/null 2>&1
"""
GIVEN = """
set -eu
printf '[global]\\nno-index = true\\nfind-links = /wheels\\ndisable-pip-version-check = true\\n[install]\\nno-compile = true\\n' > /etc/pip.conf
mkdir -p /run/sshd ~/.ssh /var/log/nginx
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -A > /dev/null
/usr/sbin/sshd -o PermitRootLogin=prohibit-password -o UsePAM=no
printf 'Host tools-droplet\\n  HostName 127.0.0.1\\n' > ~/.ssh/config
ssh -o StrictHostKeyChecking=accept-new -o ConnectionAttempts=30 tools-droplet true
chown root:adm /var/log/nginx
chmod 750 /var/log/nginx
"""


class Clean:
    """A fresh tree. `run` is a shell in it, as root, at a folder."""

    def __init__(self, pid: int, root: Path) -> None:
        self.pid, self.root = pid, root

    def command(self, script: str, folder: str) -> list[str]:
        root = f"/proc/{self.pid}/root{self.root}"
        inside = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--net", f"--root={root}", f"--wd={root}"]
        path = f"PATH={HOME}/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        words = ["env", "-i", path, f"HOME={HOME}", "LANG=C.UTF-8", "UV_NO_INDEX=1", "UV_FIND_LINKS=/wheels", "UV_OFFLINE=1"]
        return [*inside, *words, "bash", "-c", f"cd {folder}\n{script}"]

    def run(self, script: str, folder: str = "/", *, statuses: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(self.command(script, folder), capture_output=True, text=True, timeout=150, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode in statuses, f"{script}\nended with {done.returncode}:\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        return done.stdout

    def put(self, path: Path, place: str) -> None:
        with path.open("rb") as file:
            subprocess.run(self.command(f"cat > {place}", "/"), stdin=file, check=True, timeout=60)

    @contextmanager
    def going_on(self, script: str, folder: str) -> Iterator[subprocess.Popen[str]]:
        """A command that does not end by itself; it is ended."""
        command = self.command(f"echo $$ > /run/going.pid; exec {script.strip()}", folder)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL) as process:
            try:
                yield process
            finally:
                self.run("kill -TERM $(cat /run/going.pid)")


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Clean]:
    layer = tmp_path / "layer"
    layer.mkdir()
    words = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", LAYER, "layer", str(layer), str(TREE), str(WHEELS)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as outer:
        assert outer.stdout is not None
        try:
            assert outer.stdout.readline() == "ready\n"
            pid = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
            tree = Clean(pid, layer / "tree")
            tree.run(GIVEN)
            tree.put(EXAMPLE, "/var/log/nginx/access.log")
            tree.run("chown www-data:adm /var/log/nginx/access.log; chmod 640 /var/log/nginx/access.log")
            yield tree
        finally:
            outer.kill()


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`make dist`, into a folder of its own: with the same command, in the environment that the tests run in."""
    assert steps("install.md", "build") == [(set(), "make dist\n")]
    assert "hatchling build -t sdist -t wheel -d dist" in (ROOT / "Makefile").read_text()
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def hand_over(clean: Clean, dist: Path) -> None:
    """What `make dist` leaves on the laptop, beside the lock file of the clone."""
    clean.run("mkdir -p /laptop/dist /laptop/requirements")
    for path in dist.glob("connwatch-*"):
        clean.put(path, f"/laptop/dist/{path.name}")
    clean.put(ROOT / "requirements" / "runtime.txt", "/laptop/requirements/runtime.txt")


def told_right(text: str) -> None:
    """What README says of the same log."""
    assert "token-unused" in text
    assert "metadata-unusable" in text
    (line,) = (line for line in text.splitlines() if "token-unused" in line)
    assert line.split()[4:8] == ["chatgpt", "mcp.example.org", "stalled", "session"]


def test_on_the_droplet_by_systemd(clean: Clean, dist: Path, record_property: Measured) -> None:
    began = time.monotonic()
    hand_over(clean, dist)
    clean.put(ROOT / "tests" / "support" / "systemctl.py", "/usr/local/bin/systemctl")
    clean.run("chmod 755 /usr/local/bin/systemctl")
    here, there, seen = "/laptop", HOME, ""
    for how, block in steps("install.md", "systemd"):
        if "there" not in how:
            clean.run(f"set -eu\n{block}", here)
            continue
        seen += clean.run(f"{'' if 'looking' in how else 'set -eu'}\n{block}\n{'true' if 'looking' in how else ''}", there)
        if "cd connwatch-" in block:
            there = clean.run("echo ~/connwatch-*/", "/").strip()
    told_right(seen)
    assert '"ready":true' in seen.replace(" ", "")
    assert owner(clean, "/var/lib/connwatch") == "connwatch:connwatch 700"
    assert "connwatch adm systemd-journal" in clean.run("id -nG connwatch")
    # From now on: the same stall, as if it had just happened, comes from the log that only the group adm may read.
    clean.run("cat >> /var/log/nginx/access.log <<'END'\n" + "\n".join(ten_minutes_ago()) + "\nEND")
    command = "sudo -u connwatch connwatch attempts --config /etc/connwatch/connwatch.toml --outcome stalled --json"
    give_up = time.monotonic() + 30
    while not (listed := clean.run(command).strip()):
        assert time.monotonic() < give_up, clean.run("cat /var/log/connwatch.journal")
        pause(0.2)
    attempt = json.loads(listed.splitlines()[-1])
    assert (attempt["client"], attempt["stuck_at"], attempt["diagnoses"][0]["code"]) == ("chatgpt", "session", "token-unused")
    # A wrong configuration does not get past the reload.
    clean.run("sed -i 's/^path = .*log.$/pth = \"x\"/' /etc/connwatch/connwatch.toml")
    refused = clean.run("sudo systemctl reload connwatch 2>&1", statuses=(1,))
    assert "pth" in refused
    clean.run("curl -fsS http://127.0.0.1:9817/healthz")
    assert "Traceback" not in clean.run("cat /var/log/connwatch.journal")
    record_property("measured", f"installed by systemd, from the archive to the verdict on a new stall: {time.monotonic() - began:.1f} s")


def owner(clean: Clean, path: str) -> str:
    return clean.run(f"stat -c '%U:%G %a' {path}").strip()


def test_from_a_laptop_over_ssh(clean: Clean, dist: Path, record_property: Measured) -> None:
    began = time.monotonic()
    hand_over(clean, dist)
    for how, block in steps("install.md", "laptop"):
        if "going on" not in how:
            text = clean.run(f"{'' if 'looking' in how else 'set -eu'}\n{block}", "/laptop", statuses=(0, 1) if "looking" in how else (0,))
            if "looking" in how:
                told_right(text)
            continue
        with clean.going_on(block, "/laptop") as process:
            assert process.stdout is not None
            if "tail" in block:
                shown = False
                while not shown:  # from when the file is followed, which nothing says, the next request is shown
                    clean.run(f"cat >> /var/log/nginx/access.log <<'END'\n{ten_minutes_ago()[0]}\nEND")
                    shown = bool(select.select([process.stdout], [], [], 1)[0])
                assert "POST /mcp" in process.stdout.readline()
            else:
                next(line for line in process.stdout if "following droplet" in line)
                patiently(clean, "curl -s http://127.0.0.1:9817/readyz", '"ready":')
                patiently(clean, "curl -s http://127.0.0.1:9817/api/sources", '"live"')
                clean.run("cat >> /var/log/nginx/access.log <<'END'\n" + "\n".join(ten_minutes_ago()) + "\nEND")
                patiently(clean, "connwatch attempts --config connwatch.toml", "token-unused")
    assert "apprise" in clean.run("pipx runpip connwatch list").lower()
    assert clean.run("CONNWATCH_TARGETS=json://127.0.0.1:9/ connwatch notify --list", "/laptop")
    record_property("measured", f"installed on a laptop with pipx, from the wheel to the verdict over ssh: {time.monotonic() - began:.1f} s")


def patiently(clean: Clean, command: str, word: str) -> None:
    give_up = time.monotonic() + 60
    while word not in (text := clean.run(command, "/laptop")):
        assert time.monotonic() < give_up, text
        pause(0.2)


@pytest.mark.parametrize("way", ["uv", "venv"])
def test_other_ways(clean: Clean, dist: Path, way: str, record_property: Measured) -> None:
    began = time.monotonic()
    hand_over(clean, dist)
    if way == "uv":
        clean.run("python3 -m venv /uv && /uv/bin/pip install -q uv && ln -s /uv/bin/uv /usr/local/bin/uv")
    (block,) = (text for _, text in steps("install.md", way))
    clean.run(f"set -eu\n{block}", "/laptop")
    program = "connwatch" if way == "uv" else "~/connwatch/bin/connwatch"
    told_right(clean.run(f"{program} replay /var/log/nginx/access.log", statuses=(1,)))
    assert "all hold" in clean.run(f"{program} check")
    told = clean.run(f"CONNWATCH_TARGETS=json://127.0.0.1:9/ {program} check 2>&1", statuses=(0, 2))
    assert ("connwatch[alerts]" in told) is (way == "uv"), "the wheel alone leaves Apprise out, and says so to who has targets"
    assert clean.run(f"_CONNWATCH_COMPLETE=bash_source {program}").strip() == (ROOT / "deploy" / "completion" / "connwatch.bash").read_text().strip()
    record_property("measured", f"installed with {way}, from the wheel to the verdict: {time.monotonic() - began:.1f} s")
