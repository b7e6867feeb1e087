"""What an event is, seen only as a step that follows another."""

from __future__ import annotations

import pytest

from connwatch.correlate.kinds import CLASSES, KINDS, can_begin, kind_of, leg_of
from connwatch.model.event import Stage
from support.steps import step

SAID = [
    (Stage.PREFLIGHT, 204, "preflight"),
    (Stage.OTHER, 404, "other"),
    (Stage.AUTHORIZATION, 302, "authorize+"),
    (Stage.AUTHORIZATION, 500, "authorize-"),
    (Stage.CONSENT, 200, "page"),
    (Stage.CONSENT, 403, "decision-"),
    (Stage.TOKEN, 502, "down"),
    (Stage.TOKEN, 500, "token-"),
    (Stage.SERVER_METADATA, 500, "server-"),
    (Stage.REGISTRATION, 503, "down"),
    (Stage.SESSION, 500, "down"),
    (Stage.CHALLENGE, 301, "moved"),
    (Stage.SESSION, 304, "mcp-"),
    (Stage.RESOURCE_METADATA, 200, "resource+"),
    (Stage.SERVER_METADATA, 404, "server-"),
    (Stage.REGISTRATION, 201, "register+"),
    (Stage.TOKEN, 400, "token-"),
    (Stage.REFRESH, 200, "token+"),
    (Stage.PROBE, 404, "probe"),
    (Stage.CHALLENGE, 401, "challenge"),
    (Stage.SESSION, 401, "challenge"),
    (Stage.CLOSE, 204, "close"),
    (Stage.CLOSE, 405, "mcp-"),
    (Stage.STREAM, 200, "stream+"),
    (Stage.STREAM, 405, "stream-"),
    (Stage.INITIALIZED, 202, "accepted"),
    (Stage.SESSION, 403, "forbidden"),
    (Stage.CALL, 200, "mcp+"),
    (Stage.LIST, 400, "mcp-"),
]


@pytest.mark.parametrize(("stage", "status", "kind"), SAID)
def test_a_stage_and_its_answer_are_a_kind(stage: Stage, status: int, kind: str) -> None:
    assert kind_of(step(stage, 1.0, status)) == kind


def test_a_decision_is_posted() -> None:
    assert kind_of(step(Stage.CONSENT, 1.0, 302, method="POST")) == "decision+"
    assert kind_of(step(Stage.CONSENT, 1.0, 400, method="POST")) == "decision-"


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("status", [None, 200, 202, 302, 304, 401, 403, 404, 500])
def test_every_answer_to_every_stage_has_a_known_kind(stage: Stage, status: int | None) -> None:
    kind = kind_of(step(stage, 1.0, status))
    assert KINDS[kind][0] in CLASSES
    assert leg_of(kind) in {"mcp", "oauth", "browser"}


def test_an_unknown_status_counts_as_a_good_one() -> None:
    assert kind_of(step(Stage.TOKEN, 1.0, None)) == "token+"


def test_nobody_begins_with_a_token() -> None:
    assert can_begin("challenge")
    assert can_begin("mcp+")  # a client that kept its token
    assert not can_begin("token+")
    assert not can_begin("accepted")
