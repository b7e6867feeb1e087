"""docs/vocabulary.md has every word of the model: what is printed or exported can be looked up."""

import ast
import re
import typing
from pathlib import Path

import pytest

from connwatch.correlate.exact import ALWAYS
from connwatch.model import attempt, change, event, record
from connwatch.model.family import FAMILIES
from connwatch.settings.following import SourceSettings
from connwatch.settings.loader import load_catalogue
from connwatch.sources import source

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "vocabulary.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`]+)`", TEXT))


def facts_in_the_code() -> set[str]:
    """Names that are written into or asked of `facts`: by subscript, by `get` and `setdefault`, as a literal, in rules."""
    found = set()
    for path in (ROOT / "src" / "connwatch").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'\bfacts(?:\[|\.get\(|\.setdefault\()"(\w+)"', text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.keyword) and node.arg == "facts" and isinstance(node.value, ast.Dict):
                found |= {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
    for path in (ROOT / "src" / "connwatch" / "catalogue").rglob("*.toml"):
        found |= set(re.findall(r"\b(?:any_)?fact = \{ (\w+)", path.read_text(encoding="utf-8")))
    return {name for name in found if isinstance(name, str)}


def causes() -> set[str]:
    (listed,) = re.findall(r"one of a closed list: (.*?)\.", record.Trouble.__doc__ or "", re.DOTALL)
    return set(re.findall(r'"([a-z-]+)"', listed))


SETS = {
    "stages": {str(stage) for stage in event.Stage},
    "outcomes": {str(outcome) for outcome in attempt.Outcome},
    "links": set(typing.get_args(event.Link)),
    "visibility": set(typing.get_args(attempt.Visibility)),
    "actors": set(typing.get_args(event.Actor)),
    "roles": set(typing.get_args(record.Role)),
    "records": {kind.__name__ for kind in typing.get_args(record.Record)},
    "causes": causes(),
    "changes": {kind.__name__ for kind in typing.get_args(change.Change)},
    "families": set(FAMILIES),
    "states of a stream": set(typing.get_args(source.State)),
    "kinds of source": {typing.get_args(kind.model_fields["kind"].annotation)[0] for kind in typing.get_args(typing.get_args(SourceSettings)[0])},
    "facts": facts_in_the_code(),
}


@pytest.mark.parametrize("kind", SETS)
def test_every_word_can_be_looked_up(kind):
    assert SETS[kind], "the test found no words: it looks in the wrong place"
    assert SETS[kind] - WORDS == set()


def test_noise_and_keys_can_be_looked_up():
    catalogue = load_catalogue()
    noise = {rule.noise for rule in catalogue.noise.values()} | {rule.noise for rule in catalogue.stages.values() if rule.noise}
    assert noise - WORDS == set()
    assert {kind for kind in ALWAYS if not kind.endswith("8")} - WORDS == set(), "those that end in 8 are beginnings of the others"


def test_rules_ask_for_causes_that_exist():
    asked = set()
    for path in (ROOT / "src" / "connwatch" / "catalogue").rglob("*.toml"):
        for listed in re.findall(r"\bcause = \[([^\]]*)\]", path.read_text(encoding="utf-8")):
            asked |= set(re.findall(r'"([a-z-]+)"', listed))
    assert asked - WORDS == set()


def test_every_diagnosis_and_format_is_listed():
    catalogue = load_catalogue()
    listed = set(re.findall(r"`([^`]+)`", (ROOT / "docs" / "diagnoses.md").read_text(encoding="utf-8")))
    assert set(catalogue.diagnoses) - listed == set()
    listed = set(re.findall(r"`([^`]+)`", (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")))
    assert set(catalogue.formats) - listed == set()
