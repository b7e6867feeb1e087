"""The file with the token."""

from __future__ import annotations

from pathlib import Path

import pytest

from connwatch.model.errors import ConfigError
from connwatch.settings.token import read_token

TOKEN = "a-long-enough-token"


def test_a_token_file_must_hold_a_long_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(tmp_path / "none")
    (tmp_path / "short").write_text("secret\n")
    with pytest.raises(ConfigError, match="fewer than") as caught:
        read_token(tmp_path / "short")
    assert "secret" not in str(caught.value)
    (tmp_path / "good").write_text(f"{TOKEN}\n")
    assert read_token(tmp_path / "good") == TOKEN
