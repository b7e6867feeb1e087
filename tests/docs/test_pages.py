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


def diagnosis(code: str) -> str:
    return (DOCS / "diagnoses" / f"{code}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", load_catalogue().diagnoses)
def test_every_diagnosis_has_a_page_of_signature_causes_remedy_and_cases(code: str) -> None:
    entry = load_catalogue(examples=True).diagnoses[code]
    assert re.findall(r"^## (.*)$", diagnosis(code), re.MULTILINE)[:5] == [
        "Signature",
        "Causes, and how to tell them apart",
        "What to do",
        "What would refute it",
        "Real cases",
    ]
    signature, causes, *others = (part.partition("\n")[2] for part in diagnosis(code).split("\n## ")[1:6])
    assert re.search(r"^\*\*Looks like:\*\* `", signature, re.MULTILINE)
    confidences = {round(100 * case["confidence"]) for case in entry["case"]}
    assert {int(found) for found in re.findall(r"(\d+) %", signature)} >= {min(confidences), max(confidences)}
    checks = [*entry.get("checks", []), *(check for case in entry["case"] for check in case.get("checks", []))]
    assert len(re.findall(r"^- ", causes, re.MULTILINE)) == len(checks) > 0
    assert all(other.strip() for other in others)


def test_no_page_is_about_a_diagnosis_that_does_not_exist() -> None:
    assert {page.stem for page in (DOCS / "diagnoses").glob("*.md")} == set(load_catalogue().diagnoses)


def test_public_cases_are_shown_once_each_at_a_diagnosis_that_exists() -> None:
    cases = tomllib.loads((ROOT / "tools" / "field_cases.toml").read_text(encoding="utf-8"))["case"]
    known = load_catalogue().diagnoses
    everything = "".join(diagnosis(code) for code in known)
    assert len({case["source"] for case in cases}) == len(cases) > 20
    for case in cases:
        assert set(case) == {"code", "client", "date", "source", "seen"}
        assert case["code"] in known
        assert re.fullmatch(r"20\d\d-\d\d", case["date"])
        assert case["source"].startswith("https://")
        assert case["source"] in diagnosis(case["code"])
        assert everything.count(case["source"]) == 1
