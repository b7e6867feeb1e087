"""What two logs say of one request becomes one event."""

from __future__ import annotations

import pytest

from connwatch.correlate import join
from connwatch.correlate.join import Joiner
from connwatch.model.event import Event
from connwatch.model.record import Detail, Request, Trouble
from connwatch.rules.stages import Classifier
from support.said import catalogue, request

PROXY, APP = 0, 1
FOREVER = float("inf")


class Logs:
    """Two logs of one server, read in order of time. `line` counts through both."""

    def __init__(self) -> None:
        self.changed: list[Event] = []
        self.joiner = Joiner(Classifier(catalogue()).classify, self.changed.append)
        self.line = 0

    def said(self, text: str, role: str, **more: object) -> Request:
        self.line += 1
        return request(text, self.line, role=role, **({"source": role} | more))

    def proxy(self, at: float, text: str, **more: object) -> int:
        self.joiner.push(at, PROXY, self.said(text, "proxy", at=at, **more))
        return self.line

    def app(self, at: float, text: str, **more: object) -> int:
        self.joiner.push(at, APP, self.said(text, "app", at=at, **more))
        return self.line

    def read(self, at: float, text: str, **more: object) -> int:
        """A line without a time, read at this one."""
        self.joiner.push(at, APP, self.said(text, "app", at=None, **more))
        return self.line

    def timeless(self, text: str, **more: object) -> int:
        self.joiner.expect(APP, self.said(text, "app", at=None, **more))
        return self.line

    def more(self, of: int | None, *, at: float | None = None, keys: tuple[tuple[str, str], ...] = (), **facts: str) -> None:
        self.line += 1
        detail = Detail("app", self.line, self.line, at, "test", of, list(keys), facts)
        if at is None:
            self.joiner.expect(APP, detail)
        else:
            self.joiner.push(at, APP, detail)

    def trouble(self, at: float, cause: str, method: str | None = None, path: str | None = None) -> int:
        self.line += 1
        self.joiner.push(at, PROXY, error(self.line, cause, method, path))
        return self.line

    def events(self, until: float = FOREVER) -> list[Event]:
        told = self.joiner.flush() if until == FOREVER else self.joiner.release(until)
        assert [at for at, _ in told] == sorted(at for at, _ in told)
        return [event for _, event in told]


def error(line: int, cause: str, method: str | None = None, path: str | None = None) -> Trouble:
    return Trouble("error", line, line, None, False, "proxy", "test", cause, "it said so", method, path)


def lines(event: Event) -> list[tuple[str, int]]:
    return [(evidence.source, evidence.line) for evidence in event.evidence]


def test_the_line_of_the_proxy_and_that_of_the_application_are_one_event() -> None:
    logs = Logs()
    logs.app(10.0, "- POST /mcp 200", authorization=True, keys=[("session", "s1")], facts={"mcp_method": "tools/call"})
    logs.proxy(10.2, "httpx POST /mcp 200 at 192.0.2.5")
    (event,) = logs.events()
    assert lines(event) == [("proxy", 2), ("app", 1)]
    assert (event.started_at, event.at) == (10.0, 10.2)
    assert event.address == "192.0.2.5"
    assert event.authorization is True
    assert ("session", "s1") in event.keys
    assert event.facts["mcp_method"] == "tools/call"


def test_what_the_proxy_knows_of_a_bearer_stands() -> None:
    logs = Logs()
    logs.app(10.0, "- POST /mcp 200", authorization=True)
    logs.proxy(10.2, "httpx POST /mcp 200", authorization=False, duration=0.1)
    (event,) = logs.events()
    assert event.authorization is False
    assert event.duration == 0.1


def test_what_has_no_partner_is_an_event_of_its_own() -> None:
    logs = Logs()
    logs.app(10.0, "httpx POST /token 200")
    logs.proxy(10.1, "httpx POST /register 201")
    logs.proxy(10.3, "httpx POST /mcp 502")
    assert [lines(event) for event in logs.events()] == [[("app", 1)], [("proxy", 2)], [("proxy", 3)]]


def test_an_answer_that_the_application_did_not_give_is_no_partner_of_one_that_it_gave() -> None:
    logs = Logs()
    logs.timeless("- POST /mcp 401")
    logs.app(10.0, "httpx POST /mcp 200")
    logs.proxy(10.1, "httpx POST /mcp 502")
    logs.proxy(10.2, "httpx POST /mcp 499")
    logs.proxy(10.3, "httpx POST /mcp 401")
    assert sorted(lines(event) for event in logs.events()) == [[("proxy", 3)], [("proxy", 4), ("app", 2)], [("proxy", 5), ("app", 1)]]


def test_an_application_waits_for_its_proxy_but_not_long() -> None:
    logs = Logs()
    logs.app(10.0, "httpx POST /mcp 200")
    assert logs.events(until=10.5) == []
    assert len(logs.events(until=11.5)) == 1


def test_a_query_is_part_of_what_was_asked() -> None:
    logs = Logs()
    logs.app(10.0, "firefox GET /authorize?state=a 302")
    logs.proxy(10.1, "firefox GET /authorize?state=b 302")
    assert len(logs.events()) == 2


def test_a_401_is_of_the_request_without_a_token() -> None:
    logs = Logs()
    logs.app(10.00, "- POST /mcp 200", authorization=True)
    logs.app(10.01, "- POST /mcp 401", authorization=False)
    logs.proxy(10.02, "httpx POST /mcp 401")
    logs.proxy(10.03, "httpx POST /mcp 200")
    assert sorted((event.status, lines(event)) for event in logs.events()) == [(200, [("proxy", 4), ("app", 1)]), (401, [("proxy", 3), ("app", 2)])]


def test_a_401_with_a_token_has_to_do_where_there_is_no_other() -> None:
    logs = Logs()
    logs.app(10.0, "- POST /mcp 401", authorization=True)
    logs.proxy(10.1, "httpx POST /mcp 401")
    assert [lines(event) for event in logs.events()] == [[("proxy", 2), ("app", 1)]]


def test_a_known_duration_tells_which() -> None:
    logs = Logs()
    for at in (10.0, 10.1, 10.2):
        logs.app(at, "- POST /mcp 200")
    logs.proxy(10.25, "httpx POST /mcp 200", duration=0.14)
    assert [("proxy", 4), ("app", 2)] in [lines(event) for event in logs.events()]


def test_a_known_duration_tells_that_an_old_request_is_none_of_it() -> None:
    logs = Logs()
    logs.app(10.0, "- POST /mcp 200")
    logs.proxy(24.0, "httpx POST /mcp 200", duration=0.03)
    logs.app(24.1, "- POST /mcp 200")
    assert [lines(event) for event in logs.events()] == [[("app", 1)], [("proxy", 2)], [("app", 3)]]


def test_young_requests_end_as_they_began_and_an_old_one_is_waiting_for_something() -> None:
    logs = Logs()
    for at in (5.0, 10.0, 10.1):
        logs.app(at, "- POST /mcp 200")
    logs.proxy(10.2, "httpx POST /mcp 200")
    assert [("proxy", 4), ("app", 2)] in [lines(event) for event in logs.events()]
    logs.proxy(20.0, "httpx POST /mcp 200")
    (late,) = logs.changed
    assert lines(late) == [("proxy", 5), ("app", 3)]


def test_a_request_of_hours_ago_is_not_open_any_more() -> None:
    logs = Logs()
    logs.app(10.0, "- GET /mcp 200")
    logs.proxy(9000.0, "httpx GET /mcp 200")
    assert [lines(event) for event in logs.events()] == [[("app", 1)], [("proxy", 2)]]


def test_the_late_line_of_a_stream_is_told_by_the_session_that_was_closed() -> None:
    logs = Logs()
    first = logs.app(10.0, "httpx GET /mcp 200", authorization=True, keys=[("session", "s1")])
    logs.app(11.0, "httpx GET /mcp 200", authorization=True, keys=[("session", "s2")])
    assert len(logs.events(until=50.0)) == 2
    logs.app(100.0, "httpx DELETE /mcp 204", keys=[("session", "s1")])
    logs.proxy(100.1, "httpx GET /mcp 200 at 192.0.2.5", size=700)
    (stream,) = logs.changed
    assert lines(stream) == [("proxy", 4), ("app", first)]
    assert (stream.started_at, stream.at, stream.size, stream.address) == (10.0, 100.1, 700, "192.0.2.5")
    assert ("session", "s1") in stream.keys


def test_a_session_may_be_named_after_the_line_that_closes_it() -> None:
    logs = Logs()
    for at, session in ((10.0, "s1"), (11.0, "s2")):
        logs.more(logs.app(at, "httpx GET /mcp 200"), at=at, keys=(("session", session),))
    logs.more(logs.app(100.0, "httpx DELETE /mcp 204"), at=100.0, keys=(("session", "s1"),))
    logs.proxy(100.1, "httpx GET /mcp 200")
    assert [("proxy", 7), ("app", 1), ("app", 2)] in [lines(event) for event in logs.events()]


def test_without_a_closed_session_the_latest_stream_it_is() -> None:
    logs = Logs()
    for at in (10.0, 11.0):
        logs.app(at, "httpx GET /mcp 200")
    logs.proxy(100.1, "httpx GET /mcp 200")
    assert [("proxy", 3), ("app", 2)] in [lines(event) for event in logs.events()]


def test_later_lines_of_an_application_are_about_its_request() -> None:
    logs = Logs()
    first = logs.app(10.0, "httpx POST /mcp 200")
    logs.more(first, at=10.0, keys=(("session", "s1"),), mcp_method="initialize")
    (event,) = logs.events(until=20.0)
    assert ("session", "s1") in event.keys
    logs.more(first, at=21.0, keys=(("session", "s1"), ("session8", "s")), mcp_name="echo")
    assert logs.changed == [event]
    assert event.facts["mcp_method"] == "initialize"
    assert event.facts["mcp_name"] == "echo"
    assert [key for key in event.keys if key[0] != "client_id"] == [("session", "s1"), ("session8", "s")]
    assert lines(event) == [("app", 1), ("app", 2), ("app", 3)]


def test_a_line_about_no_known_request_is_let_go() -> None:
    logs = Logs()
    logs.more(None, at=10.0, mcp_method="x")
    logs.more(77, at=10.0, mcp_method="x")
    assert logs.events() == []


# an application's log without a clock


def test_an_application_without_a_clock_is_paired_by_order() -> None:
    logs = Logs()
    for _ in range(2):
        logs.more(logs.timeless("- POST /mcp 200"), keys=(("session", f"s{logs.line}"),))
    logs.proxy(10.0, "httpx POST /mcp 200")
    logs.proxy(20.0, "httpx POST /mcp 200")
    assert [(event.at, dict(event.keys)["session"]) for event in logs.events()] == [(10.0, "s1"), (20.0, "s3")]


def test_without_a_clock_too_a_401_is_of_the_request_without_a_token() -> None:
    logs = Logs()
    logs.timeless("- POST /mcp 200", authorization=True)
    logs.timeless("- POST /mcp 401", authorization=False)
    logs.proxy(10.0, "httpx POST /mcp 401")
    assert [("proxy", 3), ("app", 2)] in [lines(event) for event in logs.events()]


def test_what_was_left_far_behind_goes_on_alone() -> None:
    logs = Logs()
    for _ in range(40):
        logs.timeless("- POST /mcp 200")
    logs.timeless("- POST /token 200")
    logs.proxy(10.0, "httpx POST /token 200")
    told = logs.events(until=10.5)
    assert [lines(event) for event in told] == [*([("app", line)] for line in range(1, 9)), [("proxy", 42), ("app", 41)]]
    rest = logs.events()
    assert [lines(event) for event in rest] == [[("app", line)] for line in range(9, 41)]
    assert all(event.at >= 10.0 for event in rest)


def test_a_partner_is_not_looked_for_without_end() -> None:
    logs = Logs()
    for _ in range(70):
        logs.timeless("- POST /mcp 200")
    logs.timeless("- POST /token 200")
    logs.proxy(10.0, "httpx POST /token 200")
    assert [("proxy", 72)] in [lines(event) for event in logs.events()]


def test_without_a_clock_trouble_is_of_the_latest_request() -> None:
    logs = Logs()
    logs.joiner.expect(APP, error(1, "session-unknown"))  # of nothing
    logs.line = 1
    logs.timeless("- POST /mcp 404")
    logs.joiner.expect(APP, error(3, "session-unknown"))
    (event,) = logs.events()
    assert event.facts["cause"] == "session-unknown"
    assert lines(event) == [("app", 2), ("error", 3)]


# error lines


def test_an_error_line_explains_the_access_line_that_it_names() -> None:
    logs = Logs()
    logs.trouble(10.0, "connect-refused", "POST", "/token")
    logs.proxy(10.0, "httpx POST /mcp 502")
    logs.proxy(10.0, "httpx POST /token 502")
    logs.proxy(10.0, "httpx POST /token 502")
    assert [event.facts.get("cause") for event in logs.events()] == [None, "connect-refused", None]


def test_a_nameless_error_explains_the_answer_that_it_means() -> None:
    logs = Logs()
    logs.trouble(10.0, "origin-rejected")
    logs.trouble(10.0, "tls")  # means no answer
    logs.proxy(10.1, "httpx POST /mcp 200")
    logs.proxy(10.2, "httpx POST /mcp 403")
    events = logs.events()
    assert [event.facts.get("cause") for event in events] == [None, "origin-rejected"]
    assert lines(events[1]) == [("proxy", 4), ("error", 1)]


def test_an_old_error_explains_nothing() -> None:
    logs = Logs()
    logs.trouble(10.0, "connect-refused", "POST", "/mcp")
    logs.trouble(15.0, "connect-refused", "POST", "/token")
    logs.proxy(15.0, "httpx POST /mcp 502")
    logs.proxy(18.0, "httpx POST /token 502")
    assert [event.facts.get("cause") for event in logs.events()] == [None, None]


def test_an_error_line_of_the_same_second_explains_too_though_it_comes_after() -> None:
    logs = Logs()
    logs.proxy(10.2, "httpx POST /token 502")
    logs.trouble(10.5, "connect-refused", "POST", "/token")
    assert [event.facts.get("cause") for event in logs.events()] == ["connect-refused"]


def test_an_error_may_explain_what_was_handed_on() -> None:
    logs = Logs()
    logs.app(10.0, "httpx POST /mcp 504")
    (event,) = logs.events(until=20.0)
    logs.trouble(30.0, "upstream-timeout", "POST", "/mcp")
    logs.proxy(30.0, "httpx POST /mcp 504")
    assert event.facts["cause"] == "upstream-timeout"
    assert event.status == 504
    assert logs.changed == [event, event]


def test_hostile_amounts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "_KEPT", 10)
    logs = Logs()
    for number in range(300):
        logs.trouble(10.0, "tls")
        logs.app(10.0, f"httpx DELETE /mcp{number} 204", keys=[("session", str(number))])
    joiner = logs.joiner
    assert len(joiner._open) == len(joiner._by_line) == 10
    assert len(joiner._troubles) == len(joiner._closed) == 256


def test_what_is_no_event_is_dropped_and_cannot_grow() -> None:
    dropped: list[Event] = []
    joiner = Joiner(lambda request, at: None, dropped.append)
    joiner.push(1.0, APP, request("httpx GET /app.css 200", 1, role="app"))
    assert joiner.release(9.0) == []
    joiner.push(10.0, PROXY, request("httpx GET /app.css 200", 2))
    assert joiner.flush() == []
    assert dropped == []


def test_a_late_line_that_says_nothing_changes_nothing() -> None:
    known = Classifier(catalogue())
    changed: list[Event] = []
    joiner = Joiner(lambda request, at: known.classify(request, at) if request.role == "app" else None, changed.append)
    joiner.push(1.0, APP, request("httpx POST /mcp 200", 1, role="app"))
    assert len(joiner.release(9.0)) == 1
    joiner.push(10.0, PROXY, request("httpx POST /mcp 200", 2))
    assert joiner.flush() == []
    assert changed == []


def test_a_line_without_a_time_that_is_read_after_the_proxys_line_still_belongs_to_it() -> None:
    logs = Logs()
    logs.read(9.0, "- GET /health 200")
    logs.proxy(10.0, "httpx POST /register 201")
    (_, registration) = logs.events(until=10.05)
    line = logs.read(10.1, "- POST /register 201", facts={"client_name": "x"})
    logs.more(line, at=10.1, keys=(("client_id", "c1"),))
    assert logs.events() == []
    assert lines(registration) == [("proxy", 2), ("app", 3), ("app", 4)]
    assert ("client_id", "c1") in registration.keys
    assert registration.facts["client_name"] == "x"
    assert logs.changed == [registration, registration]


@pytest.mark.parametrize(("at", "text"), [(11.2, "- POST /token 200"), (10.1, "- POST /token 400"), (10.1, "- POST /register 200")])
def test_a_line_that_is_read_much_later_or_says_something_else_is_a_request_of_its_own(at: float, text: str) -> None:
    logs = Logs()
    logs.read(9.0, "- GET /health 200")
    logs.proxy(10.0, "httpx POST /token 200")
    logs.read(at, text)
    assert len(logs.events()) == 3


def test_two_such_lines_go_to_two_requests() -> None:
    logs = Logs()
    logs.read(9.0, "- GET /health 200")
    logs.proxy(10.0, "httpx POST /mcp 200")
    logs.proxy(10.1, "httpx POST /mcp 200")
    for at in (10.2, 10.3, 10.4):
        logs.read(at, "- POST /mcp 200")
    assert [lines(event) for event in logs.events()] == [[("app", 1)], [("proxy", 2), ("app", 4)], [("proxy", 3), ("app", 5)], [("app", 6)]]
