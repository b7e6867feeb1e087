"""The dashboards in the types of Grafana's own SDK: nothing in them that Grafana would not know, and the check finds what is wrong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".cache" / "grafana" / "bin" / "python"
FILES = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
pytestmark = [pytest.mark.real, pytest.mark.skipif(not PYTHON.exists(), reason="no Grafana SDK here (tools/real.sh gets it)")]


def checked(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PYTHON, ROOT / "tools" / "check_dashboards.py", *files], capture_output=True, text=True, timeout=60, check=False)


def test_every_field_of_every_dashboard_has_a_place_in_grafanas_types() -> None:
    assert len(FILES) == 2
    done = checked(*FILES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_field_that_grafana_does_not_know_is_found(tmp_path: Path) -> None:
    dashboard: dict[str, Any] = json.loads(FILES[0].read_text(encoding="utf-8"))
    dashboard["panels"][0]["legendd"] = "misspelt"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(dashboard), encoding="utf-8")
    done = checked(wrong)
    assert (done.returncode, done.stdout) == (1, f"{wrong}: .panels[].legendd\n")
