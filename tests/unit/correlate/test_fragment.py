"""What the events of a fragment show of the client that made them."""

from __future__ import annotations

from connwatch.correlate.fragment import Fragment, weaker
from connwatch.model.event import Stage
from support.steps import CHROME, HTTPX, flow, fragment, step


def test_the_legs_of_a_flow_are_kept_apart() -> None:
    whole = fragment(*flow(100.0))
    assert whole.agents == {"mcp": HTTPX, "oauth": HTTPX, "browser": CHROME}
    assert whole.backend == ["192.0.2.1"]
    assert whole.browser == ["198.51.100.7"]
    assert (whole.start, whole.end) == (100.0, 105.2)
    assert (whole.head.kind, whole.tail.kind) == ("challenge", "accepted")
    assert whole.before_tail == "mcp+"
    assert Fragment.of(step(Stage.TOKEN, 1.0)).before_tail == ""


def test_who_makes_a_request_counts_for_more_than_what_is_asked() -> None:
    odd = Fragment.of(step(Stage.RESOURCE_METADATA, 1.0, actor="browser", agent=CHROME))
    assert odd.agents == {"browser": CHROME}
    odd = Fragment.of(step(Stage.AUTHORIZATION, 1.0, actor="backend", agent=HTTPX))
    assert odd.agents == {"oauth": HTTPX}


def test_an_empty_agent_is_an_agent_and_an_unlogged_one_is_none() -> None:
    assert Fragment.of(step(Stage.TOKEN, 1.0, agent="")).agents == {"oauth": "-"}
    assert Fragment.of(step(Stage.TOKEN, 1.0, agent=None)).agents == {}


def test_the_newest_address_is_the_last() -> None:
    one, two = "192.0.2.1", "192.0.2.2"
    moving = fragment(*(step(Stage.SESSION, float(at), address=address) for at, address in enumerate([one, two, two, one, None])))
    assert moving.backend == [two, one]


def test_a_redirect_names_the_vendor_and_an_agent_too() -> None:
    named = fragment(
        step(Stage.CHALLENGE, 1.0, 401, hint="claude"),
        step(Stage.AUTHORIZATION, 2.0, 302, client="gpt", redirect_host="chatgpt.com"),
        step(Stage.SESSION, 3.0, client="claude", upstream="10.0.0.1:80", host=None),
        step(Stage.SESSION, 4.0, upstream="-"),
    )
    assert named.client == named.redirect_client == "gpt"
    assert named.families == {"claude", "gpt"}
    assert named.upstreams == {"mcp": "10.0.0.1:80"}
    assert named.hosts == {"mcp.example.org"}


def test_sessions_and_users_are_noticed() -> None:
    event = step(Stage.SESSION, 1.0, keys=[("session", "s1"), ("token8", "t1"), ("state", "x")])
    held = Fragment.of(event)
    event.keys.append(("session", "s2"))
    held.notice_keys(event)
    assert held.sessions == {"s1", "s2"}
    assert held.tokens == {"t1"}


def test_what_began_earlier_comes_earlier_though_it_ended_later() -> None:
    call, stream = step(Stage.CALL, 2.0), step(Stage.STREAM, 9.0, started_at=1.0)
    held = fragment(call, stream)
    assert [m.event for m in held.members] == [stream, call]
    assert (held.start, held.end) == (1.0, 9.0)
    assert held.head.event is stream


def test_a_merge_keeps_both_sides_and_is_as_sure_as_its_link() -> None:
    first = fragment(step(Stage.CHALLENGE, 1.0, 401, upstream="a"))
    second = fragment(
        step(Stage.AUTHORIZATION, 2.0, 302, client="gpt", redirect_host="chatgpt.com"), step(Stage.TOKEN, 3.0, upstream="b", keys=[("session", "s")])
    )
    first.merge(second, "ambiguous")
    assert [m.kind for m in first.members] == ["challenge", "authorize+", "token+"]
    assert [m.link for m in first.members] == ["exact", "ambiguous", "inferred"]
    assert first.client == first.redirect_client == "gpt"
    assert first.upstreams == {"mcp": "a", "oauth": "b"}
    assert first.browser == ["198.51.100.7"]
    assert first.sessions == {"s"}
    assert (first.start, first.end) == (1.0, 3.0)


def test_the_weaker_of_two_links() -> None:
    assert weaker("exact", "inferred") == weaker("inferred", "exact") == "inferred"
    assert weaker("ambiguous", "exact") == "ambiguous"


def test_what_counting_puts_together_is_one_whole() -> None:
    one, two, three = (fragment(step(Stage.TOKEN, at)) for at in (1.0, 2.0, 3.0))
    for before, after in ((one, two), (two, three)):
        before.guess, after.guessed_by = after, before
    assert one.whole() == two.whole() == three.whole() == [one, two, three]
    assert fragment(step(Stage.TOKEN, 9.0)).whole()[0].guess is None
    three.guess, one.guessed_by = one, three  # a circle ends
    assert len(two.whole()) == 3
