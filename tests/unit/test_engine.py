"""The engine as transcripts: lines in, attempts out; what it counts, when it decides, and what it is told by configuration."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from connwatch.diagnose.serial import attempt_row
from connwatch.engine import Engine, EngineOptions
from connwatch.model.attempt import GOOD, Outcome
from connwatch.model.change import Change, Closed, Evicted, Opened, Reached, Updated, Withdrawn
from connwatch.model.errors import ConfigError
from support.crowd import crowd, precision
from support.lines import BASE, closed, proxy, server, story, told
from support.said import catalogue


def engine(*sources: str, **options: Any) -> Engine:
    made = Engine(catalogue(), EngineOptions(**options), key=b"tests")
    for name in sources or ("nginx",):
        made.open_source(name)
    return made


def run(log: bytes, **options: Any) -> list[Change]:
    made = engine(**options)
    made.feed("nginx", log)
    made.end_source("nginx")
    return made.finish()


# what becomes of attempts


def test_a_connection() -> None:
    changes = run(proxy(story()))
    assert told(changes) == [("claude", "connected", None, 9)]
    assert [type(change) for change in changes] == [Closed], "who does not watch hears of the end"
    stages = {row["stage"]: row["state"] for row in closed(changes)[0]["stages"]}
    assert stages["token"] == stages["session"] == "seen"


@pytest.mark.parametrize(
    ("lines", "outcome", "stuck"),
    [(1, "stalled", "resource_metadata"), (3, "stalled", "registration"), (6, "stalled", "session"), (7, "stalled", "session")],
)
def test_where_a_connection_stopped(lines: int, outcome: str, stuck: str | None) -> None:
    assert told(run(proxy(story(until=lines)))) == [("claude", outcome, stuck, lines)]


def test_who_registered_and_never_came_back_may_still_be_before_the_login_page() -> None:
    made = engine()
    made.feed("nginx", proxy(story(until=5)))
    made.advance(BASE + 30)
    assert [attempt.outcome for attempt in made.open_attempts()] == [Outcome.WAITING]


def test_a_client_that_registers_twice_makes_one_attempt() -> None:
    again = "0.35 claude POST /register 201\n0.36 claude GET /.well-known/oauth-authorization-server 200"
    assert told(run(proxy(story(), again))) == [("claude", "connected", None, 11)]


def test_two_people_at_a_page_that_counts_its_steps() -> None:
    """`flow=1` is the same for everybody, `flow=9f27c1d4` one person's own."""
    who = ("198.51.100.7", "a1b2"), ("203.0.113.9", "c3d4")

    def pages(number: int, flow: str) -> str:
        address, state = who[number]
        callback = "https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback"
        start = f"client_id=c{number}&redirect_uri={callback}&state={state}xQvLm&code_challenge={state}Zp0TnRb"
        return f"{number} firefox GET /authorize?{start} 302 at {address}\n{number + 5} firefox GET /consent?flow={flow} 200 at {address}"

    def sizes(*flows: str) -> list[int]:
        return sorted(len(row["events"]) for row in closed(run(proxy(*(pages(number, flow) for number, flow in enumerate(flows))))))

    assert sizes("1", "1") == sizes("9f27c1d4", "77aa01be") == [2, 2]


def test_a_client_that_is_refused_and_tries_again_at_once() -> None:
    changes = run(proxy("\n".join(f"{n * 0.2:.1f} claude POST /mcp 502" for n in range(4))))
    assert [(outcome, stuck) for _, outcome, stuck, _ in told(changes)] == [("failed", "reach")]
    assert closed(changes)[0]["diagnoses"][0]["code"] == "upstream-unavailable"


def test_a_client_that_is_refused_and_tries_the_same_again_makes_one_attempt() -> None:
    assert told(run(proxy(*(f"{at} claude POST /mcp 401" for at in (0, 1, 3, 7, 15)))))[0][3] == 5


def test_a_token_that_is_renewed_in_a_session() -> None:
    changes = run(proxy(story(), "15 claude POST /token 200", "15.2 claude POST /mcp 200"))
    assert told(changes) == [("claude", "connected", None, 11)]


def test_a_client_that_comes_back_with_its_token() -> None:
    changes = run(proxy("0 claude POST /mcp 200", "0.1 claude POST /mcp 202", "0.2 claude POST /mcp 200"))
    assert told(changes) == [("claude", "reconnected", None, 3)]


def test_a_client_that_comes_back_the_next_day_makes_another_attempt() -> None:
    changes = run(proxy(story(), story(86_400.0)))
    assert told(changes) == [("claude", "connected", None, 9)] * 2


def test_scanners_health_checks_and_the_operator_are_no_attempts() -> None:
    scanner = "\n".join(f"{n * 0.1:.1f} zgrab GET {path} 404 at 203.0.113.66" for n, path in enumerate(["/.env", "/wp-login.php", "/sse", "/mcp"]))
    health = "\n".join(f"{n * 10}.05 UptimeRobot/2.0 GET /mcp 401 at 203.0.113.67" for n in range(3))
    operator = "2.5 curl GET /.well-known/oauth-protected-resource 200 at 203.0.113.68\n3 curl POST /mcp 401 at 203.0.113.68"
    rows = told(run(proxy(story(), scanner, health, operator)))
    assert [row for row in rows if row[1] != "probe"] == [("claude", "connected", None, 9)]


def test_ten_at_once_behind_one_address_are_told_apart_or_said_to_be_a_group() -> None:
    """Where it cannot be told which token is whose, each attempt stands for its own lines, and counting says what became of it."""
    rows = closed(run(proxy(*[story(n * 0.35, state=f"s{n}") for n in range(10)], address="172.20.0.5")))
    assert {row["outcome"] for row in rows} == {"connected"}
    beginnings = [sum(event["stage"] == "challenge" for event in row["events"]) for row in rows]
    assert sum(beginnings) == 10
    assert max(beginnings) == 1


@pytest.mark.parametrize(("users", "unused"), [(5, 0), (5, 1), (10, 1), (20, 0), (20, 1), (20, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_of_a_crowd_behind_one_address_counting_tells_how_many_got_through(seed: int, users: int, unused: int) -> None:
    """Within a second and a half nothing tells them apart. Their beginnings stay apart, what is unsure says so, and the sum is right."""
    log, truth = crowd(seed, users, unused=unused)
    made = engine()
    made.feed("nginx", log)
    attempts = [change.attempt for change in made.finish() if isinstance(change, Closed)]
    outcomes = made.stats().outcomes
    assert (outcomes["connected"], outcomes["stalled"]) == (users - unused, unused), "pieces are not counted as attempts"
    begun = [attempt for attempt in attempts if attempt.entry.value == "challenge"]
    assert Counter(attempt.outcome.value for attempt in begun) == +Counter(connected=users - unused, stalled=unused)
    assert max(sum(step.event.stage.value == "challenge" for step in attempt.steps) for attempt in attempts) == 1
    assert precision(attempts, truth) > 0.6
    assert {attempt.stuck_at for attempt in begun if attempt.outcome is Outcome.STALLED} <= {"session"}
    shares: dict[str, list[bool]] = {link: [] for link in ("inferred", "ambiguous")}
    for attempt in attempts:
        for before, step in itertools.pairwise(attempt.steps):
            if step.link in shares:
                shares[step.link].append(truth[before.event.serial[1]] == truth[step.event.serial[1]])
    assert sum(shares["inferred"]) >= 0.7 * len(shares["inferred"]), "what is called inferred is mostly right"


def test_who_watches_a_crowd_hears_of_no_stall_where_everybody_got_through() -> None:
    """A piece alone looks stalled; with those that counting puts to it, it is not."""
    made, heard = engine(live=True), []
    for line in crowd(7, 20)[0].splitlines(keepends=True):
        made.feed("nginx", line)
        heard += made.advance((made.frontier("nginx") or 0.0) - 2.0)
    newest = made.frontier("nginx")
    assert newest is not None
    heard += [change for after in range(30) for change in made.advance(newest + after)]
    assert {change.attempt.outcome for change in heard if isinstance(change, Updated)} <= GOOD


@pytest.mark.parametrize(
    ("asks", "outcome"),
    [
        ("400 claude POST /mcp 401", "probe"),
        ("400 httpx POST /mcp 401", "probe"),
        ("400 gpt POST /mcp 401", "stalled"),
        ("2400 claude POST /mcp 401", "stalled"),
        ("400 claude POST /mcp 401\n401 claude POST /mcp 401", "stalled"),
    ],
    ids=["of a client that is connected", "of its other program", "of another client", "long after", "and again at once"],
)
def test_a_lone_request_without_a_token(asks: str, outcome: str) -> None:
    rows = told(run(proxy(story(), asks)))
    assert [row[1] for row in rows] == ["connected", outcome]


def test_a_token_that_nobody_used_is_not_counted_away_by_others_who_come_back() -> None:
    """One after the other from one address, the third stops after its token; later two sessions are opened with tokens of before."""
    flows = [story(n * 20.0, state=f"s{n}", until=6 if n == 2 else 9) for n in range(5)]
    back = [f"{at} claude POST /mcp 200\n{at + 0.1} claude POST /mcp 202\n{at + 0.2} claude POST /mcp 200" for at in (170.0, 200.0)]
    rows = told(run(proxy(*flows, *back, address="172.20.0.5")))
    assert [row[1:3] for row in rows if row[3] == 6] == [("stalled", "session")]
    assert sum(row[1] == "connected" for row in rows) == 4


def test_of_equal_stamps_the_order_of_the_log_is_the_order_of_events() -> None:
    """Twenty in step: each stage of one falls on the very instant of another stage of another."""
    rows = closed(run(proxy(*[story(n * 0.05, state=f"s{n}") for n in range(20)], address="172.20.0.5")))
    assert max(sum(event["stage"] == "challenge" for event in row["events"]) for row in rows) == 1


# two logs


def test_both_logs_of_a_request_are_one_event_with_two_places() -> None:
    made = engine("nginx", "server")
    made.feed("server", server("0.000 [HTTP] POST /mcp auth=yes", "0.001 [MCP] Session initialized: 15601e0c-2084-48e3-8155-89baa8ef0e47"))
    made.feed("nginx", proxy("0.004 claude POST /mcp 200"))
    (row,) = closed(made.finish())
    assert {(event["source"], event["line"]) for event in row["events"]} == {("nginx", 1), ("server", 1), ("server", 2)}
    assert made.stats().events == 1


def test_a_log_without_stamps_is_told_by_order() -> None:
    made = engine("nginx", "server")
    made.feed("server", server("0 [HTTP] POST /mcp auth=no", "0 [HTTP] GET /.well-known/oauth-protected-resource auth=no", stamps=False))
    made.feed("nginx", proxy("0 claude POST /mcp 401", "0.1 claude GET /.well-known/oauth-protected-resource 200"))
    (row,) = closed(made.finish())
    assert {(event["source"], event["line"]) for event in row["events"]} == {("nginx", 1), ("nginx", 2), ("server", 1), ("server", 2)}


def test_what_only_the_server_saw_and_has_no_time_comes_after_all_that_is_known() -> None:
    made = engine("nginx", "server")
    made.feed("server", server("0 [HTTP] POST /mcp auth=yes", stamps=False))
    made.feed("nginx", proxy("0 claude GET /.well-known/oauth-protected-resource 200"))
    assert all(row["started_at"].startswith("2026-11-23T08:00:00") for row in closed(made.finish()))


def test_lines_without_a_time_have_that_of_their_reading_where_it_is_known() -> None:
    made = engine("server")
    made.feed("server", server("0 [HTTP] POST /mcp auth=yes", "0 [HTTP] POST /mcp auth=yes", stamps=False), seen_at=BASE)
    made.end_source("server")
    (row,) = closed(made.finish())
    assert row["started_at"] == "2026-11-23T08:00:00.000Z"


def test_an_error_line_tells_why_the_proxy_answered_itself() -> None:
    error = (
        b"2026-11-23T08:00:00.100000000Z nginx.1     | 2026/11/23 08:00:00 [error] 31#31: *9 connect() failed (111: Connection refused) "
        b'while connecting to upstream, client: 160.79.104.10, server: mcp.example.org, request: "POST /mcp HTTP/1.1", '
        b'upstream: "http://172.20.0.6:8080/mcp", host: "mcp.example.org"\n'
    )
    changes = run(error + proxy("0.101 claude POST /mcp 502"))
    (row,) = closed(changes)
    assert [event["line"] for event in row["events"]] == [2, 1]
    (attempt,) = [change.attempt for change in changes if isinstance(change, Closed)]
    assert attempt.steps[0].event.facts["cause"] == "connect-refused"


# time


def test_nothing_is_decided_before_the_watermark_has_passed_it() -> None:
    made = engine()
    made.feed("nginx", proxy(story()))
    assert made.advance(BASE - 10.0) == []
    assert made.next_deadline() is None, "the watermark has not reached the first line"
    assert made.advance(BASE + 4.5) == []
    due = made.next_deadline()
    assert due is not None
    assert BASE + 4.4 < due < BASE + 30
    assert [attempt.outcome for attempt in made.open_attempts()] != []
    changes = made.advance(BASE + 3600)
    assert told(changes) == [("claude", "connected", None, 9)]
    assert made.next_deadline() is None
    assert made.open_attempts() == []


def test_the_clock_does_not_go_back() -> None:
    made = engine()
    made.feed("nginx", proxy(story()))
    first = made.advance(BASE + 3600)
    assert len(closed(first)) == 1
    assert made.advance(BASE) == made.advance(BASE + 3600) == []


def test_a_clock_that_was_set_back_ends_what_is_under_way_and_begins_a_new_time() -> None:
    made = engine(live=True)
    made.feed("nginx", proxy(story(3600.0, until=6)))
    made.advance(BASE + 3610)
    (before,) = made.open_attempts()
    assert before.outcome is Outcome.WAITING
    (end,) = [change for change in made.start_over() if isinstance(change, Closed)]
    assert (end.attempt.id, end.attempt.outcome) == (before.id, Outcome.BLIND), "nobody knows what the silence means"
    assert (made.open_attempts(), made.next_deadline(), made.frontier("nginx")) == ([], None, None)
    made.feed("nginx", proxy(story(60.0)))
    made.advance(BASE + 70)
    assert [attempt.outcome for attempt in made.open_attempts()] == [Outcome.CONNECTED]


def test_the_frontier_is_the_newest_time_read() -> None:
    made = engine()
    assert made.frontier("nginx") is None
    made.feed("nginx", proxy("5 claude POST /mcp 401") + b"2026-11-23T08:00:09.000000000Z forego      | starting nginx.1 on port 5100\n")
    assert made.frontier("nginx") in (BASE + 5, BASE + 9)
    made.feed("nginx", proxy("2 claude POST /mcp 401"))
    assert (made.frontier("nginx") or 0.0) >= BASE + 5


def test_who_watches_hears_of_every_step_and_of_every_new_verdict() -> None:
    made = engine(live=True)
    heard: list[Change] = []
    for row in story().splitlines():
        made.feed("nginx", proxy(row))
        heard += made.advance(BASE + float(row.split()[0]) + 0.05)
    for seconds in range(5, 300, 5):
        heard += made.advance(BASE + seconds)
    heard += made.finish()
    names = {change.attempt.id for change in heard if isinstance(change, Closed)}
    assert len(names) == 1
    final = [change for change in heard if change.attempt.id in names]
    assert isinstance(final[0], Opened)
    assert isinstance(final[-1], Closed)
    assert sum(isinstance(change, Reached) for change in final) == 9
    assert any(isinstance(change, Updated) for change in final)
    gone = [change for change in heard if isinstance(change, Withdrawn)]
    assert sum(isinstance(change, Opened) for change in heard) == len(gone) + 1


# what it is told


def test_an_unknown_format_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match="no-such-format"):
        Engine(catalogue()).open_source("x", "no-such-format")


def test_paths_and_endpoints_of_the_configuration() -> None:
    log = proxy("0 claude POST /api/tools 401", "0.2 claude POST /issue 200", "0.4 claude POST /api/tools 200")
    assert told(run(log)) != told(run(log, mcp_paths=("/api/tools",), endpoints={"/issue": "token"}))
    (row,) = closed(run(log, mcp_paths=("/api/tools",), endpoints={"/issue": "token"}))
    assert [event["stage"] for event in row["events"]][1] == "token"


def test_a_source_whose_lines_name_no_host_has_that_of_the_configuration() -> None:
    line = b'160.79.104.10 - - [23/Nov/2026:08:00:00 +0000] "POST /mcp HTTP/1.1" 401 85 "-" "Claude-User"\n'
    assert [row["server"] for row in closed(run(line * 3, servers={"nginx": "mcp.example.net"}))] == ["mcp.example.net"]
    assert [row["server"] for row in closed(run(line * 3))] == [""]


def test_an_endpoint_that_a_refusal_shows_is_looked_for_from_then_on() -> None:
    log = proxy(
        "0 claude POST /connect 401",
        "0.1 claude GET /.well-known/oauth-protected-resource/other/place 200",
        "0.2 claude GET /.well-known/oauth-authorization-server 200",
        "4 claude POST /token 200",
        "4.2 claude POST /connect 200",
        "4.3 claude POST /other/place 200",
    )
    (row,) = closed(run(log))
    assert [event["line"] for event in row["events"]] == [1, 2, 3, 4, 5, 6]


# what it counts


def test_lines_events_attempts_and_links_are_counted() -> None:
    made = engine()
    made.feed("nginx", proxy(story()) + b"what is this?\n")
    made.end_source("nginx")
    made.finish()
    stats = made.stats().as_dict()
    assert (stats["lines"], stats["unparsed"], stats["events"], stats["evicted"]) == (10, 1, 9, 0)
    assert stats["attempts"] == {"client": {"claude": 1}, "outcome": {"connected": 1}}
    assert sum(stats["links"].values()) == 9  # type: ignore[attr-defined]
    assert stats["sources"] == {"nginx": {"lines": 10, "unparsed": 1, "oversized": 0}}
    assert [sample.text for sample in made.samples()] == ["what is this?"]


def test_a_diagnosis_is_counted_with_its_attempt() -> None:
    made = engine()
    made.feed("nginx", proxy(story(until=6)))
    made.finish()
    assert made.stats().as_dict()["diagnoses"] == {"token-unused": 1}


# bounds


def test_sources_that_ended_take_next_to_nothing() -> None:
    made = engine("first", "last")
    log = proxy(story(), stamps=False)

    def ends(name: str) -> None:
        made.open_source(name)
        made.feed(name, log)
        made.end_source(name)

    ends("first")
    made.finish()
    tracemalloc.start()
    try:
        for number in range(100):
            ends(f"run-{number}")
        made.finish()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 100 * 40 * 1024
    made.feed("first", log)
    assert made.stats().sources["first"]["lines"] == 18, "a name may come back"


def test_more_open_attempts_than_allowed_are_evicted_the_quietest_first_and_counted() -> None:
    made = engine(max_open=5)
    changes: list[Change] = []
    for number in range(30):
        made.feed("nginx", proxy(f"{number * 6} claude POST /mcp 401 at 203.0.113.{number}"))
        changes += made.advance(BASE + number * 6 + 5.9)
        assert len(made.open_attempts()) <= 7
    changes += made.finish()
    evicted = [change for change in changes if isinstance(change, Evicted)]
    assert len(evicted) == made.stats().evicted > 0
    assert len(closed(changes)) == 30, "every attempt is told"
    assert [attempt_row(change.attempt)["started_at"] for change in evicted] == sorted(
        attempt_row(change.attempt)["started_at"] for change in evicted
    )


def test_a_flood_of_discovery_keeps_memory_bounded() -> None:
    """What one part of a flood leaves behind is what ten parts do."""

    def flood(made: Engine, begin: int, parts: int) -> None:
        for part in range(begin, begin + parts):
            at = part * 20.0
            rows = [
                f"{at + n * 0.1:.2f} agent-{part}-{n} GET /.well-known/oauth-protected-resource/p{n} 404 at 10.{part % 256}.{n % 256}.9"
                for n in range(200)
            ]
            made.feed("nginx", proxy(*rows))
            made.advance(BASE + at + 15.0)

    made = engine(max_open=300)
    flood(made, 0, 4)
    tracemalloc.start()
    flood(made, 4, 1)
    one, _ = tracemalloc.get_traced_memory()
    flood(made, 5, 8)
    many, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.stats().evicted > 500
    assert many < one + 4_000_000
    assert peak < 20_000_000


def test_an_event_grows_when_the_proxy_tells_how_a_stream_ended() -> None:
    made = engine("nginx", "server")
    said = "[HTTP] GET /mcp auth=yes", "[MCP] Incoming GET /mcp { sessionId: '15601e0c-2084-48e3-8155-89baa8ef0e47', hasAuth: true }"
    made.feed("server", server(*(f"{n * 0.001:.3f} {text}" for n, text in enumerate(said)), "30 [HTTP] POST /mcp auth=yes"))
    made.feed("nginx", proxy("20 claude GET /mcp 200", "30.004 claude POST /mcp 200"))
    made.advance(BASE + 10.0)
    rows = closed(made.finish())
    stream = {("nginx", 1), ("server", 1), ("server", 2)}
    assert any(stream <= {(event["source"], event["line"]) for event in row["events"]} for row in rows)
    assert made.stats().events == 2


def test_silence_is_no_evidence_while_the_source_that_could_break_it_is_deaf() -> None:
    made = engine()
    made.feed("nginx", proxy(story(until=6)))
    made.deaf(["nginx"])
    assert [row["outcome"] for row in closed(made.advance(BASE + 10_000))] == ["blind"]


def test_the_oldest_line_of_a_feed_is_as_young_as_its_stamp_allows() -> None:
    made = engine()
    rows = "5.25 claude POST /mcp 401", "6.0 claude POST /mcp 401"
    made.feed("nginx", proxy(*rows))
    assert made.oldest("nginx") == BASE + 5.25
    made.feed("nginx", proxy("7.0 claude POST /mcp 401"))
    assert made.oldest("nginx") == BASE + 7, "a stamp that is finer than a second may stand at a full one"
    made.feed("nginx", proxy(*rows, stamps=False))
    assert BASE + 5.99 < (made.oldest("nginx") or 0.0) < BASE + 6, "any instant of its second"
    made.feed("nginx", proxy("8.0 - GET /picture.png 200"))
    assert made.oldest("nginx") is None


def test_lines_of_no_interest_move_the_frontier_and_nothing_else() -> None:
    made = engine("nginx", "server")
    made.feed("nginx", proxy(story()))
    made.feed("server", server("1 [HTTP] POST /nowhere auth=no", "60 [coda-mcp] Listening on port 8080", "61 [coda-mcp] Version: 1.0.0"))
    made.end_source("server")
    assert made.frontier("server") == BASE + 61
    assert told(made.finish()) == [("claude", "connected", None, 9)]


def test_what_another_engine_has_taken_is_taken_again_once_and_what_stood_before_it_may_be_gone() -> None:
    lines = [
        f"mcp.example.org 10.0.0.1 - - [23/Nov/2026:08:00:{second:02d} +0000] "
        f'"POST /mcp?n={second} HTTP/1.1" 401 85 "-" "Claude-User" "172.20.0.6:8080"\n'
        for second in range(6)
    ]
    first = Engine(catalogue(), EngineOptions(recording=True))
    first.open_source("nginx", "nginx-proxy")
    begun = first.place("nginx")
    first.feed("nginx", "".join(lines[:4]).encode())
    taken = first.taken()
    assert [one.record.line for one in taken] == [1, 2, 3, 4]
    assert first.taken() == []

    second = Engine(catalogue(), EngineOptions(recording=True))
    second.open_source("nginx", "nginx-proxy", begun)
    for one in taken:
        second.take_again(one)
    second.feed("nginx", "".join(lines[2:]).encode())  # the first two are in no file any more
    assert [one.record.line for one in second.taken()] == [5, 6]
    assert second.place("nginx").lines == 6

    third = Engine(catalogue(), EngineOptions(recording=True))
    third.open_source("nginx", "nginx-proxy", begun)
    for one in taken:
        third.take_again(one)
    third.feed("nginx", "".join(lines[4:]).encode())  # nothing of what was taken comes again
    assert [one.record.line for one in third.taken()] == [5, 6]


def test_a_line_is_recognised_though_another_version_found_other_keys_in_it() -> None:
    text = proxy("1 firefox GET /consent?txn=44 200 from https://mcp.example.org/authorize?state=xQvLmZp0TnRb at 203.0.113.9", stamps=False)
    first, second = (Engine(catalogue(), EngineOptions(recording=True), key=b"tests") for _ in range(2))
    for made in (first, second):
        made.open_source("nginx", "nginx-proxy")
    first.feed("nginx", text)
    (taken,) = first.taken()
    taken.record.keys = []  # type: ignore[union-attr]
    second.expect_again(taken)
    second.feed("nginx", text)
    assert second.taken() == []


def test_it_is_calm_while_nothing_of_much_that_waits_is_due() -> None:
    """Who runs the loop spares itself a thread as long as `advance` only lets time pass, and never decides about many in the loop."""
    made = engine(live=True)
    made.feed("nginx", crowd(3, 10)[0])
    spared = decided = 0
    for tenth in range(-50, 1500):
        at = BASE + tenth / 10
        calm, before = made.is_calm(at), len(made._order) + made._ledger.fresh()
        made.advance(at)
        settled = before - len(made._order) - made._ledger.fresh()
        assert settled <= 8 or not calm
        spared += calm and before > 8
        decided += settled > 8
    assert spared > 100
    assert decided >= 1
