"""Metrics as a scraper reads them: closed labels, zeros from the start, one count for each attempt, exemplars, a bounded number of series."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace

import pytest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from connwatch.model.attempt import Attempt
from connwatch.model.change import Closed, Evicted, Opened, Reached, Updated, Withdrawn
from connwatch.model.record import Request
from connwatch.model.taken import Taken
from connwatch.sinks.exposition import MOST_FORMATS
from connwatch.sinks.figures import Figures, Keeping, Reload, SourceFigures
from connwatch.sinks.labels import BUDGET, MOST_HOSTS, Labels, step_of
from connwatch.sinks.metrics import SETTLED, Metrics
from connwatch.sinks.requests import Requests
from support.attempts import HOST, T, a_probe, connected, the_silence

CAUSES = [("session", "token-unused"), ("reach", "proxy-redirect")]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
Key = tuple[str, tuple[str, ...]]


def made(hosts: tuple[str, ...] = (HOST,), open_attempts: list[Attempt] | None = None, taken: Sequence[Taken] = ()) -> Metrics:
    metrics = Metrics(Labels(hosts, CAUSES, sources=1))
    requests = Requests(metrics.labels)
    requests.take(taken)
    source = SourceFigures("nginx-proxy", True, 10, 2, T, 0.25, {"rotated": 1}, {}, 3)
    Figures(
        metrics,
        open_attempts=lambda: open_attempts or [],
        sources=lambda: [source],
        changes_lost=lambda: 0,
        reload=lambda: Reload(True, T),
        keeping=lambda: Keeping(False, 7),
        requests=requests.counts,
    )
    return metrics


def samples(metrics: Metrics) -> dict[Key, float]:
    """Each series by its name and its labels' values, in the order of the labels' names."""
    found: dict[Key, float] = {}
    for family in parse_classic(metrics.text()[0].decode()):
        for sample in family.samples:
            found[sample.name, tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


def test_every_label_set_is_there_at_zero_from_the_start() -> None:
    found = samples(made())
    for key in [
        ("connwatch_attempts_started_total", ("claude", HOST)),
        ("connwatch_attempts_finished_total", ("chatgpt", "other", "stalled")),
        ("connwatch_attempts_open", ("claude", "token")),
        ("connwatch_step_reached_total", ("other", "refresh")),
        ("connwatch_step_duration_seconds_count", ("claude", "token")),
        ("connwatch_stalls_total", ("token-unused", "claude", "session")),
        ("connwatch_attempts_evicted_total", ()),
        ("connwatch_source_gaps_total", ("rotated-away", "nginx-proxy")),
    ]:
        assert found[key] == 0, key


def test_an_attempt_is_counted_once_however_often_it_is_spoken_of() -> None:
    metrics, attempt = made(), the_silence()
    metrics.receive([Opened(T, attempt), Reached(T, attempt, attempt.steps[0]), Updated(T, attempt)])
    metrics.receive([Updated(T, attempt)])
    assert samples(metrics)["connwatch_attempts_started_total", ("claude", HOST)] == 0
    metrics.receive([Closed(T, attempt)])
    found = samples(metrics)
    assert found["connwatch_step_reached_total", ("claude", "resource_metadata")] == 1
    assert found["connwatch_attempts_started_total", ("claude", HOST)] == 1
    assert found["connwatch_attempts_finished_total", ("claude", HOST, "stalled")] == 1
    assert found["connwatch_stalls_total", ("token-unused", "claude", "session")] == 1
    assert found["connwatch_attempt_duration_seconds_count", ("claude",)] == 1


def test_an_attempt_that_lives_long_is_counted_before_it_is_final() -> None:
    metrics, attempt = made(), the_silence()
    attempt.ended_at = attempt.started_at + SETTLED
    metrics.receive([Opened(T, attempt), Updated(T, attempt)])
    assert samples(metrics)["connwatch_attempts_started_total", ("claude", HOST)] == 1


def test_what_proves_to_be_part_of_another_attempt_is_taken_back_and_leaves_nothing_behind() -> None:
    metrics, long = made(), the_silence()
    long.ended_at = long.started_at + SETTLED
    metrics.receive([Opened(T, long), Withdrawn(T, long), Opened(T, connected()), Withdrawn(T, connected())])
    found = samples(metrics)
    assert found["connwatch_attempts_started_total", ("claude", HOST)] == 1
    assert found["connwatch_attempts_withdrawn_total", ("claude", HOST)] == 1
    assert found["connwatch_attempts_started_total", ("chatgpt", HOST)] == 0
    assert found["connwatch_attempts_withdrawn_total", ("chatgpt", HOST)] == 0
    assert metrics._counted == {}


def test_a_piece_of_an_attempt_is_no_attempt_but_its_steps_were_reached() -> None:
    metrics, first, later = made(), connected(), connected()
    later.id = "later"
    first.group = later.group = f"group-{first.id}"
    metrics.receive([Opened(T, first), Opened(T, later), Closed(T, first), Closed(T, later)])
    found = samples(metrics)
    assert found["connwatch_attempts_finished_total", ("chatgpt", HOST, "connected")] == 1
    assert found["connwatch_attempts_started_total", ("chatgpt", HOST)] - found["connwatch_attempts_withdrawn_total", ("chatgpt", HOST)] == 1
    assert found["connwatch_step_reached_total", ("chatgpt", "session")] == 2
    assert metrics._counted == {}


def test_a_success_leaves_its_time_and_not_its_age() -> None:
    metrics, attempt = made(), connected()
    assert not any(name == "connwatch_last_success_timestamp_seconds" for name, _ in samples(metrics))
    metrics.receive([Opened(T, attempt), Closed(T, attempt)])
    assert samples(metrics)["connwatch_last_success_timestamp_seconds", ("chatgpt", HOST)] == attempt.ended_at


def test_a_host_outside_the_list_is_other_and_no_overflow() -> None:
    metrics = made(hosts=())
    metrics.receive([Closed(T, connected())])
    found = samples(metrics)
    assert found["connwatch_attempts_finished_total", ("chatgpt", "other", "connected")] == 1
    assert all(value == 0 for (name, _), value in found.items() if name == "connwatch_label_values_overflowed_total")


def test_words_in_no_list_become_other_and_are_counted() -> None:
    metrics, attempt = made(), the_silence()
    attempt.client, attempt.diagnoses[0].code = 'x"\n{evil}', "invented"
    metrics.receive([Closed(T, attempt)])
    found = samples(metrics)
    assert found["connwatch_stalls_total", ("other", "other", "other")] == 1
    assert found["connwatch_label_values_overflowed_total", ("cause", "connwatch_stalls")] == 1
    assert found["connwatch_label_values_overflowed_total", ("client", "connwatch_attempts_finished")] == 1


def test_no_traffic_can_make_a_series() -> None:
    metrics = made()
    before = {key for key in samples(metrics) if key[0] != "connwatch_last_success_timestamp_seconds"}
    for number in range(50):
        attempt = connected(str(number), client=f"client{number}")
        attempt.server = f"host{number}.example"
        metrics.receive([Opened(T, attempt), Evicted(T, attempt)])
    after = {key for key in samples(metrics) if key[0] != "connwatch_last_success_timestamp_seconds"}
    assert after == before
    assert samples(metrics)["connwatch_attempts_evicted_total", ()] == 50


def test_even_a_long_list_of_hosts_keeps_the_budget() -> None:
    metrics = made(hosts=tuple(f"h{number}.example" for number in range(500)))
    assert len(metrics.labels.hosts) == MOST_HOSTS + 1
    assert len(samples(metrics)) < 5000


def request(line: int, status: int | None, host: str = HOST, role: str = "proxy") -> Taken:
    return Taken("nginx-proxy", Request("nginx-proxy", line, line, T, False, role, "combined", "POST", "/mcp", host=host, status=status), None)


def test_requests_of_the_proxy_are_counted_by_host_and_class() -> None:
    taken = [request(1, 401), request(2, 200), request(3, 204), request(4, 200, "elsewhere.example"), request(5, None), request(6, 200, role="app")]
    found = {key[1]: value for key, value in samples(made(taken=taken)).items() if key[0] == "connwatch_requests_total" and value}
    assert found == {("4xx", HOST): 1, ("2xx", HOST): 2, ("2xx", "other"): 1}


def test_the_state_and_dropped_lines_are_shown() -> None:
    found = samples(made())
    assert found["connwatch_state_healthy", ()] == 0
    assert found["connwatch_state_turns_lost_total", ()] == 7
    assert found["connwatch_duplicates_dropped_total", ("nginx-proxy",)] == 3


def test_the_budget_of_series_is_held_at_the_start_and_hosts_beyond_it_are_counted() -> None:
    hosts = [f"h{number}.example" for number in range(MOST_HOSTS)]
    narrow = Labels(hosts, CAUSES, sources=1, budget=2600)
    assert 1 < len(narrow.hosts) < MOST_HOSTS
    metrics = Metrics(narrow)
    attempt = connected()
    attempt.server = hosts[-1]
    metrics.receive([Closed(T, attempt)])
    assert narrow.overflowed["connwatch_attempts_finished", "host"] == 1
    assert len(Labels(hosts, CAUSES, sources=2000).hosts) == 1, "so many sources leave nothing for hosts"


def test_the_budget_counts_what_is_really_exported() -> None:
    metrics = made(hosts=tuple(f"h{number}.example" for number in range(MOST_HOSTS)))
    labels = metrics.labels
    for client in labels.clients:
        metrics.remember({(client, host): T for host in labels.hosts})
    reckoned = labels._without_hosts(1, 0) + labels._of_a_host() * len(labels.hosts)
    assert len(samples(metrics)) <= reckoned <= len(samples(metrics)) + 50
    assert reckoned < BUDGET


def test_open_attempts_are_looked_up_when_asked_for() -> None:
    open_attempts = [the_silence(), a_probe()]
    metrics = made(open_attempts=open_attempts)
    assert samples(metrics)["connwatch_attempts_open", ("claude", "token")] == 1
    open_attempts.clear()
    open_attempts.append(a_probe())
    assert samples(metrics)["connwatch_attempts_open", ("claude", "token")] == 0


def test_the_attempt_id_is_an_exemplar_and_never_a_label() -> None:
    metrics, attempt = made(), the_silence()
    metrics.receive([Opened(T, attempt), Closed(T, attempt)])
    body, content_type = metrics.text(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    exemplars = [
        sample.exemplar.labels
        for family in parse_openmetrics(body.decode())
        for sample in family.samples
        if sample.exemplar and sample.name == "connwatch_stalls_total"
    ]
    assert exemplars == [{"attempt_id": attempt.id}]
    assert attempt.id not in metrics.text()[0].decode()


def test_inside_a_session_everything_is_the_step_session() -> None:
    from connwatch.model.event import Stage

    assert step_of(Stage.CALL) == "session"
    assert step_of(Stage.PREFLIGHT) is None
    assert step_of(Stage.REFRESH) == "refresh"


@pytest.mark.real
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing() -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=made().text()[0], capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")


def lasting(text: bytes) -> list[bytes]:
    """Without what the process uses: that is another figure at each look."""
    return [line for line in text.splitlines() if not line.startswith(b"process_")]


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_what_is_written_once_and_kept_is_all_there_and_written_anew_after_a_change(accept: str) -> None:
    under_way: list[Attempt] = []
    metrics, stuck, good = made(open_attempts=under_way), the_silence(), connected()
    encode, _ = choose_encoder(accept)

    def shown() -> None:
        for _ in range(2):
            assert lasting(metrics.text(accept)[0]) == lasting(encode(metrics.registry))

    shown()
    under_way.append(stuck)
    shown()
    long = replace(stuck, ended_at=stuck.started_at + SETTLED)
    evicted = Evicted(T, replace(stuck, id="another"))
    for change in (Updated(T, long), Withdrawn(T, long), Opened(T, good), Closed(T, good), Closed(T, stuck), evicted):
        metrics.receive([change])
        shown()
    metrics.labels.overflowed["connwatch_stalls", "cause"] += 1
    shown()


def test_a_scraper_that_asks_for_ever_new_formats_fills_no_memory() -> None:
    metrics = made()
    for version in range(40):
        metrics.text(f"application/openmetrics-text; version=1.{version}.0")
    assert len(metrics._exposition._kept) <= MOST_FORMATS
    assert lasting(metrics.text()[0]) == lasting(choose_encoder("")[0](metrics.registry))
