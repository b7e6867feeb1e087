"""The example configuration is valid, and says something about every setting."""

import re
import tomllib
from pathlib import Path

import pydantic
import pytest

from connwatch.settings.models import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config" / "connwatch.toml"


def test_the_example_is_valid():
    Settings.model_validate(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")))


def test_a_misspelt_key_is_refused():
    document = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    with pytest.raises(pydantic.ValidationError):
        Settings.model_validate({**document, "sorces": []})


def test_what_is_commented_out_is_valid_too():
    text = re.sub(r"^# ?(?=(?:\[+[a-z.]+\]+|[a-z_]+ = ))", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    tomllib.loads(text)
