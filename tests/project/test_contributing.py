"""The entries that CONTRIBUTING.md works through are valid as they stand, and do what the text says."""

import re
from pathlib import Path

import pytest

from connwatch.diagnose.rules import compile_rules
from connwatch.settings.loader import load_catalogue
from connwatch.settings.selfcheck import check_catalogue

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n# ([a-z]+)/([a-z-]+\.toml)\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def catalogue(tmp_path):
    for kind, file, body in BLOCKS:
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / file).write_text(body, encoding="utf-8")
    return load_catalogue(tmp_path, examples=True)


def test_there_is_one_of_each_kind():
    assert {kind for kind, _, _ in BLOCKS} == {"clients", "formats", "diagnoses", "alerts"}


def test_the_entries_compile_beside_the_shipped_ones(catalogue):
    shipped = load_catalogue()
    assert set(catalogue.clients) - set(shipped.clients) == {"acme-desk"}
    assert set(catalogue.formats) - set(shipped.formats) == {"edge"}
    assert set(catalogue.diagnoses) - set(shipped.diagnoses) == {"tenant-missing"}
    assert set(catalogue.alerts) - set(shipped.alerts) == {"tenants"}
    compile_rules(catalogue.diagnoses)
    assert [one for one in check_catalogue(catalogue) if one.problems] == []


def test_what_the_text_names_exists():
    for path in re.findall(r"`((?:src|tests|docs|tools|config)/[A-Za-z0-9_./-]+)`", TEXT):
        assert (ROOT / path).exists(), path
