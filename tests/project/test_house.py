"""What a reader of the tree may rely on: small modules that say what they are for, nothing unfinished, nothing of one machine."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
LIMIT = 300
# Spelt so that this file does not find itself.
MACHINE = re.compile("|".join(["/w" + "ork/", r"/f" + "arm/", r"\.lib" + "rary/", "/home/" + "[a-z]", "/ro" + "ot/"]))
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"]))
VAGUE = re.compile(r"(utils?|helpers?|manager|misc|common)(\.py)?$")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def texts():
    for tracked in TRACKED:
        path = ROOT / tracked
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".sh", ".txt", ".c", ".mtail", ".json", ""}:
            try:
                yield tracked, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_module_is_one_idea(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LIMIT
    assert ast.get_docstring(ast.parse(text)), "a module opens with what it is for"
    assert not VAGUE.search(path.stem), "a name says what is inside"


def test_nothing_is_left_unfinished():
    found = [f"{name(path)}: {line.strip()}" for path in SOURCES for line in path.read_text(encoding="utf-8").splitlines() if UNFINISHED.search(line)]
    assert found == []


def test_no_path_of_any_one_machine():
    found = [f"{file}: {line.strip()[:120]}" for file, text in texts() for line in text.splitlines() if MACHINE.search(line)]
    assert found == []


def runtime(project):
    """What the program imports: its dependencies and those of its extras."""
    return [*project["project"]["dependencies"], *(item for extra in project["project"]["optional-dependencies"].values() for item in extra)]


def test_every_dependency_is_locked_with_hashes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*runtime(project), *project["dependency-groups"]["dev"], *project["dependency-groups"]["build"]]
    lock = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    entries = dict(re.findall(r"^([a-z0-9.-]+)==\S+ \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", lock, re.MULTILINE))
    assert {re.split(r"[<>=\[]", item)[0] for item in wanted} <= set(entries)
    assert lock.count("==") == len(entries), "an entry without hashes"
    assert "://" not in lock


def test_what_is_imported_is_declared_and_the_other_way_round():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    imported = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    declared = {re.split(r"[<>=]", item)[0].replace("-", "_") for item in runtime(project)}
    assert declared <= imported
    assert imported - set(sys.stdlib_module_names) - {"connwatch"} <= declared
