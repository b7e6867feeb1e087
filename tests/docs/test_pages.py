"""The pages as a whole: each can be reached from docs/README.md, no link is dead, every setting, metric and diagnosis can be looked up."""

from __future__ import annotations

import re
import tomllib
import typing
from pathlib import Path

import pytest

from connwatch.settings.following import SourceSettings
from connwatch.settings.loader import load_catalogue
from connwatch.settings.models import FormatSettings, MaintenanceSettings, Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(`{3,})\w*\n.*?^\1$", re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its blocks of code and output, in which nothing is a link or a heading."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The places in a page, as renderers name its headings."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    return [target for target in LINK.findall(prose(page)) if "://" not in target and not target.startswith("mailto:")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        file, _, anchor = target.partition("#")
        there = (page.parent / file) if file else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def test_every_page_is_reached_from_the_index() -> None:
    reached, left = set(), [DOCS / "README.md"]
    while left:
        page = left.pop()
        if page not in reached:
            reached.add(page)
            there = ((page.parent / target.partition("#")[0]).resolve() for target in links(page))
            left += [one for one in there if one.suffix == ".md" and one.is_relative_to(DOCS)]
    assert set(DOCS.rglob("*.md")) - reached == set()


def test_the_index_names_every_page_of_its_own_folder() -> None:
    named = {(DOCS / target.partition("#")[0]).resolve() for target in links(DOCS / "README.md")}
    assert set(DOCS.glob("*.md")) - named - {DOCS / "README.md"} == set()


def test_every_setting_is_documented_with_its_meaning() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    models = [FormatSettings, MaintenanceSettings, *typing.get_args(typing.get_args(SourceSettings)[0])]
    models += [field.annotation for name, field in Settings.model_fields.items() if name not in ("sources", "formats")]
    for name in Settings.model_fields:
        assert re.search(rf"^## `\[+{name}(\.NAME)?\]+`$", text, re.MULTILINE), name
    for model in models:
        for key, field in model.model_fields.items():
            if key in ("kind", "maintenance") and model is not FormatSettings:
                continue  # a heading of their own
            assert field.description, f"{model.__name__}.{key} says nothing of itself"
            assert f"| `{key}` |" in text, f"{model.__name__}.{key}"
            assert field.description.replace("|", "\\|") in text, f"{model.__name__}.{key}"


def test_every_diagnosis_says_how_it_looks_what_causes_it_and_what_to_do() -> None:
    text = (DOCS / "diagnoses.md").read_text(encoding="utf-8")
    for code, entry in load_catalogue(examples=True).diagnoses.items():
        section = text.split(f"\n## `{code}`\n")[1].split("\n## ")[0]
        for word in ("What it means", "Looks like", "How sure", "What to do", "What would refute it"):
            assert f"- {word}:" in section, (code, word)
        assert len(re.findall(r"^  - ", section, re.MULTILINE)) == len(entry.get("checks", [])), code


def test_public_cases_are_shown_once_each_at_a_diagnosis_that_exists() -> None:
    cases = tomllib.loads((ROOT / "tools" / "field_cases.toml").read_text(encoding="utf-8"))["case"]
    text = (DOCS / "diagnoses.md").read_text(encoding="utf-8")
    known = load_catalogue().diagnoses
    assert len({case["source"] for case in cases}) == len(cases) > 20
    for case in cases:
        assert set(case) == {"code", "client", "date", "source", "seen"}
        assert case["code"] in known
        assert re.fullmatch(r"20\d\d-\d\d", case["date"])
        assert case["source"].startswith("https://")
        assert text.count(case["source"]) == 1
