"""The systemd unit: systemd's own analyzers take it, it is shut in, and the program lives with what it may not do.

No systemd runs here, so nothing shows the unit as a whole at work. What can be tried alone is tried on a real process: no memory that is writable
and executable (the kernel's own switch), no capability, no new privileges. The filter of system calls is tried on a container (test_container.py).
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from connwatch.settings.models import Settings
from support.live import free_port

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "systemd"
UNIT = (FOLDER / "connwatch.service").read_text(encoding="utf-8")
ANALYZE = shutil.which("systemd-analyze")
#: In tenths, as systemd-analyze counts exposure for --threshold.
MOST_EXPOSED = 15
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1

pytestmark = pytest.mark.real
analyzed = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here (apt-get install systemd)")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists here: the verifier looks for it."""
    path = tmp_path / "connwatch.service"
    path.write_text(UNIT.replace("/usr/local/bin/connwatch ", f"{shutil.which('true')} "), encoding="utf-8")
    return path


@analyzed
def test_the_verifier_has_nothing_to_say(unit: Path) -> None:
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


@analyzed
def test_the_verifier_would_find_a_misspelt_setting(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in analyze("verify", str(unit)).stderr


@analyzed
def test_it_is_shut_in(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(unit))
    assert done.returncode == 0, done.stdout
    open_wide = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(without_hardening(unit)))
    assert open_wide.returncode != 0


def without_hardening(unit: Path) -> Path:
    other = unit.with_name("open.service")
    other.write_text(unit.read_text().partition("# ---- what it may touch")[0])
    return other


def test_what_is_loosened_says_why() -> None:
    """A setting that an analyzer would like stricter follows a comment that begins with Looser."""
    for setting in ("ProcSubset=all", "PrivateUsers=no", "PrivateNetwork=no", "RestrictAddressFamilies="):
        before = UNIT.partition(f"\n{setting}")[0].splitlines()
        assert before[-1].startswith("# Looser: "), setting
    assert "# Looser: IPAddressDeny=" in UNIT


def test_the_configuration_beside_it_is_valid() -> None:
    text = (FOLDER / "connwatch.toml").read_text(encoding="utf-8")
    with_all = re.sub(r"^# (?=\[\[|[a-z]+ = )", "", text, flags=re.MULTILINE)
    assert [source.kind for source in settings(text).sources] == ["file"]
    assert [source.kind for source in settings(with_all).sources] == ["file", "journald", "docker", "docker"]


def settings(text: str) -> Settings:
    return Settings.model_validate(tomllib.loads(text))


def refused() -> None:
    """In the child, before it becomes the program: what MemoryDenyWriteExecute=yes and NoNewPrivileges=yes do, by the kernel."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        os._exit(77)


def run_refused(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONNWATCH_")}
    done = subprocess.run([sys.executable, *command], preexec_fn=refused, capture_output=True, text=True, timeout=60, check=False, env=environment)
    if done.returncode == 77:
        pytest.skip("this kernel has no switch against writable and executable memory (Linux 6.3)")
    return done


def test_the_switch_refuses_memory_that_is_writable_and_executable() -> None:
    done = run_refused("-c", "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)")
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "connwatch", "demo", "--speed", "2000", "--listen", f"127.0.0.1:{free_port()}"),
        ("-m", "connwatch", "replay", str(ROOT / "docs" / "examples" / "access.log"), "--json"),
        ("-m", "connwatch", "check"),
        ("-c", "import apprise, docker, pydantic, sqlite3, watchfiles, uvicorn; apprise.Apprise().add('ntfys://ntfy.example.org/topic')"),
    ],
    ids=["daemon", "replay", "check", "libraries"],
)
def test_the_program_lives_without_it(command: tuple[str, ...]) -> None:
    done = run_refused(*command)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert "denied" not in done.stderr.lower()
