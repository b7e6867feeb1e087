"""Without the extra `alerts` there is no Apprise: whoever has targets hears so at once, and what to install."""

from __future__ import annotations

import asyncio

import pytest

import connwatch.notify.post as posting
from connwatch.model.errors import ConfigError
from connwatch.notify.targets import parse_targets
from support.parcels import message

WITHOUT = 'import sys; sys.modules["apprise"] = None; from connwatch.notify.deliver import main; sys.exit(main())'
TARGETS = parse_targets("ntfys://user:sEcReT@ntfy.example.org/topic", "targets").targets


@pytest.fixture(autouse=True)
def no_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "_COMMAND", ("-I", "-c", WITHOUT))


def test_a_configuration_with_targets_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError) as refused:
        asyncio.run(posting.check_targets(TARGETS))
    assert str(refused.value) == (
        "targets:1: messages cannot be sent, because the package apprise is not installed (install connwatch with its extra: connwatch[alerts])"
    )


def test_a_message_says_why_it_was_not_sent() -> None:
    outcome = asyncio.run(posting.post(TARGETS[0], message("high")))
    assert (outcome.sent, outcome.error) == (
        False, "cannot be told: the package apprise is not installed; install connwatch with its extra: connwatch[alerts]"
    )  # fmt: skip


def test_who_tells_nobody_needs_no_apprise() -> None:
    assert asyncio.run(posting.check_targets(())) == ""
