"""The file with the token."""

from __future__ import annotations

from pathlib import Path

import pytest

from connwatch.model.errors import ConfigError
from connwatch.settings.token import read_token, warning_of

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


def test_a_token_file_that_others_can_read_is_warned_of_and_nothing_of_it_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    for mode, warned in ((0o600, False), (0o400, False), (0o640, True), (0o604, True)):
        file.chmod(mode)
        said = warning_of(file)
        assert bool(said) is warned, oct(mode)
        assert TOKEN not in said
    assert "chmod 600" in said
    assert warning_of(tmp_path / "none") == ""
