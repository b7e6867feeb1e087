"""What the dashboards ask Prometheus, panel by panel. Knows PromQL and units; how Grafana writes a panel down stands in tools/dashboards.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connwatch.sinks.labels import STEPS

__all__ = ["ITSELF", "OVERVIEW", "RESTARTS", "Panel", "Query"]


@dataclass(frozen=True)
class Query:
    """`legend` names the series; `exemplars` asks for the attempts behind them."""

    expr: str
    legend: str
    exemplars: bool = False


@dataclass(frozen=True)
class Panel:
    """`kind` is Grafana's; `steps` are thresholds with colours, from the lowest; `words` say what a value means; `alerts` have a page each;
    `text` is what a stat shows.
    """

    title: str
    meaning: str
    queries: tuple[Query, ...]
    unit: str
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    steps: tuple[tuple[float | None, str], ...] = ()
    words: tuple[tuple[str, str, str], ...] = ()
    alerts: tuple[str, ...] = ()
    stacked: bool = False
    column: str = "value"
    nothing: str = "-"
    text: str = "auto"


JOB = 'job=~"$job"'
CLIENT = f'{JOB},client=~"$client"'
BOTH = f'{CLIENT},host=~"$server"'
GOOD = 'outcome=~"connected|reconnected|renewed"'
BAD = 'outcome=~"failed|stalled"'
JUDGED = 'outcome=~"failed|stalled|connected|reconnected|renewed"'
EACH = "$__rate_interval"
WHOLE = "$__range"
RESTARTS = f'sum by (source, reason) (increase(connwatch_follow_reopened_total{{{JOB},reason=~"restarted|recreated"}}[{EACH}])) > 0'
BAD_IS_RED = ((None, "green"), (1.0, "red"))
YES_NO = (("0", "no", "red"), ("1", "yes", "green"))


def stat(title: str, meaning: str, expr: str, unit: str = "short", legend: str = "", **more: Any) -> Panel:
    return Panel(title, meaning, (Query(expr, legend or title),), unit, kind="stat", width=4, height=4, **more)


def finished(which: str, over: str) -> str:
    return f"sum(increase(connwatch_attempts_finished_total{{{BOTH},{which}}}[{over}]))"


def quantiles(metric: str, labels: str, by: str, legend: str) -> tuple[Query, ...]:
    return tuple(
        Query(f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket{{{labels}}}[{EACH}])))", f"{name}{legend}", True)
        for share, name in ((0.5, "half"), (0.9, "nine of ten"))
    )


def funnel(step: str) -> Query:
    return Query(f'sum(increase(connwatch_step_reached_total{{{CLIENT},step="{step}"}}[{WHOLE}]))', step)


OVERVIEW = (
    (
        "At a glance",
        (
            stat(
                "Connected", "Of the attempts with a verdict, how many connected, in the time shown. Who left, and probes, have no verdict.",
                f"{finished(GOOD, WHOLE)} / ({finished(JUDGED, WHOLE)} > 0)", "percentunit",
                steps=((None, "red"), (0.5, "orange"), (0.9, "green")), alerts=("ConnwatchConnectorFailing",),
            ),
            stat("Failed or stalled", "Attempts in the time shown.", finished(BAD, WHOLE), steps=BAD_IS_RED, alerts=("ConnwatchConnectorFailing",)),
            stat("Open attempts", "Attempts that are not final yet.", f"sum(connwatch_attempts_open{{{CLIENT}}})"),
            stat(
                "Sources down", "Logs that cannot be read. Where there is one, the rest of this page is half the truth.",
                f"count(connwatch_source_up{{{JOB}}} == 0) or vector(0)", steps=BAD_IS_RED, alerts=("ConnwatchSourceDown",),
            ),
            stat("Alerts open", "connwatch's own alerts, by severity.", f"sum by (severity) (connwatch_alerts_open{{{JOB}}})", legend="{{severity}}"),
            stat(
                "Firing in Prometheus", "Alerts of these rules but the watchdog.",
                'count(ALERTS{alertname=~"Connwatch.+",alertname!="ConnwatchWatchdog",alertstate="firing"}) or vector(0)', steps=BAD_IS_RED,
            ),
        ),
    ),
    (
        "Rate, errors, duration",
        (
            Panel(
                "Attempts by outcome", "Attempts that became final, a minute.",
                (Query(f"60 * sum by (outcome) (rate(connwatch_attempts_finished_total{{{BOTH}}}[{EACH}]))", "{{outcome}}", True),), "opm",
                stacked=True,
            ),
            Panel(
                "Share that failed",
                "Failed or stalled, of those with a verdict in the hour before: what ConnwatchConnectorFailing looks at. Needs the recording rules.",
                (Query(f"client_host:connwatch_attempts_failed:ratio_increase1h{{{BOTH}}}", "{{client}} at {{host}}"),), "percentunit",
                steps=((None, "transparent"), (0.5, "red")), alerts=("ConnwatchConnectorFailing",),
            ),
            Panel(
                "Time to connect", "From the first to the last request of an attempt that became final. People at a consent page are part of it.",
                quantiles("connwatch_attempt_duration_seconds", CLIENT, "le", ""), "s",
            ),
            Panel(
                "Time to each step", "From the step before, in nine of ten attempts.",
                quantiles("connwatch_step_duration_seconds", CLIENT, "le, step", " {{step}}")[1:], "s",
            ),
        ),
    ),
    (
        "Where they stop",
        (
            Panel(
                "Steps that were reached", "Attempts that came to each step, in the time shown, in the order of a first connection.",
                tuple(funnel(step) for step in STEPS), "short", kind="bargauge", height=10,
            ),
            Panel(
                "Why they stopped", "First diagnosis and step, in the time shown. docs/diagnoses.md says what each means and what to do.",
                (Query(f"topk(15, sum by (step, cause) (increase(connwatch_stalls_total{{{CLIENT}}}[{WHOLE}])) > 0)", "{{step}}: {{cause}}"),),
                "short", kind="bargauge", height=10, alerts=("ConnwatchStepStalled",), nothing="nothing stopped",
            ),
            Panel(
                "Stops over time", "Attempts that stopped, a minute, by first diagnosis.",
                (Query(f"60 * sum by (cause) (rate(connwatch_stalls_total{{{CLIENT}}}[{EACH}])) > 0", "{{cause}}", True),), "opm",
                alerts=("ConnwatchStepStalled",), stacked=True, nothing="nothing stopped",
            ),
            Panel(
                "Open attempts by step", "The latest step of attempts that are not final.",
                (Query(f"sum by (step) (connwatch_attempts_open{{{CLIENT}}})", "{{step}}"),), "short", stacked=True,
            ),
            Panel(
                "Last success", "When each client connected last.",
                (Query(f"max by (client, host) (connwatch_last_success_timestamp_seconds{{{BOTH}}}) * 1000", "{{client}} at {{host}}"),),
                "dateTimeFromNow", kind="table", column="last success", alerts=("ConnwatchNoRecentSuccess",),
            ),
            Panel(
                "Requests by status", "Connector requests in the proxy's log.",
                (Query(f'sum by (class) (rate(connwatch_requests_total{{{JOB},host=~"$server"}}[{EACH}]))', "{{class}}"),), "reqps", stacked=True,
            ),
        ),
    ),
    (
        "Can this be believed, and is it told",
        (
            Panel(
                "Sources", "Whether each log can be read.", (Query(f"connwatch_source_up{{{JOB}}}", "{{source}}"),), "short",
                kind="state-timeline", words=(("0", "down", "red"), ("1", "up", "green")), alerts=("ConnwatchSourceDown", "ConnwatchSourceSilent"),
            ),
            Panel(
                "Notifications", "What was sent, tries that failed, and what was given up, in the window of each point.",
                tuple(
                    Query(f"sum by (channel) (increase(connwatch_notifications{part}_total{{{JOB}}}[{EACH}]))", f"{{{{channel}}}} {word}")
                    for part, word in (("", "sent"), ("_failed", "tries that failed"), ("_given_up", "given up"))
                ),
                "short", alerts=("ConnwatchNotificationsFailing",), nothing="nobody is told",
            ),
            Panel(
                "Not told, and why", "Notifications that were held back: told already, silenced, within a restart and the like.",
                (Query(f"sum by (reason) (increase(connwatch_notifications_suppressed_total{{{JOB}}}[{EACH}]))", "{{reason}}"),), "short",
                stacked=True,
            ),
            Panel(
                "Waiting to be sent", "Notifications that are in no channel yet.",
                (Query(f"sum by (channel) (connwatch_notifications_pending{{{JOB}}})", "{{channel}}"),), "short",
                alerts=("ConnwatchNotificationsFailing",),
            ),
        ),
    ),
)  # fmt: skip


def of_a_source(part: str, legend: str = "{{source}}") -> Query:
    by = "source, reason" if "reason" in legend else "source"
    return Query(f"sum by ({by}) (increase(connwatch_{part}_total{{{JOB}}}[{EACH}]))", legend)


ITSELF = (
    (
        "At a glance",
        (
            stat("Version", "The running version.", f"sum by (version) (connwatch_build_info{{{JOB}}})", legend="{{version}}", text="name"),
            stat("Running since", "When the process began.", f"process_start_time_seconds{{{JOB}}} * 1000", "dateTimeFromNow", "{{instance}}"),
            stat(
                "Configuration", "Whether the one last asked for is in use.", f"connwatch_config_last_reload_successful{{{JOB}}}",
                legend="{{instance}}", words=YES_NO, alerts=("ConnwatchReloadFailed",),
            ),
            stat(
                "State kept", "Whether what happens is written down.", f"connwatch_state_healthy{{{JOB}}}",
                legend="{{instance}}", words=YES_NO, alerts=("ConnwatchStateNotKept",),
            ),
            stat(
                "Answers", "Whether the last scrape came back.", f"up{{{JOB}}}", legend="{{instance}}", words=YES_NO, alerts=("ConnwatchDown",),
            ),
            stat(
                "Series", "Samples of one scrape. The program holds itself to 10,000.", f"scrape_samples_scraped{{{JOB}}}",
                legend="{{instance}}", steps=((None, "green"), (8000.0, "orange"), (10000.0, "red")),
            ),
        ),
    ),
    (
        "Sources",
        (
            Panel("Lines", "Lines read.", (Query(f"sum by (source) (rate(connwatch_lines_read_total{{{JOB}}}[{EACH}]))", "{{source}}"),), "cps",
                alerts=("ConnwatchSourceSilent",)),
            Panel(
                "Share in no format", "Of the lines of the last 15 minutes. Needs the recording rules.",
                (Query(f"source:connwatch_lines_unparsed:ratio_increase15m{{{JOB}}}", "{{source}}"),), "percentunit",
                steps=((None, "transparent"), (0.1, "red")), alerts=("ConnwatchUnparsedLinesHigh",),
            ),
            Panel("Lag", "From a line's stamp to its reading, for the latest live line.",
                (Query(f"connwatch_source_lag_seconds{{{JOB}}}", "{{source}}"),), "s"),
            Panel("Age of the newest line", "A quiet log is old without anything being wrong.",
                (Query(f"time() - connwatch_source_last_line_timestamp_seconds{{{JOB}}}", "{{source}}"),), "s", alerts=("ConnwatchSourceSilent",)),
            Panel("Readable", "Whether each log can be read.", (Query(f"connwatch_source_up{{{JOB}}}", "{{source}}"),), "short",
                kind="state-timeline", words=(("0", "down", "red"), ("1", "up", "green")), alerts=("ConnwatchSourceDown",)),
            Panel("Gaps", "Times that lines are known to have been missed, in the window of each point.",
                (of_a_source("source_gaps", "{{source}}: {{reason}}"),), "short"),
            Panel("Opened again", "Rotations, restarts, re-creations, connections that were cut.",
                (of_a_source("follow_reopened", "{{source}}: {{reason}}"),), "short"),
            Panel("Duplicates dropped", "Lines that came a second time.", (of_a_source("duplicates_dropped"),), "short"),
        ),
    ),
    (
        "The program",
        (
            Panel("Memory", "Resident memory.", (Query(f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),), "bytes"),
            Panel("Processor", "Of one processor.", (Query(f"rate(process_cpu_seconds_total{{{JOB}}}[{EACH}])", "{{instance}}"),), "percentunit"),
            Panel(
                "Attempts held", "Open attempts; those closed early because too many were open; those that proved to be part of another.",
                (
                    Query(f"sum(connwatch_attempts_open{{{JOB}}})", "open"),
                    Query(f"sum(increase(connwatch_attempts_evicted_total{{{JOB}}}[{EACH}]))", "evicted"),
                    Query(f"sum(increase(connwatch_attempts_withdrawn_total{{{JOB}}}[{EACH}]))", "withdrawn"),
                ),
                "short",
            ),
            Panel(
                "Lost inside", "Turns that the state could not take, and changes that readers of /api/changes were too slow for.",
                (
                    Query(f"sum(increase(connwatch_state_turns_lost_total{{{JOB}}}[{EACH}]))", "turns of the state"),
                    Query(f"sum(increase(connwatch_changes_lost_total{{{JOB}}}[{EACH}]))", "changes for readers"),
                ),
                "short", alerts=("ConnwatchStateNotKept",),
            ),
            Panel(
                "Labels that overflowed", "Values that were in no closed list and became other.",
                (Query(f"sum by (metric, label) (increase(connwatch_label_values_overflowed_total{{{JOB}}}[{EACH}]))", "{{metric}} {{label}}"),),
                "short",
            ),
            Panel("Open files", "Descriptors in use.", (Query(f"process_open_fds{{{JOB}}}", "{{instance}}"),), "short"),
            Panel("Configuration taken", "When a configuration was last taken.",
                (Query(f"connwatch_config_last_reload_success_timestamp_seconds{{{JOB}}} * 1000", "{{instance}}"),), "dateTimeFromNow", kind="stat",
                alerts=("ConnwatchReloadFailed",)),
            Panel("Time of a scrape", "How long /metrics takes.", (Query(f"scrape_duration_seconds{{{JOB}}}", "{{instance}}"),), "s"),
        ),
    ),
)  # fmt: skip
