"""What is installed is what is in the tree: the wheel holds the program with all its data, the source archive all of the project."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What a clone holds and an archive does not need: it is not built from there.
LEFT_OUT = (".ci/", ".gitignore")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def program() -> dict[str, str]:
    """Every file of the program, by its name in the wheel."""
    files = (path for path in (ROOT / "src").rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(ROOT / "src")): digest(path.read_bytes()) for path in files}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("connwatch-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def archive(built):
    (path,) = built.glob("connwatch-*.tar.gz")
    with tarfile.open(path) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        return {member.name.partition("/")[2]: digest(tar.extractfile(member).read()) for member in members}


def test_the_wheel_is_the_program_and_nothing_else(wheel):
    inside = {name: digest(content) for name, content in wheel.items() if ".dist-info/" not in name}
    assert inside == program()
    kinds = {Path(name).suffix for name in inside}
    assert {".toml", ".md", ".jsonl", ".json", ".html", ".css", ".js"} <= kinds, "catalogue, messages, recorded stream and page are data"


def test_the_wheel_carries_the_licence_and_the_command(wheel):
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    (entry_points,) = (content for name, content in wheel.items() if name.endswith("entry_points.txt"))
    assert "connwatch = connwatch.cli.main:main" in entry_points.decode()


def test_the_archive_is_the_project(archive):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a clone: there is nothing to compare with")
    tracked = [name for name in listed.stdout.split("\0") if name and not name.startswith(LEFT_OUT) and (ROOT / name).is_file()]
    missing = [name for name in tracked if name not in archive]
    assert missing == []
    assert [name for name in tracked if archive[name] != digest((ROOT / name).read_bytes())] == []


def test_the_archive_holds_what_an_installation_needs(archive):
    assert {"requirements/runtime.txt", "deploy/systemd/connwatch.service", "deploy/docker/Dockerfile"} <= set(archive)
    assert not [name for name in archive if name.endswith((".pyc", ".db")) or name.startswith((".venv", ".cache"))]


@pytest.mark.parametrize("part", ["runtime", "build"])
def test_what_is_installed_is_locked_as_in_the_whole_lock(part):
    entry = re.compile(r"^([a-z0-9.-]+==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", re.MULTILINE)
    whole, some = (entry.findall((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")) for name in ("lock", part))
    assert some
    locked = {name: hashes.split() for name, hashes in whole}
    assert all(locked.get(name) == hashes.split() for name, hashes in some), "renew it: `make lock`"
    assert len(some) < len(whole)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_files_are_what_the_program_writes(shell):
    environment = {**os.environ, "_CONNWATCH_COMPLETE": f"{shell}_source"}
    program = str(Path(sys.executable).parent / "connwatch")
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    kept = (ROOT / "deploy" / "completion" / f"connwatch.{shell}").read_text(encoding="utf-8")
    assert kept.strip() == done.stdout.strip(), "renew it: `make docs`"
