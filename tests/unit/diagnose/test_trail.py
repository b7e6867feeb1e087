"""Trails: the one-line form in which stories are told and examples are written."""

from __future__ import annotations

import pytest

from connwatch.diagnose.trail import WORDS, read_trail, word_of, write_trail
from connwatch.model.errors import ConfigError
from connwatch.model.event import Stage


def test_a_trail_reads_like_the_log():
    steps = read_trail(
        "head:404 post:401 +3 token:200[path=/t,key=code,size=12,bearer=no,upstream=-,link=inferred,cause=tls] post:-", client="claude"
    )
    assert [(step.event.method, step.event.path, step.event.status) for step in steps] == [
        ("HEAD", "/", 404),
        ("POST", "/mcp", 401),
        ("POST", "/t", 200),
        ("POST", "/mcp", None),
    ]
    token = steps[2]
    assert token.link == "inferred"
    assert (token.event.size, token.event.authorization, token.event.upstream, token.event.keys) == (12, False, "-", [("code", "example")])
    assert token.event.facts == {"cause": "tls"}
    assert token.event.started_at - steps[1].event.started_at == pytest.approx(3)
    assert [step.event.evidence[0].line for step in steps] == [1, 2, 3, 4]


def test_a_long_request_ends_later_than_it_begins():
    (step,) = read_trail("get:200[duration=60]")
    assert step.event.at - step.event.started_at == 60


def test_writing_counts_neighbours_and_shows_long_gaps():
    text = "post:401*3 prm:200 +12 post:200*2 +3600 post:200 delete:405"
    assert write_trail(read_trail(text)) == text


def test_every_word_survives_writing_and_reading():
    for word in WORDS:
        assert write_trail(read_trail(f"{word}:200")) == f"{word}:200"


def test_stages_without_a_word_of_their_own_are_told_by_the_method():
    (step,) = read_trail("post:401")
    step.event.stage = Stage.CHALLENGE
    assert word_of(step.event) == "post"
    step.event.method = "GET"
    assert word_of(step.event) == "get"


def test_a_long_story_is_cut():
    assert write_trail(read_trail("post:200 get:405 " * 40), longest=3) == "post:200 get:405 post:200 …"


@pytest.mark.parametrize("text", ["post", "post:abc", "dance:200", "+soon", "post:200[size=big]", "post:200[duration=long]"])
def test_what_is_no_trail_is_refused_with_a_hint(text):
    with pytest.raises(ConfigError) as raised:
        read_trail(text, "diagnosis mine")
    assert raised.value.file == "diagnosis mine"
    assert raised.value.hint
