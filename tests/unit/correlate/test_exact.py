"""Which values tie events together beyond doubt."""

from __future__ import annotations

import pytest

from connwatch.correlate import exact
from connwatch.correlate.exact import ClientIds
from connwatch.model.event import Event, Stage
from support.steps import step


def registered(client_id: str, line: int = 1) -> Event:
    return step(Stage.REGISTRATION, 1.0, 201, keys=[("client_id", client_id)], serial=(0, line))


def authorized(client_id: str, state: str) -> Event:
    return step(Stage.AUTHORIZATION, 2.0, 302, keys=[("client_id", client_id), ("state", state)])


def test_a_state_is_a_key_and_a_users_token_is_none() -> None:
    event = step(Stage.TOKEN, 1.0, keys=[("state", "s"), ("token8", "t"), ("code", "c")])
    assert list(ClientIds().exact_keys(event)) == [("state", "s"), ("code", "c")]


def test_an_id_that_was_registered_once_is_a_key() -> None:
    ids = ClientIds()
    assert list(ids.exact_keys(registered("one"))) == [("client_id", "one")]
    assert ("client_id", "one") in ids.exact_keys(authorized("one", "a"))
    assert ("client_id", "one") in ids.exact_keys(authorized("one", "a"))


def test_an_id_that_was_not_seen_to_be_registered_is_none() -> None:
    assert list(ClientIds().exact_keys(authorized("one", "a"))) == [("state", "a")]


def test_an_id_of_two_states_is_no_key() -> None:
    ids = ClientIds()
    list(ids.exact_keys(registered("all")))
    list(ids.exact_keys(authorized("all", "a")))
    assert list(ids.exact_keys(authorized("all", "b"))) == [("state", "b")]
    assert list(ids.exact_keys(authorized("all", "a"))) == [("state", "a")]


def test_an_id_that_everybody_is_given_is_no_key() -> None:
    ids = ClientIds()
    assert list(ids.exact_keys(registered("all", 1)))
    assert list(ids.exact_keys(registered("all", 1)))  # the same line, asked about again
    assert not list(ids.exact_keys(registered("all", 2)))
    assert not list(ids.exact_keys(registered("all", 3)))


def test_what_was_seen_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_REMEMBERED", 1)
    ids = ClientIds()
    for line, name in enumerate(("one", "one", "two", "two")):
        list(ids.exact_keys(registered(name, line)))
    assert list(ids._shared) == ["two"]
    for name in ("three", "four"):
        list(ids.exact_keys(registered(name)))
    assert list(ids._seen) == ["four"]
