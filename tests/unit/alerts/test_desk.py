"""What is told, when, and once. Every time is in seconds after the first attempt; the desk may be late by nothing."""

from __future__ import annotations

import pytest
from tests.support.desk import START, Days, an_attempt, kinds

from connwatch.alerts.alert import REASONS, Reason
from connwatch.alerts.desk import MOST
from connwatch.alerts.mutes import Silence
from connwatch.alerts.places import STRANGERS
from connwatch.alerts.policy import Pace
from connwatch.model.change import Closed, Updated, Withdrawn
from connwatch.model.mark import Mark


def test_one_stall_is_one_message_half_a_minute_later() -> None:
    day = Days()
    day.stalls()
    day.passes(7200)
    assert day.told == [(30.0, "stopped", "claude token-unused ×1")]


def test_a_clock_that_is_set_back_delays_nothing() -> None:
    day = Days(Pace(grace=0, wait=30))
    day.now = 400_000.0
    day.stalls()
    day.passes(10)
    day.desk.set_back(400_000.0)
    day.now -= 400_000.0
    day.passes(60)
    assert day.told == [(30.0, "stopped", "claude token-unused ×1")]
    assert day.kept[1].first_at == START


def test_five_hundred_stalls_of_one_cause_within_a_minute_are_one_message_with_the_count() -> None:
    day = Days(Pace(grace=0, wait=60))
    for _ in range(500):
        day.stalls()
        day.passes(0.1)
    day.passes(3600)
    assert day.told == [(60.0, "stopped", "claude token-unused ×500")]


def test_five_hundred_stalls_are_one_message_under_the_shipped_times_too_and_its_end_names_all_of_them() -> None:
    day = Days()
    for _ in range(500):
        day.stalls()
        day.passes(60 / 500)
    day.passes(3600)
    ((at, kind, said),) = day.told
    assert (at, kind) == (30.0, "stopped")
    assert said in [f"claude token-unused ×{count}" for count in (249, 250, 251)], "those that had come when it went out"
    day.connects()
    day.passes(600)
    assert [said for _, _, said in day.told[1:]] == ["claude token-unused ×500"]


def test_clients_that_one_cause_hits_share_a_message() -> None:
    day = Days()
    for client in ("claude", "chatgpt", "claude"):
        day.ends("failed", "server-error", client=client)
        day.passes(10)
    day.passes(600)
    assert day.told == [(30.0, "stopped", "claude server-error ×2, chatgpt server-error ×1")]


def test_a_client_that_is_hit_later_is_told_with_the_next_message_of_that_cause_and_not_before() -> None:
    day = Days()
    day.stalls()
    day.passes(60)
    day.stalls(client="chatgpt")
    day.passes(600)
    assert day.told == [(30.0, "stopped", "claude token-unused ×1"), (330.0, "stopped", "chatgpt token-unused ×1")]


def test_what_goes_on_is_told_again_after_four_hours_with_the_count_so_far() -> None:
    day = Days()
    for _ in range(6):
        day.stalls()
        day.passes(3600)
    assert day.told == [(30.0, "stopped", "claude token-unused ×1"), (5 * 3600.0 + 30, "again", "claude token-unused ×6")]
    assert "already-told" in day.reasons()["token-unused"]


def test_a_later_success_is_told_once() -> None:
    day = Days()
    day.stalls()
    day.passes(600)
    day.connects()
    day.passes(10)
    day.connects()
    day.passes(86_400)
    assert day.told == [(30.0, "stopped", "claude token-unused ×1"), (630.0, "recovered", "claude token-unused ×1")]


@pytest.mark.parametrize(
    "more", [{"client": "chatgpt"}, {"server": "elsewhere.example.org"}, {"took": 1000.0}], ids=["client", "server", "begun before"]
)
def test_a_success_that_proves_nothing_is_no_recovery(more: dict[str, object]) -> None:
    day = Days()
    day.stalls()
    day.passes(600)
    day.connects(**more)
    day.passes(3600)
    assert kinds(day.told) == ["stopped"]


def test_silence_is_no_recovery() -> None:
    day = Days()
    day.stalls()
    day.passes(3 * 86_400)
    assert kinds(day.told) == ["stopped"]
    assert "quiet" in day.reasons()["token-unused"]


def test_what_mends_itself_before_it_is_told_is_not_told() -> None:
    day = Days()
    day.stalls()
    day.passes(10)
    day.connects()
    day.passes(3600)
    assert day.told == []
    assert day.reasons() == {"token-unused": ["recovered"]}


def test_a_stall_that_becomes_known_after_a_later_try_succeeded_is_not_told() -> None:
    day = Days()
    day.passes(100)
    day.connects(ago=10, took=5)
    day.stalls(ago=60)
    day.passes(3600)
    assert day.told == []
    assert day.reasons() == {"token-unused": ["recovered"]}


def test_an_attempt_that_goes_on_after_all_takes_back_what_was_not_told_yet_and_recovers_what_was() -> None:
    day = Days()
    day.stalls(name="slow", closed=False)
    day.passes(10)
    day.connects(name="slow")
    day.passes(600)
    assert day.told == []
    day.stalls(name="slower", closed=False)
    day.passes(60)
    day.connects(name="slower")
    day.passes(600)
    assert kinds(day.told) == ["stopped", "recovered"]


def test_an_attempt_is_counted_once_however_often_it_is_spoken_of() -> None:
    day = Days()
    for closed in (False, False, True):
        day.stalls(name="one", closed=closed, ago=day.now)
        day.passes(10)
    day.passes(60)
    assert day.told == [(30.0, "stopped", "claude token-unused ×1")]


def test_an_attempt_whose_diagnosis_changes_is_told_under_its_last_name_only_and_not_twice() -> None:
    day = Days()
    day.stalls("token-unused", name="one", closed=False)
    day.passes(10)
    day.ends("failed", "token-rejected", name="one", closed=False)
    day.passes(100)
    day.ends("failed", "server-error", name="one")
    day.passes(3600)
    assert day.told == [(40.0, "stopped", "claude token-rejected ×1")]


def test_what_proves_to_be_part_of_another_attempt_is_not_told() -> None:
    day = Days()
    day.stalls(name="half", closed=False)
    half = an_attempt("half", "stalled", "token-unused", client="claude", server="mcp.example.org", step="session", began=START, ended=START)
    day.hear(Withdrawn(START, half))
    day.passes(600)
    assert day.told == []
    assert day.reasons() == {"token-unused": ["withdrawn"]}


def test_low_ones_are_told_when_two_of_a_kind_come_within_a_quarter_of_an_hour() -> None:
    day = Days()
    day.stalls("metadata-unusable", step="registration")
    day.passes(1000)
    day.stalls("metadata-unusable", step="registration")
    day.passes(300)
    assert day.told == []
    day.stalls("metadata-unusable", step="registration", client="chatgpt")
    day.passes(600)
    assert day.told == [(1330.0, "stopped", "claude metadata-unusable ×1, chatgpt metadata-unusable ×1")]
    assert "first-of-its-kind" in day.reasons()["metadata-unusable"]


@pytest.mark.parametrize(("outcome", "code"), [("failed", "consent-denied"), ("stalled", "registration-unused"), ("stalled", "challenge-ignored")])
def test_what_nobody_can_repair_is_never_told(outcome: str, code: str) -> None:
    day = Days()
    for _ in range(50):
        day.ends(outcome, code, step="consent")
        day.passes(10)
    day.passes(3600)
    assert day.told == []
    assert day.reasons() == {code: ["never"]}


def test_users_who_leave_are_told_by_their_rate_alone() -> None:
    day = Days()
    for number in range(30):
        day.ends("abandoned", "consent-abandoned", step="consent", client=("claude", "chatgpt", "cursor")[number % 3])
        day.passes(410)
    assert day.told == [], "nine an hour, for hours"
    day = Days()
    for number in range(30):
        day.ends("abandoned", "consent-abandoned", step="consent")
        day.passes(100)
        if number % 9 == 8:
            day.connects()
    assert day.told == [], "some get through"
    day = Days()
    for _ in range(30):
        day.ends("abandoned", "consent-abandoned", step="consent")
        day.passes(100)
    day.passes(3600)
    assert day.told == [(930.0, "stopped", "claude consent-abandoned ×10")]


@pytest.mark.parametrize("outcome", ["connected", "reconnected", "renewed", "waiting", "probe", "blind"])
def test_what_is_no_failure_leaves_no_trace(outcome: str) -> None:
    day = Days()
    day.ends(outcome, "token-unused")
    day.passes(600)
    assert (day.told, day.kept) == ([], {})


def test_a_restart_in_between_repeats_nothing_and_loses_nothing() -> None:
    day = Days()
    day.stalls()
    day.passes(10)
    day.restarts()
    day.passes(60)
    day.restarts()
    day.stalls()
    day.passes(600)
    day.connects()
    day.passes(10)
    day.restarts()
    day.passes(600)
    assert [(kind, said) for _, kind, said in day.told] == [("stopped", "claude token-unused ×1"), ("recovered", "claude token-unused ×2")]


def test_what_comes_and_goes_is_told_as_that_and_then_not_until_it_is_steady() -> None:
    day = Days()
    for _ in range(8):
        day.stalls()
        day.passes(120)
        day.connects()
        day.passes(120)
    assert kinds(day.told) == ["stopped", "recovered", "stopped", "recovered", "flapping"]
    day.passes(3600)
    assert kinds(day.told)[5:] == ["recovered"]
    day.passes(86_400)
    assert len(day.told) == 6


def test_what_came_and_went_works_again_after_half_an_hour_of_successes_however_many() -> None:
    day = Days()
    for _ in range(3):
        day.stalls()
        day.passes(120)
        day.connects()
        day.passes(120)
    assert kinds(day.told) == ["stopped", "recovered", "stopped", "recovered", "flapping"]
    for _ in range(20):
        day.connects()
        day.passes(120)
    assert (round(day.told[-1][0]), day.told[-1][1]) == (600 + 1800, "recovered")
    assert len(day.told) == 6


def test_flapping_that_ends_badly_is_told_again_only_as_what_goes_on() -> None:
    day = Days()
    for _ in range(3):
        day.stalls()
        day.passes(120)
        day.connects()
        day.passes(120)
    day.stalls()
    day.passes(3600)
    assert kinds(day.told) == ["stopped", "recovered", "stopped", "recovered", "flapping"]
    day.passes(4 * 3600)
    day.stalls()
    day.passes(60)
    assert kinds(day.told)[5:] == ["again"]


def test_while_the_upstream_is_down_nothing_else_of_that_server_is_told() -> None:
    day = Days()
    day.ends("failed", "upstream-unavailable", step="reach")
    day.stalls()
    day.ends("failed", "server-error", server="other.example.org")
    day.passes(600)
    assert day.told == [(30.0, "stopped", "claude upstream-unavailable ×1"), (30.0, "stopped", "claude server-error ×1")]
    assert day.reasons()["token-unused"] == ["inhibited"]


def test_an_upstream_that_was_down_an_hour_ago_explains_nothing_now() -> None:
    day = Days()
    day.ends("failed", "upstream-unavailable", step="reach")
    day.passes(3600)
    day.stalls(client="chatgpt")
    day.passes(600)
    assert day.told == [(30.0, "stopped", "claude upstream-unavailable ×1"), (3630.0, "stopped", "chatgpt token-unused ×1")]


def test_a_silence_mutes_what_it_names_for_its_time() -> None:
    day = Days()
    day.mutes.silences = [Silence(3, START, START + 7200, client="Claude*", comment="new release")]
    day.stalls()
    day.stalls(client="chatgpt")
    day.passes(7100)
    assert day.told == [(30.0, "stopped", "chatgpt token-unused ×1")]
    (muted,) = [alert for alert in day.kept.values() if alert.key.client == "claude"]
    assert muted.reasons["silenced"].detail == "silence 3: new release"
    day.passes(200)
    day.stalls()
    day.passes(60)
    assert day.told[1:] == [(7330.0, "stopped", "claude token-unused ×2")]


def test_a_deaf_source_mutes_stalls_and_not_refusals_and_is_told_itself_once() -> None:
    day = Days(troubled=[("nginx-proxy", "source-deaf")])
    day.mutes.deaf = ["nginx-proxy"]
    day.stalls()
    day.ends("failed", "token-rejected")
    day.passes(600)
    assert day.told == [(30.0, "stopped", "claude token-rejected ×1"), (30.0, "stopped", "nginx-proxy source-deaf ×1")]
    assert day.reasons()["token-unused"] == ["source-deaf"]
    day.troubled.clear()
    day.desk.relief("nginx-proxy", "source-deaf", START + day.now)
    day.passes(60)
    assert day.told[2:] == [(630.0, "recovered", "nginx-proxy source-deaf ×1")]


def test_a_deaf_source_mutes_only_the_stalls_of_which_it_would_tell() -> None:
    day = Days()
    day.mutes.deaf = ["backup-proxy"]
    day.stalls()
    day.stalls(client="chatgpt", heard_by="backup-proxy/2.log")
    day.passes(600)
    assert day.told == [(30.0, "stopped", "claude token-unused ×1")]
    assert day.reasons() == {"token-unused": ["source-deaf"]}
    (muted,) = [alert for alert in day.kept.values() if alert.key.client == "chatgpt"]
    assert muted.reasons["source-deaf"].detail == "backup-proxy"


def test_a_source_that_stays_deaf_is_told_again_after_four_hours_though_nothing_new_happens() -> None:
    day = Days(troubled=[("nginx-proxy", "source-deaf")])
    day.passes(5 * 3600)
    assert [(at, kind) for at, kind, _ in day.told] == [(30.0, "stopped"), (30.0 + 14_400, "again")]


def test_a_source_that_is_configured_no_more_is_not_told_again() -> None:
    day = Days(troubled=[("nginx-proxy", "source-deaf")])
    day.passes(600)
    day.troubled.clear()
    day.passes(5 * 3600)
    assert kinds(day.told) == ["stopped"]
    assert day.reasons() == {"source-deaf": ["quiet"]}


def test_a_source_that_comes_and_goes_is_damped_like_attempts() -> None:
    day = Days()
    for _ in range(10):
        day.troubled = [("nginx-proxy", "source-deaf")]
        day.passes(120)
        day.troubled.clear()
        for _ in range(24):
            day.desk.relief("nginx-proxy", "source-deaf", START + day.now)
            day.passes(5)
    assert kinds(day.told)[:6] == ["stopped", "recovered", "stopped", "recovered", "flapping"]
    for _ in range(720):
        day.desk.relief("nginx-proxy", "source-deaf", START + day.now)
        day.passes(5)
    assert kinds(day.told)[5:] == ["recovered"]
    again = day.notices[2].entries[0]
    assert again.first_at - START == 240.0, "what was over is another trouble, with a beginning of its own"


def test_a_source_is_said_to_be_silent_since_its_last_line() -> None:
    day = Days()
    day.passes(86_400)
    day.desk.trouble("nginx-proxy", "source-silent", START + day.now, since=START)
    day.passes(40)
    assert (day.told, day.notices[0].entries[0].first_at) == ([(86_430.0, "stopped", "nginx-proxy source-silent ×1")], START)


def test_a_deaf_source_is_told_when_its_silence_is_over_and_it_still_is() -> None:
    day = Days(troubled=[("nginx-proxy", "source-deaf")])
    day.mutes.silences = [Silence(1, START, START + 3600, server="nginx-*")]
    day.passes(3599)
    assert day.told == []
    day.passes(60)
    assert kinds(day.told) == ["stopped"]


def test_a_deploy_is_not_told_and_a_container_that_stays_down_is() -> None:
    day = Days()
    day.passes(100)
    day.mutes.restarts.take([Mark(START + 95, "coda-mcp", "died"), Mark(START + 104, "coda-mcp", "started")])
    day.ends("failed", "server-error")
    day.passes(600)
    assert day.told == []
    assert day.reasons()["server-error"] == ["restarting"]
    day.mutes.restarts.take([Mark(START + day.now, "coda-mcp", "died")])
    day.passes(2)
    day.ends("failed", "server-error")
    day.passes(60)
    assert day.told == [(732.0, "stopped", "claude server-error ×2")]


def test_after_the_start_nothing_is_told_for_a_minute_and_what_is_old_not_at_all() -> None:
    day = Days(Pace())
    day.stalls(ago=7200)
    day.ends("failed", "server-error", ago=600)
    day.passes(600)
    assert day.told == [(60.0, "stopped", "claude server-error ×1")]
    assert "stale" in day.reasons()["token-unused"]
    assert "grace" in day.reasons()["server-error"]


def test_random_hosts_cannot_make_alerts_without_end() -> None:
    day = Days()
    for number in range(3 * MOST):
        day.ends("failed", "server-error", server=f"{number}.example.org")
    assert len(day.kept) <= STRANGERS + 1
    day.passes(60)
    assert len(day.told) == STRANGERS + 1
    assert day.told[-1] == (30.0, "stopped", f"other server-error ×{3 * MOST - STRANGERS}")


def test_all_that_goes_wrong_at_servers_that_nobody_knows_is_one_message() -> None:
    day = Days()
    for number in range(300):
        day.ends("failed", ("server-error", "token-rejected", "registration-refused")[number % 3], server=f"{number}.example.org")
    day.passes(60)
    assert len(day.told) == STRANGERS + 1
    assert day.told[-1][2].count(" ×") == 3


def test_a_server_where_somebody_connected_is_told_by_its_name_however_many_are_made_up() -> None:
    day = Days()
    day.connects(client="chatgpt")
    for number in range(300):
        day.ends("failed", "server-error", server=f"{number}.example.org")
    day.stalls(client="claude")
    day.passes(60)
    assert (30.0, "stopped", "claude token-unused ×1") in day.told


def test_no_attempt_that_was_final_stays_in_memory() -> None:
    day = Days()
    for number in range(100):
        attempt = an_attempt(str(number), "stalled", "token-unused", client="claude", server="s", step="session", began=START, ended=START)
        day.hear(Updated(START, attempt), Closed(START, attempt))
    assert day.desk._counted == {}


def test_every_reason_is_explained() -> None:
    assert set(REASONS) == set(Reason.__args__)  # type: ignore[attr-defined]
