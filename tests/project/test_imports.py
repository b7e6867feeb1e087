"""The import contract holds, and it bites: a planted breach is reported with its line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "NO_COLOR": "1"}
    return subprocess.run(LINT, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def test_every_floor_imports_from_below_only():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "breach"),
    [
        ("model/line.py", "import asyncio"),
        ("parse/parser.py", "import time"),
        ("rules/catalogue.py", "import pydantic"),
        ("model/errors.py", "import connwatch.parse.parser"),
        ("correlate/matching.py", "import connwatch.diagnose.judge"),
    ],
)
def test_a_breach_is_reported(copy, module, breach):
    path = copy / "src" / "connwatch" / module
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}\n{breach}\n", encoding="utf-8")
    try:
        done = lint(copy)
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode == 1
    assert breach.removeprefix("import ") in done.stdout
