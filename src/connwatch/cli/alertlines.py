"""Alerts and messages as lines of a terminal. Must not know where they come from, nor decide what is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connwatch.alerts.alert import REASONS, Alert, Key, Notice
from connwatch.alerts.text import Text, Tone
from connwatch.cli.spans import Line, cells, cut, padded, wrapped
from connwatch.cli.spans import Tone as Shade
from connwatch.cli.words import clock, day, stage_name

__all__ = ["alert_lines", "notice_lines"]

_STATES: Mapping[str, tuple[str, Shade]] = {
    "noted": ("never told", "faint"),
    "held": ("held back", "wait"),
    "waiting": ("about to be told", "warn"),
    "muted": ("not told", "wait"),
    "told": ("told", "bad"),
    "recovering": ("told, good again", "good"),
    "flapping": ("comes and goes", "warn"),
    "over": ("over", "good"),
}
_WHEN, _COUNT = 25 + 2 + 2, 15  # columns of the time and of the count, with what is between
_TONES: Mapping[Tone, Shade] = {"failure": "bad", "warning": "warn", "success": "good", "info": ""}


def alert_lines(alerts: Sequence[Alert], width: int | None) -> Iterator[Line]:
    """One alert in one line, and why it was not told in lines beneath."""
    names = [_about(alert.key) for alert in alerts]
    states = [_STATES[alert.state] for alert in alerts]
    longest = max((cells(word) for word, _ in states), default=0)
    broadest = max(map(cells, names), default=0)
    if width is not None:
        broadest = max(min(broadest, width - _WHEN - longest - _COUNT), 20)
    for alert, name, (word, shade) in zip(alerts, names, states, strict=True):
        count = f"{alert.count:>5} {'time' if alert.key.about_source else 'attempt'}{'' if alert.count == 1 else 's'}"
        when = f"{day(alert.first_at)} {clock(alert.first_at, parts=5)} to {clock(alert.last_at, parts=5)}"
        yield [(when, "faint"), ("  ", ""), (padded(word, longest), shade), ("  ", ""), (padded(cut(name, broadest), broadest), ""), (count, "faint")]
        for reason, tally in alert.reasons.items():
            detail = f" ({tally.detail})" if tally.detail else ""
            times = f", {tally.count} times" if tally.count > 1 else ""
            for line in wrapped(f"{reason}: {REASONS.get(reason, '')}{detail}{times}", None if width is None else width - 6):
                yield [("      ", ""), (line, "faint")]


def notice_lines(notice: Notice, text: Text, width: int | None, *, whole: bool = False) -> Iterator[Line]:
    """A message by its title, or with all that it says."""
    when = f"{day(notice.at)} {clock(notice.at)}"
    title = text.title if width is None else cut(text.title, max(width - cells(when) - 2 - 11, 20))
    yield [(when, "faint"), ("  ", ""), (padded(notice.kind, 9), _TONES[text.tone]), ("  ", ""), (title, "strong" if whole else "")]
    if whole:
        yield []
        for line in text.plain.splitlines():  # what is set in is a table, and stays as it is
            for part in [line] if line.startswith(" ") else wrapped(line, None if width is None else width - 4) or [""]:
                yield [("    ", ""), (part, "")]
        yield []


def _about(key: Key) -> str:
    if key.about_source:
        return f"source {key.server}: {key.code}"
    return f"{key.client} → {key.server or 'unknown server'}  {key.code} at {stage_name(key.step)}"
