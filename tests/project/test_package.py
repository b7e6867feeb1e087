"""What is installed is what is in the tree: the wheel carries the catalogue, the type marker and the licence."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("connwatch-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_it_carries_every_data_file(wheel):
    inside = set(wheel.namelist())
    data = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert data
    assert data <= inside


def test_it_carries_the_licence_and_the_command(wheel):
    names = wheel.namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
    assert "connwatch = connwatch.cli.main:main" in wheel.read(entry_points).decode()
