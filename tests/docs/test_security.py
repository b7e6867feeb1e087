"""docs/security.md against the tree: every test and file that it names exists, and every number is the one in force."""

import re
from pathlib import Path

import pytest

from connwatch.alerts.places import STRANGERS
from connwatch.notify.courier import Rate
from connwatch.web.app import MOST_READERS
from connwatch.web.patience import HEAD_SECONDS, MOST_CONNECTIONS, READ_SECONDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
TEXT = PAGE.read_text(encoding="utf-8")
LINKS = sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT)))


@pytest.mark.parametrize("link", LINKS)
def test_what_the_page_names_exists(link: str) -> None:
    file = (PAGE.parent / link).resolve()
    assert file.is_file()
    if "/tests/" in str(file):
        assert re.search(r"^ *(?:async )?def test_", file.read_text(encoding="utf-8"), re.MULTILINE)


def test_names_of_links_are_those_of_the_files() -> None:
    for name, link in re.findall(r"\[(test_\w+)\]\(([^)]+)\)", TEXT):
        assert Path(link).stem == name


def test_every_row_of_a_table_is_shown_by_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| what |", "| ---"))]
    assert len(rows) > 15
    assert [row for row in rows if "](../tests/" not in row] == []


def test_numbers_are_those_in_force() -> None:
    rate = Rate()
    assert f"{MOST_CONNECTIONS} connections, {HEAD_SECONDS:.0f} s for a head, {READ_SECONDS:.0f} s without taking anything" in TEXT
    assert f"| {MOST_READERS}, then 503;" in TEXT
    assert f"{STRANGERS} unknown servers by their names" in TEXT
    assert f"at most {rate.messages} messages in {rate.seconds / 60:.0f} minutes" in TEXT
